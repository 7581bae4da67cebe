// poolgen_alloc_init.h: how an allocator is laid out and checked. Nothing here is for use outside; include poolgen_alloc.h instead.
// Go's newAllocator computes the same from the same configuration, to the byte.
#ifndef POOLGEN_ALLOC_INIT_H
#define POOLGEN_ALLOC_INIT_H

#include "poolgen_alloc_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

// poolgen_alloc_config is what an allocator is made from.
typedef struct poolgen_alloc_config {
    uint64_t budget;          // bytes of all, bookkeeping included, at most 2 GiB
    const uint32_t *sizes;    // of the classes, ascending multiples of align
    const uint32_t *prealloc; // blocks made at the start, a class; NULL for none
    uint32_t classes;         // 1 to 250
    uint32_t align;           // of every block: a power of two from 8 to 4096
    uint32_t cache;           // bytes that a cache keeps at most; 0: a 32nd of the budget, between 64 KiB and 32 MiB
    uint32_t flags;           // 0
    uint64_t id;              // 0 for a random one
} poolgen_alloc_config;

static inline uint32_t poolgen_priv_log2(uint32_t n) { return 31u - (uint32_t)__builtin_clz(n); }
static inline uint64_t poolgen_priv_up(uint64_t n, uint64_t unit) { return (n + unit - 1) & ~(unit - 1); }

// poolgen_priv_spacing chooses the buckets: as few a doubling as keep two classes from ending in one bucket. Where every class is
// one bucket no table is needed. It fills lookup, which has POOLGEN_PRIV_ALLOC_BUCKETS bytes.
POOLGEN_PRIV_COLD int poolgen_priv_spacing(poolgen_allocator *a, const poolgen_alloc_config *c, uint8_t *lookup)
{
    for (uint32_t s = 0; s <= 6; s++) {
        uint32_t base = poolgen_priv_log2(c->align) + s, first = poolgen_priv_bucket(c->sizes[0], base, s);
        uint32_t n = poolgen_priv_bucket(c->sizes[c->classes - 1], base, s) - first + 1, x = 0;
        if (n > POOLGEN_PRIV_ALLOC_BUCKETS) {
            break;
        }
        int fits = 1, regular = n == c->classes;
        for (uint32_t k = 0; k < c->classes && fits; k++) {
            uint32_t b = poolgen_priv_bucket(c->sizes[k], base, s) - first;
            regular = regular && poolgen_priv_bucket(c->sizes[k] + 1, base, s) - first == b + 1;
            fits = x <= b; // else two classes end in this bucket
            while (x <= b) {
                lookup[x++] = (uint8_t)k; // a class that ends within its bucket shares it with the next
            }
        }
        if (fits) {
            a->step_log = s, a->base_log = base, a->bucket = first, a->buckets = regular ? 0 : n;
            return POOLGEN_OK;
        }
    }
    return POOLGEN_EINVAL;
}

// poolgen_priv_span_of chooses how many units are cut into blocks together: at most a 16th is left over, if that takes no more than
// 64 units, and a span is no smaller than 16 blocks or 64 KiB.
POOLGEN_PRIV_COLD void poolgen_priv_span_of(poolgen_class *k, uint32_t unit_shift)
{
    uint64_t least = (uint64_t)k->size * 16 < 65536 ? (uint64_t)k->size * 16 : 65536, waste = UINT64_MAX;
    uint32_t from = (uint32_t)((k->size - 1) >> unit_shift) + 1;
    for (uint32_t n = from; n < from + 64; n++) {
        uint64_t bytes = (uint64_t)n << unit_shift, blocks = bytes / k->size, left = bytes - blocks * k->size;
        if (left * 1024 / bytes < waste) {
            waste = left * 1024 / bytes;
            k->span_units = n, k->span_blocks = (uint32_t)blocks;
        }
        if (left * 16 <= bytes && bytes >= least) {
            k->span_units = n, k->span_blocks = (uint32_t)blocks;
            return;
        }
    }
}

// poolgen_priv_offsets lays the parts out for a number of units and returns the bytes of all.
POOLGEN_PRIV_COLD uint64_t poolgen_priv_offsets(poolgen_allocator *a, uint32_t units)
{
    uint64_t words = (units + 31) / 32, at = sizeof(*a), unit = UINT64_C(1) << a->unit_shift;
    a->units = units;
    a->class_offset = (uint32_t)at, at += (uint64_t)a->classes * sizeof(poolgen_class);
    a->lookup_offset = (uint32_t)at, at = poolgen_priv_up(at + a->buckets, 64);
    a->hint_offset = (uint32_t)at, at += POOLGEN_PRIV_ALLOC_ROWS * poolgen_priv_up(a->classes, 16) * 4;
    a->summary_offset = (uint32_t)at, at = poolgen_priv_up(at + a->classes * ((words + 31) / 32) * 4, 64);
    a->maybe_offset = (uint32_t)at, at = poolgen_priv_up(at + a->classes * words * 4, 64);
    a->unit_offset = (uint32_t)at, at = poolgen_priv_up(at + (uint64_t)units * 4, 64);
    a->run_offset = (uint32_t)at, at = poolgen_priv_up(at + (uint64_t)units * 4, 64);
    a->free_offset = (uint32_t)at, at = poolgen_priv_up(at + words * 4, 64);
    a->bits_offset = (uint32_t)at, at = poolgen_priv_up(at + ((uint64_t)units << (a->block_shift - 5)) * 4, 64);
    a->state_offset = (uint32_t)at, at += (uint64_t)units << a->block_shift;
    a->data = poolgen_priv_up(at, unit);
    return a->map_size = a->data + units * unit;
}

