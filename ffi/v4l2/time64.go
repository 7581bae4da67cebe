//go:build !386 && !arm

package v4l2

import "syscall"

// has32 says that the target has calls with 32-bit time.
const has32 = false

// request is what one of the buffer calls passes. It is on the heap, because the kernel follows the pointer from b to planes.
type request struct {
	b      kBuffer
	planes [maxPlanes]kPlane
}

func (*Device) oldCall(bufferCall, *request) error { return syscall.ENOTTY }

func (*Device) oldEvent(*kEvent) error { return syscall.ENOTTY }
