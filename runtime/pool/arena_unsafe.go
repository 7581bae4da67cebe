package pool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// arena is the memory of one pool: superblock, descriptor, hints, headers, payloads.
type arena struct {
	base   unsafe.Pointer
	size   int
	region sys.Map // unused in an arena on the Go heap
	mapped bool
	heap   []byte // race builds: keeps the memory alive
	fd     int    // memfd of a shared arena, else -1
}

func newArena(name string, size int, shared bool) (*arena, error) {
	a := &arena{size: size, fd: -1}
	if raceBuild && !shared {
		// Aligned to a page within a larger slice. Go does not move heap memory, and the pool keeps it alive.
		page := sys.PageSize()
		a.heap = make([]byte, size+page)
		off := -uintptr(unsafe.Pointer(&a.heap[0])) & uintptr(page-1)
		a.base = unsafe.Pointer(&a.heap[off])
		return a, nil
	}
	var err error
	if shared {
		if a.fd, err = sys.Memfd(name, size); err != nil {
			return nil, err
		}
		a.region, err = sys.MapShared(a.fd, size)
	} else {
		a.region, err = sys.MapAnonymous(size)
	}
	if err != nil {
		if a.fd >= 0 {
			err = errors.Join(err, sys.Close(a.fd))
		}
		return nil, fmt.Errorf("poolgen: mapping an arena of %d bytes for pool %q (lower Options.Max or Options.Budget): %w", size, name, err)
	}
	a.base, a.mapped = a.region.Base(), true
	return a, nil
}

func (a *arena) super() *superblock { return (*superblock)(a.base) }
func (a *arena) desc() *descriptor  { return (*descriptor)(unsafe.Add(a.base, superSize)) }
func (a *arena) header(i uint32) *header {
	return (*header)(unsafe.Add(a.base, headersOffset+uintptr(i)*headerSize))
}

// format writes the bookkeeping of a fresh, zeroed arena.
func (a *arena) format(g *geometry, o *Options) {
	s, d := a.super(), a.desc()
	s.abi, s.endian, s.headerSize = ABIVersion, endianTag, headerSize
	s.arenaSize, s.pools, s.descOffset = g.arenaSize, 1, superSize
	var id [8]byte
	_, _ = rand.Read(id[:]) // crypto/rand.Read does not return errors
	s.arenaID = binary.NativeEndian.Uint64(id[:])
	if g.debug != 0 {
		d.flags |= poolSlowRelease
	}
	if o.Shared {
		d.flags |= poolShared
	}
	d.stride, d.capacity, d.fixed, d.external = g.stride, g.capacity, g.fixed, g.external
	d.prealloc, d.hintSlots, d.headersOffset = g.prealloc, hintSlots, headersOffset
	d.payloadOffset, d.budget, d.limit = g.payloadOffset, g.budget, g.fixed
	for i := range g.fixed + g.external {
		h := a.header(i)
		h.generation, h.canary = 1, headerCanary
		if i < g.fixed {
			h.capacity = g.capacity
			h.payload = uint32((g.payloadOffset + uint64(i)*uint64(g.stride)) / payloadUnit)
		}
		h.ref.Store(1 << refGenShift)
	}
	s.magic = arenaMagic // last: a peer that sees it sees the rest
}

// openArena maps the arena in fd and checks everything that addresses are later computed from.
func openArena(fd int) (*arena, geometry, error) {
	var g geometry
	size, sealed, err := sys.SealedSize(fd)
	if err == nil && (size < headersOffset || uint64(size) > uint64(^uint(0)>>1)) {
		return nil, g, fmt.Errorf("poolgen: opening an arena from descriptor %d: %w: %d bytes cannot hold one", fd, ErrCorrupt, size)
	}
	if err != nil || !sealed {
		return nil, g, fmt.Errorf("poolgen: opening an arena from descriptor %d: %w: the file is not a memfd sealed with F_SEAL_SHRINK, a peer could truncate it under us",
			fd, errors.Join(ErrCorrupt, err))
	}
	own, err := sys.Dup(fd)
	if err != nil {
		return nil, g, fmt.Errorf("poolgen: opening an arena: duplicating descriptor %d: %w", fd, err)
	}
	region, err := sys.MapShared(own, int(size))
	if err != nil {
		return nil, g, errors.Join(fmt.Errorf("poolgen: opening an arena: mapping %d bytes: %w", size, err), sys.Close(own))
	}
	a := &arena{base: region.Base(), size: int(size), region: region, mapped: true, fd: own}
	if g, err = a.validate(); err != nil {
		err = fmt.Errorf("poolgen: opening an arena from descriptor %d: %w: %w", fd, ErrCorrupt, err)
		return nil, g, errors.Join(err, region.Unmap(), sys.Close(own))
	}
	return a, g, nil
}

