// poolgen_abi.h: the layout of an arena, ABI version 1, field for field that of Go's package runtime/pool. Both sides assert
// every size and offset at compile time. Include poolgen.h instead.
#ifndef POOLGEN_ABI_H
#define POOLGEN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define POOLGEN_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define POOLGEN_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

// POOLGEN_ABI is the layout version of the arenas that this header speaks.
#define POOLGEN_ABI 1
// POOLGEN_REQUIRE_ABI(n); refuses to compile with a header of another version than n. Generated headers contain it.
#define POOLGEN_REQUIRE_ABI(n) POOLGEN_STATIC_ASSERT((n) == POOLGEN_ABI, "generated for another version of poolgen.h: run poolgen again")

// What the functions return: 0, or one of these.
enum poolgen_error {
    POOLGEN_OK = 0,
    POOLGEN_ELIMIT = -1,   // every block is in use
    POOLGEN_ECLOSED = -2,  // the pool was closed
    POOLGEN_ESTALE = -3,   // the reference was released before
    POOLGEN_EINVAL = -4,   // an argument is out of range
    POOLGEN_ECORRUPT = -5, // no arena of this version, or a damaged one
    POOLGEN_EPROTO = -6,   // the other process does not keep to the protocol
    POOLGEN_EGONE = -7,    // the other process ended without closing
    POOLGEN_EEND = -8,     // the publisher has closed, and nothing waits any more
    POOLGEN_ETIMEOUT = -9, // not in the time given
    POOLGEN_EREFUSED = -10, // the publisher refuses
    POOLGEN_EINUSE = -11,  // a live publisher has the path
    POOLGEN_EBUSY = -12,   // another thread is in this call
    POOLGEN_ESYS = -13,    // a system call failed: errno says why
};

// poolgen_buf names a buffer and the generation its reference was taken in. All zero, it names none.
typedef struct poolgen_buf {
    uint32_t index;
    uint32_t generation;
} poolgen_buf;

// poolgen_superblock starts every arena; a poolgen_arena pointer is the address of the arena.
typedef struct poolgen_superblock {
    uint32_t magic;
    uint32_t abi;
    uint32_t endian;
    uint32_t header_size;
    uint64_t arena_id;
    uint64_t arena_size;
    uint32_t pools;
    uint32_t desc_offset;
    uint8_t reserved40[216];
} poolgen_superblock;
typedef poolgen_superblock poolgen_arena;

// poolgen_descriptor describes the pool. The words before opened do not change once the arena is made.
typedef struct poolgen_descriptor {
    uint32_t flags;
    uint32_t stride;   // bytes from one payload to the next
    uint32_t capacity; // usable bytes of a block
    uint32_t fixed;    // blocks with a payload in the arena
    uint32_t external; // headers of external blocks, after the fixed ones
    uint32_t prealloc;
    uint32_t hint_slots;
    uint32_t headers_offset;
    uint64_t payload_offset;
    uint64_t budget;
    uint32_t limit;
    uint8_t reserved52[12];
    uint32_t opened;    // blocks handed out at least once
    uint32_t attention; // bit 31: closed; below: sleepers in Go's Wait
    uint32_t wake_seq;  // futex word of the sleepers
    uint32_t pending;   // blocks that await Go's Reap
    uint32_t wraps;
    uint32_t misses;
    uint32_t refusals;
    uint32_t stale;
    uint32_t saturations;
    uint32_t cursor;
    uint8_t reserved104[152];
} poolgen_descriptor;

// poolgen_hint_slot is a small stack of block numbers, never trusted.
typedef struct poolgen_hint_slot {
    uint32_t top;
    uint32_t entry[14];
    uint32_t reserved60;
} poolgen_hint_slot;

// poolgen_block is the bookkeeping of one block. ref: generation << 16 | closing << 15 | saturated << 14 | count.
typedef struct poolgen_block {
    uint32_t ref;
    uint32_t generation;
    uint32_t length;
    uint32_t capacity;
    uint32_t payload; // offset of the payload / 64
    uint16_t pool;
    uint8_t size_class;
    uint8_t flags;
    uint32_t canary;
    uint32_t user;
    uint32_t holders;
    uint32_t external; // address of an external block in the owner's process, low and high half
    uint32_t external_hi;
    uint8_t reserved44[20];
} poolgen_block;

// poolgen_pool_config is what poolgen_pool_init makes.
typedef struct poolgen_pool_config {
    uint32_t size;   // usable bytes of a block, 1 to 1 << 30
    uint32_t blocks; // 1 to 1 << 24
    uint32_t align;  // of payloads: a power of two from 64 to 1 << 20; 0 means 64
    uint32_t shared; // not 0: the memory is a memfd that other processes map too
    uint64_t id;     // of the arena; 0: a random one
} poolgen_pool_config;

