package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Vector is the list of memory that one readv(2) or writev(2) goes through. It holds what it names in place and alive. The zero
// Vector is empty.
type Vector struct {
	all  []unix.Iovec
	next int // the first of all that is not done
	left int // bytes
}

// Reset empties the vector and lets go of the memory it named.
func (v *Vector) Reset() {
	clear(v.all)
	v.all, v.next, v.left = v.all[:0], 0, 0
}

// Add appends memory. It allocates until the vector has seen as many pieces as it will ever hold; empty ones are left out.
func (v *Vector) Add(b []byte) {
	if len(b) == 0 {
		return
	}
	iov := unix.Iovec{Base: unsafe.SliceData(b)}
	iov.SetLen(len(b))
	v.all = append(v.all, iov)
	v.left += len(b)
}

// Left is the number of bytes that are still to be gone through.
func (v *Vector) Left() int { return v.left }

// advance drops the first n bytes.
func (v *Vector) advance(n int) {
	v.left -= n
	for n > 0 {
		iov := &v.all[v.next]
		size := int(iov.Len)
		if n < size {
			iov.Base = (*byte)(unsafe.Add(unsafe.Pointer(iov.Base), n))
			iov.SetLen(size - n)
			return
		}
		n -= size
		v.next++
	}
}

// maxVector is UIO_MAXIOV of linux/uio.h: more pieces in one call are EINVAL.
const maxVector = 1024

// Readv reads what there is into the vector, once, and returns how many bytes that were: 0 at the end of the file. Errors are
// those of readv(2); EINTR is tried again.
func Readv(fd uintptr, v *Vector) (int, error) { return v.call(unix.SYS_READV, fd) }

// Writev writes as much of the vector as there is room for, once, and returns how many bytes that were. Errors are those of
// writev(2); EINTR is tried again.
func Writev(fd uintptr, v *Vector) (int, error) { return v.call(unix.SYS_WRITEV, fd) }

func (v *Vector) call(number, fd uintptr) (int, error) {
	iov := v.all[v.next:]
	if len(iov) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.Syscall(number, fd, uintptr(unsafe.Pointer(&iov[0])), uintptr(min(len(iov), maxVector)))
		switch errno {
		case 0:
			v.advance(int(n))
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
