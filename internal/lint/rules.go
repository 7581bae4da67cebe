package lint

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
)

// MaxLines is how long a file written by hand may be.
const MaxLines = 350

// RawAtomics lists the files that use sync/atomic's functions, and why.
var RawAtomics = map[string]string{
	"runtime/pool/word_race.go": "race builds read hint words atomically that other builds read plainly: the word has no atomic type",
}

// LongFiles lists the files longer than MaxLines, and why.
var LongFiles = map[string]string{}

// Unsafe checks that package unsafe is imported only where the file's name
// announces it: *_unsafe.go and *_cgo.go; generated files and tests are free.
// So is a file that names unsafe.Pointer in interfaces only, which do nothing:
// those with //poolgen:bind.
func Unsafe(m *Module) []Finding {
	var found []Finding
	m.golang(func(f *File) {
		announced := strings.HasSuffix(f.Path, "_unsafe.go") || strings.HasSuffix(f.Path, "_cgo.go")
		if announced || f.Test() || f.Generated() {
			return
		}
		for _, spec := range f.Go.Imports {
			if importPath(spec) == "unsafe" && !inInterfaces(f.Go) {
				found = append(found, f.finding(spec, "imports unsafe; move what needs it to a file *_unsafe.go"))
			}
		}
	})
	return found
}

// inInterfaces reports whether f uses package unsafe, and in interface types
// alone.
func inInterfaces(f *ast.File) bool {
	uses := func(n ast.Node) (count int) {
		ast.Inspect(n, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := x.X.(*ast.Ident); ok && pkg.Name == "unsafe" {
					count++
				}
			}
			return true
		})
		return count
	}
	inside := 0
	ast.Inspect(f, func(n ast.Node) bool {
		it, ok := n.(*ast.InterfaceType)
		if ok {
			inside += uses(it)
		}
		return !ok
	})
	return inside > 0 && inside == uses(f)
}

var rawAtomic = regexp.MustCompile(`^(Add|And|CompareAndSwap|Load|Or|Store|Swap)(Int32|Int64|Uint32|Uint64|Uintptr|Pointer)$`)

// Atomics checks that nothing but the excepted files uses the functions of
// sync/atomic: a word that is atomic in one place must be so in all, which
// only the types ensure.
func Atomics(m *Module, except map[string]string) []Finding {
	var found []Finding
	used := make(map[string]bool)
	m.golang(func(f *File) {
		for _, spec := range f.Go.Imports {
			if importPath(spec) != "sync/atomic" {
				continue
			}
			name := "atomic"
			if spec.Name != nil {
				name = spec.Name.Name
			}
			if name == "." {
				found = append(found, f.finding(spec, "imports sync/atomic into its own scope"))
			}
			ast.Inspect(f.Go, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := sel.X.(*ast.Ident)
				if !ok || x.Name != name || !rawAtomic.MatchString(sel.Sel.Name) {
					return true
				}
				if _, ok := except[f.Path]; ok {
					used[f.Path] = true
				} else {
					found = append(found, f.finding(sel, "uses atomic.%s; use the types of sync/atomic", sel.Sel.Name))
				}
				return true
			})
		}
	})
	return append(found, unused(except, used)...)
}

// Length checks that Go and C files written by hand are at most MaxLines
// long; generated files, Go tests and testdata are free.
func Length(m *Module, except map[string]string) []Finding {
	var found []Finding
	used := make(map[string]bool)
	for _, f := range m.Files {
		switch path.Ext(f.Path) {
		case ".go", ".c", ".h":
		default:
			continue
		}
		if f.Lines() <= MaxLines || f.Test() || f.Testdata() || f.Generated() {
			continue
		}
		if _, ok := except[f.Path]; ok {
			used[f.Path] = true
			continue
		}
		found = append(found, Finding{Path: f.Path, Text: fmt.Sprintf("is %d lines long; at most %d", f.Lines(), MaxLines)})
	}
	return append(found, unused(except, used)...)
}

// Docs checks that every package but main has a file doc.go with the package
// comment, and that no other file has one.
func Docs(m *Module) []Finding {
	first := make(map[string]*File) // of each package, in the order of paths
	doc := make(map[string]bool)
	var dirs []string
	var found []Finding
	m.golang(func(f *File) {
		if f.Test() || f.Go.Name.Name == "main" {
			return
		}
		if first[f.Dir()] == nil {
			first[f.Dir()] = f
			dirs = append(dirs, f.Dir())
		}
		switch {
		case f.Go.Doc == nil:
		case path.Base(f.Path) == "doc.go":
			doc[f.Dir()] = strings.HasPrefix(f.Go.Doc.Text(), "Package "+f.Go.Name.Name+" ")
		case !f.Generated():
			found = append(found, f.finding(f.Go.Doc, "holds a package comment; doc.go is its place"))
		}
	})
	for _, dir := range dirs {
		if !doc[dir] {
			name := first[dir].Go.Name.Name
			found = append(found, Finding{Path: path.Join(dir, "doc.go"), Text: fmt.Sprintf("must exist and begin with %q", "// Package "+name)})
		}
	}
	return found
}

// A path below one of these folders exists on one machine only.
var machinePath = regexp.MustCompile(`(?:^|[^\w./~-]|-[A-Z])(/(?:home|work|root|Users|workspace)/\w(?:\.?[\w/-])*)`)

// Paths checks that no file, of whatever kind, names a file of somebody's
// machine.
func Paths(m *Module) []Finding {
	var found []Finding
	for _, f := range m.Files {
		for i, line := range strings.Split(f.Text, "\n") {
			if match := machinePath.FindStringSubmatch(line); match != nil {
				found = append(found, Finding{f.Path, i + 1, "names " + match[1] + ", which other machines lack"})
			}
		}
	}
	return found
}

// unused reports exceptions that except nothing any more.
func unused(except map[string]string, used map[string]bool) []Finding {
	var found []Finding
	for p := range except {
		if !used[p] {
			found = append(found, Finding{Path: p, Text: "is excepted from a rule that it keeps; delete the exception"})
		}
	}
	return found
}
