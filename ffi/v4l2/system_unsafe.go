package v4l2

import (
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// System makes the system calls of a device. The kernel itself is the one that [Options] has by default; package libv4l2 has another,
// which converts pixel formats. An implementation calls again after EINTR and returns a syscall.Errno. Its methods may be called
// from any goroutine.
type System interface {
	// Open opens the node at path for reading and writing, non-blocking and close-on-exec.
	Open(path string) (fd int, err error)
	Close(fd int) error
	// Ioctl passes a structure of linux/videodev2.h. arg is on the Go heap and holds no Go pointers that the kernel keeps after the call.
	Ioctl(fd int, request uint32, arg unsafe.Pointer) error
	// Map maps a buffer for reading and writing, until Unmap.
	Map(fd int, offset uint32, size int) (unsafe.Pointer, error)
	Unmap(p unsafe.Pointer, size int) error
}

// kernel is the System without a library between.
type kernel struct{}

func (kernel) Open(path string) (int, error) { return sys.OpenDevice(path) }
func (kernel) Close(fd int) error            { return sys.Close(fd) }

func (kernel) Ioctl(fd int, request uint32, arg unsafe.Pointer) error {
	return sys.Ioctl(fd, request, arg)
}

func (kernel) Map(fd int, offset uint32, size int) (unsafe.Pointer, error) {
	m, err := sys.MapDevice(fd, int64(offset), size)
	if err != nil {
		return nil, err
	}
	return m.Base(), nil
}

func (kernel) Unmap(p unsafe.Pointer, size int) error { return sys.UnmapAt(p, size) }
