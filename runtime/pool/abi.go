package pool

import "sync/atomic"

// ABIVersion is the layout version of an arena. Generated code and include/poolgen.h carry the version they were made for.
const ABIVersion = 1

const (
	arenaMagic  = 0x4c4f4f50 // "POOL" in little-endian memory order
	endianTag   = 0x01020304
	superSize   = 256
	descSize    = 256
	headerSize  = 64
	slotSize    = 64
	hintSlots   = 64
	hintDepth   = 14
	hintsOffset = superSize + descSize
	// headersOffset is where the first block header stands.
	headersOffset = hintsOffset + hintSlots*slotSize
	// payloadUnit is the unit of header.payload: payloads start on multiples of it.
	payloadUnit = 64

	headerCanary = 0x504c4e47 // "GNLP"
)

// Bits of the reference word.
const (
	refCountMask = 0x3fff
	refSaturated = 0x4000
	refClosing   = 0x8000
	refGenShift  = 16
	refMax       = refCountMask
)

// Flags of a pool descriptor.
const (
	// poolSlowRelease makes C leave the last release of a block to Go: the pool runs in a debug mode.
	poolSlowRelease = 1 << 0
	poolShared      = 1 << 1
)

// Bits of descriptor.attention: what makes the last Release of a block leave the fast path.
const (
	attentionClosed  = 1 << 31
	attentionWaiters = 1<<31 - 1 // number of sleepers in Wait
)

// Flags of a block header.
const (
	blockExternal = 1 << 0
	blockHeap     = 1 << 1
)

// superblock starts every arena. Field for field poolgen_superblock in include/poolgen.h.
type superblock struct {
	magic      uint32
	abi        uint32
	endian     uint32
	headerSize uint32
	arenaID    uint64
	arenaSize  uint64
	pools      uint32 // descriptors that follow; 1 in this version
	descOffset uint32
	_          [superSize - 40]byte
}

// descriptor describes the arena's pool. Field for field poolgen_descriptor in include/poolgen.h.
// Written once when the arena is made, except for the words marked shared.
type descriptor struct {
	flags         uint32
	stride        uint32 // bytes from one payload to the next; 0 in a pool without fixed blocks
	capacity      uint32 // usable bytes of a block, at most stride
	fixed         uint32 // blocks with a payload in the arena
	external      uint32 // header slots for external and heap blocks, after the fixed ones
	prealloc      uint32 // blocks prefaulted at start
	hintSlots     uint32
	headersOffset uint32
	payloadOffset uint64
	budget        uint64
	limit         uint32 // blocks that the budget admits, at most fixed
	_             [12]byte
	// 64: shared words
	opened      atomic.Uint32 // shared: blocks opened so far, at most limit; never shrinks in ABI 1
	attention   atomic.Uint32 // shared: closed bit and number of waiters
	wakeSeq     atomic.Uint32 // shared: futex word of the waiters
	pending     atomic.Uint32 // shared: closing blocks that await Go
	wraps       atomic.Uint32 // shared: times a block's generation passed 2^32-1
	misses      atomic.Uint32 // shared: no free block at once
	refusals    atomic.Uint32 // shared: gets that failed at the limit
	stale       atomic.Uint32 // shared: operations refused because the handle was stale
	saturations atomic.Uint32 // shared: blocks whose count saturated
	cursor      atomic.Uint32 // shared: hint, where the next probe starts
	_           [descSize - 64 - 40]byte
}

// hintSlot is one cache line of hints: a small stack of block numbers.
type hintSlot struct {
	top   uint32 // entries in use, 0 to hintDepth
	entry [hintDepth]uint32
	_     uint32
}

// header is the bookkeeping of one block. Field for field poolgen_block in include/poolgen.h.
type header struct {
	ref        atomic.Uint32
	generation uint32
	length     uint32 // bytes in use
	capacity   uint32 // usable bytes
	payload    uint32 // offset of the payload from the arena's start / 64; 0 in an external block
	pool       uint16
	class      uint8
	flags      uint8
	canary     uint32
	user       uint32        // the application's own
	holders    atomic.Uint32 // reserved: holder bitmap of a shared arena
	external   uint32        // low half of an external block's address in the owner process
	externalHi uint32        // high half
	_          [20]byte
}
