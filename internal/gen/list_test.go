package gen

import (
	"go/token"
	"path/filepath"
	"testing"
)

// TestNewerGo checks that a package of a Go that is newer than poolgen's is still understood.
func TestNewerGo(t *testing.T) {
	for want, p := range map[string]*listed{
		"go1.21.3": {Module: &listedModule{GoVersion: "1.21.3"}},
		"":         {Module: &listedModule{GoVersion: "1.999"}},
	} {
		if got := p.goVersion(); got != want {
			t.Errorf("%s is taken as %q, not %q", p.Module.GoVersion, got, want)
		}
	}
	name := filepath.Join(t.TempDir(), "a.go")
	writeFile(t, name, "package a\n\n//poolgen:pool shared\ntype t struct{ X int32 }\n")
	p := &listed{Dir: filepath.Dir(name), ImportPath: "a", Name: "a", GoFiles: []string{"a.go"}, Module: &listedModule{GoVersion: "1.999"}}
	re := &reach{fset: token.NewFileSet(), texts: new(sources), pkgs: map[string]*listed{"a": p}, nodes: map[string]*node{}}
	n := re.parse(p)
	re.addAnnotated(n)
	re.follow()
	if u := re.check(n); u.Types.Scope().Lookup("t") == nil {
		t.Error("the struct has no type")
	}
}