// validate checks an arena that came from elsewhere, on copies: a hostile writer may change the words meanwhile.
func (a *arena) validate() (geometry, error) {
	s, d := a.super(), a.desc()
	g := geometry{
		capacity: d.capacity, stride: d.stride, fixed: d.fixed, external: d.external, prealloc: d.prealloc,
		payloadOffset: d.payloadOffset, budget: d.budget, arenaSize: s.arenaSize,
	}
	limit, size := d.limit, uint64(a.size)
	switch {
	case s.magic != arenaMagic:
		return g, fmt.Errorf("magic is %#x, not %#x", s.magic, uint32(arenaMagic))
	case s.endian != endianTag:
		return g, fmt.Errorf("byte order tag is %#x: written by a machine of the other byte order", s.endian)
	case s.abi != ABIVersion:
		return g, fmt.Errorf("ABI version is %d, this program speaks %d: build both sides with the same poolgen", s.abi, ABIVersion)
	case s.headerSize != headerSize || s.pools != 1 || s.descOffset != superSize || d.hintSlots != hintSlots || d.headersOffset != headersOffset:
		return g, fmt.Errorf("headers of %d bytes at %d, %d pools at %d, %d hint slots: not the layout of version %d",
			s.headerSize, d.headersOffset, s.pools, s.descOffset, d.hintSlots, ABIVersion)
	case g.arenaSize > size:
		return g, fmt.Errorf("says it has %d bytes, the file has %d: truncated", g.arenaSize, size)
	case g.fixed == 0 || g.fixed > maxBlocks || g.external > maxExternal || limit > g.fixed || g.prealloc > g.fixed:
		return g, fmt.Errorf("%d blocks, %d external, limit %d, prealloc %d", g.fixed, g.external, limit, g.prealloc)
	case g.stride == 0 || g.stride%payloadUnit != 0 || g.capacity == 0 || g.capacity > g.stride:
		return g, fmt.Errorf("capacity %d in a stride of %d bytes", g.capacity, g.stride)
	case g.payloadOffset%payloadUnit != 0 || g.payloadOffset > g.arenaSize ||
		headersOffset+(uint64(g.fixed)+uint64(g.external))*headerSize > g.payloadOffset:
		return g, fmt.Errorf("payloads at %d overlap the headers of %d blocks", g.payloadOffset, g.fixed+g.external)
	case uint64(g.fixed)*uint64(g.stride) > g.arenaSize-g.payloadOffset:
		return g, fmt.Errorf("%d blocks of %d bytes do not fit in %d bytes", g.fixed, g.stride, g.arenaSize-g.payloadOffset)
	case d.opened.Load() > limit:
		return g, fmt.Errorf("%d blocks opened of %d", d.opened.Load(), limit)
	}
	for i := range g.fixed {
		h := a.header(i)
		want := uint32((g.payloadOffset + uint64(i)*uint64(g.stride)) / payloadUnit)
		if h.canary != headerCanary || h.payload != want || h.capacity != g.capacity {
			return g, fmt.Errorf("header of block %d is damaged: canary %#x, payload %d, capacity %d", i, h.canary, h.payload, h.capacity)
		}
	}
	return g, nil
}

// prefault commits the bookkeeping and the first n payloads.
func (a *arena) prefault(g *geometry) error {
	if !a.mapped {
		return nil
	}
	return a.region.Populate(0, int(g.payloadOffset+uint64(g.prealloc)*uint64(g.stride)))
}

// revoke gives the payloads' memory back and leaves addresses that fault. Headers stay for handles that are still around.
func (a *arena) revoke(g *geometry) error {
	var err error
	if a.mapped {
		page := uint64(sys.PageSize())
		from := roundUp(g.payloadOffset, page)
		err = a.region.Revoke(int(from), a.size-int(from))
	}
	if a.fd >= 0 {
		err = errors.Join(err, sys.Close(a.fd))
		a.fd = -1
	}
	return err
}

// release ends the mapping. Nothing may use the arena afterwards.
func (a *arena) release() error {
	a.heap = nil
	if !a.mapped {
		return nil
	}
	a.mapped = false
	err := a.region.Unmap()
	if a.fd >= 0 {
		err = errors.Join(err, sys.Close(a.fd))
		a.fd = -1
	}
	return err
}
