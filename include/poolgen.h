// poolgen.h: the buffers of a poolgen arena, for C11 and C++17 on Linux.
//
// C takes, shares and gives back the buffers of a Go pool (or of one made here by poolgen_pool_init) without calling Go, in the
// same process or in another that maps the arena. The layout and the protocol are those of Go's package runtime/pool.
//
// Ownership: poolgen_get and poolgen_retain give the caller a reference, which it owes one poolgen_release. What poolgen_data
// returns is valid until the caller's own release. A reference may be handed to Go or to another thread together with its
// poolgen_buf; who has it then releases it. All functions but poolgen_pool_init may be called from any thread at any time
// while the arena is mapped; none blocks. An arena from elsewhere must pass poolgen_check first; no function can guard
// against a peer that keeps writing nonsense into the bookkeeping afterwards.
//
// Define POOLGEN_INLINE as nothing before the include to get the functions as external symbols (see lib/poolgen.c).
#ifndef POOLGEN_H
#define POOLGEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "poolgen_abi.h"
#include "poolgen_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef POOLGEN_INLINE
#define POOLGEN_INLINE static inline
#endif

// poolgen_release gives a reference back; with the last one the block returns to its pool, or waits for Go's Reap if it is
// external or the pool runs in a debug mode. POOLGEN_ESTALE: it was released before; POOLGEN_EINVAL: no block of this arena.
POOLGEN_INLINE int poolgen_release(poolgen_arena *arena, poolgen_buf buf)
{
    poolgen_descriptor *d = poolgen_priv_desc(arena);
    poolgen_block *b = poolgen_priv_block(arena, buf.index);
    if (!POOLGEN_PRIV_LIKELY(buf.index < d->fixed)) {
        return poolgen_priv_release_slow(arena, buf);
    }
    uint32_t w = __atomic_load_n(&b->ref, __ATOMIC_ACQUIRE);
    uint32_t n = w - (buf.generation << 16); // the count, in the handle's generation and with no flag set
    uint32_t next = buf.generation + 1;
    if (!POOLGEN_PRIV_LIKELY(poolgen_priv_load(&b->generation) == buf.generation)) {
        return poolgen_priv_release_slow(arena, buf);
    }
    if (n - 2 < POOLGEN_PRIV_COUNT - 1 && POOLGEN_PRIV_LIKELY(poolgen_priv_cas(&b->ref, w, w - 1))) {
        return POOLGEN_OK;
    }
    if (!POOLGEN_PRIV_LIKELY(n == 1 && next != 0 && (d->flags & POOLGEN_PRIV_SLOW_RELEASE) == 0 && poolgen_priv_cas(&b->ref, w, next << 16))) {
        return poolgen_priv_release_slow(arena, buf);
    }
    poolgen_priv_hint(arena, buf.index);
    if (!POOLGEN_PRIV_LIKELY(__atomic_load_n(&d->attention, __ATOMIC_SEQ_CST) == 0)) {
        poolgen_priv_released(d);
    }
    return POOLGEN_OK;
}

// poolgen_retain takes one more reference, which the caller owes a poolgen_release; it must hold one already.
// POOLGEN_ESTALE: there is none; POOLGEN_EINVAL: no block of this arena. A block whose references reach 16,383 is never reused.
POOLGEN_INLINE int poolgen_retain(poolgen_arena *arena, poolgen_buf buf)
{
    poolgen_block *b = poolgen_priv_block(arena, buf.index);
    if (!POOLGEN_PRIV_LIKELY(buf.index < poolgen_priv_desc(arena)->fixed)) {
        return poolgen_priv_retain_slow(arena, buf);
    }
    uint32_t w = poolgen_priv_load(&b->ref);
    uint32_t n = w - (buf.generation << 16);
    if (!POOLGEN_PRIV_LIKELY(n - 1 < POOLGEN_PRIV_COUNT - 1 && poolgen_priv_cas(&b->ref, w, w + 1))) {
        return poolgen_priv_retain_slow(arena, buf);
    }
    if (!POOLGEN_PRIV_LIKELY(poolgen_priv_load(&b->generation) == buf.generation)) {
        return poolgen_priv_retain_undo(arena, buf);
    }
    return POOLGEN_OK;
}

// poolgen_get takes a block into *out and never blocks. Its content is undefined, its length its capacity. The caller owes one
// poolgen_release. POOLGEN_ELIMIT: every block is in use; POOLGEN_ECLOSED: the pool was closed; *out is then all zero.
POOLGEN_INLINE int poolgen_get(poolgen_arena *arena, poolgen_buf *out)
{
    uint32_t i = poolgen_priv_pop(arena);
    return POOLGEN_PRIV_LIKELY(i != POOLGEN_PRIV_NONE) ? poolgen_priv_hand_out(arena, i, out) : poolgen_priv_get_slow(arena, out);
}

