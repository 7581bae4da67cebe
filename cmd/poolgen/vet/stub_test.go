package vet_test

import (
	"go/types"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestStub compares the package pool that the tests of the analyzers import with the real one, so that they do not test an API that has moved on:
// everything it declares must be there with the same signature, and it must declare every method of a reference.
func TestStub(t *testing.T) {
	load := func(dir string, env ...string) *types.Package {
		pkgs, err := packages.Load(&packages.Config{
			Mode: packages.NeedTypes | packages.NeedName | packages.NeedSyntax | packages.NeedImports | packages.NeedDeps | packages.NeedTypesInfo,
			Dir:  dir,
			Env:  append(os.Environ(), env...),
		}, "github.com/poolgen/poolgen/runtime/pool")
		if err != nil {
			t.Fatal(err)
		}
		if packages.PrintErrors(pkgs) > 0 {
			t.Fatalf("loading package pool in %s failed", dir)
		}
		return pkgs[0].Types
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	stub := load(testdata, "GO111MODULE=off", "GOPATH="+testdata, "GOFLAGS=", "GOPROXY=off")
	real := load(".")

	name := func(p *types.Package) string { return p.Name() }
	checked := 0
	for _, n := range stub.Scope().Names() {
		obj := stub.Scope().Lookup(n)
		other := real.Scope().Lookup(n)
		if !obj.Exported() {
			continue
		}
		if other == nil {
			t.Errorf("pool.%s is no more", n)
			continue
		}
		if f, ok := obj.(*types.Func); ok {
			if a, b := types.TypeString(f.Type(), name), types.TypeString(other.Type(), name); a != b {
				t.Errorf("pool.%s is %s, the stub has %s", n, b, a)
			}
			continue
		}
		mine, theirs := methods(obj.Type(), name), methods(other.Type(), name)
		for m, sig := range mine {
			checked++
			if theirs[m] != sig {
				t.Errorf("pool.%s.%s is %q, the stub has %q", n, m, theirs[m], sig)
			}
		}
		switch n {
		case "Buf", "View", "Ref", "HeapRef", "Heap":
			for m, sig := range theirs {
				if _, ok := mine[m]; !ok && m != "Stats" {
					t.Errorf("pool.%s.%s, which is %s, is not in the stub: does vet treat it right?", n, m, sig)
				}
			}
		}
	}
	if checked < 40 {
		t.Errorf("%d methods compared", checked)
	}
}

func methods(t types.Type, name types.Qualifier) map[string]string {
	out := make(map[string]string)
	n, ok := t.(*types.Named)
	if !ok {
		return out
	}
	for m := range n.Methods() {
		if m.Exported() {
			out[m.Name()] = types.TypeString(m.Type(), name)
		}
	}
	return out
}
