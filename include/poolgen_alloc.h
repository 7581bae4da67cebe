// poolgen_alloc.h: a size-class allocator in one piece of memory, with a budget, for C11 and C++17. Go's pool.Allocator works on the
// same memory at the same time: what one side allocates the other may free. Generated headers put malloc and its kin over it.
//
// Threads: a poolgen_cache belongs to one thread at a time and takes no lock; functions that are given the cache NULL may be called
// from any thread at any time and take none either. A block may be freed by another thread than the one that allocated it.
// Ownership: an allocated block is the caller's until it is freed; the memory of the allocator stays its maker's. A block is at
// least as large as asked for and aligned to the allocator's align. Its content is undefined.
//
// Define POOLGEN_INLINE as nothing before the include to get the functions as external symbols (see lib/poolgen.c).
#ifndef POOLGEN_ALLOC_H
#define POOLGEN_ALLOC_H

#include "poolgen_alloc_cache.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef POOLGEN_INLINE
#define POOLGEN_INLINE static inline
#endif

// poolgen_alloc_size is the number of bytes that poolgen_alloc_init needs for c, at most c->budget; 0 if c is out of range.
POOLGEN_INLINE size_t poolgen_alloc_size(const poolgen_alloc_config *c)
{
    poolgen_allocator a;
    uint8_t lookup[POOLGEN_PRIV_ALLOC_BUCKETS];
    return poolgen_priv_geometry(&a, c, 0, lookup) == POOLGEN_OK ? (size_t)a.map_size : 0;
}

// poolgen_alloc_init makes an allocator in the first poolgen_alloc_size(c) of size bytes at mem, which are zero and stay the
// caller's. mem is aligned to a page; larger alignments than a page's need it aligned to those. POOLGEN_EINVAL: c, mem or size is
// out of range. POOLGEN_ELIMIT: the preallocated blocks do not fit.
POOLGEN_INLINE int poolgen_alloc_init(void *mem, size_t size, const poolgen_alloc_config *c)
{
    poolgen_allocator made, *a = (poolgen_allocator *)mem;
    uint8_t lookup[POOLGEN_PRIV_ALLOC_BUCKETS];
    int err = poolgen_priv_geometry(&made, c, 0, lookup);
    if (err != POOLGEN_OK || mem == NULL || (uintptr_t)mem % 4096 != 0 || size < made.map_size) {
        return POOLGEN_EINVAL;
    }
    *a = made;
    a->id = c->id;
    if (c->id == 0) {
        (void)syscall(SYS_getrandom, &a->id, sizeof(a->id), 0);
    }
    for (uint32_t i = 0; i < c->classes; i++) {
        poolgen_class *k = (poolgen_class *)(void *)((char *)mem + a->class_offset) + i;
        poolgen_priv_make_class(k, a, c->sizes[i], c->prealloc == NULL ? 0 : c->prealloc[i]);
    }
    memcpy((char *)mem + a->lookup_offset, lookup, a->buckets);
    (void)poolgen_priv_run_bits(a, 0, a->units, 0);
    POOLGEN_PRIV_HIDE(poolgen_priv_data(a), (size_t)(a->map_size - a->data));
    for (uint32_t i = 0; i < c->classes; i++) {
        const poolgen_class *k = poolgen_priv_class(a, i);
        for (uint32_t made_blocks = 0; made_blocks < k->prealloc; made_blocks += k->span_blocks) {
            uint32_t none = 0, u = poolgen_priv_run(a, k->span_units, 1);
            if (u == POOLGEN_PRIV_NONE) {
                return POOLGEN_ELIMIT;
            }
            (void)poolgen_priv_span(a, i, u, 0, &none);
        }
    }
    __atomic_store_n(&a->magic, POOLGEN_PRIV_ALLOC_MAGIC, __ATOMIC_RELEASE);
    return POOLGEN_OK;
}

