// poolgen_ring_priv.h: what the reader of poolgen_ring.h is made of. Nothing here is for use outside; include poolgen_ring.h instead.
#ifndef POOLGEN_RING_PRIV_H
#define POOLGEN_RING_PRIV_H

#include "poolgen_ipc_priv.h"
#include "poolgen_ring_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

// poolgen_ring_reader is one reader's place in a ring. Its fields are its own, but for the three counts.
typedef struct poolgen_ring_reader {
    uint64_t seen;    // frames handed out, and not overwritten while in use as far as poolgen_ring_valid was asked
    uint64_t missed;  // frames overwritten before or while they were read, or damaged
    uint64_t damaged; // of those missed: not whole in the file

    const unsigned char *base;
    size_t size;
    poolgen_ring_door *door; // NULL where the file may not be written
    uint64_t next, gap;      // number of the next frame, and what was missed right before it
    uint64_t torn;           // 1 + number of the frame that was counted as missed after it was handed out
    uint32_t frames, largest, flags, bytes, data;
    uint32_t table[256]; // of CRC-32C
} poolgen_ring_reader;

// poolgen_ring_frame is one frame in place.
typedef struct poolgen_ring_frame {
    const void *data; // valid as long as poolgen_ring_valid says
    uint32_t length;  // bytes
    uint64_t number;  // the first frame of a ring has 0
    uint64_t missed;  // frames that this reader missed right before this one
    int64_t time;     // as the writer says
} poolgen_ring_frame;

enum {
    POOLGEN_PRIV_RING_MAGIC = 0x6d724650,
    POOLGEN_PRIV_RING_ENDIAN = 0x01020304,
    POOLGEN_PRIV_RING_FIXED = 1,
    POOLGEN_PRIV_RING_FILE = 2,
    POOLGEN_PRIV_RING_AREA = 65536,
    POOLGEN_PRIV_RING_MOST = 1 << 30,
    POOLGEN_PRIV_RING_WORDS = 11, // of the superblock, before its checksum
};

// poolgen_priv_crc goes on with a CRC-32C, whose inverted state is crc.
static inline uint32_t poolgen_priv_crc(const uint32_t *table, uint32_t crc, const unsigned char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        crc = table[(crc ^ b[i]) & 0xff] ^ (crc >> 8);
    }
    return crc;
}

static inline void poolgen_priv_crc_table(uint32_t *table)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int bit = 0; bit < 8; bit++) {
            v = (v >> 1) ^ (0x82f63b78u & (0u - (v & 1)));
        }
        table[i] = v;
    }
}

// poolgen_priv_ring_sum is the checksum of words in little-endian order. That of zeros is not 0: a hole is no entry.
static inline uint32_t poolgen_priv_ring_sum(const uint32_t *table, const uint32_t *w, size_t n)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char b[4];
        poolgen_priv_put32(b, w[i]);
        crc = poolgen_priv_crc(table, crc, b, sizeof(b));
    }
    return ~crc;
}

static inline uint32_t poolgen_priv_ring_round(uint32_t n) { return (n + POOLGEN_PRIV_RING_AREA - 1) / POOLGEN_PRIV_RING_AREA * POOLGEN_PRIV_RING_AREA; }

// poolgen_priv_ring_check takes over what addresses are computed from, from a copy of the superblock. It returns the size of the file, or 0.
static inline size_t poolgen_priv_ring_check(poolgen_ring_reader *r, const uint32_t *w)
{
    r->frames = w[3];
    r->largest = w[4];
    r->flags = w[5];
    r->bytes = w[6];
    r->data = w[7];
    if (w[0] != POOLGEN_PRIV_RING_MAGIC || w[1] != POOLGEN_RING_VERSION || w[2] != POOLGEN_PRIV_RING_ENDIAN ||
        w[POOLGEN_PRIV_RING_WORDS] != poolgen_priv_ring_sum(r->table, w, POOLGEN_PRIV_RING_WORDS)) {
        return 0;
    }
    if (r->frames < 2 || r->frames > 1 << 20 || r->largest < 1 || r->largest > POOLGEN_PRIV_RING_MOST || r->bytes < r->largest ||
        r->bytes > POOLGEN_PRIV_RING_MOST || r->bytes % 64 != 0 || (r->flags & ~3u) != 0 ||
        r->data != POOLGEN_RING_ENTRIES + poolgen_priv_ring_round(r->frames * (uint32_t)sizeof(poolgen_ring_entry))) {
        return 0;
    }
    return (size_t)r->data + poolgen_priv_ring_round(r->bytes);
}

