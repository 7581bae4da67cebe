// poolgen_ring_writer.h: writes frame rings in memory, for C11 and C++17 on Linux; the readers are poolgen_ring.h's and those of Go's package
// runtime/ring, which also makes the rings and writes those in files.
//
//	poolgen_ring_writer w;
//	int err = poolgen_ring_writer_open(&w, fd); // of a ring whose writer has ended
//	while (err == POOLGEN_OK && (p = poolgen_ring_reserve(&w, most)) != NULL) {
//	    uint32_t n = fill(p, most);
//	    err = poolgen_ring_publish(&w, n, now(), NULL);
//	}
//	poolgen_ring_writer_close(&w);
//
// The writer waits for no reader: it overwrites the oldest frames. A ring has one writer at a time, which the kernel sees to by a lock that goes
// with the process; whoever opens a ring after a writer was killed goes on behind its last whole frame.
//
// Threads. One thread at a time uses a writer.
#ifndef POOLGEN_RING_WRITER_H
#define POOLGEN_RING_WRITER_H

#include <stdlib.h>
#include <sys/file.h>

#include "poolgen_ring.h"

#ifdef __cplusplus
extern "C" {
#endif

// poolgen_ring_writer is the one writer of a ring. Its fields are its own, but for next.
typedef struct poolgen_ring_writer {
    uint64_t next; // number of the next frame
    uint64_t oldest;
    unsigned char *base;
    uint32_t *live;   // offset and span of each frame that is not overwritten, by number modulo frames
    uint32_t cursor;  // where the next frame goes, if it fits there
    uint32_t room;    // bytes that are reserved
    int given, lock;
    poolgen_ring_reader r; // numbers that addresses are computed from
} poolgen_ring_writer;

static inline poolgen_ring_superblock *poolgen_priv_rw_super(const poolgen_ring_writer *w) { return (poolgen_ring_superblock *)(void *)w->base; }

static inline poolgen_ring_door *poolgen_priv_rw_door(const poolgen_ring_writer *w)
{
    return (poolgen_ring_door *)(void *)(w->base + POOLGEN_RING_DOOR);
}

// poolgen_priv_rw_store sets a counter. A reader that sees the new low word sees the new early word too.
static inline void poolgen_priv_rw_store(poolgen_ring_counter *c, uint64_t n)
{
    uint32_t high = (uint32_t)(n >> 32);
    if (poolgen_priv_get32(&c->early) != high) {
        poolgen_priv_set32(&c->early, high);
    }
    poolgen_priv_set32(&c->low, (uint32_t)n);
    if (poolgen_priv_get32(&c->late) != high) {
        poolgen_priv_set32(&c->late, high);
    }
}

// poolgen_priv_rw_span is how many bytes of data a frame takes. An empty one takes some too, so that frames are in order by place.
static inline uint32_t poolgen_priv_rw_span(uint32_t n) { return n == 0 ? 64 : (n + 63) / 64 * 64; }

// poolgen_priv_rw_rouse wakes the readers. It disarms the door only after that, so that a kill in between leaves a wake-up too many.
static inline void poolgen_priv_rw_rouse(poolgen_ring_door *d, uint32_t armed)
{
    poolgen_priv_bump(&d->seq);
    (void)poolgen_priv_cas(&d->armed, armed, 0);
}

// poolgen_priv_rw_recover finds out where the writer before this one was. Doing it again changes nothing.
static inline void poolgen_priv_rw_recover(poolgen_ring_writer *w)
{
    poolgen_ring_superblock *s = poolgen_priv_rw_super(w);
    uint64_t next = poolgen_priv_ring_settle(&s->next), oldest = poolgen_priv_ring_settle(&s->oldest);
    if (oldest > next || next - oldest > w->r.frames) {
        oldest = next > w->r.frames ? next - w->r.frames : 0;
    }
    w->next = w->oldest = next;
    // From the newest back, each frame must lie before the ones after it, and all of them within one round.
    uint32_t back = 0;
    for (uint64_t number = next; number > oldest; number--) {
        poolgen_ring_frame f;
        uint32_t sum;
        if (!poolgen_priv_ring_place(&w->r, number - 1, &f, &sum)) {
            break;
        }
        uint32_t offset = (uint32_t)((const unsigned char *)f.data - (w->base + w->r.data)), span = poolgen_priv_rw_span(f.length);
        if (number == next) {
            w->cursor = offset + span < w->r.bytes ? offset + span : w->r.bytes;
        }
        uint32_t behind = w->cursor - offset + (offset >= w->cursor ? w->r.bytes : 0); // going round
        if (behind < back + span || behind > w->r.bytes) {
            break;
        }
        back = behind;
        w->live[(number - 1) % w->r.frames * 2] = offset;
        w->live[(number - 1) % w->r.frames * 2 + 1] = span;
        w->oldest = number - 1;
    }
    poolgen_priv_rw_store(&s->oldest, w->oldest);
    poolgen_priv_rw_store(&s->next, next);
    poolgen_priv_set32(&s->ended, 0);
    poolgen_priv_rw_rouse(poolgen_priv_rw_door(w), poolgen_priv_get32(&poolgen_priv_rw_door(w)->armed)); // who died may have owed it
}

static inline void poolgen_priv_rw_unlock(const poolgen_ring_writer *w)
{
    (void)flock(w->lock, LOCK_UN); // a process that is started at this moment has a copy of the descriptor
    (void)close(w->lock);
}

// poolgen_ring_writer_close ends the writing: readers get POOLGEN_EEND, or io.EOF, after the last frame, until another writer takes over. What was
// reserved must not be touched any more. The second call does nothing.
POOLGEN_INLINE void poolgen_ring_writer_close(poolgen_ring_writer *w)
{
    if (w->base == NULL) {
        return;
    }
    poolgen_priv_set32(&poolgen_priv_rw_super(w)->ended, 1);
    poolgen_priv_bump(&poolgen_priv_rw_door(w)->seq);
    (void)munmap(w->base, w->r.size);
    poolgen_priv_rw_unlock(w);
    free(w->live);
    w->base = NULL;
    w->live = NULL;
}

static inline int poolgen_priv_rw_map(poolgen_ring_writer *w)
{
    poolgen_ring_reader *r = &w->r;
    size_t size = 0;
    int err = poolgen_priv_ring_examine(r, w->lock, 1, &size); // not the counters, which are mended
    if (err != POOLGEN_OK) {
        return err;
    }
    if ((r->flags & POOLGEN_PRIV_RING_FILE) != 0) {
        return POOLGEN_EINVAL;
    }
    w->live = (uint32_t *)calloc(r->frames, 2 * sizeof(uint32_t));
    void *p = w->live == NULL ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, w->lock, 0);
    if (p == MAP_FAILED) {
        free(w->live);
        return POOLGEN_ESYS;
    }
    (void)syscall(SYS_madvise, p, size, POOLGEN_PRIV_DONTFORK);
    w->base = (unsigned char *)p;
    r->base = w->base;
    r->size = size;
    poolgen_priv_rw_recover(w);
    return POOLGEN_OK;
}