// poolgen_valid is 1 if buf names a buffer whose references are not all gone, else 0. It counts nothing.
POOLGEN_INLINE int poolgen_valid(poolgen_arena *arena, poolgen_buf buf)
{
    return poolgen_priv_in_range(arena, buf) && poolgen_priv_holds(poolgen_priv_block(arena, buf.index), buf.generation);
}

// poolgen_priv_live is the block of a buffer in use, or NULL, counted if it is stale.
static inline poolgen_block *poolgen_priv_live(poolgen_arena *arena, poolgen_buf buf)
{
    if (!poolgen_priv_in_range(arena, buf)) {
        return NULL;
    }
    poolgen_block *b = poolgen_priv_block(arena, buf.index);
    if (!POOLGEN_PRIV_LIKELY(poolgen_priv_holds(b, buf.generation))) {
        (void)poolgen_priv_stale(arena);
        return NULL;
    }
    return b;
}

// poolgen_data is the payload, poolgen_cap bytes, valid until the caller's reference is released; NULL if buf is stale.
// The payload of an external block (one that Go adopted) lies in the maker's process: no other may use the address.
POOLGEN_INLINE void *poolgen_data(poolgen_arena *arena, poolgen_buf buf)
{
    const poolgen_descriptor *d = poolgen_priv_desc(arena);
    poolgen_block *b = poolgen_priv_live(arena, buf);
    if (b == NULL) {
        return NULL;
    }
    if (POOLGEN_PRIV_LIKELY(buf.index < d->fixed)) {
        return (char *)arena + (size_t)d->payload_offset + (size_t)buf.index * d->stride;
    }
    uint64_t address = (uint64_t)poolgen_priv_load(&b->external_hi) << 32 | poolgen_priv_load(&b->external);
    return address > UINTPTR_MAX ? NULL : (void *)(uintptr_t)address;
}

// poolgen_priv_capacity does not trust the header of a fixed block: a peer can write there.
static inline uint32_t poolgen_priv_capacity(poolgen_arena *arena, poolgen_buf buf, const poolgen_block *b)
{
    const poolgen_descriptor *d = poolgen_priv_desc(arena);
    return buf.index < d->fixed ? d->capacity : poolgen_priv_load(&b->capacity);
}

// poolgen_cap is the number of bytes that fit; 0 if buf is stale.
POOLGEN_INLINE uint32_t poolgen_cap(poolgen_arena *arena, poolgen_buf buf)
{
    const poolgen_block *b = poolgen_priv_live(arena, buf);
    return b == NULL ? 0 : poolgen_priv_capacity(arena, buf, b);
}

// poolgen_len is the number of bytes in use, at most poolgen_cap whatever a peer wrote; 0 if buf is stale.
POOLGEN_INLINE uint32_t poolgen_len(poolgen_arena *arena, poolgen_buf buf)
{
    const poolgen_block *b = poolgen_priv_live(arena, buf);
    if (b == NULL) {
        return 0;
    }
    uint32_t length = poolgen_priv_load(&b->length), capacity = poolgen_priv_capacity(arena, buf, b);
    return length < capacity ? length : capacity;
}

// poolgen_exclusive is 1 if the caller's reference is the only one, else 0. Who writes into a payload makes sure of that first:
// others read what they retained at any time.
POOLGEN_INLINE int poolgen_exclusive(poolgen_arena *arena, poolgen_buf buf)
{
    const poolgen_block *b = poolgen_priv_live(arena, buf);
    return b != NULL && (__atomic_load_n(&b->ref, __ATOMIC_ACQUIRE) & (POOLGEN_PRIV_COUNT | POOLGEN_PRIV_SATURATED)) == 1;
}

// poolgen_set_len sets the number of bytes in use. POOLGEN_EINVAL: more than poolgen_cap, or others hold references (the length is
// theirs too: set it before they retain), or no block of this arena; POOLGEN_ESTALE: released before.
POOLGEN_INLINE int poolgen_set_len(poolgen_arena *arena, poolgen_buf buf, uint32_t length)
{
    poolgen_block *b = poolgen_priv_live(arena, buf);
    if (b == NULL) {
        return poolgen_priv_in_range(arena, buf) ? POOLGEN_ESTALE : POOLGEN_EINVAL;
    }
    if (length > poolgen_priv_capacity(arena, buf, b) || !poolgen_exclusive(arena, buf)) {
        return POOLGEN_EINVAL;
    }
    poolgen_priv_store(&b->length, length);
    return POOLGEN_OK;
}

