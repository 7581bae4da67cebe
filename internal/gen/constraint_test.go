package gen

import (
	"go/parser"
	"go/token"
	"testing"
)

func TestConstraintOf(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"bind.go", "package p", ""},
		{"bind_unix.go", "package p", ""}, // not a part of names to the go command
		{"linux.go", "package p", ""},
		{"bind_linux.go", "package p", "linux"},
		{"bind_arm.go", "package p", "arm"},
		{"bind_linux_arm64.go", "package p", "linux && arm64"},
		{"bind_arm64_linux.go", "package p", "linux"},
		{"bind.go", "// Some words.\n\n//go:build linux && !cgo\n\npackage p", "linux && !cgo"},
		{"bind.go", "//go:build linux || darwin\n\npackage p", "linux || darwin"},
		{"bind_386.go", "//go:build linux || darwin\n\npackage p", "(linux || darwin) && 386"},
		{"bind.go", "package p\n\n//go:build linux\n", ""},
		{"bind.go", "//go:build linux &&\n\npackage p", ""},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), c.name, c.src, parser.ParseComments|parser.PackageClauseOnly)
		if c.src[0] == 'p' {
			f, err = parser.ParseFile(token.NewFileSet(), c.name, c.src, parser.ParseComments)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := constraintOf(f, "/a_windows/"+c.name); got != c.want {
			t.Errorf("%s, %q: %q, not %q", c.name, c.src, got, c.want)
		}
	}
}
