// poolgen_ring.h: reads the frame rings of Go's package runtime/ring, for C11 and C++17 on Linux, in the same process or another, of 32 or 64
// bit.
//
//	poolgen_ring_reader r;
//	int err = poolgen_ring_open(&r, fd); // a memfd from the writer's process; or poolgen_ring_open_file
//	poolgen_ring_frame f;
//	while (err == POOLGEN_OK && (err = poolgen_ring_next(&r, -1, &f)) == POOLGEN_OK) {
//	    use(f.data, f.length);
//	    if (!poolgen_ring_valid(&r, &f)) { continue; } // what was made of it does not count
//	}
//	poolgen_ring_close(&r);
//
// A ring has one writer and any number of readers. Each gets every frame in order, or learns how many it missed: the writer waits for none and
// overwrites the oldest frames. A frame is read where it lies, or copied out by poolgen_ring_copy; either way what was read counts
// only if the frame was still there afterwards.
//
// Who owns the memory. The reader maps the file, all but the word that readers are woken by for reading only, and keeps no descriptor. A frame's
// data may be read until poolgen_ring_close, and means something as long as poolgen_ring_valid says. Memory must be sealed against being truncated,
// and is refused if it is not. A file cannot be: open it by its path, which says that who may write to it is trusted; when somebody truncates it
// all the same while it is mapped, the next read is a SIGBUS.
//
// Threads. One thread at a time uses a reader. What the writer says is checked: an entry that leads out of the data is damaged.
//
// Define POOLGEN_INLINE as nothing before the include to get the functions as external symbols (see lib/poolgen.c).
#ifndef POOLGEN_RING_H
#define POOLGEN_RING_H

#include "poolgen.h"
#include "poolgen_ring_abi.h"
#include "poolgen_ring_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

// poolgen_priv_ring_join is poolgen_ring_open, and with by_path poolgen_ring_open_file.
static inline int poolgen_priv_ring_join(poolgen_ring_reader *r, int fd, int by_path)
{
    size_t size = 0;
    memset(r, 0, sizeof(*r));
    int err = poolgen_priv_ring_examine(r, fd, by_path, &size);
    if (err != POOLGEN_OK) {
        return err;
    }
    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        return POOLGEN_ESYS;
    }
    (void)syscall(SYS_madvise, p, size, POOLGEN_PRIV_DONTFORK);
    r->base = (const unsigned char *)p;
    r->size = size;
    p = mmap(NULL, POOLGEN_PRIV_RING_AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, POOLGEN_RING_DOOR);
    if (p != MAP_FAILED) {
        (void)syscall(SYS_madvise, p, (size_t)POOLGEN_PRIV_RING_AREA, POOLGEN_PRIV_DONTFORK);
        r->door = (poolgen_ring_door *)p;
    }
    uint64_t oldest = 0, end = 0;
    r->next = poolgen_priv_ring_settle(&poolgen_priv_ring_super(r)->oldest);
    err = poolgen_priv_ring_look(r, &oldest, &end);
    r->next = oldest;
    if (err != POOLGEN_OK) {
        (void)munmap((void *)(uintptr_t)r->base, r->size);
        if (r->door != NULL) {
            (void)munmap(r->door, POOLGEN_PRIV_RING_AREA);
        }
        memset(r, 0, sizeof(*r));
    }
    return err;
}

// poolgen_ring_open maps the ring in memory behind fd, which stays the caller's, for one more reader, which begins with the oldest frame that is
// there. The reader is the caller's memory, and owes one poolgen_ring_close after POOLGEN_OK. POOLGEN_ECORRUPT: no ring of this version, a
// truncated one, or one that another process could truncate, as it could any file; POOLGEN_ESYS: errno says why.
POOLGEN_INLINE int poolgen_ring_open(poolgen_ring_reader *r, int fd) { return poolgen_priv_ring_join(r, fd, 0); }

