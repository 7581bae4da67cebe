package v4l2

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// DMABuf is memory that devices share by a file descriptor. It is a value: who has made it closes it once.
type DMABuf struct {
	FD   int
	Size int // in bytes
}

// Close closes the descriptor. Devices and mappings that have the memory keep it.
func (b DMABuf) Close() error { return sys.Close(b.FD) }

// Export makes a DMABUF of each plane of each buffer of a MemoryMMAP stream (VIDIOC_EXPBUF), for StreamConfig.Import of another
// device's stream or for a display. The caller closes them; they stay valid after the stream's end.
func (s *Stream) Export() ([]DMABuf, error) {
	if s.cfg.Memory != MemoryMMAP {
		return nil, s.dev.fail("exporting buffers", syscall.EINVAL, "only a stream with MemoryMMAP has buffers of its own")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, s.dev.fail("exporting buffers", ErrClosed)
	}
	var l []DMABuf
	for _, sl := range s.slots {
		for i := range sl.n {
			k := &kExportbuffer{Type: s.typ, Index: sl.index, Plane: uint32(i), Flags: syscall.O_RDWR | syscall.O_CLOEXEC}
			if err := s.dev.ioctl(iocExpbuf, unsafe.Pointer(k)); err != nil {
				for _, b := range l {
					_ = b.Close()
				}
				return nil, s.dev.fail(fmt.Sprintf("exporting plane %d of buffer %d", i, sl.index), err)
			}
			l = append(l, DMABuf{int(k.Fd), sl.parts[i].size})
		}
	}
	return l, nil
}

// UDMABuf makes a DMABUF of a block of a shared pool whose Options.Align is a multiple of the page, by the kernel's udmabuf device. It
// covers the block, rounded up to pages, and stays the same memory as long as the caller keeps b's reference.
func UDMABuf(b pool.Buf) (DMABuf, error) {
	const path = "/dev/udmabuf"
	const op = "making a DMABUF of a block"
	p := b.Pool()
	page := sys.PageSize()
	offset := uintptr(b.Pointer()) - uintptr(p.Arena())
	size := (b.Cap() + page - 1) &^ (page - 1)
	if p.FD() < 0 || offset%uintptr(page) != 0 || offset >= uintptr(p.ArenaSize()) || uintptr(size) > uintptr(p.ArenaSize())-offset {
		return DMABuf{}, failure(path, op, syscall.EINVAL, "the pool must be made with pool.Options.Shared and an Align of 4096, and the block be none of its external ones")
	}
	fd, err := sys.OpenDevice(path)
	if err != nil {
		m := ""
		if errors.Is(err, syscall.ENOENT) {
			m = "the kernel has no udmabuf: build it with CONFIG_UDMABUF, or use a dma-heap"
		}
		return DMABuf{}, failure(path, op, err, m)
	}
	defer func() { _ = sys.Close(fd) }()
	k := &kUdmabufCreate{Memfd: uint32(p.FD()), Flags: udmabufCloexec, Offset: uint64(offset), Size: uint64(size)}
	n, err := sys.IoctlInt(fd, iocUdmabufCreate, unsafe.Pointer(k))
	if err != nil {
		return DMABuf{}, failure(path, op, err)
	}
	return DMABuf{n, size}, nil
}

// AllocDMABuf takes size bytes, rounded up to pages, of a dma-heap: "system", or one that suits a device, such as "linux,cma"
// (/dev/dma_heap). The memory is zeroed. The caller closes it.
func AllocDMABuf(heap string, size int) (DMABuf, error) {
	path := "/dev/dma_heap/" + heap
	op := fmt.Sprintf("taking %d bytes", size)
	if heap == "" || strings.Contains(heap, "/") || size <= 0 || size > 1<<30 {
		return DMABuf{}, failure(path, op, syscall.EINVAL, "the heap is the name of a file in /dev/dma_heap, the size from 1 to 1073741824")
	}
	page := sys.PageSize()
	size = (size + page - 1) &^ (page - 1)
	fd, err := sys.OpenDevice(path)
	if err != nil {
		m := ""
		if errors.Is(err, syscall.ENOENT) {
			m = "the kernel has no such heap"
			if there, _ := filepath.Glob("/dev/dma_heap/*"); len(there) > 0 {
				m += ": it has " + strings.Join(there, ", ")
			}
		}
		return DMABuf{}, failure(path, op, err, m)
	}
	defer func() { _ = sys.Close(fd) }()
	k := &kHeapAllocation{Len: uint64(size), Fd_flags: syscall.O_RDWR | syscall.O_CLOEXEC}
	if err := sys.Ioctl(fd, iocHeapAlloc, unsafe.Pointer(k)); err != nil {
		return DMABuf{}, failure(path, op, err)
	}
	return DMABuf{int(k.Fd), size}, nil
}