// poolgen_user is a word that travels with the buffer for the application's own use; it outlives reuse. 0 if buf is stale.
POOLGEN_INLINE uint32_t poolgen_user(poolgen_arena *arena, poolgen_buf buf)
{
    const poolgen_block *b = poolgen_priv_live(arena, buf);
    return b == NULL ? 0 : poolgen_priv_load(&b->user);
}

// poolgen_set_user sets the word that poolgen_user returns. POOLGEN_EINVAL: no block of this arena; POOLGEN_ESTALE: released before.
POOLGEN_INLINE int poolgen_set_user(poolgen_arena *arena, poolgen_buf buf, uint32_t value)
{
    poolgen_block *b = poolgen_priv_live(arena, buf);
    if (b == NULL) {
        return poolgen_priv_in_range(arena, buf) ? POOLGEN_ESTALE : POOLGEN_EINVAL;
    }
    poolgen_priv_store(&b->user, value);
    return POOLGEN_OK;
}

// poolgen_strerror is a text for what the functions return, valid for ever.
POOLGEN_INLINE const char *poolgen_strerror(int err)
{
    switch (err) {
    case POOLGEN_OK: return "success";
    case POOLGEN_ELIMIT: return "every block is in use";
    case POOLGEN_ECLOSED: return "pool is closed";
    case POOLGEN_ESTALE: return "handle is stale: the reference was released before";
    case POOLGEN_EINVAL: return "argument is out of range";
    case POOLGEN_ECORRUPT: return "arena is corrupt or of another ABI version";
    case POOLGEN_EPROTO: return "the peer breaks the protocol";
    case POOLGEN_EGONE: return "the peer is gone";
    case POOLGEN_EEND: return "the publisher has closed";
    case POOLGEN_ETIMEOUT: return "not in the time given";
    case POOLGEN_EREFUSED: return "the publisher refuses";
    case POOLGEN_EINUSE: return "a live publisher has this path: choose another, or stop it";
    case POOLGEN_EBUSY: return "another thread is in this call already: one at a time";
    case POOLGEN_ESYS: return "a system call failed: see errno";
    default: return "unknown poolgen error";
    }
}

// poolgen_check says whether the mapped bytes at arena are an arena of this version whose every size and offset stays within
// them: 0 or POOLGEN_ECORRUPT. Call it once after mapping a descriptor (a memfd sealed with F_SEAL_SHRINK) that came from elsewhere.
POOLGEN_INLINE int poolgen_check(const poolgen_arena *arena, size_t mapped)
{
    if (arena == NULL || (uintptr_t)arena % 64 != 0 || mapped < POOLGEN_PRIV_HEADERS) {
        return POOLGEN_ECORRUPT;
    }
    // On copies: a hostile writer may change the words meanwhile.
    const volatile poolgen_superblock *s = arena;
    const volatile poolgen_descriptor *d = (const volatile poolgen_descriptor *)(const void *)((const char *)arena + sizeof(*s));
    uint64_t size = s->arena_size, payload = d->payload_offset, limit = d->limit;
    uint64_t stride = d->stride, capacity = d->capacity, fixed = d->fixed, external = d->external;
    if (__atomic_load_n(&s->magic, __ATOMIC_ACQUIRE) != POOLGEN_PRIV_MAGIC || s->endian != POOLGEN_PRIV_ENDIAN || s->abi != POOLGEN_ABI ||
        s->header_size != sizeof(poolgen_block) || s->pools != 1 || s->desc_offset != sizeof(poolgen_superblock) ||
        d->hint_slots != POOLGEN_PRIV_HINT_SLOTS || d->headers_offset != POOLGEN_PRIV_HEADERS) {
        return POOLGEN_ECORRUPT;
    }
    if (size > mapped || fixed == 0 || fixed > POOLGEN_PRIV_MAX_BLOCKS || external > POOLGEN_PRIV_MAX_EXTERNAL || limit > fixed ||
        d->prealloc > fixed || d->opened > limit || stride == 0 || stride % 64 != 0 || capacity == 0 || capacity > stride ||
        payload % 64 != 0 || payload > size || POOLGEN_PRIV_HEADERS + (fixed + external) * sizeof(poolgen_block) > payload ||
        fixed * stride > size - payload) {
        return POOLGEN_ECORRUPT;
    }
    for (uint32_t i = 0; i < fixed; i++) {
        const volatile poolgen_block *b =
            (const volatile poolgen_block *)(const void *)((const char *)arena + POOLGEN_PRIV_HEADERS + (size_t)i * sizeof(*b));
        if (b->canary != POOLGEN_PRIV_CANARY || b->payload != (payload + i * stride) / 64 || b->capacity != capacity) {
            return POOLGEN_ECORRUPT;
        }
    }
    return POOLGEN_OK;
}

