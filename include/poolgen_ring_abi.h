// poolgen_ring_abi.h: the layout of a frame ring, version 1, word for word that of Go's package runtime/ring, whose documentation says what each
// is for. Include poolgen_ring.h instead.
#ifndef POOLGEN_RING_ABI_H
#define POOLGEN_RING_ABI_H

#include "poolgen_abi.h"

// POOLGEN_RING_VERSION is the layout version that this header speaks.
#define POOLGEN_RING_VERSION 1

// Where the parts of the file begin. Then come the payloads, at superblock.data.
enum {
    POOLGEN_RING_DOOR = 65536,
    POOLGEN_RING_ENTRIES = 131072,
};

// poolgen_ring_counter is a 64-bit number: high word, low word, high word once more.
typedef struct poolgen_ring_counter {
    uint32_t early, low, late;
} poolgen_ring_counter;

typedef struct poolgen_ring_superblock {
    uint32_t magic, version, endian;
    uint32_t frames;  // that it remembers
    uint32_t largest; // bytes of the largest frame
    uint32_t flags;   // 1: all frames have that size; 2: a file, with checksums
    uint32_t bytes;   // of all payloads together
    uint32_t data;    // offset of the payloads
    uint32_t id[2], zero;
    uint32_t sum; // CRC-32C of the words before
    uint32_t reserved48[4];
    poolgen_ring_counter next; // frames ever published
    uint32_t reserved76[13];
    poolgen_ring_counter oldest; // frames ever overwritten, or about to be
    uint32_t reserved140[13];
    uint32_t ended; // not 0: the writer has closed
    uint32_t reserved196[15];
} poolgen_ring_superblock;

// poolgen_ring_door is where readers sleep: all that they write.
typedef struct poolgen_ring_door {
    uint32_t armed, seq;
} poolgen_ring_door;

// poolgen_ring_entry is frame n, at n modulo frames.
typedef struct poolgen_ring_entry {
    uint32_t number[2], offset, length, time[2];
    uint32_t payload_sum; // CRC-32C of the payload, in a file
    uint32_t sum;         // CRC-32C of the words before, in a file
} poolgen_ring_entry;

#define POOLGEN_RING_AT(type, field, offset) POOLGEN_STATIC_ASSERT(offsetof(type, field) == (offset), "offset of " #type "." #field)
POOLGEN_STATIC_ASSERT(sizeof(poolgen_ring_superblock) == 256, "size of poolgen_ring_superblock");
POOLGEN_STATIC_ASSERT(sizeof(poolgen_ring_entry) == 32, "size of poolgen_ring_entry");
POOLGEN_RING_AT(poolgen_ring_superblock, frames, 12);
POOLGEN_RING_AT(poolgen_ring_superblock, sum, 44);
POOLGEN_RING_AT(poolgen_ring_superblock, next, 64);
POOLGEN_RING_AT(poolgen_ring_superblock, oldest, 128);
POOLGEN_RING_AT(poolgen_ring_superblock, ended, 192);
POOLGEN_RING_AT(poolgen_ring_entry, offset, 8);
POOLGEN_RING_AT(poolgen_ring_entry, payload_sum, 24);

#endif
