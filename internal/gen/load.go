package gen

import (
	"errors"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// unit is a package with its types, as the generator reads it.
type unit struct {
	Name      string
	PkgPath   string
	Syntax    []*ast.File
	Types     *types.Package
	TypesInfo *types.Info

	errs  []types.Error      // what the type checker says, in the order in which it found it
	loops map[token.Pos]bool // names of types that contain themselves, of all packages
}

// errorIn is what the type checker says of an expression, or "".
func (u *unit) errorIn(e ast.Expr) string {
	for _, err := range u.errs {
		if e.Pos() <= err.Pos && err.Pos < e.End() && !strings.HasPrefix(err.Msg, "\t") {
			return err.Msg
		}
	}
	return ""
}

// check finds the types of a package. Errors do not stop it: the package may use names that are still to be generated, and only what
// annotated structs are made of was loaded; that is checked field by field.
func (r *reach) check(n *node) *unit {
	if n.unit != nil {
		return n.unit
	}
	n.busy = true
	defer func() { n.busy = false }()
	u := &unit{Name: n.Name, PkgPath: n.ImportPath, Syntax: n.syntax, TypesInfo: &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
	}}
	if r.loops == nil {
		r.loops = map[token.Pos]bool{}
	}
	u.loops = r.loops
	conf := types.Config{
		GoVersion: n.goVersion(), IgnoreFuncBodies: true, FakeImportC: true, DisableUnusedImportCheck: true,
		Importer: importer{r, n}, Sizes: types.SizesFor("gc", targetArch()),
		Error: func(err error) {
			var e types.Error
			if !errors.As(err, &e) {
				return
			}
			u.errs = append(u.errs, e)
			// Each type on the way round has a line of its own: it refers to the next one.
			if strings.HasPrefix(e.Msg, "invalid recursive type") || strings.HasPrefix(e.Msg, "\t") && strings.Contains(e.Msg, " refers to ") {
				r.loops[e.Pos] = true
			}
		},
	}
	u.Types, _ = conf.Check(n.ImportPath, r.fset, n.syntax, u.TypesInfo)
	n.unit = u
	return u
}

// targetArch is the architecture that is generated for; the layout does not depend on it, sizes of constants in the source may.
func targetArch() string {
	if arch := os.Getenv("GOARCH"); arch != "" && types.SizesFor("gc", arch) != nil {
		return arch
	}
	return runtime.GOARCH
}

// importer gives a package those of its imports that are needed. For the others the type checker makes do with an empty one.
type importer struct {
	r    *reach
	from *node
}

func (i importer) Import(name string) (*types.Package, error) {
	if name == "unsafe" {
		return types.Unsafe, nil
	}
	n := i.r.nodes[i.from.resolve(name)]
	if n == nil || n.busy {
		return nil, fmt.Errorf("package %s is not needed", name)
	}
	return i.r.check(n).Types, nil
}

// odd is the first file that names another package than the first, or the first.
func (n *node) odd() *ast.File {
	for _, f := range n.syntax {
		if f.Name.Name != n.syntax[0].Name.Name {
			return f
		}
	}
	return n.syntax[0]
}

// syntaxErrors are what the parser and the file system said of a package.
func (n *node) syntaxErrors() []Diagnostic {
	var list []Diagnostic
	for _, err := range n.errs {
		var all scanner.ErrorList
		if !errors.As(err, &all) {
			list = append(list, Diagnostic{Code: codePackage, Message: err.Error()})
		}
		for _, e := range all {
			list = append(list, Diagnostic{Code: codePackage, Pos: e.Pos, Message: e.Msg})
		}
	}
	return list
}

// parsePosition reads file:line:col, as the go command writes it.
func parsePosition(s string) token.Position {
	var p token.Position
	parts := strings.Split(s, ":")
	if len(parts) >= 3 {
		_, _ = fmt.Sscanf(strings.Join(parts[len(parts)-2:], ":"), "%d:%d", &p.Line, &p.Column)
		p.Filename = strings.Join(parts[:len(parts)-2], ":")
	}
	return p
}

// relative shortens the file names of diagnostics to paths below dir, so that output does not depend on where a checkout is.
func relative(dir string, list []Diagnostic) {
	for i := range list {
		list[i].Pos.Filename = shortened(dir, list[i].Pos.Filename)
	}
}

// shortened is name relative to dir if it is below that.
func shortened(dir, name string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return name
	}
	if r, err := filepath.Rel(abs, name); err == nil && r != ".." && !strings.HasPrefix(r, "../") {
		return r
	}
	return name
}
