package ring

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

const (
	frameMagic   = 0x6d724650 // "PFrm" in a little-endian file
	frameVersion = 1
	area         = 64 << 10 // areas of the file begin at multiples of it: the largest page of any target
	doorOffset   = area
	entryOffset  = 2 * area
	entrySize    = 32
	frameUnit    = 64 // of payloads: a cache line
	staticWords  = 11 // of the superblock, before its checksum
	flagFixed    = 1
	flagFile     = 2 // payloads and entries have checksums
	maxFrames    = 1 << 20
)

// superblock is the start of the file, in the same layout on every machine. Only the writer writes here.
type superblock struct {
	static [staticWords]uint32 // magic, version, byte order, frames, largest frame, flags, bytes of data, offset of data, id, id, 0
	sum    uint32              // CRC-32C of static
	_      [16]byte

	next   counter // frames ever published
	_      [52]byte
	oldest counter // frames ever overwritten, or about to be
	_      [52]byte
	ended  atomic.Uint32 // not 0: the writer has closed
	_      [60]byte
}

// counter is a 64-bit number of 32-bit words, because a 64-bit atomic is none between Go and C on old ARMs.
type counter struct{ early, low, late atomic.Uint32 }

// door is where readers sleep. They write here, and nowhere else.
type door struct {
	armed atomic.Uint32 // as in waiting
	seq   atomic.Uint32
}

// entry is one frame: number, place, length, time, checksums. What a reader copies while the writer changes it is nothing's: it looks at
// the counters afterwards.
type entry struct{ word [entrySize / 4]uint32 }

// load is not inlined, so that what is checked is a copy, which no peer can change.
//
//go:noinline
func (e *entry) load() [entrySize / 4]uint32 { return e.word }

// The layout is shared with other programs.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(superblock{})-256]
	_ = [1]struct{}{}[unsafe.Offsetof(superblock{}.next)-64]
	_ = [1]struct{}{}[unsafe.Offsetof(superblock{}.oldest)-128]
	_ = [1]struct{}{}[unsafe.Offsetof(superblock{}.ended)-192]
	_ = [1]struct{}{}[unsafe.Sizeof(entry{})-entrySize]
)

// store sets the number. A reader that sees the new low word sees the new early word too.
func (c *counter) store(n uint64) {
	high := uint32(n >> 32)
	if c.early.Load() != high {
		c.early.Store(high)
	}
	c.low.Store(uint32(n))
	if c.late.Load() != high {
		c.late.Store(high)
	}
}

// load reads the number. It fails while the high word is being changed, which happens once in 2^32 frames.
func (c *counter) load() (uint64, bool) {
	for range 100 {
		late, low := c.late.Load(), c.low.Load()
		if c.early.Load() == late {
			return uint64(late)<<32 | uint64(low), true
		}
	}
	return 0, false
}

// settle is load for a number whose writer may have died while changing it.
func (c *counter) settle() uint64 {
	if n, ok := c.load(); ok {
		return n
	}
	high, low := c.early.Load(), c.low.Load()
	if low >= 1<<31 {
		high = c.late.Load()
	}
	return uint64(high)<<32 | uint64(low)
}

// frameGeometry is what a file's addresses are computed from: private, checked copies.
type frameGeometry struct {
	frames, largest, flags, bytes, data uint32
}

func (g frameGeometry) size() int64 { return int64(g.data) + int64(roundTo(g.bytes, area)) }

func roundTo(n, unit uint32) uint32 { return (n + unit - 1) / unit * unit }

// check tells what is wrong with a geometry.
func (g frameGeometry) check() error {
	switch {
	case g.frames < 2 || g.frames > maxFrames:
		return fmt.Errorf("%d frames: it is from 2 to %d", g.frames, maxFrames)
	case g.largest < 1 || g.largest > maxSize:
		return fmt.Errorf("frames of up to %d bytes: it is from 1 to %d", g.largest, maxSize)
	case g.bytes < g.largest || g.bytes > maxSize || g.bytes%frameUnit != 0:
		return fmt.Errorf("%d bytes for frames of up to %d: it is a multiple of %d up to %d", g.bytes, g.largest, frameUnit, maxSize)
	case g.flags&^(flagFixed|flagFile) != 0:
		return fmt.Errorf("flags %#x are of another version", g.flags)
	case g.data != entryOffset+roundTo(g.frames*entrySize, area):
		return fmt.Errorf("data at %d: not the layout of version %d", g.data, frameVersion)
	case bits.UintSize == 32 && g.size() > 3<<29:
		return fmt.Errorf("%d bytes are more than this machine's addresses", g.size())
	}
	return nil
}

// frameMap is a mapped frame ring.
type frameMap struct {
	guard
	frameGeometry
	super   *superblock
	door    *door
	canWake bool // the door may be written
	entries unsafe.Pointer
	payload unsafe.Pointer
}

// mapFrames maps a file that has at least the size of its geometry, for its writer or for a reader.
func mapFrames(fd int, g frameGeometry, writable bool) (*frameMap, error) {
	region, err := sys.Reserve(int(g.size()), area)
	if err != nil {
		return nil, fmt.Errorf("reserving %d bytes of addresses: %w", g.size(), err)
	}
	m := &frameMap{frameGeometry: g, canWake: true}
	m.guard.region, m.guard.fd, m.guard.lock, m.guard.keep, m.guard.mapped = region, fd, -1, entryOffset, true
	err = region.MapFileAt(0, fd, 0, area, writable)
	if err == nil {
		err = region.MapFileAt(doorOffset, fd, doorOffset, area, true)
		if err != nil && !writable {
			m.canWake = false // only open for reading: this reader looks from time to time instead
			err = region.MapFileAt(doorOffset, fd, doorOffset, area, false)
		}
	}
	if err == nil {
		err = region.MapFileAt(entryOffset, fd, entryOffset, int(g.size())-entryOffset, writable)
	}
	if err != nil {
		_ = region.Unmap()
		return nil, fmt.Errorf("mapping %d bytes: %w", g.size(), err)
	}
	base := region.Base()
	m.super = (*superblock)(base)
	m.door = (*door)(unsafe.Add(base, doorOffset))
	m.entries = unsafe.Add(base, entryOffset)
	m.payload = unsafe.Add(base, uintptr(g.data))
	return m, nil
}

// entry is that of frame number seq.
func (m *frameMap) entry(seq uint64) *entry {
	return (*entry)(unsafe.Add(m.entries, uintptr(seq%uint64(m.frames))*entrySize))
}

// bytes is n bytes of data at off, which the caller has checked against the geometry. Not inlined for the same reason as window.
//
//go:noinline
func (m *frameMap) bytes(off, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(m.payload, uintptr(off))), n)
}
