package gen

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// trees sums all that is below the patterns; nil when one of them is not a folder.
func (m *memory) trees() map[string]string {
	list := map[string]string{}
	for _, p := range m.c.Patterns {
		dirs := patternDirs(m.dir, p)
		if dirs == nil {
			return nil
		}
		list[p] = m.sumOf(dirs)
	}
	return list
}

// sourceDirs are the folders that a pattern with ... may match.
func sourceDirs(top string) []string {
	var dirs []string
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if name := d.Name(); path != top && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "vendor" || name == "node_modules") {
			return fs.SkipDir
		}
		dirs = append(dirs, path)
		return nil
	})
	return dirs
}

// sumOf sums folders with what is in them that matters: source files that were not generated, and what describes modules here and above.
func (m *memory) sumOf(dirs []string) string {
	sum := sha256.New()
	todo := slices.DeleteFunc(slices.Clone(dirs), func(d string) bool { return m.sums[d] != "" })
	slices.Sort(todo)
	todo = slices.Compact(todo)
	got := make([]string, len(todo))
	each(len(todo), func(i int) { got[i] = m.folderSum(todo[i]) })
	for i, d := range todo {
		m.sums[d] = got[i]
	}
	for _, d := range dirs {
		fmt.Fprintf(sum, "%q %s\n", d, m.sums[d])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (m *memory) folderSum(dir string) string {
	sum := sha256.New()
	entries, err := os.ReadDir(dir)
	if err != nil {
		fmt.Fprintf(sum, "error %v\n", err)
	}
	for _, e := range entries {
		if e.IsDir() || !isSource(e.Name()) {
			continue
		}
		if t := m.texts.read(filepath.Join(dir, e.Name())); t.err != nil {
			fmt.Fprintf(sum, "%q %v\n", e.Name(), t.err)
		} else if !t.generated {
			fmt.Fprintf(sum, "%q %x\n", e.Name(), t.sum)
		}
	}
	if work := os.Getenv("GOWORK"); filepath.IsAbs(work) {
		m.moduleFile(sum, work)
	}
	for up := dir; ; up = filepath.Dir(up) {
		for _, name := range []string{"go.mod", "go.sum", "go.work", "go.work.sum", "vendor/modules.txt"} {
			m.moduleFile(sum, filepath.Join(up, name))
		}
		if up == filepath.Dir(up) {
			break
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// moduleFile sums a file that describes modules, and those of the modules in folders that it names.
func (m *memory) moduleFile(sum io.Writer, path string) {
	t := m.texts.read(path)
	if t.err != nil {
		return
	}
	fmt.Fprintf(sum, "%q %x\n", path, t.sum)
	if name := filepath.Base(path); name != "go.mod" && !strings.HasSuffix(name, ".work") {
		return
	}
	src, _ := os.ReadFile(path)
	for word := range strings.FieldsSeq(string(src)) {
		if word = strings.Trim(word, "\"`()"); strings.HasPrefix(word, ".") || filepath.IsAbs(word) {
			if !filepath.IsAbs(word) {
				word = filepath.Join(filepath.Dir(path), word)
			}
			if other := m.texts.read(filepath.Join(word, "go.mod")); other.err == nil {
				fmt.Fprintf(sum, "%q %x\n", word, other.sum)
			}
		}
	}
}

// dirs are the folders that hold what a package is made from, its own first, without those that never change.
func (r *reach) dirs(n *node) []string {
	list := []string{n.Dir}
	seen := map[*node]bool{n: true}
	var visit func(*node)
	visit = func(n *node) {
		for _, f := range n.syntax {
			for _, spec := range f.Imports {
				if p := r.imported(n.listed, spec); p != nil {
					if to := r.nodes[p.ImportPath]; to != nil && !seen[to] {
						seen[to] = true
						if !to.fixed() {
							list = append(list, to.Dir)
						}
						visit(to)
					}
				}
			}
		}
	}
	visit(n)
	slices.Sort(list[1:])
	return list
}

// Folders are the absolute paths of the folders below the patterns, and of the one with the module's go.mod: what must be watched to
// see a change. The error names a pattern that is not a folder.
func Folders(c Config) ([]string, error) {
	top, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("looking for folders: %w", err)
	}
	var list []string
	for _, pattern := range c.Patterns {
		dirs := patternDirs(top, pattern)
		if dirs == nil {
			return nil, fmt.Errorf("%s is not a folder: name packages by their folders, . and ./... for example", pattern)
		}
		list = append(list, dirs...)
	}
	for up := top; ; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			list = append(list, up)
			break
		}
		if up == filepath.Dir(up) {
			break
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// patternDirs are the folders that a pattern of the go command may match below dir, or nil when it is not written as a folder.
func patternDirs(dir, pattern string) []string {
	p, below := strings.CutSuffix(pattern, "/...")
	if p != "." && p != ".." && !strings.HasPrefix(p, "./") && !strings.HasPrefix(p, "../") || strings.Contains(p, "...") {
		return nil
	}
	top := filepath.Join(dir, p)
	if below {
		return sourceDirs(top)
	}
	if strings.HasSuffix(top, ".go") {
		top = filepath.Dir(top) // a package by one of its files
	}
	return []string{top}
}
