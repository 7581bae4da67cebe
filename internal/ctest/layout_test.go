package ctest

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// abiStructs names each struct of the ABI in Go and in C.
var abiStructs = map[string]string{
	"superblock": "poolgen_superblock", "descriptor": "poolgen_descriptor", "hintSlot": "poolgen_hint_slot",
	"header": "poolgen_block", "Handle": "poolgen_buf",
}

// TestDebugInformationAgrees compares what the compilers of Go and of C really made of the structs: name, offset and size of
// every member, gaps included, on each machine. clang describes all of them without a libc; gcc those it is here for.
func TestDebugInformationAgrees(t *testing.T) {
	freestanding := func(target string) toolchain {
		return clang.with(target, "--target="+target+"-linux-gnu", "-ffreestanding")
	}
	for arch, compilers := range map[string][]toolchain{
		"amd64": {gcc, freestanding("x86_64")},
		"arm":   {armGcc, armClang},
		"386":   {freestanding("i686")},
		"arm64": {freestanding("aarch64")},
	} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			inGo := filepath.Join(dir, "pool.test")
			cmd := exec.Command("go", "test", "-c", "-o", inGo, "../../runtime/pool")
			cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("building for %s: %v\n%s", arch, err, out)
			}
			want := members(t, inGo, "github.com/poolgen/poolgen/runtime/pool.")
			for _, c := range compilers {
				t.Run(c.name, func(t *testing.T) {
					tool := testutil.RequireTool(t, c.tool, c.pkg)
					object := filepath.Join(t.TempDir(), "layout.o")
					command(t, tool, slices.Concat(c.args, warnings, []string{"-std=c11", "-g", "-gdwarf-4", "-I../../include", "-c", "-o", object, "testdata/layout.c"})...)
					got := members(t, object, "")
					for goName, cName := range abiStructs {
						if want[goName] == "" || want[goName] != got[cName] {
							t.Errorf("%s in Go is\n%s%s in C is\n%s", goName, want[goName], cName, got[cName])
						}
					}
				})
			}
		})
	}
}

// members reads the ABI's structs from the debug information of a binary: a line for each member.
func members(t *testing.T, path, prefix string) map[string]string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return found
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		name, ok := strings.CutPrefix(name, prefix)
		if e.Tag != dwarf.TagStructType || !ok || !isABI(name) {
			continue
		}
		typ, err := d.Type(e.Offset)
		if err != nil {
			t.Fatal(err)
		}
		s := typ.(*dwarf.StructType)
		var b strings.Builder
		for _, m := range s.Field {
			member := strings.ToLower(strings.ReplaceAll(m.Name, "_", ""))
			switch {
			case member == "" || strings.HasPrefix(member, "reserved"):
				member = "gap"
			case member == "sizeclass":
				member = "class" // a word of C++
			}
			fmt.Fprintf(&b, "\t%3d %3d %s\n", m.ByteOffset, m.Type.Size(), member)
		}
		fmt.Fprintf(&b, "\t%d bytes\n", s.ByteSize)
		found[name] = b.String()
	}
}

func isABI(name string) bool {
	for inGo, inC := range abiStructs {
		if name == inGo || name == inC {
			return true
		}
	}
	return false
}
