package gen

import (
	"go/ast"
	"go/build/constraint"
	"path/filepath"
	"slices"
	"strings"
)

var (
	knownOS   = []string{"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos"}
	knownArch = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"}
)

// constraintOf is what a source file is built under: its line of //go:build, and the system and machine in its name, which
// names made of it do not end in.
func constraintOf(f *ast.File, source string) string {
	var list []string
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Slash < f.Package && constraint.IsGoBuild(c.Text) {
				if x, err := constraint.Parse(c.Text); err == nil {
					list = append(list, x.String())
				}
			}
		}
	}
	parts := strings.Split(strings.TrimSuffix(filepath.Base(source), ".go"), "_")[1:]
	n := len(parts)
	switch {
	case n > 1 && slices.Contains(knownOS, parts[n-2]) && slices.Contains(knownArch, parts[n-1]):
		list = append(list, parts[n-2], parts[n-1])
	case n > 0 && (slices.Contains(knownOS, parts[n-1]) || slices.Contains(knownArch, parts[n-1])):
		list = append(list, parts[n-1])
	}
	return allOf(list)
}

// allOf joins conditions, each of which must hold.
func allOf(list []string) string {
	if len(list) > 1 {
		for i, s := range list {
			if strings.Contains(s, "||") {
				list[i] = "(" + s + ")"
			}
		}
	}
	return strings.Join(list, " && ")
}
