package opus

import (
	"testing"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/dl"
)

// clib is libopus's own packet functions, called without the package, for comparison.
type clib struct {
	call dl.Caller
	lib  *dl.Lib
	sym  map[string]uintptr
}

func openC(t testing.TB) *clib {
	t.Helper()
	lib, err := dl.Open(dl.Library{Sonames: []string{"libopus.so.0"}, Package: "libopus0"})
	if err != nil {
		t.Fatal(err)
	}
	return &clib{lib: lib, sym: map[string]uintptr{}}
}

// has tells whether this libopus has a function.
func (c *clib) has(name string) bool {
	fn, err := c.lib.Sym(name)
	c.sym[name] = fn
	return err == nil
}

func (c *clib) fn(t testing.TB, name string) uintptr {
	if c.sym[name] == 0 && !c.has(name) {
		t.Fatalf("libopus has no %s", name)
	}
	return c.sym[name]
}

// parse is opus_packet_parse: the result, the sizes, and the offset of the first frame.
func (c *clib) parse(t testing.TB, data []byte) (count int32, sizes [48]int16, payload int32) {
	var toc [8]byte
	var frames [48]uintptr
	count = int32(c.call.Call(c.fn(t, "opus_packet_parse"), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), uintptr(unsafe.Pointer(&toc)),
		uintptr(unsafe.Pointer(&frames)), uintptr(unsafe.Pointer(&sizes)), uintptr(unsafe.Pointer(&payload)), 0, 0))
	return count, sizes, payload
}

// ask calls a function of a packet and up to two integers.
func (c *clib) ask(t testing.TB, name string, data []byte, a, b int) int {
	return int(int32(c.call.Call(c.fn(t, name), uintptr(unsafe.Pointer(&data[0])), uintptr(a), uintptr(b), 0, 0, 0, 0, 0)))
}
