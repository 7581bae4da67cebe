package dl_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/dl"
)

func TestMissingLibrary(t *testing.T) {
	_, err := dl.Open(dl.Library{Sonames: []string{"libnosuch.so.9", "libnosuch.so.8"}, Package: "libnosuch9"})
	var missing *dl.MissingError
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	for _, want := range []string{"libnosuch.so.9 or libnosuch.so.8", "the package libnosuch9", "/etc/ld.so.cache"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	// The folders are the linker's own: a library that is there is in one of them.
	found := false
	for folder := range strings.SplitSeq(strings.TrimSuffix(missing.Path, " and /etc/ld.so.cache"), ":") {
		if _, err := os.Stat(filepath.Join(folder, "libc.so.6")); err == nil && filepath.IsAbs(folder) {
			found = true
		}
	}
	if !found {
		t.Errorf("no folder with libc.so.6 in %q", missing.Path)
	}
	if _, err := dl.Open(dl.Library{}); err == nil {
		t.Error("no name was enough")
	}
}

// The linker reads LD_LIBRARY_PATH once, when the process starts.
func TestMissingLibraryNamesLDLibraryPath(t *testing.T) {
	const folders = "/nowhere/at/all:/nor/here"
	if os.Getenv("LD_LIBRARY_PATH") == folders {
		_, err := dl.Open(dl.Library{Sonames: []string{"libnosuch.so.9"}, Package: "libnosuch9"})
		if err == nil || !strings.Contains(err.Error(), folders+":/") {
			t.Fatalf("LD_LIBRARY_PATH is not named: %v", err)
		}
		return
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "386" {
		t.Skip("a program under emulation does not start others")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestMissingLibraryNamesLDLibraryPath$", "-test.v")
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+folders)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestCall(t *testing.T) {
	lib, err := dl.Open(dl.Library{Sonames: []string{"libc.so.6"}, Package: "libc6"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.Sym("no_such_function"); err == nil || !strings.Contains(err.Error(), "libc.so.6 has no function no_such_function") {
		t.Fatal(err)
	}
	fn, err := lib.Sym("memcmp")
	if err != nil {
		t.Fatal(err)
	}
	var strlen func(string) uint32
	if err := lib.Func(&strlen, "strlen"); err != nil || strlen("four") != 4 {
		t.Fatal(err)
	}
	a, b := []byte("abc"), []byte("abd")
	var c dl.Caller
	compare := func() int32 {
		return int32(c.Call(fn, uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0])), 3, 0, 0, 0, 0, 0))
	}
	if compare() >= 0 {
		t.Fatal("abc is not before abd")
	}
	b[2] = 'c'
	if compare() != 0 {
		t.Fatal("abc is not abc")
	}
	if n := testing.AllocsPerRun(1000, func() { compare() }); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// Floats of one width pass, also beside integers and as results, and so do 64-bit integers: on 32-bit machines in two words.
func TestFunc(t *testing.T) {
	lib, err := dl.Open(dl.Library{Sonames: []string{"libm.so.6"}, Package: "libc6"})
	if err != nil {
		t.Fatal(err)
	}
	var (
		fma     func(a, b, c float64) float64
		fmaf    func(a, b, c float32) float32
		ldexp   func(f float64, n int32) float64
		ldexpf  func(f float32, n int32) float32
		llround func(f float64) int64
		frexp   func(f float64, n *int32) float64
	)
	for name, at := range map[string]any{"fma": &fma, "fmaf": &fmaf, "ldexp": &ldexp, "ldexpf": &ldexpf, "llround": &llround, "frexp": &frexp} {
		if err := lib.Func(at, name); err != nil {
			t.Fatal(err)
		}
	}
	if fma(2, 3, 0.5) != 6.5 || fmaf(2, 3, 0.5) != 6.5 || ldexp(1.5, 40) != 1.5*(1<<40) || ldexpf(1.5, -1) != 0.75 || llround(-1e15) != -1e15 {
		t.Error(fma(2, 3, 0.5), fmaf(2, 3, 0.5), ldexp(1.5, 40), ldexpf(1.5, -1), llround(-1e15))
	}
	n := new(int32)
	if f := frexp(48, n); f != 0.75 || *n != 6 {
		t.Error(f, *n)
	}
}

// What lacks a function is the library that was found, not the one that was asked for first.
func TestMissingFunctionNamesLibraryFound(t *testing.T) {
	lib, err := dl.Open(dl.Library{Sonames: []string{"libnosuch.so.9", "libc.so.6"}, Package: "libc6"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = lib.Sym("no_such_function")
	var missing *dl.MissingError
	if !errors.As(err, &missing) || !strings.HasPrefix(err.Error(), "libc.so.6 has no function no_such_function: install a newer libc6 (") {
		t.Error(err)
	}
}

// A file that is there is not said to be missing.
func TestLibraryThatCannotBeLoaded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "libbad.so.1")
	if err := os.WriteFile(name, make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := dl.Open(dl.Library{Sonames: []string{"libbad.so.2", name}, Package: "libbad1"})
	if err == nil || !strings.Contains(err.Error(), "it is there, but cannot be loaded (") || !strings.Contains(err.Error(), "install the package libbad1 for "+runtime.GOARCH) || strings.Contains(err.Error(), "not found in") {
		t.Error(err)
	}
	// Nor is one that needs another.
	needs := &dl.MissingError{Library: dl.Library{Sonames: []string{"libx.so.1"}, Package: "libx1"}, Reason: "liby.so.1: cannot open shared object file: No such file or directory"}
	if s := needs.Error(); !strings.Contains(s, "libx.so.1: it is there, but cannot be loaded (liby.so.1: ") {
		t.Error(s)
	}
}

func TestLoad(t *testing.T) {
	lib, err := dl.Open(dl.Library{Sonames: []string{"libc.so.6"}, Package: "libc6"})
	if err != nil {
		t.Fatal(err)
	}
	abs, none := uintptr(0), uintptr(1)
	var labs, noFunc func(int) int
	err = lib.Load(dl.Symbol{Name: "abs", At: &abs}, dl.Symbol{Name: "labs", Func: &labs},
		dl.Symbol{Name: "no_such_one", At: &none, Optional: true}, dl.Symbol{Name: "no_such_two", Func: &noFunc, Optional: true})
	if err != nil || abs == 0 || labs(-3) != 3 || none != 0 || noFunc != nil {
		t.Error(err, abs, none, noFunc == nil)
	}
	err = lib.Load(dl.Symbol{Name: "no_such_one", At: &none}, dl.Symbol{Name: "abs", At: &abs}, dl.Symbol{Name: "no_such_two", Func: &noFunc})
	if err == nil || !strings.Contains(err.Error(), "no_such_one") || !strings.Contains(err.Error(), "no_such_two") || strings.Contains(err.Error(), "abs") {
		t.Error(err)
	}
}