#define POOLGEN_PRIV_AT(type, field, offset) POOLGEN_STATIC_ASSERT(offsetof(type, field) == (offset), "offset of " #type "." #field)
POOLGEN_STATIC_ASSERT(sizeof(poolgen_buf) == 8, "size of poolgen_buf");
POOLGEN_PRIV_AT(poolgen_buf, index, 0);
POOLGEN_PRIV_AT(poolgen_buf, generation, 4);
POOLGEN_STATIC_ASSERT(sizeof(poolgen_superblock) == 256, "size of poolgen_superblock");
POOLGEN_PRIV_AT(poolgen_superblock, magic, 0);
POOLGEN_PRIV_AT(poolgen_superblock, abi, 4);
POOLGEN_PRIV_AT(poolgen_superblock, endian, 8);
POOLGEN_PRIV_AT(poolgen_superblock, header_size, 12);
POOLGEN_PRIV_AT(poolgen_superblock, arena_id, 16);
POOLGEN_PRIV_AT(poolgen_superblock, arena_size, 24);
POOLGEN_PRIV_AT(poolgen_superblock, pools, 32);
POOLGEN_PRIV_AT(poolgen_superblock, desc_offset, 36);
POOLGEN_STATIC_ASSERT(sizeof(poolgen_descriptor) == 256, "size of poolgen_descriptor");
POOLGEN_PRIV_AT(poolgen_descriptor, flags, 0);
POOLGEN_PRIV_AT(poolgen_descriptor, stride, 4);
POOLGEN_PRIV_AT(poolgen_descriptor, capacity, 8);
POOLGEN_PRIV_AT(poolgen_descriptor, fixed, 12);
POOLGEN_PRIV_AT(poolgen_descriptor, external, 16);
POOLGEN_PRIV_AT(poolgen_descriptor, prealloc, 20);
POOLGEN_PRIV_AT(poolgen_descriptor, hint_slots, 24);
POOLGEN_PRIV_AT(poolgen_descriptor, headers_offset, 28);
POOLGEN_PRIV_AT(poolgen_descriptor, payload_offset, 32);
POOLGEN_PRIV_AT(poolgen_descriptor, budget, 40);
POOLGEN_PRIV_AT(poolgen_descriptor, limit, 48);
POOLGEN_PRIV_AT(poolgen_descriptor, opened, 64);
POOLGEN_PRIV_AT(poolgen_descriptor, attention, 68);
POOLGEN_PRIV_AT(poolgen_descriptor, wake_seq, 72);
POOLGEN_PRIV_AT(poolgen_descriptor, pending, 76);
POOLGEN_PRIV_AT(poolgen_descriptor, wraps, 80);
POOLGEN_PRIV_AT(poolgen_descriptor, misses, 84);
POOLGEN_PRIV_AT(poolgen_descriptor, refusals, 88);
POOLGEN_PRIV_AT(poolgen_descriptor, stale, 92);
POOLGEN_PRIV_AT(poolgen_descriptor, saturations, 96);
POOLGEN_PRIV_AT(poolgen_descriptor, cursor, 100);
POOLGEN_STATIC_ASSERT(sizeof(poolgen_hint_slot) == 64, "size of poolgen_hint_slot");
POOLGEN_PRIV_AT(poolgen_hint_slot, top, 0);
POOLGEN_PRIV_AT(poolgen_hint_slot, entry, 4);
POOLGEN_STATIC_ASSERT(sizeof(poolgen_block) == 64, "size of poolgen_block");
POOLGEN_PRIV_AT(poolgen_block, ref, 0);
POOLGEN_PRIV_AT(poolgen_block, generation, 4);
POOLGEN_PRIV_AT(poolgen_block, length, 8);
POOLGEN_PRIV_AT(poolgen_block, capacity, 12);
POOLGEN_PRIV_AT(poolgen_block, payload, 16);
POOLGEN_PRIV_AT(poolgen_block, pool, 20);
POOLGEN_PRIV_AT(poolgen_block, size_class, 22);
POOLGEN_PRIV_AT(poolgen_block, flags, 23);
POOLGEN_PRIV_AT(poolgen_block, canary, 24);
POOLGEN_PRIV_AT(poolgen_block, user, 28);
POOLGEN_PRIV_AT(poolgen_block, holders, 32);
POOLGEN_PRIV_AT(poolgen_block, external, 36);
POOLGEN_PRIV_AT(poolgen_block, external_hi, 40);
#undef POOLGEN_PRIV_AT

#endif
