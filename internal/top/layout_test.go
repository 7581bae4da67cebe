package top

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// check gives the types of a package's files. Those of other packages are not known, except sync/atomic's; what is wrong for that is passed over.
func checkSources(t *testing.T, arch string, paths ...string) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	c := types.Config{Importer: atomics{}, Sizes: types.SizesFor("gc", arch), Error: func(error) {}, IgnoreFuncBodies: true}
	p, _ := c.Check("p", fset, files, nil) // errors are expected
	if p == nil {
		t.Fatalf("%v have no types", paths)
	}
	return p
}

// atomics is an importer that knows sync/atomic's words and nothing else.
type atomics struct{}

func (atomics) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if path != "sync/atomic" {
		return nil, fmt.Errorf("%s is not looked at", path)
	}
	p := types.NewPackage(path, "atomic")
	for _, name := range []string{"Uint32", "Int32", "Bool"} {
		obj := types.NewTypeName(token.NoPos, p, name, nil)
		v := types.NewField(token.NoPos, p, "v", types.Typ[types.Uint32], false)
		types.NewNamed(obj, types.NewStruct([]*types.Var{v}, nil), nil)
		p.Scope().Insert(obj)
	}
	p.MarkComplete()
	return p, nil
}

// TestLayout compares every field and constant of layout.go with what runtime/pool and runtime/ipc have, on every target.
func TestLayout(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "386", "arm"} {
		ours := checkSources(t, arch, "layout.go")
		theirs := map[string]*types.Package{}
		for _, dir := range []string{"pool", "ipc"} {
			paths, err := filepath.Glob("../../runtime/" + dir + "/*.go")
			if err != nil || len(paths) == 0 {
				t.Fatalf("no sources of runtime/%s: %v", dir, err)
			}
			theirs[dir] = checkSources(t, arch, paths...)
		}
		sizes := types.SizesFor("gc", arch)
		for _, name := range ours.Scope().Names() {
			obj := ours.Scope().Lookup(name)
			dir, original := "pool", name
			switch {
			case name == "policies":
				continue
			case name == "abiVersion":
				original = "ABIVersion"
			case name == "allocABIVersion":
				original = "AllocABIVersion"
			case strings.HasPrefix(name, "channel"), strings.HasPrefix(name, "slot") && name != "slotSize", strings.HasPrefix(name, "frame"),
				name == "maxSlots", name == "maxReturns", name == "stateMask":
				dir = "ipc"
			}
			other := theirs[dir].Scope().Lookup(original)
			if other == nil {
				t.Fatalf("runtime/%s has no %s any more: change layout.go", dir, original)
			}
			switch o := obj.(type) {
			case *types.Const:
				c, ok := other.(*types.Const)
				if !ok {
					t.Errorf("%s: in runtime/%s %s is no constant", arch, dir, original)
				} else if constant.Compare(o.Val(), token.NEQ, constant.ToInt(c.Val())) {
					t.Errorf("%s: %s is %v, in runtime/%s it is %v", arch, name, o.Val(), dir, c.Val())
				}
			case *types.TypeName:
				if got, want := fields(o.Type(), sizes), fields(other.Type(), sizes); got != want {
					t.Errorf("%s: %s is\n%s\nin runtime/%s it is\n%s", arch, name, got, dir, want)
				}
			}
		}
	}
}

// fields lists the names, offsets and sizes of a struct's fields.
func fields(typ types.Type, sizes types.Sizes) string {
	st, ok := typ.Underlying().(*types.Struct)
	if !ok {
		return typ.String()
	}
	var list []*types.Var
	for f := range st.Fields() {
		list = append(list, f)
	}
	var b strings.Builder
	for i, at := range sizes.Offsetsof(list) {
		fmt.Fprintf(&b, "%4d %-14s %d bytes\n", at, list[i].Name(), sizes.Sizeof(list[i].Type()))
	}
	fmt.Fprintf(&b, "%4d", sizes.Sizeof(st))
	return b.String()
}
