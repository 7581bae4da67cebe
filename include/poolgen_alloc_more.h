// poolgen_alloc_more.h: calloc, realloc, aligned_alloc and the Component Model's cabi_realloc. Included by poolgen_alloc.h.
#ifndef POOLGEN_ALLOC_MORE_H
#define POOLGEN_ALLOC_MORE_H

#include "poolgen_alloc_cache.h"

// poolgen_alloc_calloc is calloc: count * size zero bytes, or NULL also when that overflows.
POOLGEN_INLINE void *poolgen_alloc_calloc(poolgen_allocator *a, poolgen_cache *t, size_t count, size_t size)
{
    size_t n = 0;
    if (__builtin_mul_overflow(count, size, &n)) {
        poolgen_priv_count(&a->refusals);
        return NULL;
    }
    void *p = poolgen_alloc_malloc(a, t, n);
    return p == NULL ? NULL : memset(p, 0, n);
}

// poolgen_alloc_aligned is aligned_alloc: align is a power of two, and n need not be a multiple of it. NULL also when align is none.
// Alignments over a page need the allocator's memory aligned to them, or to a unit.
POOLGEN_INLINE void *poolgen_alloc_aligned(poolgen_allocator *a, poolgen_cache *t, size_t align, size_t n)
{
    if (align == 0 || (align & (align - 1)) != 0) {
        return NULL;
    }
    if (align <= a->align) {
        return poolgen_alloc_malloc(a, t, n);
    }
    if (align <= 4096 && n <= a->max_size) {
        n += n == 0;
        for (uint32_t c = poolgen_priv_class_of(a, (uint32_t)n); c < a->classes; c++) {
            // Spans begin at a page, so a block is aligned to what its size is a multiple of.
            if ((poolgen_priv_class(a, c)->size & (align - 1)) == 0) {
                return t == NULL ? poolgen_priv_alloc_take(a, NULL, c) : poolgen_priv_fast_malloc(t, c);
            }
        }
    }
    return poolgen_priv_large(a, t, n, align);
}

// poolgen_priv_resize_run makes the large block at p as large as n bytes need, if it can stay where it is.
POOLGEN_PRIV_COLD int poolgen_priv_resize_run(poolgen_allocator *a, void *p, uint32_t u, size_t n)
{
    uint32_t have = poolgen_priv_words(a, a->run_offset)[u];
    size_t unit = (size_t)1 << a->unit_shift, want = (n >> a->unit_shift) + ((n & (unit - 1)) != 0);
    if (want > a->units - u) {
        return 0;
    }
    uint32_t need = (uint32_t)want;
    if (need > have) {
        if (!poolgen_priv_run_bits(a, u + have, need - have, 1)) {
            return 0;
        }
        uint32_t used = __atomic_add_fetch(&a->used, need - have, __ATOMIC_RELAXED), high = poolgen_priv_load(&a->high);
        while (used > high && !__atomic_compare_exchange_n(&a->high, &high, used, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
        POOLGEN_PRIV_SHOW((char *)p + have * unit, (need - have) * unit);
        poolgen_priv_name(a, u + have, need - have, u << 8 | POOLGEN_PRIV_UNIT_RUN);
        poolgen_priv_words(a, a->run_offset)[u] = need;
    } else if (need < have) {
        POOLGEN_PRIV_HIDE((char *)p + need * unit, (have - need) * unit);
        poolgen_priv_words(a, a->run_offset)[u] = need;
        poolgen_priv_name(a, u + need, have - need, POOLGEN_PRIV_UNIT_NONE);
        poolgen_priv_run_free(a, u + need, have - need);
    }
    return 1;
}

// poolgen_priv_move is realloc with an alignment.
POOLGEN_PRIV_SLOW void *poolgen_priv_move(poolgen_allocator *a, poolgen_cache *t, void *p, size_t align, size_t n)
{
    uint32_t name = 0, j = 0;
    if (poolgen_priv_where(a, p, &name, &j) != POOLGEN_OK) {
        poolgen_priv_count(&a->misuses);
        return NULL;
    }
    size_t have = poolgen_alloc_usable_size(a, p);
    if (((uintptr_t)p & (align - 1)) == 0) {
        if ((name & 255) == POOLGEN_PRIV_UNIT_RUN) {
            if (n > a->max_size && poolgen_priv_resize_run(a, p, name >> 8, n)) {
                return p;
            }
        } else if (n <= have && (n >= have / 2 || poolgen_priv_class_of(a, n == 0 ? 1 : (uint32_t)n) == (name & 255) - 1)) {
            return p; // a block of half the size would not save much
        }
    }
    void *q = poolgen_alloc_aligned(a, t, align, n);
    if (q == NULL) {
        return n <= have && ((uintptr_t)p & (align - 1)) == 0 ? p : NULL;
    }
    memcpy(q, p, have < n ? have : n);
    (void)poolgen_alloc_free(a, t, p);
    return q;
}

// poolgen_alloc_realloc is realloc. NULL leaves p as it was; so does p that is no block. n = 0 frees nothing: it makes a smallest block.
POOLGEN_INLINE void *poolgen_alloc_realloc(poolgen_allocator *a, poolgen_cache *t, void *p, size_t n)
{
    return p == NULL ? poolgen_alloc_malloc(a, t, n) : poolgen_priv_move(a, t, p, 1, n);
}

// poolgen_priv_sentinel is what stands for no bytes: an address that only says its alignment.
static inline int poolgen_priv_sentinel(const void *p)
{
    uintptr_t v = (uintptr_t)p;
    return v <= 65536 && (v & (v - 1)) == 0;
}

// poolgen_alloc_cabi_realloc is cabi_realloc of the Component Model's canonical ABI: it allocates when p is NULL or stands for no bytes,
// and otherwise moves p's content. Zero bytes give a valid, aligned address that must not be read. old is not trusted: the block
// knows its size. The canonical ABI traps when it fails; here it returns NULL and leaves p as it was.
POOLGEN_INLINE void *poolgen_alloc_cabi_realloc(poolgen_allocator *a, poolgen_cache *t, void *p, size_t old, size_t align, size_t n)
{
    (void)old;
    if (align == 0 || (align & (align - 1)) != 0) {
        return NULL;
    }
    if (n == 0) {
        if (!poolgen_priv_sentinel(p) && poolgen_alloc_free(a, t, p) != POOLGEN_OK) {
            return NULL;
        }
        return (void *)(uintptr_t)align;
    }
    return poolgen_priv_sentinel(p) ? poolgen_alloc_aligned(a, t, align, n) : poolgen_priv_move(a, t, p, align, n);
}

// poolgen_alloc_cabi_free frees what cabi_realloc returned, also an address that stands for no bytes.
POOLGEN_INLINE int poolgen_alloc_cabi_free(poolgen_allocator *a, poolgen_cache *t, void *p, size_t size, size_t align)
{
    (void)size, (void)align;
    return poolgen_priv_sentinel(p) ? POOLGEN_OK : poolgen_alloc_free(a, t, p);
}

#endif