// poolgen_priv_geometry fills in everything that follows from c but the class table, with units of 1 << shift bytes, or of the size
// that suits if shift is 0.
POOLGEN_PRIV_COLD int poolgen_priv_geometry(poolgen_allocator *a, const poolgen_alloc_config *c, uint32_t shift, uint8_t *lookup)
{
    memset(a, 0, sizeof(*a));
    if (c == NULL || c->sizes == NULL || c->classes == 0 || c->classes > POOLGEN_PRIV_ALLOC_CLASSES || c->align < 8 || c->align > 4096 ||
        (c->align & (c->align - 1)) != 0 || c->budget > POOLGEN_PRIV_ALLOC_MOST || c->flags != 0) {
        return POOLGEN_EINVAL;
    }
    for (uint32_t k = 0; k < c->classes; k++) {
        if (c->sizes[k] == 0 || c->sizes[k] % c->align != 0 || c->sizes[k] > 1u << 24 || (k > 0 && c->sizes[k] <= c->sizes[k - 1])) {
            return POOLGEN_EINVAL;
        }
    }
    a->abi = POOLGEN_ALLOC_ABI;
    a->endian = POOLGEN_PRIV_ENDIAN;
    a->header_size = sizeof(*a);
    a->classes = c->classes;
    a->align = c->align;
    a->min_size = c->sizes[0];
    a->max_size = c->sizes[c->classes - 1];
    if (shift == 0) {
        shift = poolgen_priv_log2(a->max_size / 8 | 1);
        shift = shift < 12 ? 12 : shift > 16 ? 16 : shift;
        while (c->budget >> shift > POOLGEN_PRIV_ALLOC_UNITS) {
            shift++;
        }
    }
    a->unit_shift = shift;
    uint32_t small = poolgen_priv_log2(a->min_size);
    a->block_shift = small + 5 > shift ? 5 : shift - small;
    uint64_t cache = c->cache != 0 ? c->cache : c->budget / 32 < 65536 ? 65536 : c->budget / 32 > (32u << 20) ? 32u << 20 : c->budget / 32;
    a->cache_limit = (uint32_t)cache;
    if (poolgen_priv_spacing(a, c, lookup) != POOLGEN_OK) {
        return POOLGEN_EINVAL;
    }
    uint64_t units = c->budget >> shift;
    while (units > 0 && poolgen_priv_offsets(a, (uint32_t)units) > c->budget) {
        uint64_t over = (a->map_size - c->budget) >> shift;
        units -= over / 2 + 1 < units ? over / 2 + 1 : units;
    }
    return units == 0 ? POOLGEN_EINVAL : POOLGEN_OK;
}

POOLGEN_PRIV_COLD void poolgen_priv_make_class(poolgen_class *k, const poolgen_allocator *a, uint32_t size, uint32_t prealloc)
{
    memset(k, 0, sizeof(*k));
    k->size = size;
    k->reciprocal = (uint32_t)(((UINT64_C(1) << 32) + size - 1) / size);
    k->cap = a->cache_limit / 4 / size;
    k->cap = k->cap > POOLGEN_PRIV_ALLOC_CAP ? POOLGEN_PRIV_ALLOC_CAP : k->cap < 2 ? 2 : k->cap;
    k->prealloc = prealloc;
    poolgen_priv_span_of(k, a->unit_shift);
}

// poolgen_priv_span makes blocks of class c of the units from u on, keeps those in *mask and gives everybody the others. The word.
POOLGEN_PRIV_COLD uint32_t poolgen_priv_span(poolgen_allocator *a, uint32_t c, uint32_t u, uint32_t want, uint32_t *mask)
{
    const poolgen_class *k = poolgen_priv_class(a, c);
    uint32_t base = u << (a->block_shift - 5);
    poolgen_priv_name(a, u, k->span_units, u << 8 | (c + 1));
    memset(poolgen_priv_state(a, u << a->block_shift), POOLGEN_PRIV_BLOCK_FREE, k->span_blocks);
    want = want > k->span_blocks ? k->span_blocks : want;
    *mask = want >= 32 ? UINT32_MAX : (1u << want) - 1;
    for (uint32_t i = 0; i < k->span_blocks; i += 32) {
        uint32_t n = k->span_blocks - i, bits = n >= 32 ? UINT32_MAX : (1u << n) - 1;
        bits = i == 0 ? bits & ~*mask : bits;
        if (bits != 0) {
            poolgen_priv_alloc_give(a, c, u, base + i / 32, bits);
        }
    }
    return base;
}

#ifdef __cplusplus
}
#endif
#endif