// poolgen_arena_size is the number of bytes that poolgen_pool_init needs for c; 0 if c is out of range or more than can be addressed.
POOLGEN_INLINE size_t poolgen_arena_size(const poolgen_pool_config *c)
{
    if (c == NULL || c->size == 0 || c->size > POOLGEN_PRIV_MAX_SIZE || c->blocks == 0 || c->blocks > POOLGEN_PRIV_MAX_BLOCKS) {
        return 0;
    }
    uint64_t align = c->align == 0 ? 64 : c->align, page = (uint64_t)sysconf(_SC_PAGESIZE);
    if (align < 64 || align > (1u << 20) || (align & (align - 1)) != 0) {
        return 0;
    }
    uint64_t unit = align > page ? align : page;
    uint64_t stride = (c->size + align - 1) & ~(align - 1);
    uint64_t payload = (POOLGEN_PRIV_HEADERS + (uint64_t)c->blocks * sizeof(poolgen_block) + unit - 1) & ~(unit - 1);
    uint64_t size = (payload + c->blocks * stride + page - 1) & ~(page - 1);
    return size > SIZE_MAX / 2 || size / 64 > UINT32_MAX ? 0 : (size_t)size;
}

// poolgen_pool_init makes an arena in the first poolgen_arena_size(c) of size bytes at mem, which stay the caller's. mem is aligned
// to c->align, at least to 64. Nobody else may use mem meanwhile. Go's pool.Open takes the arena if mem is a memfd sealed with
// F_SEAL_SHRINK. POOLGEN_EINVAL: c, mem or size is out of range.
POOLGEN_INLINE int poolgen_pool_init(void *mem, size_t size, const poolgen_pool_config *c)
{
    size_t need = poolgen_arena_size(c);
    uint32_t align = need == 0 || c->align == 0 ? 64 : c->align;
    if (need == 0 || mem == NULL || size < need || (uintptr_t)mem % align != 0) {
        return POOLGEN_EINVAL;
    }
    poolgen_superblock *s = (poolgen_superblock *)mem;
    poolgen_descriptor *d = poolgen_priv_desc(s);
    memset(mem, 0, POOLGEN_PRIV_HEADERS + (size_t)c->blocks * sizeof(poolgen_block));
    s->abi = POOLGEN_ABI;
    s->endian = POOLGEN_PRIV_ENDIAN;
    s->header_size = sizeof(poolgen_block);
    s->arena_id = c->id;
    if (c->id == 0) {
        (void)syscall(SYS_getrandom, &s->arena_id, sizeof(s->arena_id), 0);
    }
    s->arena_size = need;
    s->pools = 1;
    s->desc_offset = sizeof(poolgen_superblock);
    d->flags = c->shared != 0 ? POOLGEN_PRIV_SHARED : 0;
    d->stride = (c->size + align - 1) & ~(align - 1);
    d->capacity = c->size;
    d->fixed = d->limit = c->blocks;
    d->hint_slots = POOLGEN_PRIV_HINT_SLOTS;
    d->headers_offset = POOLGEN_PRIV_HEADERS;
    size_t unit = (size_t)sysconf(_SC_PAGESIZE) > align ? (size_t)sysconf(_SC_PAGESIZE) : align;
    d->payload_offset = (POOLGEN_PRIV_HEADERS + (size_t)c->blocks * sizeof(poolgen_block) + unit - 1) & ~(unit - 1);
    d->budget = need;
    for (uint32_t i = 0; i < c->blocks; i++) {
        poolgen_block *b = poolgen_priv_block(s, i);
        b->ref = 1u << 16;
        b->generation = 1;
        b->capacity = c->size;
        b->payload = (uint32_t)((d->payload_offset + (uint64_t)i * d->stride) / 64);
        b->canary = POOLGEN_PRIV_CANARY;
    }
    __atomic_store_n(&s->magic, POOLGEN_PRIV_MAGIC, __ATOMIC_RELEASE); // last: a peer that sees it sees the rest
    return POOLGEN_OK;
}

#ifdef __cplusplus
}
#endif

#endif