// poolgen_ring_writer_open takes over the writing of the ring behind fd, which stays the caller's, from a writer that has ended, however it did.
// The writer is the caller's memory, and owes one poolgen_ring_writer_close after POOLGEN_OK. POOLGEN_EBUSY: another writer has it;
// POOLGEN_EINVAL: the ring is in a file; POOLGEN_ECORRUPT: it is none, or could be truncated; POOLGEN_ESYS: errno says why.
POOLGEN_INLINE int poolgen_ring_writer_open(poolgen_ring_writer *w, int fd)
{
    char path[40];
    memset(w, 0, sizeof(*w));
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    w->lock = open(path, O_RDWR | 02000000 /* O_CLOEXEC */); // its own: locks belong to what open returns
    if (w->lock < 0) {
        return POOLGEN_ESYS;
    }
    int err = flock(w->lock, LOCK_EX | LOCK_NB) == 0 ? poolgen_priv_rw_map(w) : errno == EWOULDBLOCK ? POOLGEN_EBUSY : POOLGEN_ESYS;
    if (err != POOLGEN_OK) {
        int why = errno;
        poolgen_priv_rw_unlock(w);
        memset(w, 0, sizeof(*w));
        errno = why;
    }
    return err;
}

// poolgen_priv_rw_drop finds the oldest frame that does not lie in a piece of the data.
static inline uint64_t poolgen_priv_rw_drop(const poolgen_ring_writer *w, uint64_t oldest, uint32_t from, uint32_t to)
{
    for (; oldest < w->next; oldest++) {
        const uint32_t *e = w->live + oldest % w->r.frames * 2;
        if (e[0] >= to || e[0] + e[1] <= from) {
            break;
        }
    }
    return oldest;
}