// poolgen_priv_ring_examine checks the file of a ring, and takes over what addresses are computed from. *size is how much of it to map. by_path says
// that it is no other process's: then it may be a file, which cannot be sealed.
static inline int poolgen_priv_ring_examine(poolgen_ring_reader *r, int fd, int by_path, size_t *size)
{
    struct stat st;
    uint32_t w[POOLGEN_PRIV_RING_WORDS + 1];
    poolgen_priv_crc_table(r->table);
    int seals = fcntl(fd, POOLGEN_PRIV_GET_SEALS); // before the size, which cannot become less then
    if (fstat(fd, &st) != 0) {
        return POOLGEN_ESYS;
    }
    if (st.st_size < POOLGEN_RING_ENTRIES) {
        return POOLGEN_ECORRUPT;
    }
    // Read, not mapped: whoever else has it may cut it off at any time. The offset is 0, however a system passes it.
    long n = syscall(SYS_pread64, fd, w, sizeof(w), 0L, 0L, 0L);
    if (n < 0) {
        return POOLGEN_ESYS;
    }
    *size = n == (long)sizeof(w) ? poolgen_priv_ring_check(r, w) : 0;
    if (*size == 0 || (uint64_t)st.st_size < *size) {
        return POOLGEN_ECORRUPT;
    }
    int may_shrink = seals < 0 || (seals & POOLGEN_PRIV_SEAL_SHRINK) == 0;
    int file = by_path && (r->flags & POOLGEN_PRIV_RING_FILE) != 0 && (st.st_mode & 0170000) == 0100000 /* S_IFREG */;
    return may_shrink && !file ? POOLGEN_ECORRUPT : POOLGEN_OK;
}

static inline const poolgen_ring_superblock *poolgen_priv_ring_super(const poolgen_ring_reader *r)
{
    return (const poolgen_ring_superblock *)(const void *)r->base;
}

// poolgen_priv_ring_load reads a counter. It is 0 while the high word is being changed, which happens once in 2^32 frames.
static inline int poolgen_priv_ring_load(const poolgen_ring_counter *c, uint64_t *n)
{
    for (int i = 0; i < 100; i++) {
        uint32_t late = poolgen_priv_get32(&c->late), low = poolgen_priv_get32(&c->low);
        if (poolgen_priv_get32(&c->early) == late) {
            *n = (uint64_t)late << 32 | low;
            return 1;
        }
    }
    return 0;
}

// poolgen_priv_ring_settle reads a counter whose writer may have died while changing it.
static inline uint64_t poolgen_priv_ring_settle(const poolgen_ring_counter *c)
{
    uint64_t n = 0;
    if (poolgen_priv_ring_load(c, &n)) {
        return n;
    }
    uint32_t low = poolgen_priv_get32(&c->low);
    return (uint64_t)poolgen_priv_get32(low >= UINT32_C(1) << 31 ? &c->late : &c->early) << 32 | low;
}

// poolgen_priv_ring_look finds which frames there are. The oldest is read first, so that it is never beyond the end.
static inline int poolgen_priv_ring_look(const poolgen_ring_reader *r, uint64_t *oldest, uint64_t *end)
{
    const poolgen_ring_superblock *s = poolgen_priv_ring_super(r);
    if (!poolgen_priv_ring_load(&s->oldest, oldest) || !poolgen_priv_ring_load(&s->next, end)) {
        *oldest = *end = r->next; // the writer died, or sleeps, in the middle of a change: as if nothing had come
        return POOLGEN_OK;
    }
    if (*end < *oldest || *end < r->next) {
        return POOLGEN_ECORRUPT;
    }
    if (*end - *oldest > r->frames) {
        *oldest = *end - r->frames; // between the two the writer may have gone round
    }
    return POOLGEN_OK;
}

// poolgen_priv_ring_gone is 1 if the writer may have touched a frame by now. What was read before the call is not read after it.
static inline int poolgen_priv_ring_gone(const poolgen_ring_reader *r, uint64_t number)
{
    uint64_t oldest = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !poolgen_priv_ring_load(&poolgen_priv_ring_super(r)->oldest, &oldest) || oldest > number;
}

