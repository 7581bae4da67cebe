package alsa

import (
	"strings"
	"unsafe"
)

// bytesOf is the memory of s. It is valid as long as s is.
func bytesOf(s []int16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 2*len(s))
}

func indexNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }
