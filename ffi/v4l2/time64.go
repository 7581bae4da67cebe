//go:build !386 && !arm

package v4l2

import "syscall"

// has32 says that the target has calls with 32-bit time.
const has32 = false

// compat is what a request needs for them.
type compat struct{}

func (*Device) oldCall(bufferCall, *request) error { return syscall.ENOTTY }

func (*Device) oldEvent(*kEvent) error { return syscall.ENOTTY }
