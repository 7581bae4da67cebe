// poolgen_ipc_pub.h: the publisher of poolgen_ipc.h. Include that instead.
#ifndef POOLGEN_IPC_PUB_H
#define POOLGEN_IPC_PUB_H

#include "poolgen_ipc_wait.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef POOLGEN_INLINE
#define POOLGEN_INLINE static inline
#endif

// poolgen_shared_pool makes a pool in a sealed memfd, for poolgen_publisher_open and for Go's pool.Open. c->shared does not matter. The caller owes one
// poolgen_shared_pool_free. POOLGEN_EINVAL: c is out of range; POOLGEN_ESYS with errno: there is not so much memory.
POOLGEN_INLINE int poolgen_shared_pool(const poolgen_pool_config *c, poolgen_arena **arena, int *fd)
{
    size_t size = poolgen_arena_size(c);
    *arena = NULL;
    *fd = -1;
    if (size == 0) {
        return POOLGEN_EINVAL;
    }
    poolgen_pool_config shared = *c;
    shared.shared = 1;
    int memory = poolgen_priv_memory("poolgen:arena", size);
    if (memory < 0) {
        return POOLGEN_ESYS;
    }
    void *p = poolgen_priv_map(memory, size, 1);
    int err = p == NULL ? POOLGEN_ESYS : poolgen_pool_init(p, size, &shared);
    if (err != POOLGEN_OK) {
        if (p != NULL) {
            (void)munmap(p, size);
        }
        poolgen_priv_close(memory);
        return err;
    }
    *arena = (poolgen_arena *)p;
    *fd = memory;
    return POOLGEN_OK;
}

// poolgen_shared_pool_free gives the memory back. Nothing of this process may use the pool any more; subscribers keep what they have mapped.
POOLGEN_INLINE void poolgen_shared_pool_free(poolgen_arena *arena, int fd)
{
    (void)munmap(arena, (size_t)arena->arena_size);
    poolgen_priv_close(fd);
}

static inline void poolgen_priv_publisher_free(poolgen_publisher *pub)
{
    if (pub->events >= 0) {
        poolgen_priv_close(pub->events);
    }
    if (pub->memory >= 0) {
        poolgen_priv_close(pub->memory);
    }
    if (pub->timer >= 0) {
        poolgen_priv_close(pub->timer);
    }
    free(pub->loans);
    pub->loans = NULL;
    pub->room = 0;
    pub->events = pub->memory = pub->timer = -1;
}

