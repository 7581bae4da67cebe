// check.h: what the test programs share. They are C11 and C++17 alike.
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <poolgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// CHECK ends the program with the place and the two values when they differ.
#define CHECK(got, want)                                                                                        \
    do {                                                                                                        \
        long long got_ = (long long)(got), want_ = (long long)(want);                                           \
        if (got_ != want_) {                                                                                    \
            fprintf(stderr, "%s:%d: %s is %lld, want %s: %lld\n", __FILE__, __LINE__, #got, got_, #want, want_); \
            exit(1);                                                                                            \
        }                                                                                                       \
    } while (0)

static inline poolgen_buf handle(uint32_t index, uint32_t generation)
{
    poolgen_buf b;
    b.index = index;
    b.generation = generation;
    return b;
}

// make is an arena in memory of its own; the caller frees it.
static inline poolgen_arena *make(uint32_t size, uint32_t blocks)
{
    poolgen_pool_config c;
    memset(&c, 0, sizeof(c));
    c.size = size;
    c.blocks = blocks;
    size_t need = poolgen_arena_size(&c);
    void *mem = NULL;
    CHECK(posix_memalign(&mem, 4096, need), 0);
    memset(mem, 0xee, need);
    CHECK(poolgen_pool_init(mem, need, &c), POOLGEN_OK);
    CHECK(poolgen_check((poolgen_arena *)mem, need), POOLGEN_OK);
    return (poolgen_arena *)mem;
}

static inline uint32_t load(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }

// count_out is the number of blocks with references or in the closing state.
static inline uint32_t count_out(poolgen_arena *a)
{
    uint32_t n = 0;
    const poolgen_descriptor *d = poolgen_priv_desc(a);
    for (uint32_t i = 0; i < d->fixed + d->external; i++) {
        n += (load(&poolgen_priv_block(a, i)->ref) & 0xbfff) != 0;
    }
    return n;
}

// count_released is the number of lives that ended in the arena: a block's generation, with what its word is ahead, counts them.
static inline uint64_t count_released(poolgen_arena *a)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < poolgen_priv_desc(a)->fixed; i++) {
        uint32_t g = load(&poolgen_priv_block(a, i)->generation), w = load(&poolgen_priv_block(a, i)->ref);
        n += g + (((w >> 16) - g) & 0xffff) - 1;
    }
    return n;
}

#endif
