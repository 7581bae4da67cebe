//go:build race

package luma

import (
	"runtime"
	"unsafe"
)

// seen tells the race detector, which does not look into assembly, what is about to be read.
func seen(p []byte) {
	if len(p) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&p[0]), len(p))
	}
}
