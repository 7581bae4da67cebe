package pool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// Allocator hands out blocks of any size from a set of size classes, within a budget, to Go and to C. Its methods may be called from any
// goroutine; a goroutine that allocates often does so by way of a Cache.
//
// A block lies outside the Go heap: it is not moved, not scanned, and must hold no Go pointer. It is its taker's until it is freed, by
// whomever. Its content is undefined, and stays readable, but is somebody else's, after that.
type Allocator struct {
	// Read on the hot path, never written after it is made.
	base unsafe.Pointer
	data unsafe.Pointer
	h    *allocHeader
	geo  geometryOfAllocator
	list []class
	look []byte

	name     string
	errLimit error // ErrLimit with the name, made once: a full allocator allocates nothing of Go's
	closed   atomic.Bool
	trims    atomic.Bool // Trim was called: what looks like no room may be what it has at the moment
	arena    *arena
	skew     int // of base within the mapping

	mu     sync.Mutex // guards what follows
	gone   bool       // memory given back
	counts [3]wide    // of refusals, misuses and reclaims
}

// geometryOfAllocator are the words of the header that do not change, out of a peer's reach.
type geometryOfAllocator struct {
	unitShift, units, blockShift, classes                          uint32
	stepLog, baseLog, bucket, minSize, maxSize, cacheLimit         uint32
	hintOffset, summaryOffset, maybeOffset, unitOffset             uint32
	runOffset, freeOffset, bitsOffset, stateOffset, buckets, align uint32
	data                                                           uint64
}