// poolgen_alloc_check tells whether the mapped bytes at a are an allocator of this version whose every offset is in range: to be
// called before anything else on one that came from elsewhere. POOLGEN_ECORRUPT if not.
POOLGEN_INLINE int poolgen_alloc_check(const poolgen_allocator *a, size_t mapped)
{
    if (mapped < sizeof(*a) || a->magic != POOLGEN_PRIV_ALLOC_MAGIC) {
        return POOLGEN_ECORRUPT;
    }
    poolgen_allocator copy = *a, want;
    uint32_t sizes[POOLGEN_PRIV_ALLOC_CLASSES];
    uint8_t lookup[POOLGEN_PRIV_ALLOC_BUCKETS];
    if (copy.classes == 0 || copy.classes > POOLGEN_PRIV_ALLOC_CLASSES || copy.class_offset != sizeof(*a) || copy.map_size > mapped ||
        sizeof(*a) + copy.classes * sizeof(poolgen_class) > mapped || copy.unit_shift < 12 || copy.unit_shift > 16) {
        return POOLGEN_ECORRUPT;
    }
    for (uint32_t i = 0; i < copy.classes; i++) {
        sizes[i] = poolgen_priv_class(a, i)->size;
    }
    // It must be what its own sizes and budget lead to, word for word.
    poolgen_alloc_config c = {copy.map_size, sizes, NULL, copy.classes, copy.align, copy.cache_limit, 0, 1};
    if (copy.cache_limit == 0 || poolgen_priv_geometry(&want, &c, copy.unit_shift, lookup) != POOLGEN_OK) {
        return POOLGEN_ECORRUPT;
    }
    want.magic = copy.magic, want.id = copy.id;
    if (memcmp(&want, &copy, offsetof(poolgen_allocator, reserved128)) != 0 || memcmp(lookup, (const char *)a + want.lookup_offset, want.buckets) != 0) {
        return POOLGEN_ECORRUPT;
    }
    for (uint32_t i = 0; i < want.classes; i++) {
        poolgen_class k;
        poolgen_priv_make_class(&k, &want, sizes[i], poolgen_priv_class(a, i)->prealloc);
        if (memcmp(&k, poolgen_priv_class(a, i), sizeof(k)) != 0) {
            return POOLGEN_ECORRUPT;
        }
    }
    return POOLGEN_OK;
}

// poolgen_alloc_count says how many blocks are allocated and, if bytes is not NULL, how many bytes those have. It looks at every
// block: exact while nobody allocates or frees.
POOLGEN_INLINE uint64_t poolgen_alloc_count(poolgen_allocator *a, uint64_t *bytes)
{
    uint64_t n = 0, sum = 0;
    for (uint32_t u = 0; u < a->units; u++) {
        uint32_t name = poolgen_priv_unit(a, u), c = (name & 255) - 1;
        if (name >> 8 != u || (name & 255) == POOLGEN_PRIV_UNIT_NONE) {
            continue;
        }
        uint32_t blocks = c < a->classes ? poolgen_priv_class(a, c)->span_blocks : 1;
        uint64_t size = c < a->classes ? poolgen_priv_class(a, c)->size : (uint64_t)poolgen_priv_words(a, a->run_offset)[u] << a->unit_shift;
        for (uint32_t i = 0; i < blocks; i++) {
            if (poolgen_priv_get_state(poolgen_priv_state(a, (u << a->block_shift) + i)) == POOLGEN_PRIV_BLOCK_LIVE) {
                n++;
                sum += size;
            }
        }
    }
    if (bytes != NULL) {
        *bytes = sum;
    }
    return n;
}

// poolgen_cache_open makes a cache, in memory of the allocator's. NULL if there is none left.
POOLGEN_INLINE poolgen_cache *poolgen_cache_open(poolgen_allocator *a)
{
    size_t entries = 0;
    for (uint32_t c = 0; c < a->classes; c++) {
        entries += poolgen_priv_class(a, c)->cap;
    }
    size_t size = sizeof(poolgen_cache) + entries * sizeof(poolgen_entry);
    poolgen_cache *t = (poolgen_cache *)(size <= a->max_size ? poolgen_priv_alloc_take(a, NULL, poolgen_priv_class_of(a, (uint32_t)size)) : poolgen_priv_large(a, NULL, size, 1));
    uint32_t name = 0, j = 0;
    if (t == NULL || poolgen_priv_where(a, t, &name, &j) != POOLGEN_OK) {
        return NULL;
    }
    poolgen_priv_set_state(poolgen_priv_state(a, j), POOLGEN_PRIV_BLOCK_CACHE);
    memset(t, 0, size);
    t->data = poolgen_priv_data(a);
    t->data_size = a->units << a->unit_shift;
    t->state = poolgen_priv_state(a, 0);
    t->unit = poolgen_priv_words(a, a->unit_offset);
    t->allocator = a;
    t->unit_shift = a->unit_shift;
    t->block_shift = a->block_shift;
    t->limit = a->cache_limit;
    t->classes = a->classes;
    poolgen_entry *e = (poolgen_entry *)(void *)(t + 1);
    for (uint32_t c = 0; c < a->classes; c++) {
        const poolgen_class *k = poolgen_priv_class(a, c);
        poolgen_magazine *m = &t->magazine[c + 1];
        m->entry = e, m->cap = k->cap, m->size = k->size, m->reciprocal = k->reciprocal;
        e += k->cap;
    }
    poolgen_priv_count(&a->caches);
    return t;
}

