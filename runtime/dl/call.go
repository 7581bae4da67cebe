package dl

import (
	"runtime"
	"sync"

	"github.com/ebitengine/purego"
)

// Of the machine that the program is built for, for the order of arguments.
const (
	// Is64 tells that a word has 64 bits: any integer is one word.
	Is64 = ^uintptr(0)>>63 == 1
	// EvenPairs tells that a 64-bit argument, two words, begins at a word with an even number: 0, 2, 4 and so on. A word before
	// it that stays empty is 0. The procedure call standard of 32-bit ARM has it so; i386 has the two words wherever they fall.
	EvenPairs = runtime.GOARCH == "arm"
)

// Caller passes arguments to C without allocating: a variadic call lets its argument list escape to the heap.
// The zero value is ready; its methods may be called from any goroutine.
type Caller struct{ short, long sync.Pool }

// Call calls the C function at fn with up to 8 words of integer or pointer arguments, the rest 0 (a C function does not look at
// arguments it does not have). It returns the function's result, of which the caller takes as many low bits as the C type
// has. Pointers are converted in the call's own argument list, uintptr(unsafe.Pointer(p)), which keeps what they point to
// alive and in place for the call. Signed integers are converted from their own type, uintptr(int16(v)), which extends them.
//
//go:uintptrescapes
func (c *Caller) Call(fn, a, b, d, e, f, g, h, i uintptr) uintptr {
	args, _ := c.short.Get().(*[8]uintptr)
	if args == nil {
		args = new([8]uintptr)
	}
	*args = [8]uintptr{a, b, d, e, f, g, h, i}
	r, _, _ := purego.SyscallN(fn, args[:]...)
	c.short.Put(args)
	return r
}

// Call16 is Call with up to 16 words, and with both words of a 64-bit result where a word has 32 bits; see Join.
//
//go:uintptrescapes
func (c *Caller) Call16(fn, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15 uintptr) (low, high uintptr) {
	args, _ := c.long.Get().(*[16]uintptr)
	if args == nil {
		args = new([16]uintptr)
	}
	*args = [16]uintptr{a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15}
	low, high, _ = purego.SyscallN(fn, args[:]...)
	c.long.Put(args)
	return low, high
}

// Join makes one number of the result of Call16, for C functions whose result has 64 bits.
func Join(low, high uintptr) uint64 {
	if Is64 {
		return uint64(low)
	}
	return uint64(high)<<32 | uint64(low)
}

// SignedChar tells that C's char has a sign. The procedure call standards of ARM have it without.
const SignedChar = runtime.GOARCH == "amd64" || runtime.GOARCH == "386"

// Char is v as an argument of C's char: the caller extends it as the machine's char is, and C may rely on that.
func Char(v uint8) uintptr {
	if SignedChar {
		return uintptr(int8(v))
	}
	return uintptr(v)
}

// Bool is v as an argument: 1 or 0.
func Bool(v bool) uintptr {
	if v {
		return 1
	}
	return 0
}
