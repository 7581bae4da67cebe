//go:build !386 && !arm

package v4l2

import (
	"syscall"
	"unsafe"
)

func (*fake) ioctl32(uint32, unsafe.Pointer) error { return syscall.ENOTTY }
