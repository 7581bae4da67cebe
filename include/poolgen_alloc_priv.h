// poolgen_alloc_priv.h: how the functions of poolgen_alloc.h work. Nothing here is for use outside; include poolgen_alloc.h instead.
// The protocol, and why it is safe, is written down in Go's package runtime/pool (alloc.go).
#ifndef POOLGEN_ALLOC_PRIV_H
#define POOLGEN_ALLOC_PRIV_H

#include "poolgen_alloc_abi.h"
#include "poolgen_priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOLGEN_PRIV_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOLGEN_PRIV_ASAN 1
#endif
#endif
#ifdef POOLGEN_PRIV_ASAN
#include <sanitizer/asan_interface.h>
#define POOLGEN_PRIV_HIDE(p, n) __asan_poison_memory_region((p), (n))
#define POOLGEN_PRIV_SHOW(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POOLGEN_PRIV_HIDE(p, n) ((void)(p), (void)(n))
#define POOLGEN_PRIV_SHOW(p, n) ((void)(p), (void)(n))
#endif

#define POOLGEN_PRIV_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define POOLGEN_PRIV_SLOW static __attribute__((noinline, unused))

#ifdef __cplusplus
extern "C" {
#endif

// poolgen_entry is a free block: its offset from the data, and the index of its state.
typedef struct poolgen_entry {
    uint32_t offset;
    uint32_t state;
} poolgen_entry;

// poolgen_magazine holds the free blocks of one class that a cache has, the last freed on top.
typedef struct poolgen_magazine {
    poolgen_entry *entry;
    uint32_t n;
    uint32_t cap; // 0 in the magazines that stand for no class: their blocks take the slow path
    uint32_t size;
    uint32_t reciprocal;
} poolgen_magazine;

// poolgen_cache belongs to one thread at a time. Magazine k is that of class k - 1; 0 and the last stand for no class.
struct poolgen_cache {
    char *data;
    uint8_t *state;
    const uint32_t *unit;
    poolgen_allocator *allocator;
    uint32_t data_size;
    uint32_t unit_shift;
    uint32_t block_shift;
    uint32_t bytes; // cached
    uint32_t limit;
    uint32_t classes;
    uint32_t turn; // the magazine that was made to give last
    poolgen_magazine magazine[POOLGEN_PRIV_UNIT_RUN + 1];
};

static inline const poolgen_class *poolgen_priv_class(const poolgen_allocator *a, uint32_t c)
{
    return (const poolgen_class *)(const void *)((const char *)a + a->class_offset) + c;
}

static inline uint32_t *poolgen_priv_words(poolgen_allocator *a, uint32_t offset) { return (uint32_t *)(void *)((char *)a + offset); }
static inline char *poolgen_priv_data(poolgen_allocator *a) { return (char *)a + a->data; }
static inline uint8_t *poolgen_priv_state(poolgen_allocator *a, uint32_t j) { return (uint8_t *)a + a->state_offset + j; }
static inline uint32_t poolgen_priv_unit(poolgen_allocator *a, uint32_t u) { return __atomic_load_n(poolgen_priv_words(a, a->unit_offset) + u, __ATOMIC_RELAXED); }
static inline uint32_t poolgen_priv_get_state(const uint8_t *s) { return __atomic_load_n(s, __ATOMIC_RELAXED); }
static inline void poolgen_priv_set_state(uint8_t *s, uint32_t v) { __atomic_store_n(s, (uint8_t)v, __ATOMIC_RELAXED); }

// poolgen_priv_bucket has no loop, branch or division: evenly spaced sizes up to 2 << base_log, then 1 << step_log a doubling.
static inline uint32_t poolgen_priv_bucket(uint32_t n, uint32_t base_log, uint32_t step_log)
{
    uint32_t m = n - 1, k = 31u - (uint32_t)__builtin_clz(m | 1u << base_log);
    return ((k - base_log) << step_log) + (m >> (k - step_log));
}

// poolgen_priv_class_of is the smallest class that holds n bytes, 1 to max_size.
static inline uint32_t poolgen_priv_class_of(const poolgen_allocator *a, uint32_t n)
{
    n = n < a->min_size ? a->min_size : n;
    uint32_t c = poolgen_priv_bucket(n, a->base_log, a->step_log) - a->bucket;
    if (a->buckets != 0) {
        c = ((const uint8_t *)a + a->lookup_offset)[c];
        c += n > poolgen_priv_class(a, c)->size;
    }
    return c;
}

// poolgen_priv_row is where this thread's hints are: word numbers + 1, one a class.
static inline uint32_t *poolgen_priv_row(poolgen_allocator *a, uint32_t row)
{
    return poolgen_priv_words(a, a->hint_offset) + (size_t)row * ((a->classes + 15) & ~15u);
}

static inline uint32_t poolgen_priv_own_row(void)
{
    return ((uint32_t)((uintptr_t)__builtin_thread_pointer() >> 12) * UINT32_C(2654435769)) >> 29;
}

// poolgen_priv_or sets bits and returns the word before that. It is spelled out because GCC 12 leaves the OR out of an inlined
// __atomic_fetch_or whose result is compared with 0 and whose operand changes in a loop around it.
static inline uint32_t poolgen_priv_or(uint32_t *word, uint32_t mask)
{
    uint32_t old = poolgen_priv_load(word);
    while (!__atomic_compare_exchange_n(word, &old, old | mask, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    return old;
}

// poolgen_priv_mark notes that the span at unit u may have free blocks of class c.
static inline void poolgen_priv_mark(poolgen_allocator *a, uint32_t c, uint32_t u)
{
    uint32_t words = (a->units + 31) / 32, *maybe = poolgen_priv_words(a, a->maybe_offset) + (size_t)c * words + u / 32;
    if ((__atomic_load_n(maybe, __ATOMIC_SEQ_CST) >> (u & 31) & 1) == 0 && poolgen_priv_or(maybe, 1u << (u & 31)) == 0) {
        uint32_t *sum = poolgen_priv_words(a, a->summary_offset) + (size_t)c * ((words + 31) / 32) + u / 1024;
        __atomic_fetch_or(sum, 1u << (u / 32 & 31), __ATOMIC_SEQ_CST);
    }
}

// poolgen_priv_alloc_give makes the blocks in mask of word w free for everybody. All belong to the span at unit first.
static inline void poolgen_priv_alloc_give(poolgen_allocator *a, uint32_t c, uint32_t first, uint32_t w, uint32_t mask)
{
    uint32_t old = poolgen_priv_or(poolgen_priv_words(a, a->bits_offset) + w, mask);
    poolgen_priv_store(poolgen_priv_row(a, poolgen_priv_own_row()) + c, w + 1);
    if (old == 0) {
        poolgen_priv_mark(a, c, first);
    }
}

// poolgen_priv_claim takes at most want blocks from word w if they are of class c. *first is their span.
POOLGEN_PRIV_SLOW uint32_t poolgen_priv_claim(poolgen_allocator *a, uint32_t c, uint32_t w, uint32_t want, uint32_t *first)
{
    uint32_t *word = poolgen_priv_words(a, a->bits_offset) + w, old = poolgen_priv_load(word), mask;
    do {
        mask = old;
        if (want < 32 && mask != 0) { // the lowest ones
            for (uint32_t rest = mask, n = 0; ; n++) {
                if (n == want || rest == 0) {
                    mask &= ~rest;
                    break;
                }
                rest &= rest - 1;
            }
        }
        if (mask == 0) {
            return 0;
        }
    } while (!__atomic_compare_exchange_n(word, &old, old & ~mask, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    // While a block is ours its span stays. Only now is it known whose the word is: it may have changed hands before.
    uint32_t u = poolgen_priv_unit(a, w >> (a->block_shift - 5));
    *first = u >> 8;
    if ((u & 255) != c + 1) {
        poolgen_priv_alloc_give(a, (u & 255) - 1, u >> 8, w, mask);
        return 0;
    }
    return mask;
}

// poolgen_priv_find takes blocks of class c from wherever there are any: the word, and what it got of it in *mask.
POOLGEN_PRIV_SLOW uint32_t poolgen_priv_find(poolgen_allocator *a, uint32_t c, uint32_t want, uint32_t *first, uint32_t *mask)
{
    uint32_t own = poolgen_priv_own_row(), words = (a->units + 31) / 32, sums = (words + 31) / 32, per_unit = 1u << (a->block_shift - 5);
    uint32_t all = a->units << (a->block_shift - 5);
    for (uint32_t k = 0; k < POOLGEN_PRIV_ALLOC_ROWS; k++) {
        uint32_t *hint = poolgen_priv_row(a, own ^ k) + c, w = poolgen_priv_load(hint) - 1;
        if (w < all && poolgen_priv_load(poolgen_priv_words(a, a->bits_offset) + w) != 0) {
            if ((*mask = poolgen_priv_claim(a, c, w, want, first)) != 0) {
                return w;
            }
        }
    }
    uint32_t *sum = poolgen_priv_words(a, a->summary_offset) + (size_t)c * sums;
    uint32_t *maybe = poolgen_priv_words(a, a->maybe_offset) + (size_t)c * words;
    for (uint32_t s = 0; s < sums; s++) {
        for (uint32_t high = poolgen_priv_load(sum + s); high != 0; high &= high - 1) {
            uint32_t m = s * 32 + (uint32_t)__builtin_ctz(high);
            if (m >= words) {
                break;
            }
            for (uint32_t low = poolgen_priv_load(maybe + m); low != 0; low &= low - 1) {
                uint32_t u = m * 32 + (uint32_t)__builtin_ctz(low);
                if (u >= a->units) {
                    break;
                }
                uint32_t base = u * per_unit, n = (poolgen_priv_class(a, c)->span_blocks + 31) / 32;
                for (uint32_t w = base; w < base + n && w < all; w++) {
                    if (poolgen_priv_load(poolgen_priv_words(a, a->bits_offset) + w) != 0 && (*mask = poolgen_priv_claim(a, c, w, want, first)) != 0) {
                        poolgen_priv_store(poolgen_priv_row(a, own) + c, w + 1);
                        return w;
                    }
                }
                // Nothing there: take the mark away, and put it back if a block came in between.
                __atomic_fetch_and(maybe + m, ~(1u << (u & 31)), __ATOMIC_SEQ_CST);
                for (uint32_t w = base; w < base + n && w < all; w++) {
                    if (__atomic_load_n(poolgen_priv_words(a, a->bits_offset) + w, __ATOMIC_SEQ_CST) != 0) {
                        poolgen_priv_mark(a, c, u);
                        break;
                    }
                }
            }
            if (__atomic_load_n(maybe + m, __ATOMIC_SEQ_CST) == 0) {
                __atomic_fetch_and(sum + s, ~(1u << (m & 31)), __ATOMIC_SEQ_CST);
                if (__atomic_load_n(maybe + m, __ATOMIC_SEQ_CST) != 0) {
                    __atomic_fetch_or(sum + s, 1u << (m & 31), __ATOMIC_SEQ_CST);
                }
            }
        }
    }
    *mask = 0;
    return 0;
}

// poolgen_priv_run_bits sets or clears the bits of n units from u on; when clearing it stops at the first word where one is gone
// already, puts back what it took, and returns 0.
POOLGEN_PRIV_COLD int poolgen_priv_run_bits(poolgen_allocator *a, uint32_t u, uint32_t n, int take)
{
    uint32_t *word = poolgen_priv_words(a, a->free_offset);
    for (uint32_t at = u, end = u + n; at < end;) {
        uint32_t k = 32 - (at & 31) < end - at ? 32 - (at & 31) : end - at;
        uint32_t mask = (k == 32 ? UINT32_MAX : (1u << k) - 1) << (at & 31);
        if (!take) {
            __atomic_fetch_or(word + at / 32, mask, __ATOMIC_SEQ_CST);
        } else {
            uint32_t old = poolgen_priv_load(word + at / 32);
            do {
                if ((old & mask) != mask) {
                    (void)poolgen_priv_run_bits(a, u, at - u, 0);
                    return 0;
                }
            } while (!__atomic_compare_exchange_n(word + at / 32, &old, old & ~mask, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
        }
        at += k;
    }
    return 1;
}

// poolgen_priv_run_find takes n free units that begin at a multiple of align units, from unit from up to unit to. The unit, or NONE.
POOLGEN_PRIV_COLD uint32_t poolgen_priv_run_find(poolgen_allocator *a, uint32_t n, uint32_t skew, uint32_t align, uint32_t from, uint32_t to)
{
    const uint32_t *word = poolgen_priv_words(a, a->free_offset);
    for (uint32_t u = from; u < to && n <= a->units - u;) {
        if (poolgen_priv_load(word + u / 32) == 0) {
            u = (u | 31) + 1;
            continue;
        }
        if (((u + skew) & (align - 1)) != 0) {
            u++;
            continue;
        }
        uint32_t k = 0;
        while (k < n && (poolgen_priv_load(word + (u + k) / 32) >> ((u + k) & 31) & 1) != 0) {
            k++;
        }
        if (k == n && poolgen_priv_run_bits(a, u, n, 1)) {
            return u;
        }
        u += k == n ? 1 : k + 1;
    }
    return POOLGEN_PRIV_NONE;
}

// poolgen_priv_run takes n units. The first one's address is a multiple of align bytes.
POOLGEN_PRIV_COLD uint32_t poolgen_priv_run(poolgen_allocator *a, uint32_t n, size_t align)
{
    uint32_t step = align >> a->unit_shift > 1 ? (uint32_t)(align >> a->unit_shift) : 1;
    uint32_t skew = (uint32_t)((uintptr_t)poolgen_priv_data(a) >> a->unit_shift), from = poolgen_priv_load(&a->cursor);
    if (n > a->units || (align > 1 && ((uintptr_t)poolgen_priv_data(a) & (((size_t)1 << a->unit_shift) - 1) & (align - 1)) != 0)) {
        return POOLGEN_PRIV_NONE;
    }
    from = from < a->units ? from : 0;
    uint32_t u = poolgen_priv_run_find(a, n, skew, step, from, a->units);
    if (u == POOLGEN_PRIV_NONE) {
        u = poolgen_priv_run_find(a, n, skew, step, 0, from);
    }
    if (u == POOLGEN_PRIV_NONE) {
        return u;
    }
    if (n == 1 || u == from) {
        poolgen_priv_store(&a->cursor, u + n);
    }
    uint32_t used = __atomic_add_fetch(&a->used, n, __ATOMIC_RELAXED), high = poolgen_priv_load(&a->high);
    while (used > high && !__atomic_compare_exchange_n(&a->high, &high, used, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return u;
}

// poolgen_priv_run_free gives n units back whose words say NONE by now.
POOLGEN_PRIV_COLD void poolgen_priv_run_free(poolgen_allocator *a, uint32_t u, uint32_t n)
{
    __atomic_fetch_sub(&a->used, n, __ATOMIC_RELAXED);
    (void)poolgen_priv_run_bits(a, u, n, 0);
    if (u < poolgen_priv_load(&a->cursor)) {
        poolgen_priv_store(&a->cursor, u);
    }
}

static inline void poolgen_priv_name(poolgen_allocator *a, uint32_t u, uint32_t n, uint32_t word)
{
    for (uint32_t k = 0; k < n; k++) {
        poolgen_priv_store(poolgen_priv_words(a, a->unit_offset) + u + k, word);
    }
}

// poolgen_priv_reclaim gives the spans back of which every block is free. The number of units.
POOLGEN_PRIV_COLD uint32_t poolgen_priv_reclaim(poolgen_allocator *a)
{
    uint32_t got = 0, *bits = poolgen_priv_words(a, a->bits_offset);
    for (uint32_t u = 0; u < a->units;) {
        uint32_t name = poolgen_priv_unit(a, u), c = (name & 255) - 1, n = 1;
        if (name >> 8 == u && c < a->classes) {
            const poolgen_class *k = poolgen_priv_class(a, c);
            uint32_t base = u << (a->block_shift - 5), last = (k->span_blocks - 1) / 32, w = 0;
            for (; w <= last; w++) {
                uint32_t full = w < last || (k->span_blocks & 31) == 0 ? UINT32_MAX : (1u << (k->span_blocks & 31)) - 1;
                if (!poolgen_priv_cas(bits + base + w, full, 0)) {
                    break;
                }
            }
            // Ours, so the span cannot change now: is it still the one that was looked at?
            if (w > last && poolgen_priv_unit(a, u) == name) {
                poolgen_priv_name(a, u, k->span_units, POOLGEN_PRIV_UNIT_NONE);
                poolgen_priv_run_free(a, u, k->span_units);
                poolgen_priv_count(&a->reclaims);
                got += k->span_units;
            } else {
                for (uint32_t v = 0; v < w; v++) {
                    uint32_t full = v < last || (k->span_blocks & 31) == 0 ? UINT32_MAX : (1u << (k->span_blocks & 31)) - 1;
                    uint32_t now = poolgen_priv_unit(a, (base + v) >> (a->block_shift - 5));
                    poolgen_priv_alloc_give(a, (now & 255) - 1, now >> 8, base + v, full);
                }
            }
            n = k->span_units;
        }
        u += n;
    }
    return got;
}

#ifdef __cplusplus
}
#endif
#endif
