package sys

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CacheColour is what the address and the file offset of a shared mapping must agree in, in bytes: SHMLBA, four pages, on those ARMs
// whose caches alias (arch/arm/include/asm/shmparam.h). Where caches do not alias it only costs some rounding.
const CacheColour = 16 << 10

// Reserve takes size bytes of addresses that fault, at a multiple of align (a power of two, at least the page size), for MapFileAt.
// Errors are EINVAL and ENOMEM.
func Reserve(size, align int) (Map, error) {
	if size <= 0 || align < PageSize() || align&(align-1) != 0 || size+align < size {
		return Map{}, unix.EINVAL
	}
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size+align), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return Map{}, err
	}
	before := int(-uintptr(p) & uintptr(align-1))
	base := unsafe.Add(p, before)
	if before > 0 {
		err = unix.MunmapPtr(p, uintptr(before))
	}
	err = errors.Join(err, unix.MunmapPtr(unsafe.Add(base, size), uintptr(align-before)))
	return Map{base, uintptr(size)}, err
}

// MapFileAt puts n bytes of the file fd, from offset on, at byte off of the reservation m, shared with other processes, for reading and,
// if writable, writing. All numbers are multiples of CacheColour and of the page size. Children of fork do not inherit the mapping.
func (m Map) MapFileAt(off, fd int, offset int64, n int, writable bool) error {
	if off < 0 || n <= 0 || off > int(m.size)-n {
		return unix.EINVAL
	}
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	_, err := unix.MmapPtr(fd, offset, unsafe.Add(m.base, off), uintptr(n), prot, unix.MAP_SHARED|unix.MAP_FIXED)
	if err != nil {
		return err
	}
	return unix.Madvise(m.bytes(off, n), unix.MADV_DONTFORK)
}

// Allocate commits the memory or disk space of [off, off+n) of the file fd, so that a write there cannot fail later. Errors are ENOSPC,
// ENOMEM, EFBIG and EOPNOTSUPP (a file system that cannot).
func Allocate(fd int, off, n int64) error {
	for {
		if err := unix.Fallocate(fd, 0, off, n); err != unix.EINTR {
			return err
		}
	}
}

// PunchHole gives the memory or disk space of [off, off+n) of the file fd back; it reads as zero then.
func PunchHole(fd int, off, n int64) error {
	return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}
