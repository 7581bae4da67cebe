// poolgen_priv.h: how the functions of poolgen.h work. Nothing here is for use outside; include poolgen.h instead.
// The life of a block, and why this order of steps, is written down in Go's package runtime/pool.
#ifndef POOLGEN_PRIV_H
#define POOLGEN_PRIV_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "poolgen_abi.h"

#ifdef __cplusplus
extern "C" {
#else
long syscall(long number, ...); // unistd.h hides it with -std=c11
#endif

#define POOLGEN_PRIV_MAGIC UINT32_C(0x4c4f4f50)
#define POOLGEN_PRIV_ENDIAN UINT32_C(0x01020304)
#define POOLGEN_PRIV_CANARY UINT32_C(0x504c4e47)
#define POOLGEN_PRIV_GUARD_BYTE 0xa5
#define POOLGEN_PRIV_HINT_SLOTS 64u
#define POOLGEN_PRIV_HINT_DEPTH 14u
#define POOLGEN_PRIV_HINTS 512u
#define POOLGEN_PRIV_HEADERS (POOLGEN_PRIV_HINTS + POOLGEN_PRIV_HINT_SLOTS * 64u)
#define POOLGEN_PRIV_PROBES 256u
#define POOLGEN_PRIV_COUNT UINT32_C(0x3fff)
#define POOLGEN_PRIV_SATURATED UINT32_C(0x4000)
#define POOLGEN_PRIV_CLOSING UINT32_C(0x8000)
#define POOLGEN_PRIV_CLOSED UINT32_C(0x80000000)
#define POOLGEN_PRIV_SLOW_RELEASE 1u // of descriptor.flags: Go finishes every block
#define POOLGEN_PRIV_SHARED 2u
#define POOLGEN_PRIV_NONE UINT32_MAX // no block
#define POOLGEN_PRIV_MAX_BLOCKS (1u << 24)
#define POOLGEN_PRIV_MAX_EXTERNAL (1u << 20)
#define POOLGEN_PRIV_MAX_SIZE (1u << 30)
#define POOLGEN_PRIV_LIKELY(x) __builtin_expect(!!(x), 1)
#define POOLGEN_PRIV_COLD static __attribute__((noinline, cold, unused))

static inline uint32_t poolgen_priv_load(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void poolgen_priv_store(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void poolgen_priv_count(uint32_t *p) { __atomic_fetch_add(p, 1, __ATOMIC_RELAXED); }

// Sequentially consistent: a claim is ordered before the look at the closed bit, a last release before the look for sleepers.
static inline int poolgen_priv_cas(uint32_t *p, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(p, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline poolgen_descriptor *poolgen_priv_desc(poolgen_arena *arena)
{
    return (poolgen_descriptor *)(void *)((char *)arena + sizeof(poolgen_superblock));
}

static inline poolgen_block *poolgen_priv_block(poolgen_arena *arena, uint32_t i)
{
    return (poolgen_block *)(void *)((char *)arena + POOLGEN_PRIV_HEADERS + (size_t)i * sizeof(poolgen_block));
}

// poolgen_priv_slot is where this thread looks first: a hash of where its thread-locals are.
static inline poolgen_hint_slot *poolgen_priv_slot(poolgen_arena *arena)
{
    uint32_t a = (uint32_t)((uintptr_t)__builtin_thread_pointer() >> 12);
    uint32_t k = (a * UINT32_C(2654435769)) >> 26;
    return (poolgen_hint_slot *)(void *)((char *)arena + POOLGEN_PRIV_HINTS + (size_t)k * sizeof(poolgen_hint_slot));
}
POOLGEN_STATIC_ASSERT((UINT32_MAX >> 26) + 1 == POOLGEN_PRIV_HINT_SLOTS, "the hash yields exactly the slots there are");

// poolgen_priv_hint remembers block i as the one to look at first.
static inline void poolgen_priv_hint(poolgen_arena *arena, uint32_t i)
{
    poolgen_hint_slot *s = poolgen_priv_slot(arena);
    uint32_t t = poolgen_priv_load(&s->top);
    if (t >= POOLGEN_PRIV_HINT_DEPTH) {
        t = POOLGEN_PRIV_HINT_DEPTH - 1;
    }
    poolgen_priv_store(&s->entry[t], i);
    poolgen_priv_store(&s->top, t + 1);
}

static inline int poolgen_priv_in_range(poolgen_arena *arena, poolgen_buf buf)
{
    const poolgen_descriptor *d = poolgen_priv_desc(arena);
    return buf.index < d->fixed + d->external;
}

// poolgen_priv_begin makes the header's generation that of the life that the caller has just claimed: by as much as the word's 16 bits
// are ahead of it, 1, or 2 where 0 is skipped. Nobody else writes it.
static inline uint32_t poolgen_priv_begin(poolgen_block *b)
{
    uint32_t g = poolgen_priv_load(&b->generation);
    g += ((poolgen_priv_load(&b->ref) >> 16) - g) & 0xffff;
    poolgen_priv_store(&b->generation, g);
    return g;
}

// poolgen_priv_holds is 1 if the block has references in a generation. In another, in none, or closing, the difference is out of range.
static inline int poolgen_priv_holds(const poolgen_block *b, uint32_t generation)
{
    uint32_t n = __atomic_load_n(&b->ref, __ATOMIC_ACQUIRE) - (generation << 16);
    return n - 1 < POOLGEN_PRIV_CLOSING - 1 && poolgen_priv_load(&b->generation) == generation;
}

static inline uint32_t poolgen_priv_next(uint32_t generation) { return generation == UINT32_MAX ? 1 : generation + 1; }

POOLGEN_PRIV_COLD int poolgen_priv_stale(poolgen_arena *arena)
{
    poolgen_priv_count(&poolgen_priv_desc(arena)->stale);
    return POOLGEN_ESTALE;
}

// poolgen_priv_released runs after a last release while somebody waits or the pool is closed. Go finishes a closed pool.
POOLGEN_PRIV_COLD void poolgen_priv_released(poolgen_descriptor *d)
{
    if ((__atomic_load_n(&d->attention, __ATOMIC_SEQ_CST) & ~POOLGEN_PRIV_CLOSED) == 0) {
        return;
    }
    __atomic_fetch_add(&d->wake_seq, 1, __ATOMIC_SEQ_CST);
#ifdef SYS_futex
    (void)syscall(SYS_futex, &d->wake_seq, 1 /* FUTEX_WAKE, not private */, 1, NULL, NULL, 0);
#else
    (void)syscall(SYS_futex_time64, &d->wake_seq, 1, 1, NULL, NULL, 0);
#endif
}

// poolgen_priv_held is 1 for a block that Go must finish after its last release.
static inline int poolgen_priv_held(const poolgen_descriptor *d, uint32_t i) { return i >= d->fixed || (d->flags & POOLGEN_PRIV_SLOW_RELEASE) != 0; }

// poolgen_priv_last tries to end the life of a block whose reference word w holds one reference. It is 0 if w has changed.
POOLGEN_PRIV_COLD int poolgen_priv_last(poolgen_arena *arena, uint32_t i, uint32_t generation, uint32_t w, int held)
{
    poolgen_descriptor *d = poolgen_priv_desc(arena);
    poolgen_block *b = poolgen_priv_block(arena, i);
    uint32_t next = poolgen_priv_next(generation);
    if (!poolgen_priv_cas(&b->ref, w, next << 16 | (held ? POOLGEN_PRIV_CLOSING : 0))) {
        return 0;
    }
    if (next == 1) {
        poolgen_priv_count(&d->wraps);
    }
    if (held) {
        __atomic_fetch_add(&d->pending, 1, __ATOMIC_SEQ_CST);
    } else {
        poolgen_priv_hint(arena, i);
    }
    poolgen_priv_released(d);
    return 1;
}

POOLGEN_PRIV_COLD int poolgen_priv_release_slow(poolgen_arena *arena, poolgen_buf buf)
{
    if (!poolgen_priv_in_range(arena, buf)) {
        return POOLGEN_EINVAL;
    }
    poolgen_block *b = poolgen_priv_block(arena, buf.index);
    int held = poolgen_priv_held(poolgen_priv_desc(arena), buf.index);
    for (;;) {
        uint32_t w = __atomic_load_n(&b->ref, __ATOMIC_ACQUIRE);
        if (w >> 16 != (buf.generation & 0xffff) || (w & POOLGEN_PRIV_COUNT) == 0 || poolgen_priv_load(&b->generation) != buf.generation) {
            return poolgen_priv_stale(arena);
        }
        if ((w & POOLGEN_PRIV_SATURATED) != 0) {
            return POOLGEN_OK;
        }
        if ((w & POOLGEN_PRIV_COUNT) == 1) {
            if (poolgen_priv_last(arena, buf.index, buf.generation, w, held)) {
                return POOLGEN_OK;
            }
            continue;
        }
        if (poolgen_priv_cas(&b->ref, w, w - 1)) {
            return POOLGEN_OK;
        }
    }
}

// poolgen_priv_retain_undo gives a reference back that was taken from a block whose short generation has come round to the
// handle's. If the owners released theirs meanwhile it is the last one, and ends the life that the block is in, not the handle's.
POOLGEN_PRIV_COLD int poolgen_priv_retain_undo(poolgen_arena *arena, poolgen_buf buf)
{
    poolgen_block *b = poolgen_priv_block(arena, buf.index);
    int held = poolgen_priv_held(poolgen_priv_desc(arena), buf.index);
    for (;;) {
        uint32_t w = __atomic_load_n(&b->ref, __ATOMIC_ACQUIRE);
        if ((w & POOLGEN_PRIV_COUNT) == 1 && (w & POOLGEN_PRIV_SATURATED) == 0) {
            // Alone: whoever claimed the block has stored its generation before releasing it.
            if (poolgen_priv_last(arena, buf.index, poolgen_priv_load(&b->generation), w, held)) {
                break;
            }
        } else if ((w & POOLGEN_PRIV_SATURATED) != 0 || poolgen_priv_cas(&b->ref, w, w - 1)) {
            break;
        }
    }
    return poolgen_priv_stale(arena);
}

POOLGEN_PRIV_COLD int poolgen_priv_retain_slow(poolgen_arena *arena, poolgen_buf buf)
{
    if (!poolgen_priv_in_range(arena, buf)) {
        return POOLGEN_EINVAL;
    }
    poolgen_block *b = poolgen_priv_block(arena, buf.index);
    for (;;) {
        uint32_t w = __atomic_load_n(&b->ref, __ATOMIC_ACQUIRE);
        if (w >> 16 != (buf.generation & 0xffff) || (w & POOLGEN_PRIV_COUNT) == 0 || (w & POOLGEN_PRIV_CLOSING) != 0) {
            return poolgen_priv_stale(arena);
        }
        if ((w & POOLGEN_PRIV_SATURATED) != 0 || (w & POOLGEN_PRIV_COUNT) == POOLGEN_PRIV_COUNT) {
            if (poolgen_priv_load(&b->generation) != buf.generation) {
                return poolgen_priv_stale(arena);
            }
            if ((w & POOLGEN_PRIV_SATURATED) != 0) {
                return POOLGEN_OK;
            }
            if (poolgen_priv_cas(&b->ref, w, w | POOLGEN_PRIV_SATURATED)) {
                poolgen_priv_count(&poolgen_priv_desc(arena)->saturations);
                return POOLGEN_OK;
            }
        } else if (poolgen_priv_cas(&b->ref, w, w + 1)) {
            return poolgen_priv_load(&b->generation) == buf.generation ? POOLGEN_OK : poolgen_priv_retain_undo(arena, buf);
        }
    }
}

// poolgen_priv_try claims block i if it is free.
static inline int poolgen_priv_try(poolgen_arena *arena, uint32_t i)
{
    poolgen_block *b = poolgen_priv_block(arena, i);
    uint32_t w = poolgen_priv_load(&b->ref);
    return (w & 0xffff) == 0 && poolgen_priv_cas(&b->ref, w, w | 1);
}

// poolgen_priv_pop claims the block that this thread released last, or answers POOLGEN_PRIV_NONE.
static inline uint32_t poolgen_priv_pop(poolgen_arena *arena)
{
    poolgen_hint_slot *s = poolgen_priv_slot(arena);
    uint32_t t = poolgen_priv_load(&s->top) - 1;
    if (!POOLGEN_PRIV_LIKELY(t < POOLGEN_PRIV_HINT_DEPTH)) {
        return POOLGEN_PRIV_NONE;
    }
    poolgen_priv_store(&s->top, t);
    uint32_t i = poolgen_priv_load(&s->entry[t]);
    return POOLGEN_PRIV_LIKELY(i < poolgen_priv_desc(arena)->fixed) && poolgen_priv_try(arena, i) ? i : POOLGEN_PRIV_NONE;
}

// poolgen_priv_probe claims a free block among those opened, or opens one more.
POOLGEN_PRIV_COLD uint32_t poolgen_priv_probe(poolgen_arena *arena)
{
    poolgen_descriptor *d = poolgen_priv_desc(arena);
    for (;;) {
        uint32_t opened = __atomic_load_n(&d->opened, __ATOMIC_ACQUIRE);
        if (opened > d->fixed) {
            opened = d->fixed;
        }
        uint32_t probes = opened < d->fixed && opened > POOLGEN_PRIV_PROBES ? POOLGEN_PRIV_PROBES : opened;
        uint32_t i = poolgen_priv_load(&d->cursor);
        for (; probes > 0; probes--, i++) {
            if (i >= opened) {
                i = 0;
            }
            if (poolgen_priv_try(arena, i)) {
                poolgen_priv_store(&d->cursor, i + 1);
                return i;
            }
        }
        if (opened >= d->fixed) {
            return POOLGEN_PRIV_NONE;
        }
        if (poolgen_priv_cas(&d->opened, opened, opened + 1) && poolgen_priv_try(arena, opened)) {
            return opened;
        }
    }
}

// poolgen_priv_claimed looks twice at a block just claimed in a pool that is closed or in a debug mode.
POOLGEN_PRIV_COLD int poolgen_priv_claimed(poolgen_arena *arena, poolgen_buf *out)
{
    poolgen_descriptor *d = poolgen_priv_desc(arena);
    if ((__atomic_load_n(&d->attention, __ATOMIC_SEQ_CST) & POOLGEN_PRIV_CLOSED) == 0) {
        if ((d->flags & POOLGEN_PRIV_SLOW_RELEASE) != 0 && d->capacity < d->stride) { // arm the guard that Go checks
            char *payload = (char *)arena + (size_t)d->payload_offset + (size_t)out->index * d->stride;
            memset(payload + d->capacity, POOLGEN_PRIV_GUARD_BYTE, d->stride - d->capacity);
        }
        return POOLGEN_OK;
    }
    // Its payload may be gone: nobody looks at it any more.
    if (!poolgen_priv_last(arena, out->index, out->generation, out->generation << 16 | 1, 0)) {
        (void)poolgen_priv_release_slow(arena, *out); // a stale handle has it for a moment
    }
    out->index = out->generation = 0;
    return POOLGEN_ECLOSED;
}

// poolgen_priv_set_buf writes both words with one store where a machine word holds them: a poolgen_buf that is passed by value is
// read with one load, which would have to wait for two stores.
static inline void poolgen_priv_set_buf(poolgen_buf *out, uint32_t index, uint32_t generation)
{
#if UINTPTR_MAX > UINT32_MAX && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t both = (uint64_t)generation << 32 | index;
    memcpy(out, &both, sizeof(both));
#else
    out->index = index;
    out->generation = generation;
#endif
}

// poolgen_priv_hand_out makes a buffer of the block that the caller has claimed.
static inline int poolgen_priv_hand_out(poolgen_arena *arena, uint32_t i, poolgen_buf *out)
{
    poolgen_descriptor *d = poolgen_priv_desc(arena);
    poolgen_block *b = poolgen_priv_block(arena, i);
    poolgen_priv_store(&b->length, d->capacity);
    poolgen_priv_set_buf(out, i, poolgen_priv_begin(b));
    // Looked at after the claim: Close counts claims after it sets the closed bit.
    uint32_t closed = __atomic_load_n(&d->attention, __ATOMIC_SEQ_CST) & POOLGEN_PRIV_CLOSED;
    if (!POOLGEN_PRIV_LIKELY((closed | (d->flags & POOLGEN_PRIV_SLOW_RELEASE)) == 0)) {
        return poolgen_priv_claimed(arena, out);
    }
    return POOLGEN_OK;
}

POOLGEN_PRIV_COLD int poolgen_priv_get_slow(poolgen_arena *arena, poolgen_buf *out)
{
    poolgen_descriptor *d = poolgen_priv_desc(arena);
    out->index = out->generation = 0;
    if ((__atomic_load_n(&d->attention, __ATOMIC_SEQ_CST) & POOLGEN_PRIV_CLOSED) != 0) {
        return POOLGEN_ECLOSED;
    }
    uint32_t i = poolgen_priv_pop(arena);
    if (i == POOLGEN_PRIV_NONE) {
        i = poolgen_priv_probe(arena);
    }
    if (i == POOLGEN_PRIV_NONE) {
        poolgen_priv_count(&d->misses);
        poolgen_priv_count(&d->refusals);
        return POOLGEN_ELIMIT;
    }
    return poolgen_priv_hand_out(arena, i, out);
}

#ifdef __cplusplus
}
#endif

#endif