// poolgen_priv_ring_place fills *f from the entry of frame number. It is 0 if that is another frame's or damaged: what is accepted lies
// within the data, whatever the writer does. *sum is that of the payload, in a file.
static inline int poolgen_priv_ring_place(const poolgen_ring_reader *r, uint64_t number, poolgen_ring_frame *f, uint32_t *sum)
{
    const uint32_t *from = (const uint32_t *)(const void *)(r->base + POOLGEN_RING_ENTRIES) + (size_t)(number % r->frames) * 8;
    uint32_t w[8];
    for (int i = 0; i < 8; i++) {
        w[i] = poolgen_priv_load(from + i);
    }
    uint32_t offset = w[2], length = w[3];
    if (((uint64_t)w[1] << 32 | w[0]) != number || length > r->largest || ((r->flags & POOLGEN_PRIV_RING_FIXED) != 0 && length != r->largest) ||
        offset % 64 != 0 || offset > r->bytes || r->bytes - offset < length) {
        return 0;
    }
    f->data = r->base + r->data + offset;
    f->length = length;
    f->number = number;
    f->time = (int64_t)((uint64_t)w[5] << 32 | w[4]);
    *sum = w[6];
    return (r->flags & POOLGEN_PRIV_RING_FILE) == 0 || w[7] == poolgen_priv_ring_sum(r->table, w, 7);
}

// poolgen_priv_ring_entry is the same, and 0 too if the payload is damaged.
static inline int poolgen_priv_ring_entry(const poolgen_ring_reader *r, uint64_t number, poolgen_ring_frame *f)
{
    uint32_t sum = 0;
    if (!poolgen_priv_ring_place(r, number, f, &sum)) {
        return 0;
    }
    return (r->flags & POOLGEN_PRIV_RING_FILE) == 0 || ~poolgen_priv_crc(r->table, 0xffffffffu, (const unsigned char *)f->data, f->length) == sum;
}

// poolgen_priv_ring_try is poolgen_ring_next without waiting.
static inline int poolgen_priv_ring_try(poolgen_ring_reader *r, poolgen_ring_frame *out)
{
    for (uint32_t damaged = 0;;) {
        uint64_t oldest = 0, end = 0;
        if (poolgen_priv_ring_look(r, &oldest, &end) != POOLGEN_OK) {
            return POOLGEN_ECORRUPT;
        }
        if (oldest > r->next) {
            r->missed += oldest - r->next;
            r->gap += oldest - r->next;
            r->next = oldest;
        }
        if (r->next >= end) {
            return POOLGEN_ETIMEOUT;
        }
        int whole = poolgen_priv_ring_entry(r, r->next, out);
        if (poolgen_priv_ring_gone(r, r->next)) {
            continue; // overwritten meanwhile: counted above
        }
        r->next++;
        if (!whole) {
            r->missed++;
            r->gap++;
            r->damaged++;
            if ((r->flags & POOLGEN_PRIV_RING_FILE) == 0 || ++damaged > r->frames) {
                return POOLGEN_ECORRUPT;
            }
            continue;
        }
        out->missed = r->gap;
        r->gap = 0;
        r->seen++;
        return POOLGEN_OK;
    }
}

// poolgen_priv_ring_arm says that this reader sleeps, or is about to, since the word was seq. It leaves a newer one in place: who wakes for the old
// one would take that back with it, and nobody would wake the other reader.
static inline void poolgen_priv_ring_arm(poolgen_ring_door *d, uint32_t seq)
{
    uint32_t token = seq << 1 | 1;
    for (int i = 0; i < 100; i++) { // a hostile peer may change it for ever
        uint32_t armed = poolgen_priv_get32(&d->armed);
        if ((armed != 0 && armed - token < UINT32_C(1) << 31) || poolgen_priv_cas(&d->armed, armed, token)) {
            return;
        }
    }
    poolgen_priv_set32(&d->armed, token);
}

// poolgen_priv_ring_wait sleeps until there is a frame, or may be. Who cannot be woken looks every millisecond.
static inline int poolgen_priv_ring_wait(poolgen_ring_reader *r, int64_t deadline)
{
    uint32_t dummy = 0, seq = r->door != NULL ? poolgen_priv_get32(&r->door->seq) : 0;
    if (r->door != NULL && deadline != 0) {
        poolgen_priv_ring_arm(r->door, seq);
    }
    uint32_t ended = poolgen_priv_get32(&poolgen_priv_ring_super(r)->ended); // before the look: what was published before the end counts
    uint64_t oldest = 0, end = 0;
    if (poolgen_priv_ring_look(r, &oldest, &end) != POOLGEN_OK) {
        return POOLGEN_ECORRUPT;
    }
    if (end > r->next) {
        return POOLGEN_OK;
    }
    if (ended != 0) {
        return POOLGEN_EEND;
    }
    int left = poolgen_priv_left(deadline, 1000);
    if (left <= 0) {
        return POOLGEN_ETIMEOUT;
    }
    if (r->door != NULL) {
        (void)poolgen_priv_futex_wait(&r->door->seq, seq, left);
    } else {
        (void)poolgen_priv_futex_wait(&dummy, 0, 1);
    }
    return POOLGEN_OK;
}

#ifdef __cplusplus
}
#endif

#endif