// poolgen_publisher_open makes a publisher of the blocks of a pool in the memfd fd, both of which stay the caller's and must outlive it. path is a
// socket's file, which a dead publisher's is replaced by, or begins with @ for the abstract namespace. o may be NULL. On failure
// pub->text says more, and nothing needs to be closed. POOLGEN_EINUSE: a live publisher has the path; POOLGEN_ECORRUPT: no pool in a memfd sealed
// with F_SEAL_SHRINK; POOLGEN_EINVAL; POOLGEN_ESYS with errno.
POOLGEN_INLINE int poolgen_publisher_open(const char *path, poolgen_arena *arena, int fd, const poolgen_publisher_options *o, poolgen_publisher *pub)
{
    struct sockaddr_un address;
    char again[48];
    memset(pub, 0, sizeof(*pub));
    pub->closed = 1;
    pub->listener = pub->events = pub->memory = pub->timer = -1;
    pub->free = POOLGEN_PRIV_NONE;
    for (int i = 0; i < POOLGEN_IPC_MAX_SUBSCRIBERS; i++) {
        pub->remote[i].socket = -1;
    }
    for (size_t i = 0; i < sizeof(pub->coming) / sizeof(pub->coming[0]); i++) {
        pub->coming[i].socket = -1;
    }
    if (o != NULL) {
        pub->o = *o;
    }
    socklen_t size = poolgen_priv_address(path, &address);
    int64_t bytes = poolgen_priv_size(fd);
    if (size == 0) {
        return poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_EINVAL, "a socket's path has from 1 to %u bytes",
                                 (unsigned)sizeof(address.sun_path) - 1);
    }
    if (bytes <= 0 || (uint64_t)bytes > SIZE_MAX / 2 || poolgen_check(arena, (size_t)bytes) != POOLGEN_OK) {
        return poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_ECORRUPT, "descriptor %d has no pool in a memfd sealed with F_SEAL_SHRINK", fd);
    }
    uint32_t blocks = poolgen_priv_desc(arena)->fixed;
    pub->o.slots = pub->o.slots == 0 ? 16 : pub->o.slots;
    if (!poolgen_priv_power(pub->o.slots, POOLGEN_IPC_MAX_SLOTS) || pub->o.max_held > blocks) {
        return poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_EINVAL,
                                 "the options have %u slots and max_held %u: a power of two up to %d, and up to the pool's %u blocks", pub->o.slots,
                                 pub->o.max_held, POOLGEN_IPC_MAX_SLOTS, blocks);
    }
    pub->o.max_held = pub->o.max_held == 0 ? (blocks + 1) / 2 : pub->o.max_held;
    pub->o.max_held = pub->o.max_held < POOLGEN_PRIV_MAX_RETURNS ? pub->o.max_held : POOLGEN_PRIV_MAX_RETURNS;
    pub->o.mode = pub->o.mode == 0 ? 0600 : pub->o.mode;
    pub->arena = arena;
    pub->arena_size = (size_t)bytes;
    memcpy(pub->path, path, strlen(path) + 1);
    // The arena again, for reading only: a subscriber cannot change what others see.
    (void)snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
    pub->memory = open(again, O_RDONLY | POOLGEN_PRIV_CLOEXEC);
    int err = pub->memory >= 0 ? poolgen_priv_listen(pub, &address, size)
                               : poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_ESYS, "opening %s: errno %d", again, errno);
    if (err != POOLGEN_OK) {
        int was = errno;
        poolgen_priv_unlisten(pub);
        poolgen_priv_publisher_free(pub);
        errno = was;
        return err;
    }
    pub->closed = 0;
    return POOLGEN_OK;
}

// poolgen_publisher_fd is a descriptor for poll or epoll: it is readable when somebody wants to subscribe, says nothing for too long, or is gone, which
// poolgen_publisher_collect then looks after. It stays the publisher's; -1 after the end.
POOLGEN_INLINE int poolgen_publisher_fd(poolgen_publisher *pub)
{
    poolgen_priv_lock(&pub->lock);
    int fd = pub->events;
    poolgen_priv_unlock(&pub->lock);
    return fd;
}

// poolgen_publisher_collect gives the blocks back to the pool that subscribers have released, admits who wants to subscribe, and notices who is
// gone. It does not wait. poolgen_publish does so too.
POOLGEN_INLINE void poolgen_publisher_collect(poolgen_publisher *pub)
{
    poolgen_priv_lock(&pub->lock);
    if (pub->closed == 0) {
        poolgen_priv_turn(pub, 0);
    }
    poolgen_priv_unlock(&pub->lock);
}

// poolgen_priv_await waits for room in a subscriber's queue, whose next slot's word is word. It lets go of the lock meanwhile.
static inline int poolgen_priv_await(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t word, int timeout_ms, int64_t deadline)
{
    poolgen_priv_channel *h = r->head;
    uint64_t serial = r->serial;
    int woken = 1;
    uint32_t space = poolgen_priv_get32(&h->space);
    poolgen_priv_set32(&h->waiting, 1);
    if (poolgen_priv_get32(&r->slot[r->tail & (r->slots - 1)].word) == word && poolgen_priv_get32(&h->returned) == r->read &&
        poolgen_priv_get32(&h->leaving) == 0) {
        int left = timeout_ms == 0 ? 0 : poolgen_priv_left(deadline, POOLGEN_PRIV_SLICE);
        if (left == 0) {
            return POOLGEN_ETIMEOUT;
        }
        poolgen_priv_unlock(&pub->lock);
        // Another thread may remove the subscriber: then this is an address like any other, and the wait ends soon.
        woken = poolgen_priv_futex_wait(&h->space, space, left);
        poolgen_priv_lock(&pub->lock);
    }
    if (pub->closed != 0) {
        return POOLGEN_ECLOSED;
    }
    poolgen_priv_turn(pub, 0);
    if (woken) {
        poolgen_priv_stir(pub, r, serial);
    }
    return POOLGEN_OK;
}

