package poolgen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/poolgen/poolgen/internal/testutil"
)

// bindingSays is what the corpus's program that calls the C library prints.
const bindingSays = `true 7 2147483647 4611686018427387904
18446744073709551615 20
-1.649267441664e+12 2.5
-5 -1099511627776
-1 2199023255552 -3 -4398046511104
1 -2 3458764513820540928 -4 5 -6 -7696581394432
1099511627776 -2 3298534883328 -4 5497558138880 -6 7696581394432 -8 9 -10995116277760
one and two
true true
0 libc.so.6 has no function no_such_function: install libc6 9 or newer: unsupported operation true
1125899906842624 <nil>
0
`

// TestBindingsAgree runs generated calls of every shape with cgo and without, where a word has 64 bits and where it has 32.
func TestBindingsAgree(t *testing.T) {
	module := filepath.Join(t.TempDir(), "corpus")
	if err := os.CopyFS(module, os.DirFS(corpus)); err != nil {
		t.Fatal(err)
	}
	newModule(t, mustAbs(t, "."), module)
	rename(t, filepath.Join(module, "go.mod"), "module example.com/random", "module example.com/corpus")
	arm := []string{"GOARCH=arm", "GOARM=7", "CC=arm-linux-gnueabihf-gcc"}
	for _, c := range []struct {
		name string
		env  []string
		args []string
	}{
		{"amd64 cgo", []string{"CGO_ENABLED=1"}, nil},
		{"amd64 nocgo", []string{"CGO_ENABLED=0"}, nil},
		{"arm cgo", append([]string{"CGO_ENABLED=1"}, arm...), nil},
		{"arm nocgo", append([]string{"CGO_ENABLED=0"}, arm...), []string{"-ldflags", "-I /lib/ld-linux-armhf.so.3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			testutil.RequireTool(t, "gcc", "gcc")
			bin := filepath.Join(t.TempDir(), "libc")
			line := []string{bin}
			if len(c.env) > 1 {
				testutil.RequireTool(t, "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf")
				testutil.RequireFile(t, "/lib/ld-linux-armhf.so.3", "libc6:armhf")
				line = []string{testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static"), bin}
			}
			cmd := exec.Command("go", append(append([]string{"build", "-o", bin}, c.args...), "./libc")...)
			cmd.Dir, cmd.Env = module, append(append(os.Environ(), "GOFLAGS=-mod=mod"), c.env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if d := cmp.Diff(bindingSays, run(t, nil, line[0], line[1:]...)); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
		})
	}
}