// NewAllocator makes an allocator. The caller owns it and calls Close.
func NewAllocator(o AllocOptions) (*Allocator, error) {
	if o.Name == "" {
		o.Name = "allocator"
	}
	l, err := planAllocator(&o, 0)
	if err != nil {
		return nil, err
	}
	// Units are aligned to their size in this process, so that every alignment up to that holds, where the mapping is ours alone.
	extra := 1 << l.unitShift
	if o.Shared {
		extra = 0
	}
	m, err := newArena(o.Name, int(l.mapSize)+extra, o.Shared)
	if err != nil {
		return nil, err
	}
	a := &Allocator{name: o.Name, arena: m}
	if extra > 0 {
		a.skew = int(-uintptr(m.base) & uintptr(extra-1))
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // crypto/rand.Read does not return errors
	l.id = binary.NativeEndian.Uint64(id[:])
	a.base = unsafe.Add(m.base, a.skew)
	a.h = (*allocHeader)(a.base)
	copy(unsafe.Slice((*byte)(a.base), allocHeaderSize), unsafe.Slice((*byte)(unsafe.Pointer(&l.allocHeader)), allocHeaderSize))
	copy(unsafe.Slice((*class)(unsafe.Add(a.base, l.classOffset)), len(l.list)), l.list)
	copy(unsafe.Slice((*byte)(unsafe.Add(a.base, l.lookupOffset)), len(l.lookup)), l.lookup)
	a.adopt(a.h, l.list, l.lookup)
	a.giveRun(0, a.geo.units)
	for i := range a.list {
		for made := uint32(0); made < a.list[i].prealloc; made += a.list[i].spanBlocks {
			u := a.run(a.list[i].spanUnits, 1)
			if u == noUnit {
				return nil, errors.Join(fmt.Errorf("poolgen: allocator %q: Prealloc of %d blocks of %d bytes does not fit the budget of %d bytes: raise Budget or lower Prealloc",
					o.Name, a.list[i].prealloc, a.list[i].size, o.Budget), m.release())
			}
			a.makeSpan(uint32(i), u, 0)
			if err := a.populate(u, a.list[i].spanUnits); err != nil {
				return nil, errors.Join(fmt.Errorf("poolgen: allocator %q: committing preallocated blocks: %w", o.Name, err), m.release())
			}
		}
	}
	a.h.magic = allocMagic // last: a peer that sees it sees the rest
	return a, nil
}

// adopt keeps what does not change of header h and of the tables.
func (a *Allocator) adopt(h *allocHeader, list []class, lookup []byte) {
	a.geo = geometryOfAllocator{
		h.unitShift, h.units, h.blockShift, h.classes, h.stepLog, h.baseLog, h.bucket, h.minSize, h.maxSize, h.cacheLimit,
		h.hintOffset, h.summaryOffset, h.maybeOffset, h.unitOffset, h.runOffset, h.freeOffset, h.bitsOffset, h.stateOffset, h.buckets, h.align, h.data,
	}
	a.data, a.list, a.look = unsafe.Add(a.base, uintptr(h.data)), list, lookup
	a.errLimit = fmt.Errorf("poolgen: allocator %q: %w: free blocks sooner or raise Budget", a.name, errNoRoom)
}

var errNoRoom = fmt.Errorf("its budget has no room (%w)", ErrLimit)

// Arena is what C's functions take as poolgen_allocator*. It is valid until Close succeeds.
func (a *Allocator) Arena() unsafe.Pointer { return a.base }

// ArenaSize is the number of bytes at Arena.
func (a *Allocator) ArenaSize() int { return int(a.geo.data) + int(a.geo.units)<<a.geo.unitShift }

// FD is the memfd of a shared allocator, which keeps it, or -1.
func (a *Allocator) FD() int { return a.arena.fd }

// classOf is the smallest class that holds n bytes, 1 to the largest size.
func (a *Allocator) classOf(n uint32) uint32 {
	g := &a.geo
	n = max(n, g.minSize) - 1
	k := uint32(31-bits.LeadingZeros32(n|1<<(g.baseLog&31))) & 31
	c := (k-g.baseLog)<<(g.stepLog&31) + n>>((k-g.stepLog)&31) - g.bucket
	if g.buckets != 0 {
		c = uint32(a.look[c])
		if n >= a.list[c].size {
			c++
		}
	}
	return c
}

// Malloc takes a block of at least n bytes, aligned to AllocOptions.Align; for 0 one of the smallest class. The error wraps ErrLimit
// when the budget has no room, also if n could never fit it, and ErrClosed after Close.
func (a *Allocator) Malloc(n int) (unsafe.Pointer, error) {
	if n <= 0 || uint(n) > uint(a.geo.maxSize) || a.closed.Load() {
		return a.odd(nil, n)
	}
	return a.fetch(nil, a.classOf(uint32(n)))
}

// odd is Malloc of what is no size of a class.
func (a *Allocator) odd(t *Cache, n int) (unsafe.Pointer, error) {
	switch {
	case a.closed.Load():
		return nil, fmt.Errorf("poolgen: allocator %q: %w", a.name, ErrClosed)
	case n < 0:
		return nil, fmt.Errorf("poolgen: allocator %q: %d bytes asked for", a.name, n)
	case n == 0:
		return a.fetch(t, 0)
	case uint(n) <= uint(a.geo.maxSize):
		return a.fetch(t, a.classOf(uint32(n)))
	}
	return a.large(t, n, 1)
}

// large takes a run of units for n bytes.
func (a *Allocator) large(t *Cache, n int, align uintptr) (unsafe.Pointer, error) {
	g := &a.geo
	units := uint64(n)>>g.unitShift + min(uint64(n)&(1<<g.unitShift-1), 1)
	u := noUnit
	if units <= uint64(g.units) {
		if u = a.searchRun(t, uint32(units), align); u == noUnit && a.trims.Load() {
			a.mu.Lock() // Trim holds it as long as it has anything
			u = a.searchRun(t, uint32(units), align)
			a.mu.Unlock()
		}
	}
	if u == noUnit {
		a.h.refusals.Add(1)
		return nil, a.errLimit
	}
	set(a.plain(g.runOffset, u), uint32(units))
	a.nameUnits(u, uint32(units), u<<8|unitRun)
	*a.state(u << g.blockShift) = blockLive
	return unsafe.Add(a.data, uintptr(u)<<g.unitShift), nil
}

// searchRun is run, after giving back what nobody uses if need be.
func (a *Allocator) searchRun(t *Cache, n uint32, align uintptr) uint32 {
	u := a.run(n, align)
	if u != noUnit {
		return u
	}
	if t != nil {
		t.Flush()
	}
	if a.reclaim() > 0 {
		u = a.run(n, align)
	}
	return u
}

// Free gives a block back. nil is taken. It panics with *AllocError if p is not the start of an allocated block.
func (a *Allocator) Free(p unsafe.Pointer) {
	if p == nil {
		return
	}
	if k, j, direct := a.unlink(p); !direct {
		a.give(k-1, a.unit(uint32((uintptr(p)-uintptr(a.data))>>a.geo.unitShift))>>8, j/32, 1<<(j&31))
	}
}

// unlink makes the block at p free in all but its bit, and says where that is; a large block is free then (direct).
func (a *Allocator) unlink(p unsafe.Pointer) (k, j uint32, direct bool) {
	name, j := a.where("free", p)
	*a.state(j) = blockFree
	if name&255 != unitRun {
		return name & 255, j, false
	}
	u := name >> 8
	n := get(a.plain(a.geo.runOffset, u))
	a.nameUnits(u, n, unitNone)
	a.freeRun(u, n)
	return 0, 0, true
}

// where finds the allocated block that p is the start of: its unit's word, and the index of its state.
func (a *Allocator) where(op string, p unsafe.Pointer) (name, j uint32) {
	offset := uintptr(p) - uintptr(a.data)
	reason := "it is no address of this allocator"
	if u := offset >> a.geo.unitShift; u < uintptr(a.geo.units) {
		name = a.unit(uint32(u))
		rest := uint32(offset) - name>>8<<a.geo.unitShift
		i, start := uint32(0), rest == 0
		if k := name & 255; k != unitNone && k != unitRun {
			i = uint32(uint64(rest) * uint64(a.list[k-1].reciprocal) >> 32)
			start = i*a.list[k-1].size == rest
		}
		j = name>>8<<a.geo.blockShift + i
		switch {
		case name&255 == unitNone:
			reason = "the block there was freed before"
		case !start:
			reason = "it is not where a block begins"
		case *a.state(j) != blockLive:
			reason = "the block was freed before"
		default:
			return name, j
		}
	}
	a.h.misuses.Add(1)
	panic(&AllocError{a.name, op, uintptr(p), reason})
}

// countLive counts the live blocks among n from unit u's first on. Their owners may write the states meanwhile.
//
//go:norace
func (a *Allocator) countLive(u, n uint32) uint64 {
	live := uint64(0)
	for _, s := range unsafe.Slice(a.state(u<<a.geo.blockShift), n) {
		if s == blockLive {
			live++
		}
	}
	return live
}

func (a *Allocator) populate(u, n uint32) error {
	if !a.arena.mapped {
		return nil
	}
	return a.arena.region.Populate(a.skew+int(a.geo.data)+int(u)<<a.geo.unitShift, int(n)<<a.geo.unitShift)
}

// discard gives the memory of n units back to the kernel.
func (a *Allocator) discard(u, n uint32) (int64, error) {
	if !a.arena.mapped {
		return 0, nil
	}
	size := int(n) << a.geo.unitShift
	return int64(size), a.arena.region.Discard(a.skew+int(a.geo.data)+int(u)<<a.geo.unitShift, size, a.arena.fd)
}

// revoke gives the data's memory back and leaves addresses that fault. The bookkeeping stays for calls that come too late.
func (a *Allocator) revoke() error {
	var err error
	if a.arena.mapped {
		page := sys.PageSize()
		from := (a.skew + int(a.geo.data) + page - 1) &^ (page - 1)
		err = a.arena.region.Revoke(from, a.arena.size-from)
	}
	if a.arena.fd >= 0 {
		err = errors.Join(err, sys.Close(a.arena.fd))
		a.arena.fd = -1
	}
	return err
}