// poolgen_priv_give gives a loan to all subscribers that were there at the start, and answers to how many, or an error.
static inline int poolgen_priv_give(poolgen_publisher *pub, uint32_t id, const poolgen_meta *m, int timeout_ms)
{
    uint64_t sequence = pub->sequence++, there = pub->serial;
    int64_t deadline = 0;
    int given = 0, err = POOLGEN_OK;
    pub->frames++;
    for (int i = 0; i < POOLGEN_IPC_MAX_SUBSCRIBERS; i++) {
        poolgen_priv_remote *r = &pub->remote[i];
        uint64_t serial = r->serial;
        int got = serial > there ? 0 : -1;
        if (pub->closed != 0 && got < 0 && r->socket >= 0) { // since it waited: who is there knows that nothing follows
            poolgen_priv_lose(pub, r);
            err = POOLGEN_ECLOSED;
            continue;
        }
        while (got < 0 && r->serial == serial) {
            uint32_t word = 0;
            got = poolgen_priv_offer(pub, r, id, sequence, m, &word);
            if (got >= 0) {
                given += got;
                break;
            }
            if (deadline == 0 && timeout_ms != 0) {
                deadline = poolgen_priv_deadline(timeout_ms);
            }
            int failed = poolgen_priv_await(pub, r, word, timeout_ms, deadline);
            if (failed != POOLGEN_OK) {
                if (r->serial == serial && r->socket >= 0) {
                    poolgen_priv_miss(pub, r, word);
                }
                err = failed;
                break;
            }
        }
    }
    return err == POOLGEN_OK ? given : err;
}

// poolgen_publish gives a frame to every subscriber, and answers to how many. It never fails for want of one, or because one is slow, unless that
// one chose POOLGEN_BLOCK and timeout_ms (negative: no limit, 0: no wait) is over. buf is a block of the publisher's pool, and is not
// written to until all have released it. m may be NULL. POOLGEN_ETIMEOUT: those who wait for it have not got it, the others have;
// POOLGEN_ESTALE, POOLGEN_EINVAL: no such buffer; POOLGEN_EBUSY: another thread publishes; POOLGEN_ECLOSED; POOLGEN_ESYS: out of memory.
POOLGEN_INLINE int poolgen_publish(poolgen_publisher *pub, poolgen_buf buf, const poolgen_meta *m, int timeout_ms)
{
    poolgen_meta none;
    memset(&none, 0, sizeof(none));
    if (__atomic_exchange_n(&pub->busy, 1, __ATOMIC_ACQUIRE) != 0) {
        return POOLGEN_EBUSY;
    }
    poolgen_priv_lock(&pub->lock);
    int result = pub->closed != 0 ? POOLGEN_ECLOSED : buf.index >= poolgen_priv_desc(pub->arena)->fixed ? POOLGEN_EINVAL : POOLGEN_OK;
    if (result == POOLGEN_OK) {
        poolgen_priv_turn(pub, 0);
        result = poolgen_retain(pub->arena, buf);
    }
    if (result == POOLGEN_OK) {
        uint32_t id = poolgen_priv_lend(pub, buf);
        if (id == POOLGEN_PRIV_NONE) {
            (void)poolgen_release(pub->arena, buf);
            errno = ENOMEM;
            result = POOLGEN_ESYS;
        } else {
            result = poolgen_priv_give(pub, id, m == NULL ? &none : m, timeout_ms);
            pub->loans[id].mask &= ~POOLGEN_PRIV_OWN;
            if (pub->loans[id].mask == 0) {
                poolgen_priv_unlend(pub, id);
            }
        }
    }
    poolgen_priv_unlock(&pub->lock);
    __atomic_store_n(&pub->busy, 0, __ATOMIC_RELEASE);
    return result;
}

