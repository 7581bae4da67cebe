package gen

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"

	"github.com/dave/jennifer/jen"
)

// nameImports gives every package that may be imported a name that the annotated package does not declare itself.
func (f *file) nameImports(out *jen.File) {
	list := []*types.Package{types.NewPackage(poolPath, "pool"), types.NewPackage(atomicPath, "atomic"), types.NewPackage(unsafePath, "unsafe"), types.NewPackage("math/bits", "bits")}
	for _, p := range f.pools {
		for _, m := range p.members {
			list = packagesOf(m.typ, list)
		}
	}
	f.imported = map[string]bool{}
	for _, p := range list {
		if name := f.free(p.Name()); name != p.Name() {
			out.ImportAlias(p.Path(), name)
		} else if p != f.pkg {
			out.ImportName(p.Path(), name)
			f.imported[name] = true
		}
	}
}

// packagesOf adds the packages that t names to list.
func packagesOf(t types.Type, list []*types.Package) []*types.Package {
	switch u := types.Unalias(t).(type) {
	case *types.Array:
		return packagesOf(u.Elem(), list)
	case *types.Named:
		if p := u.Obj().Pkg(); p != nil && !slices.Contains(list, p) {
			list = append(list, p)
		}
		for arg := range u.TypeArgs().Types() {
			list = packagesOf(arg, list)
		}
	}
	return list
}

// free is name with as many _ behind it as it takes for the package not to declare it.
func (f *file) free(name string) string {
	for f.pkg.Scope().Lookup(name) != nil {
		name += "_"
	}
	return name
}

// local is a free name that is not an import's either.
func (f *file) local(name string) string {
	for f.pkg.Scope().Lookup(name) != nil || f.imported[name] {
		name += "_"
	}
	return name
}

// shadowed reports a predeclared name that src, generated for f, needs with its usual meaning, but to which the package gives another.
func (d *diagnostics) shadowed(f *file, src []byte) {
	scope := f.pkg.Scope()
	if !slices.ContainsFunc(scope.Names(), func(name string) bool { return types.Universe.Lookup(name) != nil }) {
		return
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		return // it has been parsed already, to format it
	}
	var found types.Object
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ast.Inspect(n.X, visit)
			return false
		case *ast.KeyValueExpr:
			ast.Inspect(n.Value, visit)
			return false
		case *ast.Field:
			ast.Inspect(n.Type, visit)
			return false
		case *ast.Ident:
			if found == nil && types.Universe.Lookup(n.Name) != nil {
				found = scope.Lookup(n.Name)
			}
		}
		return found == nil
	}
	ast.Inspect(syntax, visit)
	if found != nil {
		d.addf(found.Pos(), codeShadowed, "the package declares %s, which generated code needs as Go declares it: rename it", found.Name())
	}
}
