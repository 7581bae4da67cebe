package pool

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// OpenAllocator maps the shared allocator in the memfd fd, which stays the caller's, and checks it. The error wraps ErrCorrupt if the
// file holds no allocator of this version or could be truncated. Close takes this process's mapping away.
func OpenAllocator(fd int) (*Allocator, error) {
	fail := func(err error) error {
		return fmt.Errorf("poolgen: opening an allocator from descriptor %d: %w", fd, err)
	}
	size, sealed, err := sys.SealedSize(fd)
	if err == nil && (size < allocHeaderSize || size > maxAllocator) {
		return nil, fail(fmt.Errorf("%w: %d bytes cannot hold one", ErrCorrupt, size))
	}
	if err != nil || !sealed {
		return nil, fail(fmt.Errorf("%w: the file is not a memfd sealed with F_SEAL_SHRINK, a peer could truncate it under us", errors.Join(ErrCorrupt, err)))
	}
	own, err := sys.Dup(fd)
	if err != nil {
		return nil, fail(err)
	}
	region, err := sys.MapShared(own, int(size))
	if err != nil {
		return nil, errors.Join(fail(err), sys.Close(own))
	}
	a := &Allocator{name: "shared", base: region.Base(), h: (*allocHeader)(region.Base()),
		arena: &arena{base: region.Base(), size: int(size), region: region, mapped: true, fd: own}}
	if err := a.validate(); err != nil {
		return nil, errors.Join(fail(fmt.Errorf("%w: %w", ErrCorrupt, err)), region.Unmap(), sys.Close(own))
	}
	return a, nil
}

// validate checks an allocator that came from elsewhere: it must be what its own sizes and budget lead to, word for word. What it
// adopts are the words that it computed itself, so a peer that changes them later leads nobody astray.
func (a *Allocator) validate() error {
	h := a.h
	classes, shift := h.classes, h.unitShift
	switch {
	case h.magic != allocMagic:
		return fmt.Errorf("magic is %#x, not %#x", h.magic, uint32(allocMagic))
	case h.endian != endianTag:
		return fmt.Errorf("byte order tag is %#x: written by a machine of the other byte order", h.endian)
	case h.abi != AllocABIVersion:
		return fmt.Errorf("ABI version is %d, this program speaks %d: build both sides with the same poolgen", h.abi, AllocABIVersion)
	case classes == 0 || classes > maxClasses || int(allocHeaderSize+classes*classSize) > a.arena.size || shift < 12 || shift > 16:
		return fmt.Errorf("%d classes, units of 1<<%d bytes", classes, shift)
	case h.mapSize > uint64(a.arena.size):
		return fmt.Errorf("says it has %d bytes, the file has %d: truncated", h.mapSize, a.arena.size)
	}
	there := slices.Clone(unsafe.Slice((*class)(unsafe.Add(a.base, allocHeaderSize)), classes))
	o := AllocOptions{Budget: int64(h.mapSize), Align: int(h.align), Cache: int(h.cacheLimit)}
	for _, c := range there {
		o.Sizes = append(o.Sizes, int(c.size))
		o.Prealloc = append(o.Prealloc, int(c.prealloc))
	}
	l, err := planAllocator(&o, shift)
	if err != nil {
		return err
	}
	l.magic, l.id = h.magic, h.id
	fixed := int(unsafe.Offsetof(h.stateOffset)) + 4
	words := func(p *allocHeader) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), fixed) }
	if string(words(h)) != string(words(&l.allocHeader)) || !slices.Equal(there, l.list) {
		return fmt.Errorf("its header is not what %d classes in %d bytes lead to", classes, h.mapSize)
	}
	a.adopt(&l.allocHeader, l.list, l.lookup)
	return nil
}

// Bytes is Malloc with the block as a slice of length n and the block's whole size as capacity. FreeBytes frees it.
func (a *Allocator) Bytes(n int) ([]byte, error) {
	p, err := a.Malloc(n)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), a.UsableSize(p))[:n], nil
}