// poolgen_cache_flush gives the cache's blocks back to everybody. The cache stays open.
POOLGEN_INLINE void poolgen_cache_flush(poolgen_cache *t) { poolgen_priv_flush_all(t); }

// poolgen_cache_close flushes the cache and ends it. NULL is taken.
POOLGEN_INLINE void poolgen_cache_close(poolgen_cache *t)
{
    if (t == NULL) {
        return;
    }
    poolgen_allocator *a = t->allocator;
    poolgen_priv_flush_all(t);
    uint32_t name = poolgen_priv_unit(a, (uint32_t)(((char *)t - t->data) >> a->unit_shift));
    uint32_t rest = (uint32_t)((char *)t - t->data) - (name >> 8 << a->unit_shift), i = 0;
    if ((name & 255) != POOLGEN_PRIV_UNIT_RUN) {
        i = (uint32_t)((uint64_t)rest * poolgen_priv_class(a, (name & 255) - 1)->reciprocal >> 32);
    }
    poolgen_priv_set_state(poolgen_priv_state(a, ((name >> 8) << a->block_shift) + i), POOLGEN_PRIV_BLOCK_LIVE);
    (void)poolgen_priv_free(a, NULL, t);
    __atomic_fetch_sub(&a->caches, 1, __ATOMIC_RELAXED);
}

// poolgen_alloc_malloc is malloc: n bytes, by way of t, or of no cache if t is NULL. NULL if the budget has no room or n is more than
// it could ever have; of 0 bytes it makes a block of the smallest class.
POOLGEN_INLINE void *poolgen_alloc_malloc(poolgen_allocator *a, poolgen_cache *t, size_t n)
{
    n += n == 0;
    if (POOLGEN_PRIV_UNLIKELY(n > a->max_size)) {
        return poolgen_priv_large(a, t, n, 1);
    }
    uint32_t c = poolgen_priv_class_of(a, (uint32_t)n);
    return t == NULL ? poolgen_priv_alloc_take(a, NULL, c) : poolgen_priv_fast_malloc(t, c);
}

// poolgen_alloc_free is free; NULL is taken. POOLGEN_ESTALE: the block is free already. POOLGEN_EINVAL: p is not the start of a block
// of this allocator. Both are counted in misuses and change nothing.
POOLGEN_INLINE int poolgen_alloc_free(poolgen_allocator *a, poolgen_cache *t, void *p)
{
    if (p == NULL) {
        return POOLGEN_OK;
    }
    return t == NULL ? poolgen_priv_free(a, NULL, p) : poolgen_priv_fast_free(t, p);
}

// poolgen_alloc_usable_size is how many bytes of the block at p may be used; 0 if it is none.
POOLGEN_INLINE size_t poolgen_alloc_usable_size(poolgen_allocator *a, const void *p)
{
    uint32_t name = 0, j = 0;
    if (p == NULL || poolgen_priv_where(a, p, &name, &j) != POOLGEN_OK) {
        return 0;
    }
    return (name & 255) == POOLGEN_PRIV_UNIT_RUN ? (size_t)poolgen_priv_words(a, a->run_offset)[name >> 8] << a->unit_shift
                                                 : poolgen_priv_class(a, (name & 255) - 1)->size;
}

#include "poolgen_alloc_more.h"

#ifdef __cplusplus
}
#endif
#endif
