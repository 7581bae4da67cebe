package poolgen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// bindTarget is a machine that programs with bindings are built for and run on.
type bindTarget struct {
	name   string
	env    []string
	gcc    needs
	loader needs
	flags  string   // of the Go linker, without cgo
	run    []string // what runs a program
	qemu   needs
}

func bindTargets() []bindTarget {
	arm := []string{"GOARCH=arm", "GOARM=7", "CC=arm-linux-gnueabihf-gcc"}
	arm64 := []string{"GOARCH=arm64", "CC=aarch64-linux-gnu-gcc"}
	i386 := []string{"GOARCH=386", "CC=i686-linux-gnu-gcc"}
	// The C library of a cross compiler has its own loader; that of Debian's armhf is where programs look for it.
	armLoader := needs{"/lib/ld-linux-armhf.so.3", "libc6:armhf"}
	arm64Loader := needs{"/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1", "libc6-dev-arm64-cross"}
	i386Loader := needs{"/usr/i686-linux-gnu/lib/ld-linux.so.2", "libc6-dev-i386-cross"}
	return []bindTarget{
		{"amd64", nil, needs{"gcc", "gcc"}, needs{}, "", nil, needs{}},
		{"386", i386, needs{"i686-linux-gnu-gcc", "gcc-i686-linux-gnu"}, i386Loader, "", []string{i386Loader.what, "--library-path", filepath.Dir(i386Loader.what)}, needs{}},
		{"arm", arm, needs{"arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"}, armLoader, "-I " + armLoader.what, []string{"qemu-arm-static"}, needs{"qemu-arm-static", "qemu-user-static"}},
		{"arm64", arm64, needs{"aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"}, arm64Loader, "", []string{"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"}, needs{"qemu-aarch64-static", "qemu-user-static"}},
	}
}

// build builds the program in dir, with cgo or without; flags are for the go command's environment. It skips the test where
// a tool is not there.
func (c *bindTarget) build(t *testing.T, dir, folder, bin, cgo string, flags ...string) {
	t.Helper()
	args := []string{"build", "-o", bin}
	if cgo == "0" && c.flags != "" {
		args = append(args, "-ldflags", c.flags)
	}
	cmd := exec.Command("go", append(args, folder)...)
	cmd.Dir, cmd.Env = dir, slices.Concat(os.Environ(), []string{"GOFLAGS=-mod=mod", "CGO_ENABLED=" + cgo}, c.env, flags)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func (c *bindTarget) require(t *testing.T) {
	testutil.RequireTool(t, c.gcc.what, c.gcc.debian)
	if c.loader.what != "" {
		testutil.RequireFile(t, c.loader.what, c.loader.debian)
	}
	if c.qemu.what != "" {
		testutil.RequireTool(t, c.qemu.what, c.qemu.debian)
	}
}

// TestBindingsAgree runs generated calls of every shape with cgo and without, where a word has 64 bits and where it has 32.
func TestBindingsAgree(t *testing.T) {
	module := filepath.Join(t.TempDir(), "corpus")
	if err := os.CopyFS(module, os.DirFS(corpus)); err != nil {
		t.Fatal(err)
	}
	newModule(t, mustAbs(t, "."), module)
	rename(t, filepath.Join(module, "go.mod"), "module example.com/random", "module example.com/corpus")
	for _, c := range bindTargets() {
		for _, cgo := range []string{"1", "0"} {
			t.Run(c.name+" CGO_ENABLED="+cgo, func(t *testing.T) {
				c.require(t)
				bin := filepath.Join(t.TempDir(), "libc")
				c.build(t, module, "./libc", bin, cgo)
				line := append(slices.Clone(c.run), bin)
				if d := cmp.Diff(bindingSays, run(t, nil, line[0], line[1:]...)); d != "" {
					t.Errorf("want - got +\n%s", d)
				}
			})
		}
	}
}

// abiSays is what the program in testdata/abi prints.
const abiSays = `char true true true true true <nil>
narrow 64999999700253999 64999999700254035
results -100 156 -356 65180 -100 true false 157 -355
floats 457586 185 1461
mixed -2.23338299207e+11 -51914
memory 6431 1099511627775 2
`

// TestBindingsPass calls a C library of our own: numbers narrower than an int, of which a compiler believes that the caller or the called has
// extended them, char, which has a sign on some machines, and more floats than there are registers.
func TestBindingsPass(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("cmd/poolgen/testdata/abi")); err != nil {
		t.Fatal(err)
	}
	newModule(t, mustAbs(t, "."), dir)
	poolgen := filepath.Join(t.TempDir(), "poolgen")
	run(t, nil, "go", "build", "-o", poolgen, "./cmd/poolgen")
	cmd := exec.Command(poolgen, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "POOLGEN_CACHE=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range bindTargets() {
		t.Run(c.name, func(t *testing.T) {
			c.require(t)
			libs := t.TempDir()
			run(t, nil, c.gcc.what, "-O2", "-shared", "-fPIC", "-o", filepath.Join(libs, "libabi.so"), filepath.Join(dir, "c", "abi.c"))
			for _, cgo := range []string{"1", "0"} {
				bin := filepath.Join(libs, "abi"+cgo)
				c.build(t, dir, ".", bin, cgo, "CGO_CFLAGS=-I"+filepath.Join(dir, "c"), "CGO_LDFLAGS=-L"+libs)
				line := append(slices.Clone(c.run), bin)
				if i := slices.Index(line, "--library-path"); i >= 0 {
					line[i+1] += ":" + libs
				}
				if d := cmp.Diff(abiSays, run(t, []string{"LD_LIBRARY_PATH=" + libs}, line[0], line[1:]...)); d != "" {
					t.Errorf("CGO_ENABLED=%s: want - got +\n%s", cgo, d)
				}
			}
		})
	}
}

// needs is a tool or a file, and the package that has it.
type needs struct{ what, debian string }
