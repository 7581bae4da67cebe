package top

import (
	"errors"
	"fmt"
	"math/bits"
)

var (
	// errOther is the error for memory that is none of ours.
	errOther = errors.New("no pool and no channel")
	// errYet is that for memory that may become ours.
	errYet = errors.New("not made yet")
)

// arenaHead is the start of an arena.
type arenaHead struct {
	super superblock
	desc  descriptor
}

// shape is what does not change of an arena.
type shape struct {
	id, size, budget, payloadOffset          uint64
	capacity, stride, fixed, external, limit uint32
	prealloc                                 uint32
	debug                                    bool
}

// blocks is how many headers there are.
func (s *shape) blocks() uint32 { return s.fixed + s.external }

// mapped is how many bytes of the file are looked at.
func (s *shape) mapped() int64 { return headersOffset + int64(s.blocks())*headerSize }

// checkArena checks the copied head h of a file of size bytes, as runtime/pool does when it opens one.
func checkArena(h *arenaHead, size int64) (shape, error) {
	s, d := &h.super, &h.desc
	g := shape{
		id: s.arenaID, size: s.arenaSize, budget: d.budget, payloadOffset: d.payloadOffset, capacity: d.capacity, stride: d.stride,
		fixed: d.fixed, external: d.external, limit: d.limit, prealloc: d.prealloc, debug: d.flags&poolSlowRelease != 0,
	}
	switch {
	case s.magic != arenaMagic:
		return g, errOther
	case s.endian != endianTag:
		return g, fmt.Errorf("a pool of a machine of the other byte order (tag %#x)", s.endian)
	case s.abi != abiVersion:
		return g, fmt.Errorf("a pool with layout version %d, this program knows %d: use the poolgen that the program was built with", s.abi, abiVersion)
	case s.headerSize != headerSize || s.pools != 1 || s.descOffset != superSize || d.hintSlots != hintSlots || d.headersOffset != headersOffset:
		return g, fmt.Errorf("a pool whose head is damaged: headers of %d bytes at %d, %d pools at %d, %d hint slots",
			s.headerSize, d.headersOffset, s.pools, s.descOffset, d.hintSlots)
	case size < headersOffset || s.arenaSize > uint64(size):
		return g, fmt.Errorf("a pool that is cut off: it says it has %d bytes, the file has %d", s.arenaSize, size)
	case d.fixed == 0 || d.fixed > maxBlocks || d.external > maxExternal || d.limit > d.fixed || d.prealloc > d.fixed:
		return g, fmt.Errorf("a pool whose head is damaged: %d blocks, %d external, limit %d, prealloc %d", d.fixed, d.external, d.limit, d.prealloc)
	case d.stride == 0 || d.stride%payloadUnit != 0 || d.capacity == 0 || d.capacity > d.stride:
		return g, fmt.Errorf("a pool whose head is damaged: capacity %d in a stride of %d bytes", d.capacity, d.stride)
	case d.payloadOffset%payloadUnit != 0 || d.payloadOffset > s.arenaSize || uint64(g.mapped()) > d.payloadOffset:
		return g, fmt.Errorf("a pool whose head is damaged: payloads at %d, among the headers of %d blocks", d.payloadOffset, g.blocks())
	case uint64(d.fixed)*uint64(d.stride) > s.arenaSize-d.payloadOffset:
		return g, fmt.Errorf("a pool whose head is damaged: %d blocks of %d bytes in %d bytes", d.fixed, d.stride, s.arenaSize-d.payloadOffset)
	}
	return g, nil
}

// checkChannel checks the copied head h of a file of size bytes, and returns how many slots it has.
func checkChannel(h *channelHead, size int64) (slots uint32, err error) {
	pow2 := func(n, most uint32) bool { return n > 0 && n <= most && bits.OnesCount32(n) == 1 }
	switch {
	case h.magic != channelMagic:
		return 0, errOther
	case h.version != channelVersion:
		return 0, fmt.Errorf("a channel of version %d, this program knows %d: use the poolgen that the program was built with", h.version, channelVersion)
	case !pow2(h.slots, maxSlots) || !pow2(h.returns, maxReturns) || slotsOffset+64*int64(h.slots)+4*int64(h.returns) != size:
		return 0, fmt.Errorf("a channel whose head is damaged: %d slots and %d returns in %d bytes", h.slots, h.returns, size)
	}
	return h.slots, nil
}
