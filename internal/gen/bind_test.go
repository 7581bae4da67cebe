package gen

import (
	"os"
	"strings"
	"testing"
)

// TestBindAccepted checks that bindings with every feature, and with names that collide with those of generated code, come out as
// Go that compiles on every target, on both sides.
func TestBindAccepted(t *testing.T) {
	src, err := os.ReadFile("testdata/good/bind.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	list := generateSource(t, string(src))
	if len(list) != 2 || !strings.HasSuffix(list[0].path, "x_cgo.go") || !strings.HasSuffix(list[1].path, "x_nocgo.go") {
		t.Fatalf("%d outputs", len(list))
	}
}
