//go:build cgo

package cstress

/*
#cgo CFLAGS: -I${SRCDIR}/../../../include -Wall -Wextra -Wno-unused-function
#include <stdlib.h>
#include <poolgen_alloc.h>

// What C allocates holds its own address and size, as what Go allocates does.
static void *alloc_take(poolgen_allocator *a, poolgen_cache *t, size_t n)
{
    size_t *p = (size_t *)poolgen_alloc_malloc(a, t, n);
    if (p != NULL) {
        p[0] = (size_t)p;
        p[1] = n;
    }
    return p;
}

static int alloc_give(poolgen_allocator *a, poolgen_cache *t, void *v)
{
    size_t *p = (size_t *)v;
    if (p[0] != (size_t)v || poolgen_alloc_usable_size(a, v) < p[1]) {
        return POOLGEN_ECORRUPT;
    }
    return poolgen_alloc_free(a, t, v);
}
*/
import "C"

import "unsafe"

// Malloc and Free are C's own, to compare with.
func Malloc(n int) (unsafe.Pointer, error) { return C.malloc(C.size_t(n)), nil }
func Free(p unsafe.Pointer)                { C.free(p) }

// AllocCache opens a cache of C's on an allocator, nil at the limit. CloseCache closes it.
func AllocCache(arena unsafe.Pointer) unsafe.Pointer {
	return unsafe.Pointer(C.poolgen_cache_open((*C.poolgen_allocator)(arena)))
}

// CloseCache closes what AllocCache opened.
func CloseCache(cache unsafe.Pointer) { C.poolgen_cache_close((*C.poolgen_cache)(cache)) }

// AllocTake lets C allocate n bytes, at least 16, nil at the limit, and write the block's address and n into it.
func AllocTake(arena, cache unsafe.Pointer, n int) unsafe.Pointer {
	return C.alloc_take((*C.poolgen_allocator)(arena), (*C.poolgen_cache)(cache), C.size_t(n))
}

// AllocGive lets C check what AllocTake wrote and free the block: 0, or what is wrong.
func AllocGive(arena, cache, p unsafe.Pointer) int {
	return int(C.alloc_give((*C.poolgen_allocator)(arena), (*C.poolgen_cache)(cache), p))
}

// AllocCheck is poolgen_alloc_check.
func AllocCheck(arena unsafe.Pointer, mapped int) int {
	return int(C.poolgen_alloc_check((*C.poolgen_allocator)(arena), C.size_t(mapped)))
}

// AllocInit is poolgen_alloc_init in zeroed memory aligned to a page.
func AllocInit(mem unsafe.Pointer, size int, budget uint64, sizes []uint32, align uint32) int {
	c := (*C.poolgen_alloc_config)(C.calloc(1, C.sizeof_poolgen_alloc_config))
	defer C.free(unsafe.Pointer(c))
	list := C.calloc(C.size_t(len(sizes)), 4)
	defer C.free(list)
	copy(unsafe.Slice((*uint32)(list), len(sizes)), sizes)
	c.budget, c.sizes, c.classes, c.align, c.id = C.uint64_t(budget), (*C.uint32_t)(list), C.uint32_t(len(sizes)), C.uint32_t(align), 7
	return int(C.poolgen_alloc_init(mem, C.size_t(size), c))
}
