// Package pool hands out pinned, reference-counted, zero-copy buffers that Go and C share.
//
// A [Pool] owns an arena: one mapping outside the Go heap (anonymous memory, or a sealed memfd when it is shared) that
// holds fixed-stride blocks and, apart from them, one 64-byte header a block. A [Buf] is a small value that names a block
// and the generation it was acquired in. Taking a buffer is borrowing, returning one is giving: who calls Get, Wait or
// Retain owes one Release. What Bytes and Pointer return is valid until the caller's own Release, for as long as the
// caller holds the reference; C may keep the pointer that long too.
//
// # Life of a block
//
// The reference word of a block is its free list. It packs the low 16 bits of the block's generation and a count:
//
//	31            16 15      14        13          0
//	+---------------+-------+---------+-------------+
//	|  generation   |closing|saturated|    count    |
//	+---------------+-------+---------+-------------+
//
//	Get      compare-and-swap (g, 0) to (g, 1); then the full generation is stored in the header
//	Retain   compare-and-swap (g, n) to (g, n+1), n > 0; then the full generation must match the handle's
//	Release  compare-and-swap (g, n) to (g, n-1), n > 1
//	         n = 1: compare-and-swap (g, 1) to (g+1, 0)
//
// A handle whose generation is not the block's is stale: releasing twice, using after release and retaining from zero
// are caught, in Go by a panic, in C by an error code and a counter. The count saturates at 16,383 references; a
// saturated block is never reused and is counted. Block generations begin at 1 and skip 0, so the zero Buf is never valid.
//
// The header's generation is written by who claimed the block, and by nobody else: by as much as the word's 16 bits are ahead of it.
// A release writes the word only. If it wrote the generation before, two that race for one reference could take a life back that
// began meanwhile. So the generation of a free block is the last life's, and a handle is checked against the word too.
//
// The closing bit marks a block whose last reference is gone but whose memory cannot be reused yet: an external block
// whose callback has not run, a block in quarantine, a block released by C in a debug mode. Go finishes those
// (see [Pool.Reap]): C never calls into Go.
//
// Where to look for a free block first is a hint: 64 cache-line slots in the arena, picked by a hash of the goroutine's stack (in C
// of the thread), each a small stack of block numbers released there. Hints are plain 32-bit words, may be stale or lost,
// and are never trusted: the compare-and-swap decides. A miss probes on; a pool opens a new block only when a probe found none.
//
// # Statistics
//
// The hot path counts nothing. A block's generation counts its acquisitions, so Stats sums generations; rare events (a
// miss, a refusal, misuse, a wait) have shared counters.
//
// # The arena's layout (ABI version 1)
//
// Fixed-width little- or big-endian (native) words; include/poolgen.h declares the same structs for C and both sides
// assert every offset at compile time. All shared atomics are 32 bit. From the start of the arena:
//
//	0                superblock   256 bytes    magic, version, sizes, endianness, id
//	256              descriptor   256 bytes    the pool: counts, stride, limits, shared counters
//	512              hints        64 * 64      hint slots
//	headers_offset   headers      64 * blocks  one a block, fixed blocks first, then external slots
//	payload_offset   payloads     stride * n   page-aligned
//
// Headers are out of band so that an overflowing payload, or a DMA engine that writes back a whole cache line, never reaches one.
//
// # Memory of any size
//
// An [Allocator] hands out blocks of any size from size classes, within a budget, and works on the same memory as
// include/poolgen_alloc.h. A [Cache] makes that cheap for one goroutine. Its blocks carry no generation: Free checks that an
// address is that of an allocated block, and panics with [*AllocError] if it is not. How it works is written in alloc.go.
//
// # What cannot be detected
//
// A raw pointer used after its reference was released; the debug modes (poison, canaries, PROT_NONE quarantine) make
// that visible in tests. A peer that is alive but hung, and a malicious writer in the same mapping.
//
// Two threads that race to release one last reference twice: the second is told, but if it was preempted for two further lives of
// the block, between its check and its compare-and-swap, the block's next owner is told as well.
package pool