// FreeBytes frees what Bytes returned: b begins where that did, whatever its length.
func (a *Allocator) FreeBytes(b []byte) { a.Free(unsafe.Pointer(unsafe.SliceData(b))) }

// Calloc takes a block of count*size zero bytes; an error also when that overflows.
func (a *Allocator) Calloc(count, size int) (unsafe.Pointer, error) {
	high, n := bits.Mul(uint(count), uint(size))
	if count < 0 || size < 0 || high != 0 || n > ^uint(0)>>1 {
		return nil, fmt.Errorf("poolgen: allocator %q: %d blocks of %d bytes are more than can be addressed", a.name, count, size)
	}
	p, err := a.Malloc(int(n))
	if err == nil {
		clear(unsafe.Slice((*byte)(p), n))
	}
	return p, err
}

// AlignedAlloc takes a block of at least n bytes whose address is a multiple of align, a power of two. In a shared allocator it is at
// most the page size.
func (a *Allocator) AlignedAlloc(align, n int) (unsafe.Pointer, error) {
	if align <= 0 || bits.OnesCount(uint(align)) != 1 {
		return nil, fmt.Errorf("poolgen: allocator %q: alignment %d is not a power of two", a.name, align)
	}
	if n < 0 || align <= int(a.geo.align) || a.closed.Load() {
		return a.Malloc(n)
	}
	if align <= maxBlockAlign && n <= int(a.geo.maxSize) {
		for c := a.classOf(uint32(max(n, 1))); c < a.geo.classes; c++ {
			// Spans begin at a page, so a block is aligned to what its size is a multiple of.
			if a.list[c].size&uint32(align-1) == 0 {
				return a.fetch(nil, c)
			}
		}
	}
	return a.large(nil, max(n, 1), uintptr(align))
}

// UsableSize is how many bytes of the block at p may be used. It panics with *AllocError if p is not the start of an allocated block.
func (a *Allocator) UsableSize(p unsafe.Pointer) int {
	name, _ := a.where("size", p)
	if name&255 == unitRun {
		return int(get(a.plain(a.geo.runOffset, name>>8))) << a.geo.unitShift
	}
	return int(a.list[name&255-1].size)
}

// Realloc makes the block at p hold n bytes: where it is if it can, else at a new place, where its content is copied. After an error p
// is as it was. It panics with *AllocError if p is not the start of an allocated block; nil is taken.
func (a *Allocator) Realloc(p unsafe.Pointer, n int) (unsafe.Pointer, error) {
	if p == nil || n < 0 {
		return a.Malloc(n)
	}
	name, _ := a.where("realloc", p)
	have := a.UsableSize(p)
	if name&255 == unitRun {
		if n > int(a.geo.maxSize) && a.resizeRun(name>>8, n) {
			return p, nil
		}
	} else if n <= have && (n >= have/2 || a.classOf(uint32(max(n, 1))) == name&255-1) {
		return p, nil // a block of half the size would not save much
	}
	q, err := a.Malloc(n)
	if err != nil {
		if n <= have {
			return p, nil
		}
		return nil, err
	}
	copy(unsafe.Slice((*byte)(q), n), unsafe.Slice((*byte)(p), have))
	a.Free(p)
	return q, nil
}

// resizeRun makes the large block at unit u as large as n bytes need, if it can stay where it is.
func (a *Allocator) resizeRun(u uint32, n int) bool {
	g := &a.geo
	have := get(a.plain(g.runOffset, u))
	want := uint64(n)>>g.unitShift + min(uint64(n)&(1<<g.unitShift-1), 1)
	if want > uint64(g.units-u) {
		return false
	}
	need := uint32(want)
	switch {
	case need > have:
		if !a.takeRun(u+have, need-have) {
			return false
		}
		a.using(need - have)
		a.nameUnits(u+have, need-have, u<<8|unitRun)
		set(a.plain(g.runOffset, u), need)
	case need < have:
		set(a.plain(g.runOffset, u), need)
		a.nameUnits(u+need, have-need, unitNone)
		a.freeRun(u+need, have-need)
	}
	return true
}
