package pool

import "sync/atomic"

// AllocABIVersion is the layout version of an allocator. Generated code and include/poolgen_alloc.h carry the one they were made for.
const AllocABIVersion = 1

// IsAllocABI1 is referred to by generated code that was made for version 1, so that another version does not compile.
const IsAllocABI1 = true

const (
	allocMagic      = 0x4c414750 // "PGAL" in little-endian memory order
	allocHeaderSize = 256
	classSize       = 32
	maxClasses      = 250 // a unit's class fits a byte
	maxBuckets      = 2048
	maxUnits        = 65536
	maxAllocator    = 1 << 31 // bytes
	maxClassSize    = 1 << 24 // bytes
	maxMagazine     = 128     // blocks of a class in a cache
	hintRows        = 8
	maxBlockAlign   = 4096
)

// What a unit's word says beside the first unit of its span or run << 8 | its class + 1.
const (
	unitNone = 0
	unitRun  = 255 // one large block
)

// The states of a block.
const (
	blockFree  = 0
	blockLive  = 1
	blockCache = 2 // it holds a cache of C's
)

// class describes the blocks of one size. Field for field poolgen_class in include/poolgen_alloc_abi.h.
type class struct {
	size       uint32    // bytes of a block
	reciprocal uint32    // 2^32 / size, rounded up
	spanUnits  uint32    // units that are cut into blocks together
	spanBlocks uint32    // and how many blocks they give
	cap        uint32    // blocks that a cache keeps at most
	prealloc   uint32    // blocks made at the start
	reserved   [2]uint32 // 0
}

// allocHeader starts an allocator's memory. Field for field poolgen_allocator in include/poolgen_alloc_abi.h.
// The words before cursor do not change once it is made.
type allocHeader struct {
	magic         uint32
	abi           uint32
	endian        uint32
	headerSize    uint32
	id            uint64
	mapSize       uint64 // bytes of all
	data          uint64 // offset of the first unit
	unitShift     uint32
	units         uint32
	blockShift    uint32 // 1 << blockShift blocks a unit at most
	classes       uint32
	stepLog       uint32 // buckets a doubling, as a power of two
	baseLog       uint32 // the sizes below 2 << baseLog are spaced evenly
	bucket        uint32 // the first bucket that is in use
	buckets       uint32 // entries of the lookup table; 0: the bucket is the class
	align         uint32 // of every block
	minSize       uint32
	maxSize       uint32
	cacheLimit    uint32 // bytes that a cache keeps at most
	classOffset   uint32
	lookupOffset  uint32
	hintOffset    uint32
	summaryOffset uint32
	maybeOffset   uint32
	unitOffset    uint32
	runOffset     uint32
	freeOffset    uint32
	bitsOffset    uint32
	stateOffset   uint32
	_             [64]byte
	cursor        atomic.Uint32 // unit at which a search begins
	used          atomic.Uint32 // units in use
	high          atomic.Uint32 // the most there were
	refusals      atomic.Uint32 // requests that did not fit the budget
	misuses       atomic.Uint32 // frees of what was not allocated
	reclaims      atomic.Uint32 // spans that went back because all their blocks were free
	caches        atomic.Uint32 // open ones
	_             [36]byte
}
