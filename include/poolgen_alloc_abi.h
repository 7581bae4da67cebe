// poolgen_alloc_abi.h: the layout of a size-class allocator, ABI version 1, field for field that of Go's package runtime/pool, where
// its protocol is written down (alloc.go). Both sides assert every size and offset. Include poolgen_alloc.h instead.
#ifndef POOLGEN_ALLOC_ABI_H
#define POOLGEN_ALLOC_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "poolgen_abi.h"

// POOLGEN_ALLOC_ABI is the layout version of the allocators that this header speaks.
#define POOLGEN_ALLOC_ABI 1
#define POOLGEN_ALLOC_REQUIRE_ABI(n) POOLGEN_STATIC_ASSERT((n) == POOLGEN_ALLOC_ABI, "generated for another version of poolgen_alloc.h: run poolgen again")

// poolgen_class describes the blocks of one size.
typedef struct poolgen_class {
    uint32_t size;        // bytes of a block
    uint32_t reciprocal;  // 2^32 / size, rounded up
    uint32_t span_units;  // units that are cut into blocks together
    uint32_t span_blocks; // and how many blocks they give
    uint32_t cap;         // blocks that a cache keeps at most
    uint32_t prealloc;    // blocks made at the start
    uint32_t reserved24[2];
} poolgen_class;

// poolgen_allocator starts an allocator's memory. The words before cursor do not change once it is made.
typedef struct poolgen_allocator {
    uint32_t magic;
    uint32_t abi;
    uint32_t endian;
    uint32_t header_size;
    uint64_t id;
    uint64_t map_size; // bytes of all
    uint64_t data;     // offset of the first unit
    uint32_t unit_shift;
    uint32_t units;
    uint32_t block_shift; // 1 << block_shift blocks a unit at most
    uint32_t classes;
    uint32_t step_log;  // buckets a doubling, as a power of two
    uint32_t base_log;  // the sizes below 2 << base_log are spaced evenly
    uint32_t bucket;    // the first bucket that is in use
    uint32_t buckets;   // entries of the lookup table; 0: the bucket is the class
    uint32_t align;     // of every block
    uint32_t min_size;
    uint32_t max_size;
    uint32_t cache_limit; // bytes that a cache keeps at most
    uint32_t class_offset;
    uint32_t lookup_offset;
    uint32_t hint_offset;
    uint32_t summary_offset;
    uint32_t maybe_offset;
    uint32_t unit_offset;
    uint32_t run_offset;
    uint32_t free_offset;
    uint32_t bits_offset;
    uint32_t state_offset;
    uint8_t reserved128[64];
    uint32_t cursor;   // unit at which a search begins
    uint32_t used;     // units in use
    uint32_t high;     // the most there were
    uint32_t refusals; // requests that did not fit the budget
    uint32_t misuses;  // frees of what was not allocated
    uint32_t reclaims; // spans that went back because all their blocks were free
    uint32_t caches;   // open ones
    uint8_t reserved220[36];
} poolgen_allocator;

#define POOLGEN_ALLOC_ASSERT(type, field, offset) POOLGEN_STATIC_ASSERT(offsetof(type, field) == (offset), #type "." #field)
POOLGEN_STATIC_ASSERT(sizeof(poolgen_class) == 32, "size of poolgen_class");
POOLGEN_STATIC_ASSERT(sizeof(poolgen_allocator) == 256, "size of poolgen_allocator");
POOLGEN_ALLOC_ASSERT(poolgen_class, span_blocks, 12);
POOLGEN_ALLOC_ASSERT(poolgen_class, prealloc, 20);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, id, 16);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, data, 32);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, classes, 52);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, buckets, 68);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, cache_limit, 84);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, maybe_offset, 104);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, state_offset, 124);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, cursor, 192);
POOLGEN_ALLOC_ASSERT(poolgen_allocator, caches, 216);

#define POOLGEN_PRIV_ALLOC_MAGIC UINT32_C(0x4c414750)
#define POOLGEN_PRIV_ALLOC_CLASSES 250u // at most: a unit's class fits a byte
#define POOLGEN_PRIV_ALLOC_BUCKETS 2048u
#define POOLGEN_PRIV_ALLOC_ROWS 8u     // of hints
#define POOLGEN_PRIV_ALLOC_UNITS 65536u
#define POOLGEN_PRIV_ALLOC_MOST (UINT64_C(1) << 31) // bytes of an allocator
#define POOLGEN_PRIV_ALLOC_CAP 128u                 // blocks of a class in a cache

// A unit's word: the first unit of its span or run << 8 | its class + 1, or one of these.
#define POOLGEN_PRIV_UNIT_NONE 0u
#define POOLGEN_PRIV_UNIT_RUN 255u // one large block

// A block's state.
#define POOLGEN_PRIV_BLOCK_FREE 0u
#define POOLGEN_PRIV_BLOCK_LIVE 1u
#define POOLGEN_PRIV_BLOCK_CACHE 2u // it holds a cache

#endif
