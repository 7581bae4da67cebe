package vet

import (
	"go/types"
)

// poolPath is the import path of the package whose references are followed.
const poolPath = "github.com/poolgen/poolgen/runtime/pool"

// named returns the named type behind t, through aliases, or nil.
func named(t types.Type) *types.Named {
	n, _ := types.Unalias(t).(*types.Named)
	return n
}

// poolType returns the name of the type in package pool that t is, such as "Buf", or "".
func poolType(t types.Type) string {
	n := named(t)
	if n == nil || n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != poolPath {
		return ""
	}
	return n.Obj().Name()
}

// isRef reports whether a value of type t owes a release.
func isRef(t types.Type) bool {
	switch poolType(t) {
	case "Buf", "View", "Ref", "HeapRef":
		return true
	}
	return false
}

// isHandleOwner reports whether t is a type of package pool that must stay behind a pointer.
func isHandleOwner(t types.Type) bool {
	switch poolType(t) {
	case "Pool", "Typed", "Heap", "Allocator", "Cache":
		return true
	}
	return false
}

// refMethod returns the name of f if it is a method of a reference, or "".
func refMethod(f *types.Func) string {
	if f == nil {
		return ""
	}
	recv := f.Signature().Recv()
	if recv == nil || !isRef(recv.Type()) {
		return ""
	}
	return f.Name()
}

// acquires reports whether f of package pool hands out a reference: its results are a reference and an error.
func acquires(f *types.Func) bool {
	if f.Pkg() == nil || f.Pkg().Path() != poolPath || !f.Exported() {
		return false
	}
	res := f.Signature().Results()
	return res.Len() == 2 && isRef(res.At(0).Type()) && isError(res.At(1).Type())
}

func isError(t types.Type) bool {
	return types.Identical(t, types.Universe.Lookup("error").Type())
}

func isBool(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Bool
}

// reaches reports whether pkg is or imports the package at path, directly or not.
func reaches(pkg *types.Package, path string) bool {
	seen := make(map[*types.Package]bool)
	var visit func(p *types.Package) bool
	visit = func(p *types.Package) bool {
		if p.Path() == path {
			return true
		}
		if seen[p] {
			return false
		}
		seen[p] = true
		for _, i := range p.Imports() {
			if visit(i) {
				return true
			}
		}
		return false
	}
	return visit(pkg)
}