// poolgen_ring_reserve gives room for a frame of n bytes at most, for the caller to fill and publish; NULL if that is more than the ring's largest
// frame, or after close. Nobody sees it until then; the frames that were there are gone. It is valid until the next publish, reserve
// or close.
POOLGEN_INLINE void *poolgen_ring_reserve(poolgen_ring_writer *w, uint32_t n)
{
    if (w->base == NULL || n > w->r.largest) {
        return NULL;
    }
    uint64_t oldest = w->oldest;
    uint32_t need = poolgen_priv_rw_span(n);
    if (w->next - oldest >= w->r.frames) {
        oldest = w->next - w->r.frames + 1;
    }
    if (w->r.bytes - w->cursor < need) {
        oldest = poolgen_priv_rw_drop(w, oldest, w->cursor, w->r.bytes);
        w->cursor = 0;
    }
    oldest = poolgen_priv_rw_drop(w, oldest, w->cursor, w->cursor + need);
    if (oldest != w->oldest) {
        w->oldest = oldest;
        poolgen_priv_rw_store(&poolgen_priv_rw_super(w)->oldest, oldest);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); // before the payload changes
    }
    w->room = n;
    w->given = 1;
    return w->base + w->r.data + w->cursor;
}

// poolgen_ring_publish makes the first n bytes of what was reserved a frame, and sets *number, which may be NULL, to its number. time is the
// caller's own. POOLGEN_EINVAL: nothing or less is reserved, or all frames of the ring have another size; POOLGEN_ECLOSED.
POOLGEN_INLINE int poolgen_ring_publish(poolgen_ring_writer *w, uint32_t n, int64_t time, uint64_t *number)
{
    if (w->base == NULL) {
        return POOLGEN_ECLOSED;
    }
    if (!w->given || n > w->room || ((w->r.flags & POOLGEN_PRIV_RING_FIXED) != 0 && n != w->r.largest)) {
        return POOLGEN_EINVAL;
    }
    size_t slot = (size_t)(w->next % w->r.frames);
    uint32_t *to = (uint32_t *)(void *)(w->base + POOLGEN_RING_ENTRIES) + slot * 8;
    const uint32_t words[8] = {(uint32_t)w->next, (uint32_t)(w->next >> 32), w->cursor, n, (uint32_t)time, (uint32_t)((uint64_t)time >> 32), 0, 0};
    for (int i = 0; i < 8; i++) {
        poolgen_priv_store(to + i, words[i]);
    }
    w->live[slot * 2] = w->cursor;
    w->live[slot * 2 + 1] = poolgen_priv_rw_span(n);
    w->cursor += poolgen_priv_rw_span(n);
    w->given = 0;
    if (number != NULL) {
        *number = w->next;
    }
    w->next++;
    poolgen_priv_rw_store(&poolgen_priv_rw_super(w)->next, w->next);
    uint32_t armed = poolgen_priv_get32(&poolgen_priv_rw_door(w)->armed);
    if (armed != 0) {
        poolgen_priv_rw_rouse(poolgen_priv_rw_door(w), armed);
    }
    return POOLGEN_OK;
}

#ifdef __cplusplus
}
#endif

#endif
