package alsa

import (
	"syscall"
	"unsafe"
)

func timespecAt(ts *syscall.Timespec) uintptr { return uintptr(unsafe.Pointer(ts)) }
