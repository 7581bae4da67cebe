package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ioctl calls ioctl(2) with a pointer argument, again after a signal. The pointer becomes an integer only in the system call's own
// arguments, where it keeps what it points to alive and in place. The error is the errno.
func Ioctl(fd int, request uint32, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

// OpenDevice opens a device node for reading and writing, non-blocking and close-on-exec. Errors are those of open(2).
func OpenDevice(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// MapDevice maps size bytes of the device fd at offset, for reading and writing, shared with it. Children of fork do not inherit it.
func MapDevice(fd int, offset int64, size int) (Map, error) {
	if size <= 0 {
		return Map{}, unix.EINVAL
	}
	p, err := unix.MmapPtr(fd, offset, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return Map{}, err
	}
	m := Map{p, uintptr(size)}
	// A driver's memory may refuse the advice: a child that is told to exec at once does no harm with it.
	_ = unix.Madvise(m.bytes(0, size), unix.MADV_DONTFORK)
	return m, nil
}

// Monotonic is CLOCK_MONOTONIC in nanoseconds.
func Monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails only for a clock that is not there
	return ts.Nano()
}

// UnmapAt ends the mapping of size bytes at p.
func UnmapAt(p unsafe.Pointer, size int) error { return unix.MunmapPtr(p, uintptr(size)) }

// IoctlInt is Ioctl for calls whose result is a number, such as a descriptor.
func IoctlInt(fd int, request uint32, arg unsafe.Pointer) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}
