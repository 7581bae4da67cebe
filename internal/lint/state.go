package lint

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// Stateless lists the folders whose packages keep no state of their own: two
// pools, or two sound cards, in one program must not meet in a variable.
var Stateless = []string{"runtime", "ffi"}

// PackageState lists the variables that stand in a Stateless package all the
// same, as "file: name", and why.
var PackageState = map[string]string{}

// constantCalls are the initialisers whose variable nobody needs to change: an
// error to compare with, and a value that is computed at most once.
var constantCalls = []string{"errors.New", "fmt.Errorf", "sync.OnceValue", "sync.OnceValues"}

// State checks that packages in the folders declare no variable at package
// level but assertions, embedded files and what constantCalls make. Tests and
// testdata are free.
func State(m *Module, folders []string, except map[string]string) []Finding {
	var found []Finding
	used := make(map[string]bool)
	m.golang(func(f *File) {
		inside := slices.ContainsFunc(folders, func(dir string) bool { return within(f.Dir(), dir) })
		if !inside || f.Test() {
			return
		}
		for _, decl := range f.Go.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				spec := spec.(*ast.ValueSpec)
				if embedded(group.Doc) || embedded(spec.Doc) {
					continue
				}
				for i, name := range spec.Names {
					if name.Name == "_" || len(spec.Values) == len(spec.Names) && constantCall(spec.Values[i]) {
						continue
					}
					key := f.Path + ": " + name.Name
					if _, ok := except[key]; ok {
						used[key] = true
						continue
					}
					found = append(found, f.finding(name, "keeps %s for the whole package; make it a field of its owner", name.Name))
				}
			}
		}
	})
	return append(found, unused(except, used)...)
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// constantCall reports whether the value comes from one of constantCalls.
func constantCall(value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && slices.Contains(constantCalls, pkg.Name+"."+sel.Sel.Name)
}
