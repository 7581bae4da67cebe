package gen

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// memory knows from earlier runs which files came from which. It only ever saves work: when anything about it is in doubt, missing
// or broken, the run does everything anew.
type memory struct {
	c     Config
	dir   string // Config.Dir, absolute
	path  string // of the record; "" when there is no memory
	tool  string // what generates: this binary and the go command
	texts *sources
	sums  map[string]string // of folders
	now   map[string]string // trees as this run found them
	old   record
}

// record is the memory of one command line in one folder. Sums are of contents, in hexadecimal.
type record struct {
	Tool     string
	Trees    map[string]string // folder of a pattern to the sum of all below it; nil when a pattern is not a folder
	Packages []remembered
}

// remembered is one package.
type remembered struct {
	Path    string            // import path
	Dirs    []string          // folders that hold what it is made from, its own first
	Sum     string            // of the files in them
	Outputs map[string]string // absolute path to sum
}

// openMemory reads what is known of the command line of c.
func openMemory(c Config, texts *sources) *memory {
	m := &memory{c: c, texts: texts, sums: map[string]string{}}
	dir, err := filepath.Abs(c.Dir)
	if err != nil || c.Cache == "" || strings.Contains(os.Getenv("GOFLAGS"), "-overlay") || strings.Contains(os.Getenv("GOFLAGS"), "-modfile") {
		return m
	}
	if m.dir = dir; m.tool == "" {
		if m.tool, err = toolSum(); err != nil {
			return m
		}
	}
	key := sha256.New()
	fmt.Fprintf(key, "%q\n", []any{"poolgen 1", dir, c.Patterns, c.Tags, c.Output, c.Header, environment()})
	name := hex.EncodeToString(key.Sum(nil))
	m.path = filepath.Join(c.Cache, name[:2], name+".json")
	m.now = m.trees() // before anything else looks at the files, so that a later change is never taken for part of this run
	if data, err := os.ReadFile(m.path); err == nil {
		var old record
		if json.Unmarshal(data, &old) == nil && old.Tool == m.tool {
			m.old = old
		}
	}
	return m
}

// environment is what of the environment decides which files the go command names.
func environment() []string {
	var list []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "GOOS", "GOARCH", "GOARM", "GO386", "GOAMD64", "GOARM64", "GOFLAGS", "GOWORK", "GO111MODULE", "GOPATH", "GOMODCACHE", "GOROOT",
			"GOEXPERIMENT", "GOTOOLCHAIN", "GOENV", "CGO_ENABLED", "CC", "HOME", "XDG_CONFIG_HOME", "PATH":
			list = append(list, kv)
		}
	}
	slices.Sort(list)
	return list
}

// toolSum identifies this binary by the build ID that the linker gave it, or else by its content, and the go command by its file.
func toolSum() (string, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer self.Close()
	sum := sha256.New()
	id := []byte(nil)
	if f, err := elf.NewFile(self); err == nil {
		if s := f.Section(".note.go.buildid"); s != nil {
			id, _ = s.Data()
		}
	}
	if len(id) > 16 {
		sum.Write(id)
	} else if _, err := io.Copy(sum, self); err != nil {
		return "", err
	}
	goCmd, err := exec.LookPath("go")
	if err != nil {
		return "", err
	}
	if goCmd, err = filepath.EvalSymlinks(goCmd); err != nil {
		return "", err
	}
	info, err := os.Stat(goCmd)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(sum, "%s %d %d\n", goCmd, info.Size(), info.ModTime().UnixNano())
	settings := []string{filepath.Join(filepath.Dir(goCmd), "..", "go.env"), os.Getenv("GOENV")}
	if config, err := os.UserConfigDir(); err == nil {
		settings = append(settings, filepath.Join(config, "go", "env"))
	}
	for _, name := range settings {
		data, _ := os.ReadFile(name)
		fmt.Fprintf(sum, "%d %s", len(data), data)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// unchanged is the result of a run in which everything is as it was, or nil. It needs no go command: which packages there are follows
// from the files below the patterns and those that describe modules.
func (m *memory) unchanged() *Result {
	if m.path == "" || m.old.Trees == nil || len(m.old.Packages) == 0 {
		return nil
	}
	if m.now == nil || !maps.Equal(m.now, m.old.Trees) {
		return nil
	}
	r := &Result{Skipped: len(m.old.Packages)}
	for _, p := range m.old.Packages {
		if !m.holds(p) {
			return nil
		}
		r.Unchanged = append(r.Unchanged, p.names(m.c)...)
		r.Folders = append(r.Folders, p.Dirs...)
	}
	slices.Sort(r.Unchanged)
	return r
}

// split tells the packages of which nothing has changed from those that are to be generated.
func (m *memory) split(pkgs []*listed) (kept []remembered, todo []*listed) {
	if m.path == "" {
		return nil, pkgs
	}
	known := map[string]remembered{}
	for _, p := range m.old.Packages {
		known[p.Path] = p
	}
	for _, p := range pkgs {
		if k, ok := known[p.ImportPath]; ok && len(k.Dirs) > 0 && k.Dirs[0] == p.Dir && m.holds(k) {
			kept = append(kept, k)
		} else {
			todo = append(todo, p)
		}
	}
	return kept, todo
}

// holds reports whether a package and its outputs are as they were.
func (m *memory) holds(p remembered) bool {
	if m.sumOf(p.Dirs) != p.Sum {
		return false
	}
	for path, sum := range p.Outputs {
		if t := m.texts.read(path); t.err != nil || hex.EncodeToString(t.sum[:]) != sum {
			return false
		}
	}
	return true
}

// names are the outputs as a Result names them.
func (p remembered) names(c Config) []string {
	var list []string
	for path := range p.Outputs {
		list = append(list, shortened(c.Dir, path))
	}
	return list
}

// save remembers a run in which all went well.
func (m *memory) save(kept []remembered, jobs []*job) {
	if m.path == "" {
		return
	}
	next := record{Tool: m.tool, Trees: m.now, Packages: slices.Clone(kept)}
	for _, j := range jobs {
		p := remembered{Path: j.node.ImportPath, Dirs: j.dirs, Sum: m.sumOf(j.dirs), Outputs: map[string]string{}}
		for _, o := range j.outputs {
			path, err := filepath.Abs(o.path)
			if err != nil {
				return
			}
			sum := sha256.Sum256(o.content)
			p.Outputs[path] = hex.EncodeToString(sum[:])
		}
		next.Packages = append(next.Packages, p)
	}
	slices.SortFunc(next.Packages, func(a, b remembered) int { return strings.Compare(a.Path, b.Path) })
	data, err := json.Marshal(next)
	if err != nil || os.MkdirAll(filepath.Dir(m.path), 0o755) != nil {
		return
	}
	if replace(output{path: m.path, content: data}) == nil {
		forget(filepath.Dir(m.path), time.Now().Add(-memorySpan))
	}
}

// memorySpan is how long a record that no run renews is kept.
const memorySpan = 30 * 24 * time.Hour

// forget removes what nobody has written since.
func forget(dir string, since time.Time) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(since) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
