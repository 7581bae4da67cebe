package dl_test

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/poolgen/poolgen/internal/dl"
)

func TestMissingLibrary(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", "/nowhere")
	_, err := dl.Open(dl.Library{Sonames: []string{"libnosuch.so.9", "libnosuch.so.8"}, Package: "libnosuch9"})
	var missing *dl.MissingError
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	for _, want := range []string{"libnosuch.so.9 or libnosuch.so.8", "the package libnosuch9", "LD_LIBRARY_PATH=/nowhere"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if _, err := dl.Open(dl.Library{}); err == nil {
		t.Error("no name was enough")
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
