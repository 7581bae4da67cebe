package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Module is the files of one module as the rules see them.
type Module struct {
	Path  string // the module path, such as "example.org/m"
	Files []*File
}

// File is one text file of a module.
type File struct {
	Path string    // relative to the module, with slashes
	Text string    // all of it
	Go   *ast.File // nil if it is not Go
	fset *token.FileSet
}

// Finding is a breach of a rule.
type Finding struct {
	Path string
	Line int // from 1; 0 for the file as a whole
	Text string
}

func (f Finding) String() string {
	if f.Line == 0 {
		return f.Path + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Text)
}

// Load reads the text files of the module at the root of fsys and parses the
// Go among them. Hidden folders other than .ci are left out, and so are
// build/ and files that are not UTF-8 text.
func Load(fsys fs.FS, modulePath string) (*Module, error) {
	m := &Module{Path: modulePath}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && p != "." && p != ".ci"
			if hidden || p == "build" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		if !utf8.Valid(data) || slices.Contains(data, 0) {
			return nil
		}
		f := &File{Path: p, Text: string(data)}
		// testdata may hold Go that is wrong on purpose.
		if strings.HasSuffix(p, ".go") && !f.Testdata() {
			f.fset = token.NewFileSet()
			f.Go, err = parser.ParseFile(f.fset, p, data, parser.ParseComments)
			if err != nil {
				return fmt.Errorf("parsing: %w", err)
			}
		}
		m.Files = append(m.Files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Dir is the folder of the file, "." at the top.
func (f *File) Dir() string { return path.Dir(f.Path) }

// Test reports whether go build leaves the file to go test.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Testdata reports whether the go command ignores the file's folder.
func (f *File) Testdata() bool { return slices.Contains(strings.Split(f.Path, "/"), "testdata") }

// Generated reports whether a generator wrote the file.
func (f *File) Generated() bool {
	if f.Go != nil {
		return ast.IsGenerated(f.Go)
	}
	first, _, _ := strings.Cut(f.Text, "\n")
	return strings.Contains(first, "Code generated ") && strings.Contains(first, "DO NOT EDIT.")
}

// Lines is the number of lines.
func (f *File) Lines() int {
	n := strings.Count(f.Text, "\n")
	if f.Text != "" && !strings.HasSuffix(f.Text, "\n") {
		n++
	}
	return n
}

// line is where a node begins.
func (f *File) line(n ast.Node) int { return f.fset.Position(n.Pos()).Line }

// finding is a Finding at a node.
func (f *File) finding(n ast.Node, format string, args ...any) Finding {
	return Finding{f.Path, f.line(n), fmt.Sprintf(format, args...)}
}

// golang calls visit for each parsed Go file.
func (m *Module) golang(visit func(*File)) {
	for _, f := range m.Files {
		if f.Go != nil {
			visit(f)
		}
	}
}

// importPath is what an import names.
func importPath(s *ast.ImportSpec) string {
	p, _ := strconv.Unquote(s.Path.Value) // the parser has checked it
	return p
}

// within reports whether a package path is base or below it.
func within(pkg, base string) bool {
	return pkg == base || strings.HasPrefix(pkg, base+"/")
}
