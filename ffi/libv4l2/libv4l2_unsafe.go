package libv4l2

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// System makes the system calls of a v4l2.Device through libv4l2: the System of v4l2.Options. One serves any number of devices; its
// methods may be called from any goroutine.
type System struct {
	lib    *library
	libc   *libc
	refuse func(request uint32) bool // calls with a time that the library does not know
}

// New loads the library. The error says which package has it.
func New() (*System, error) {
	lib, err := openCalls()
	if err != nil {
		return nil, fmt.Errorf("libv4l2: %w", err)
	}
	libc, err := openStandard()
	if err != nil {
		return nil, fmt.Errorf("libv4l2: %w", err)
	}
	s := &System{lib: lib, libc: libc, refuse: func(uint32) bool { return false }}
	if unsafe.Sizeof(uintptr(0)) == 4 {
		wide, err := knowsTime64()
		if err != nil {
			return nil, fmt.Errorf("libv4l2: looking whether the library has 64-bit time: %w", err)
		}
		if !wide {
			s.refuse = time64
		}
	}
	return s, nil
}

// time64 reports whether a request has a structure with 64-bit time, on 32-bit machines: struct v4l2_buffer of 80 bytes, or
// struct v4l2_event of 128 and more. It goes by the size in the request's number (asm-generic/ioctl.h).
func time64(request uint32) bool {
	size := request >> 16 & 0x3fff
	switch request & 0xffff {
	case 'V'<<8 | 9, 'V'<<8 | 15, 'V'<<8 | 17, 'V'<<8 | 93: // QUERYBUF, QBUF, DQBUF, PREPARE_BUF
		return size == 80
	case 'V'<<8 | 89: // DQEVENT
		return size > 120
	}
	return false
}

// knowsTime64 looks which functions of the C library the loaded libv4l2 calls: those of a build with 64-bit time end in time64.
func knowsTime64() (bool, error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(maps)) {
		at := strings.IndexByte(line, '/')
		if at < 0 || !strings.Contains(line, "/libv4l2.so") {
			continue
		}
		f, err := elf.Open(strings.TrimSpace(line[at:]))
		if err != nil {
			return false, err
		}
		symbols, err := f.ImportedSymbols()
		_ = f.Close() // it was only read
		if err != nil {
			return false, err
		}
		for _, s := range symbols {
			if strings.HasSuffix(s.Name, "time64") {
				return true, nil
			}
		}
		return false, nil
	}
	return false, errors.New("it is not mapped")
}

// do calls f again until no signal cuts it short. failed says whether its result is a failure; then the error is the errno.
func (s *System) do(f func() (failed bool)) error {
	// errno is the thread's own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for f() {
		if errno := syscall.Errno(*s.libc.errno()); errno != syscall.EINTR {
			return errno
		}
	}
	return nil
}

// Open opens the node at path.
func (s *System) Open(path string) (int, error) {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, syscall.EINVAL
	}
	var fd int32
	err = s.do(func() bool {
		fd = s.lib.open(name, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC)
		return fd < 0
	})
	return int(fd), err
}

// Close closes what Open opened.
func (s *System) Close(fd int) error {
	// After a signal the descriptor is closed all the same.
	if err := s.do(func() bool { return s.lib.close(int32(fd)) < 0 && *s.libc.errno() != int32(syscall.EINTR) }); err != nil {
		return err
	}
	return nil
}

// Ioctl passes a structure of linux/videodev2.h to the library.
func (s *System) Ioctl(fd int, request uint32, arg unsafe.Pointer) error {
	if s.refuse(request) {
		return syscall.ENOTTY
	}
	if request&0xffff == 'V'<<8|17 && !ready(fd, arg) {
		return syscall.EAGAIN // the library would, too, and complain of it on standard error
	}
	// As an address, because cgo would look at all of the object that arg is a part of. The heap does not move.
	err := s.do(func() bool { return s.lib.ioctl(int32(fd), uintptr(request), uintptr(arg)) < 0 })
	runtime.KeepAlive(arg)
	return err
}

// ready reports whether a buffer can be dequeued without waiting, for the call that takes a struct v4l2_buffer.
func ready(fd int, buffer unsafe.Pointer) bool {
	events := int16(sys.PollIn)
	switch typ := *(*uint32)(unsafe.Add(buffer, 4)); typ {
	case 2, 10, 14: // V4L2_BUF_TYPE_VIDEO_OUTPUT, VIDEO_OUTPUT_MPLANE, META_OUTPUT
		events = sys.PollOut
	}
	fds := [1]sys.PollFD{{Fd: int32(fd), Events: events}}
	n, err := sys.Poll(fds[:], 0)
	return n > 0 || err != nil // what is wrong the call itself says
}

// Map maps a buffer, the library's where it converts.
func (s *System) Map(fd int, offset uint32, size int) (unsafe.Pointer, error) {
	const failed = ^uintptr(0)
	var p uintptr
	err := s.do(func() bool {
		p = s.lib.mmap(0, uintptr(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED, int32(fd), int64(offset))
		return p == failed
	})
	if err != nil {
		return nil, err
	}
	return *(*unsafe.Pointer)(unsafe.Pointer(&p)), nil // C's memory, which vet takes for Go's
}

// Unmap ends a mapping of Map.
func (s *System) Unmap(p unsafe.Pointer, size int) error {
	return s.do(func() bool { return s.lib.munmap(uintptr(p), uintptr(size)) < 0 })
}
