package top

import "sync/atomic"

// What follows is the layout of runtime/pool and of the channels of runtime/ipc, with the same names; TestLayout compares them.

const (
	abiVersion    = 1
	arenaMagic    = 0x4c4f4f50
	endianTag     = 0x01020304
	superSize     = 256
	descSize      = 256
	headerSize    = 64
	hintSlots     = 64
	slotSize      = 64
	headersOffset = superSize + descSize + hintSlots*slotSize
	payloadUnit   = 64
	headerCanary  = 0x504c4e47
	maxBlocks     = 1 << 24
	maxExternal   = 1 << 20

	refCountMask = 0x3fff
	refSaturated = 0x4000
	refClosing   = 0x8000
	refGenShift  = 16

	poolSlowRelease  = 1 << 0
	attentionClosed  = 1 << 31
	attentionWaiters = 1<<31 - 1

	channelMagic   = 0x48434750
	channelVersion = 1
	slotsOffset    = 512
	maxSlots       = 1 << 12
	maxReturns     = 1 << 20

	allocABIVersion = 1
	allocMagic      = 0x4c414750
	allocHeaderSize = 256
	maxClasses      = 250
	maxUnits        = 65536
	maxAllocator    = 1 << 31

	slotFull  = 1
	slotTaken = 2
	stateMask = 3
)

type superblock struct {
	magic      uint32
	abi        uint32
	endian     uint32
	headerSize uint32
	arenaID    uint64
	arenaSize  uint64
	pools      uint32
	descOffset uint32
	_          [superSize - 40]byte
}

type descriptor struct {
	flags         uint32
	stride        uint32
	capacity      uint32
	fixed         uint32
	external      uint32
	prealloc      uint32
	hintSlots     uint32
	headersOffset uint32
	payloadOffset uint64
	budget        uint64
	limit         uint32
	_             [12]byte
	opened        atomic.Uint32
	attention     atomic.Uint32
	wakeSeq       atomic.Uint32
	pending       atomic.Uint32
	wraps         atomic.Uint32
	misses        atomic.Uint32
	refusals      atomic.Uint32
	stale         atomic.Uint32
	saturations   atomic.Uint32
	cursor        atomic.Uint32
	_             [descSize - 64 - 40]byte
}

// header has an atomic generation, because it is read while its owner writes.
type header struct {
	ref        atomic.Uint32
	generation atomic.Uint32
	length     uint32
	capacity   uint32
	payload    uint32
	pool       uint16
	class      uint8
	flags      uint8
	canary     uint32
	user       uint32
	holders    atomic.Uint32
	external   uint32
	externalHi uint32
	_          [20]byte
}

type allocHeader struct {
	magic         uint32
	abi           uint32
	endian        uint32
	headerSize    uint32
	id            uint64
	mapSize       uint64
	data          uint64
	unitShift     uint32
	units         uint32
	blockShift    uint32
	classes       uint32
	stepLog       uint32
	baseLog       uint32
	bucket        uint32
	buckets       uint32
	align         uint32
	minSize       uint32
	maxSize       uint32
	cacheLimit    uint32
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
	cursor        atomic.Uint32
	used          atomic.Uint32
	high          atomic.Uint32
	refusals      atomic.Uint32
	misuses       atomic.Uint32
	reclaims      atomic.Uint32
	caches        atomic.Uint32
	_             [36]byte
}

type channelHead struct {
	magic, version uint32
	slots, returns uint32
	arena, above   uint32
	pid            uint32
	policy         uint32
	_              [96]byte
	tail           atomic.Uint32
	closed         atomic.Uint32
	news           atomic.Uint32
	dropped        atomic.Uint32
	lost           atomic.Uint32
	_              [108]byte
	returned       atomic.Uint32
	asleep         atomic.Uint32
	space          atomic.Uint32
	leaving        atomic.Uint32
	_              [112]byte
	waiting        atomic.Uint32
	_              [124]byte
}

type frameSlot struct {
	word           atomic.Uint32
	id             uint32
	offset, above  uint32
	length         uint32
	flags          uint32
	sequence, seq2 uint32
	pts, pts2      uint32
	user           uint32
	_              [20]byte
}

// policies are the names of ipc.Policy, by number.
func policies() []string { return []string{"drop oldest", "drop newest", "block", "latest"} }
