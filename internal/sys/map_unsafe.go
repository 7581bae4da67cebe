package sys

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PageSize is the size of a memory page in bytes.
func PageSize() int { return os.Getpagesize() }

// Map is one mapping outside the Go heap. Its memory is valid until Unmap.
type Map struct {
	base unsafe.Pointer
	size uintptr
}

// Base is the first byte of the mapping.
func (m Map) Base() unsafe.Pointer { return m.base }

// Size is the length of the mapping in bytes.
func (m Map) Size() int { return int(m.size) }

// MapAnonymous reserves size bytes of private zeroed memory; pages are committed when first touched.
// The mapping is not inherited over fork, so that a child cannot write into the parent's frames by mistake.
func MapAnonymous(size int) (Map, error) {
	return mapMemory(-1, size, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
}

// MapShared maps size bytes of the file fd, for reading and writing, shared with other processes.
func MapShared(fd, size int) (Map, error) { return mapMemory(fd, size, unix.MAP_SHARED) }

// MapReadOnly maps the file fd for reading, shared with whoever writes it.
func MapReadOnly(fd, size int) (Map, error) {
	if size <= 0 {
		return Map{}, unix.EINVAL
	}
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return Map{}, err
	}
	m := Map{p, uintptr(size)}
	return m, unix.Madvise(m.bytes(0, size), unix.MADV_DONTFORK)
}

func mapMemory(fd, size, flags int) (Map, error) {
	if size <= 0 {
		return Map{}, unix.EINVAL
	}
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return Map{}, err
	}
	m := Map{p, uintptr(size)}
	if err := unix.Madvise(m.bytes(0, size), unix.MADV_DONTFORK); err != nil {
		return Map{}, errors.Join(err, m.Unmap())
	}
	return m, nil
}

func (m Map) bytes(off, n int) []byte { return unsafe.Slice((*byte)(unsafe.Add(m.base, off)), n) }

// Populate commits the pages of [off, off+n) now, so that the first access does not fault.
func (m Map) Populate(off, n int) error {
	if n <= 0 {
		return nil
	}
	page := PageSize()
	lo := off &^ (page - 1)
	b := m.bytes(lo, min((off+n+page-1)&^(page-1), int(m.size))-lo)
	if err := unix.Madvise(b, unix.MADV_POPULATE_WRITE); err == nil {
		return nil
	}
	// Kernels before 5.14 have no MADV_POPULATE_WRITE: write one byte a page, without changing it.
	for i := 0; i < len(b); i += page {
		store(&b[i], b[i])
	}
	return nil
}

// store is not inlined, so that the compiler cannot drop a write of the value read.
//
//go:noinline
func store(p *byte, v byte) { *p = v }

// Protect sets the access of the pages of [off, off+n), which must be page-aligned.
func (m Map) Protect(off, n int, accessible bool) error {
	prot := unix.PROT_NONE
	if accessible {
		prot = unix.PROT_READ | unix.PROT_WRITE
	}
	return unix.Mprotect(m.bytes(off, n), prot)
}

// Revoke gives the memory of [off, off+n) back to the kernel and leaves addresses that fault, so that a stale pointer
// into it never meets foreign memory. off must be page-aligned.
func (m Map) Revoke(off, n int) error {
	if n <= 0 {
		return nil
	}
	_, err := unix.MmapPtr(-1, 0, unsafe.Add(m.base, off), uintptr(n), unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err
}

// Unmap ends the mapping.
func (m Map) Unmap() error { return unix.MunmapPtr(m.base, m.size) }

// Memfd makes a memory file of size bytes, sealed against shrinking, growing and further seals. It is close-on-exec.
func Memfd(name string, size int) (int, error) {
	fd, err := unix.MemfdCreate("poolgen:"+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("creating memfd: %w", err)
	}
	// By way of /proc anybody may open what a process has open, as the file's mode allows: whoever was given it for reading only must not write.
	err = unix.Fchmod(fd, 0o600)
	if err == nil {
		err = unix.Ftruncate(fd, int64(size))
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("sizing memfd to %d bytes: %w", size, err), unix.Close(fd))
	}
	return fd, nil
}

// SealedAgainstShrinking reports whether the file fd can no longer be truncated under a mapping.
func SealedAgainstShrinking(fd int) (bool, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return false, err
	}
	return seals&unix.F_SEAL_SHRINK != 0, nil
}

// FileSize is the size of the file fd in bytes.
func FileSize(fd int) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Size, nil
}

// SealedSize is the size of a memfd, and whether nobody can make it smaller. The seals are read first, so that it is not cut off between the two.
func SealedSize(fd int) (size int64, sealed bool, err error) {
	if sealed, err = SealedAgainstShrinking(fd); err == nil {
		size, err = FileSize(fd)
	}
	return size, sealed, err
}

// Close closes the file descriptor fd.
func Close(fd int) error { return unix.Close(fd) }

// Dup duplicates fd, close-on-exec.
func Dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// Discard gives the memory of [off, off+n) back to the kernel, of the file fd if the mapping is shared (fd is -1 otherwise). The
// pages read as zero and are committed again when touched. off and n must be page-aligned.
func (m Map) Discard(off, n, fd int) error {
	if n <= 0 {
		return nil
	}
	if fd < 0 {
		return unix.Madvise(m.bytes(off, n), unix.MADV_DONTNEED)
	}
	// MADV_DONTNEED leaves the pages of a shared file where they are.
	return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(n))
}