// poolgen_ring_open_file is the same for the ring in the file at path.
POOLGEN_INLINE int poolgen_ring_open_file(poolgen_ring_reader *r, const char *path)
{
    int fd = open(path, O_RDWR | O_NONBLOCK | POOLGEN_PRIV_CLOEXEC);
    fd = fd >= 0 ? fd : open(path, O_RDONLY | O_NONBLOCK | POOLGEN_PRIV_CLOEXEC);
    memset(r, 0, sizeof(*r));
    if (fd < 0) {
        return POOLGEN_ESYS;
    }
    int err = poolgen_priv_ring_join(r, fd, 1);
    poolgen_priv_close(fd);
    return err;
}

// poolgen_ring_next finds the next frame and waits for it for timeout_ms milliseconds, negative: as long as it takes, 0: not at all.
// POOLGEN_ETIMEOUT: there is none; POOLGEN_EEND: the writer has closed and all was read, though another writer may take over;
// POOLGEN_ECORRUPT: a frame in memory is damaged, it counts as missed and the next call goes on, or the counters are;
// POOLGEN_ECLOSED. *out is undefined then.
POOLGEN_INLINE int poolgen_ring_next(poolgen_ring_reader *r, int timeout_ms, poolgen_ring_frame *out)
{
    if (r->base == NULL) {
        return POOLGEN_ECLOSED;
    }
    int64_t deadline = timeout_ms == 0 ? 0 : poolgen_priv_deadline(timeout_ms);
    for (;;) {
        int err = poolgen_priv_ring_try(r, out);
        if (err != POOLGEN_ETIMEOUT) {
            return err;
        }
        err = poolgen_priv_ring_wait(r, deadline);
        if (err != POOLGEN_OK) {
            return err;
        }
    }
}

// poolgen_ring_valid is 1 if a frame has not been overwritten up to now. If it has, and poolgen_ring_next gave none after it, it counts
// as missed.
POOLGEN_INLINE int poolgen_ring_valid(poolgen_ring_reader *r, const poolgen_ring_frame *f)
{
    if (r->base == NULL) {
        return 0;
    }
    if (!poolgen_priv_ring_gone(r, f->number)) {
        return 1;
    }
    if (f->number + 1 == r->next && r->torn != r->next) {
        r->torn = r->next;
        r->seen--;
        r->missed++;
        r->gap++;
    }
    return 0;
}

// poolgen_ring_copy copies a frame to dst, which has room for size bytes. POOLGEN_EINVAL: the frame has more; POOLGEN_ESTALE: the writer was
// faster, and it counts as missed; POOLGEN_ECLOSED.
POOLGEN_INLINE int poolgen_ring_copy(poolgen_ring_reader *r, const poolgen_ring_frame *f, void *dst, size_t size)
{
    if (r->base == NULL) {
        return POOLGEN_ECLOSED;
    }
    if (size < f->length) {
        return POOLGEN_EINVAL;
    }
    memcpy(dst, f->data, f->length);
    return poolgen_ring_valid(r, f) ? POOLGEN_OK : POOLGEN_ESTALE;
}

// poolgen_ring_skip passes over all frames but the newest. They count neither as seen nor as missed. POOLGEN_ECORRUPT, POOLGEN_ECLOSED.
POOLGEN_INLINE int poolgen_ring_skip(poolgen_ring_reader *r)
{
    uint64_t oldest = 0, end = 0;
    int err = r->base == NULL ? POOLGEN_ECLOSED : poolgen_priv_ring_look(r, &oldest, &end);
    if (err == POOLGEN_OK && end > r->next + 1) {
        r->next = end - 1;
        r->gap = 0;
    }
    return err;
}

// poolgen_ring_close ends the reader; frames must not be read any more. The counts stay. The second call does nothing.
POOLGEN_INLINE void poolgen_ring_close(poolgen_ring_reader *r)
{
    if (r->base == NULL) {
        return;
    }
    (void)munmap((void *)(uintptr_t)r->base, r->size);
    if (r->door != NULL) {
        (void)munmap(r->door, POOLGEN_PRIV_RING_AREA);
    }
    r->base = NULL;
    r->door = NULL;
}

#ifdef __cplusplus
}
#endif

#endif
