//go:build cgo

package cstress

/*
#cgo CFLAGS: -I${SRCDIR}/../../../include -I${SRCDIR}/../testdata -Wall -Wextra -Wno-unused-function
#include "peers.h"

static uint64_t work(poolgen_arena *a, long rounds, uint32_t seed)
{
    peer w = {a, rounds, seed, 0};
    peer_work(&w);
    return w.got;
}

static poolgen_buf give(poolgen_arena *a, uint32_t seed)
{
    poolgen_buf b;
    if (poolgen_get(a, &b) == POOLGEN_OK) {
        peer_fill(a, b, seed);
    }
    return b;
}

static void take(poolgen_arena *a, poolgen_buf b)
{
    peer_verify(a, b);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
}
*/
import "C"

import "unsafe"

// Handle is poolgen_buf, and converts to and from pool.Handle.
type Handle struct{ Index, Generation uint32 }

// Stale is what Release answers when the reference was released before.
const Stale = int(C.POOLGEN_ESTALE)

// Work gets, fills, checks, retains and releases buffers in C for so many rounds, and returns how many it got.
func Work(arena unsafe.Pointer, rounds int, seed uint32) int64 {
	return int64(C.work((*C.poolgen_arena)(arena), C.long(rounds), C.uint32_t(seed)))
}

// Give is a buffer that C got and filled, the zero Handle at the limit.
func Give(arena unsafe.Pointer, seed uint32) Handle {
	b := C.give((*C.poolgen_arena)(arena), C.uint32_t(seed))
	return Handle{Index: uint32(b.index), Generation: uint32(b.generation)}
}

// Take lets C check a filled buffer and release it.
func Take(arena unsafe.Pointer, h Handle) { C.take((*C.poolgen_arena)(arena), h.c()) }

// Release lets C release a reference, and returns what C was answered: 0 or Stale.
func Release(arena unsafe.Pointer, h Handle) int {
	return int(C.poolgen_release((*C.poolgen_arena)(arena), h.c()))
}

// Look is what C says of a buffer: its length, capacity and payload, which stays valid as long as the reference.
func Look(arena unsafe.Pointer, h Handle) (length, capacity int, payload unsafe.Pointer) {
	a := (*C.poolgen_arena)(arena)
	return int(C.poolgen_len(a, h.c())), int(C.poolgen_cap(a, h.c())), C.poolgen_data(a, h.c())
}

func (h Handle) c() C.poolgen_buf {
	return C.poolgen_buf{index: C.uint32_t(h.Index), generation: C.uint32_t(h.Generation)}
}
