package dl

import "unsafe"

// String copies the C string at p, which ends with a 0, in C's memory or static; "" if p is 0. The caller still owns the C string.
func String(p uintptr) string { return text(*(*unsafe.Pointer)(unsafe.Pointer(&p))) }

// Pointer is the result of a C function as a pointer. p must be an address in C's memory or 0, never one of the Go heap.
func Pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func text(p unsafe.Pointer) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}