// poolgen_publisher_stats counts, after a look around.
POOLGEN_INLINE void poolgen_publisher_stats(poolgen_publisher *pub, poolgen_publisher_counts *out)
{
    memset(out, 0, sizeof(*out));
    poolgen_priv_lock(&pub->lock);
    if (pub->closed == 0) {
        poolgen_priv_turn(pub, 0);
    }
    out->frames = pub->frames;
    out->given = pub->given;
    out->lost = pub->lost;
    out->left = pub->left;
    out->misbehaved = pub->misbehaved;
    memcpy(out->reason, pub->reason, sizeof(out->reason));
    out->lent = pub->lent;
    for (int i = 0; i < POOLGEN_IPC_MAX_SUBSCRIBERS; i++) {
        out->subscribers += pub->remote[i].socket >= 0 ? 1 : 0;
    }
    poolgen_priv_unlock(&pub->lock);
}

// poolgen_publisher_remote counts for the subscriber at place i, from 0 to 30. POOLGEN_EINVAL: nobody has that place.
POOLGEN_INLINE int poolgen_publisher_remote(poolgen_publisher *pub, int i, poolgen_remote_counts *out)
{
    memset(out, 0, sizeof(*out));
    poolgen_priv_lock(&pub->lock);
    int there = i >= 0 && i < POOLGEN_IPC_MAX_SUBSCRIBERS && pub->remote[i].socket >= 0;
    if (there) {
        const poolgen_priv_remote *r = &pub->remote[i];
        out->peer = r->peer;
        out->policy = r->policy;
        out->given = r->given;
        out->lost = r->lost;
        out->over = r->over;
        out->held = r->held;
    }
    poolgen_priv_unlock(&pub->lock);
    return there ? POOLGEN_OK : POOLGEN_EINVAL;
}

// poolgen_publisher_close tells the subscribers that nothing follows, waits until they have received and released what they have, or are
// gone, and ends. When timeout_ms is over (negative: never) it takes everything back: then a subscriber may still read blocks that the pool gives
// out again. The second call does nothing. POOLGEN_ETIMEOUT: it took something back.
POOLGEN_INLINE int poolgen_publisher_close(poolgen_publisher *pub, int timeout_ms)
{
    int64_t deadline = poolgen_priv_deadline(timeout_ms);
    int err = POOLGEN_OK;
    poolgen_priv_lock(&pub->lock);
    if (pub->closed != 0) {
        poolgen_priv_unlock(&pub->lock);
        return POOLGEN_OK;
    }
    pub->closed = 1;
    for (int i = 0; i < POOLGEN_IPC_MAX_SUBSCRIBERS; i++) {
        if (pub->remote[i].socket >= 0) {
            poolgen_priv_set32(&pub->remote[i].head->closed, 1);
            (void)poolgen_priv_cas(&pub->remote[i].head->asleep, 0, POOLGEN_PRIV_ON_FUTEX);
            poolgen_priv_tell(&pub->remote[i]);
        }
    }
    for (size_t i = 0; i < sizeof(pub->coming) / sizeof(pub->coming[0]); i++) {
        if (pub->coming[i].socket >= 0) {
            poolgen_priv_close(pub->coming[i].socket);
            pub->coming[i].socket = -1;
        }
    }
    poolgen_priv_unlisten(pub);
    for (int there = 1; there;) {
        int left = poolgen_priv_left(deadline, 1000);
        poolgen_priv_turn(pub, 0);
        there = __atomic_load_n(&pub->busy, __ATOMIC_ACQUIRE) != 0 || pub->getting != 0; // a thread that publishes, or waits, ends soon
        for (int i = 0; i < POOLGEN_IPC_MAX_SUBSCRIBERS; i++) {
            if (pub->remote[i].socket >= 0 && left == 0) {
                poolgen_priv_remove(pub, &pub->remote[i]);
                err = POOLGEN_ETIMEOUT;
            }
            there |= pub->remote[i].socket >= 0;
        }
        if (there) {
            struct pollfd p = {pub->events, POLLIN, 0};
            poolgen_priv_unlock(&pub->lock);
            (void)poll(&p, 1, left == 0 || pub->getting != 0 || __atomic_load_n(&pub->busy, __ATOMIC_RELAXED) != 0 ? 1 : left);
            poolgen_priv_lock(&pub->lock);
        }
    }
    poolgen_priv_publisher_free(pub);
    poolgen_priv_unlock(&pub->lock);
    return err;
}

#ifdef __cplusplus
}
#endif

#endif
