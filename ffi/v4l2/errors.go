package v4l2

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrBusy says that another goroutine reads, writes or waits on the same stream or for events of the same device.
var ErrBusy = errors.New("another goroutine waits here already: one at a time")

// ErrClosed says that the stream or device was closed.
var ErrClosed = errors.New("it is closed")

// Error is a refusal of the device or the kernel.
type Error struct {
	Device string // path of the node
	Op     string // what was being done, such as "setting the format to 640x480 YUYV"
	Err    error  // the errno as syscall.Errno, the context's cause, ErrBusy or ErrClosed
	Mend   string // what to do about it; may be ""
}

func (e *Error) Error() string {
	s := fmt.Sprintf("v4l2: %s of %s: %v", e.Op, e.Device, e.Err)
	if e.Mend != "" {
		s += ": " + e.Mend
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// mends say what to do about an errno where the caller knows nothing better.
func mend(err error) string {
	switch {
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return "the device is gone: close it, and open it again when it is back"
	case errors.Is(err, syscall.EBUSY):
		return "another program, or another stream of this one, uses the device: close it first"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "the node may not be opened by this user: add the user to the group that owns it, often video"
	case errors.Is(err, syscall.ENOTTY):
		return "the driver has no such call"
	case errors.Is(err, syscall.ENOENT):
		return "there is no such node: Devices lists those that are there"
	case errors.Is(err, syscall.ENOMEM):
		return "the driver found no memory: use fewer or smaller buffers, or a larger CMA area"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "raise the limit of open files (ulimit -n)"
	}
	return ""
}

func (d *Device) fail(op string, err error, mends ...string) error {
	return failure(d.path, op, err, mends...)
}

func failure(path, op string, err error, mends ...string) error {
	m := ""
	if len(mends) > 0 {
		m = mends[0]
	}
	if m == "" {
		m = mend(err)
	}
	return &Error{Device: path, Op: op, Err: err, Mend: m}
}

// gone reports whether the device was unplugged.
func gone(err error) bool { return errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) }

// startMend says what to do about a stream that does not start.
func startMend(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the USB bus has no bandwidth left: use a smaller frame, a longer interval, a compressed format or another port"
	case errors.Is(err, syscall.EPIPE):
		return "the pipeline is not linked or its formats do not fit: set it up with media-ctl first"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOBUFS):
		return "the driver wants more buffers in its queue: use more StreamConfig.Buffers, and hold fewer frames"
	}
	return ""
}
