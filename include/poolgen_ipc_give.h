// poolgen_ipc_give.h: how the publisher of poolgen_ipc.h lends blocks and takes them back. Nothing here is for use outside; include
// poolgen_ipc.h instead. Nothing that a subscriber can write is believed: indices and counts come from the publisher's own lists.
#ifndef POOLGEN_IPC_GIVE_H
#define POOLGEN_IPC_GIVE_H

#include <stdlib.h>
#include <sys/epoll.h>

#include "poolgen.h"
#include "poolgen_ipc_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

// So many wake-ups that lead to nothing are too many, if they take less than so many milliseconds each.
#define POOLGEN_PRIV_STIRS 1000u
#ifndef POOLGEN_PRIV_STIR_EACH
#define POOLGEN_PRIV_STIR_EACH 1
#endif

#define POOLGEN_PRIV_OWN (1u << 31) // of a loan while it is being given

// poolgen_priv_tell wakes a subscriber if it sleeps. Where its socket has no room it has messages to read, and is awake.
static inline void poolgen_priv_tell(poolgen_priv_remote *r)
{
    if (poolgen_priv_get32(&r->head->asleep) == 0) {
        return;
    }
    uint32_t asleep = __atomic_exchange_n(&r->head->asleep, 0, __ATOMIC_SEQ_CST); // how it wants to be woken now, not a moment ago
    __atomic_fetch_add(&r->head->news, 1, __ATOMIC_SEQ_CST);
    if (asleep == POOLGEN_PRIV_ON_SOCKET) {
        (void)send(r->socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        poolgen_priv_futex_wake(&r->head->news);
    }
}

// poolgen_priv_unlend ends a loan that nobody has.
static inline void poolgen_priv_unlend(poolgen_publisher *pub, uint32_t id)
{
    poolgen_priv_loan *l = &pub->loans[id];
    (void)poolgen_release(pub->arena, l->buf);
    l->next = pub->free;
    pub->free = id;
    pub->lent--;
}

// poolgen_priv_settle takes a subscriber's share of a loan back; 0 if it has none.
static inline int poolgen_priv_settle(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t id)
{
    if (id >= pub->room || (pub->loans[id].mask & r->bit) == 0) {
        return 0;
    }
    pub->loans[id].mask &= ~r->bit;
    r->held--;
    if (pub->loans[id].mask == 0) {
        poolgen_priv_unlend(pub, id);
    }
    return 1;
}

// poolgen_priv_lend makes a loan of a reference; POOLGEN_PRIV_NONE without memory.
static inline uint32_t poolgen_priv_lend(poolgen_publisher *pub, poolgen_buf buf)
{
    if (pub->free == POOLGEN_PRIV_NONE) {
        uint32_t room = pub->room == 0 ? 64 : pub->room * 2;
        poolgen_priv_loan *more =
            pub->room > 1u << 26 ? NULL : (poolgen_priv_loan *)realloc(pub->loans, (size_t)room * sizeof(poolgen_priv_loan));
        if (more == NULL) {
            return POOLGEN_PRIV_NONE;
        }
        for (uint32_t i = pub->room; i < room; i++) {
            memset(&more[i], 0, sizeof(more[i]));
            more[i].next = i + 1 < room ? i + 1 : POOLGEN_PRIV_NONE;
        }
        pub->free = pub->room;
        pub->loans = more;
        pub->room = room;
    }
    uint32_t id = pub->free;
    poolgen_priv_loan *l = &pub->loans[id];
    pub->free = l->next;
    l->buf = buf;
    l->mask = POOLGEN_PRIV_OWN;
    pub->lent++;
    return id;
}

// poolgen_priv_remove ends a subscriber and takes back what it had.
static inline void poolgen_priv_remove(poolgen_publisher *pub, poolgen_priv_remote *r)
{
    if (r->socket < 0) {
        return;
    }
    // A child of fork may have a copy of the socket, with which closing alone would end neither of these.
    (void)epoll_ctl(pub->events, EPOLL_CTL_DEL, r->socket, NULL);
    (void)shutdown(r->socket, SHUT_RDWR);
    poolgen_priv_close(r->socket);
    r->socket = -1;
    pub->left++;
    for (uint32_t id = 0; id < pub->room && r->held > 0; id++) {
        (void)poolgen_priv_settle(pub, r, id);
    }
    (void)munmap(r->head, r->size);
    poolgen_priv_close(r->memory);
    r->head = NULL;
}

// poolgen_priv_expel ends a subscriber that breaks the protocol, and says why.
POOLGEN_PRIV_COLD void poolgen_priv_expel(poolgen_publisher *pub, poolgen_priv_remote *r, const char *what)
{
    if (r->socket >= 0) {
        pub->misbehaved++;
        (void)snprintf(pub->reason, sizeof(pub->reason), "process %d %s", r->peer.pid, what);
        poolgen_priv_remove(pub, r);
    }
}

// poolgen_priv_collect takes what a subscriber gave back.
static inline void poolgen_priv_collect(poolgen_publisher *pub, poolgen_priv_remote *r)
{
    uint32_t returned = poolgen_priv_get32(&r->head->returned);
    if (returned - r->read > r->returns) {
        poolgen_priv_expel(pub, r, "gives back more than it has");
        return;
    }
    r->stirs = r->read == returned ? r->stirs : 0;
    for (; r->read != returned; r->read++) {
        if (!poolgen_priv_settle(pub, r, poolgen_priv_load(&r->back[r->read & (r->returns - 1)]))) {
            poolgen_priv_expel(pub, r, "gives back what it does not have");
            return;
        }
    }
}

// poolgen_priv_stir counts a wake-up of who waits for a subscriber, after a look at what that gave back. One that changes its words, or wakes the
// publisher, again and again for nothing is thrown out. serial is what the subscriber's was before the wait.
static inline void poolgen_priv_stir(poolgen_publisher *pub, poolgen_priv_remote *r, uint64_t serial)
{
    if (r->socket < 0 || r->serial != serial) {
        return;
    }
    r->since = r->stirs == 0 ? poolgen_priv_now() : r->since;
    if (++r->stirs < POOLGEN_PRIV_STIRS + 4 * r->slots) { // who takes frames, and gives nothing back yet, may wake it for each
        return;
    }
    if (poolgen_priv_now() - r->since < (int64_t)r->stirs * POOLGEN_PRIV_STIR_EACH) {
        poolgen_priv_expel(pub, r, "wakes the publisher for nothing, again and again");
    } else {
        r->stirs = 0;
    }
}

static inline void poolgen_priv_lose(poolgen_publisher *pub, poolgen_priv_remote *r)
{
    pub->lost++;
    r->lost++;
    poolgen_priv_store(&r->head->lost, (uint32_t)r->lost);
}

// poolgen_priv_miss counts a new frame as dropped, with the slot's word being w: if that is empty, because the subscriber's share is used up.
static inline void poolgen_priv_miss(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t w)
{
    poolgen_priv_lose(pub, r);
    r->over += (w & POOLGEN_PRIV_STATE) == POOLGEN_PRIV_EMPTY ? 1 : 0;
}

// poolgen_priv_unqueue takes back the frame at a position, and puts its word back by laps; 0 if it does not wait there any more.
static inline int poolgen_priv_unqueue(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t pos, uint32_t laps)
{
    poolgen_priv_frame_slot *slot = &r->slot[pos & (r->slots - 1)];
    uint32_t full = poolgen_priv_full(pos, r->shift);
    if (poolgen_priv_get32(&slot->word) != full) {
        return 0; // it was read, or never written
    }
    uint32_t id = poolgen_priv_load(&slot->id);
    if (!poolgen_priv_cas(&slot->word, full, (full & ~POOLGEN_PRIV_STATE) - (laps << 2))) {
        return 0; // it is being read
    }
    if (!poolgen_priv_settle(pub, r, id)) {
        poolgen_priv_expel(pub, r, "changes the names of blocks in its queue");
        return 0;
    }
    r->given--;
    pub->given--;
    if (laps == 0) { // otherwise another follows at the same position
        poolgen_priv_store(&r->head->dropped, ++r->dropped);
    }
    return 1;
}

// poolgen_priv_drop takes back up to n of the frames that wait, the oldest first, and answers how many.
static inline uint32_t poolgen_priv_drop(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t n)
{
    uint32_t dropped = 0;
    for (uint32_t back = r->slots; back > 0 && dropped < n && r->socket >= 0; back--) {
        if (poolgen_priv_unqueue(pub, r, r->tail - back, 0)) {
            dropped++;
            poolgen_priv_lose(pub, r);
        }
    }
    return dropped;
}

// poolgen_priv_write fills the slot at a position.
static inline void poolgen_priv_write(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t pos, uint32_t id, uint64_t sequence,
                                      const poolgen_meta *m)
{
    poolgen_priv_frame_slot *slot = &r->slot[pos & (r->slots - 1)];
    poolgen_buf buf = pub->loans[id].buf;
    uint64_t offset = (uint64_t)((const char *)poolgen_data(pub->arena, buf) - (const char *)pub->arena), pts = (uint64_t)m->pts;
    poolgen_priv_store(&slot->id, id);
    poolgen_priv_store(&slot->offset, (uint32_t)offset);
    poolgen_priv_store(&slot->above, (uint32_t)(offset >> 32));
    poolgen_priv_store(&slot->length, poolgen_len(pub->arena, buf));
    poolgen_priv_store(&slot->flags, m->flags);
    poolgen_priv_store(&slot->user, m->user);
    poolgen_priv_store(&slot->sequence, (uint32_t)sequence);
    poolgen_priv_store(&slot->seq2, (uint32_t)(sequence >> 32));
    poolgen_priv_store(&slot->pts, (uint32_t)pts);
    poolgen_priv_store(&slot->pts2, (uint32_t)(pts >> 32));
    pub->loans[id].mask |= r->bit;
    r->given++;
    pub->given++;
    r->held++;
    r->stirs = 0;
    r->tail = pos + 1;
    poolgen_priv_set32(&slot->word, poolgen_priv_full(pos, r->shift));
    poolgen_priv_set32(&r->head->tail, r->tail);
    poolgen_priv_tell(r);
}

// poolgen_priv_replace puts a frame in the place of the newest, if that still waits. So one that is only ever read of the newest needs two slots, for
// there is a frame in at most one, and perhaps one being taken before it: that keeps no newer one out. The word is meanwhile as before the
// older frame was written: a subscriber that sees it empty in its lap goes on to the next.
static inline int poolgen_priv_replace(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t id, uint64_t sequence, const poolgen_meta *m)
{
    if (!poolgen_priv_unqueue(pub, r, r->tail - 1, 1)) {
        return 0;
    }
    poolgen_priv_lose(pub, r);
    poolgen_priv_write(pub, r, r->tail - 1, id, sequence, m);
    return 1;
}

// poolgen_priv_offer queues a frame for a subscriber as its policy says: 1 if it was, 0 if not, -1 if the caller has to wait for the subscriber,
// whose slot's word is *word.
static inline int poolgen_priv_offer(poolgen_publisher *pub, poolgen_priv_remote *r, uint32_t id, uint64_t sequence, const poolgen_meta *m,
                                     uint32_t *word)
{
    for (;;) {
        if (r->socket < 0 || poolgen_priv_get32(&r->head->leaving) != 0) {
            return 0;
        }
        int given = r->policy == POOLGEN_LATEST && poolgen_priv_replace(pub, r, id, sequence, m);
        if (r->socket < 0) {
            return 0;
        }
        uint32_t full = poolgen_priv_full(r->tail, r->shift), w = poolgen_priv_get32(&r->slot[r->tail & (r->slots - 1)].word);
        int empty = (w & POOLGEN_PRIV_STATE) == POOLGEN_PRIV_EMPTY;
        if (!given && empty && r->held < pub->o.max_held) {
            poolgen_priv_write(pub, r, r->tail, id, sequence, m);
            given = 1;
        }
        if (given) { // It looks through its queue once after it has said that it leaves, and may have done so before this frame was there.
            return poolgen_priv_get32(&r->head->leaving) == 0 || !poolgen_priv_unqueue(pub, r, r->tail - 1, 0);
        }
        if (poolgen_priv_laps(full, w, r->shift) != 1 || (w & POOLGEN_PRIV_STATE) > POOLGEN_PRIV_TAKEN) {
            poolgen_priv_expel(pub, r, "writes states that cannot be into its queue");
            return 0;
        }
        // One that is just being taken cannot make room.
        if (r->policy == POOLGEN_DROP_OLDEST && (w & POOLGEN_PRIV_STATE) != POOLGEN_PRIV_TAKEN && poolgen_priv_drop(pub, r, 1) > 0) {
            continue;
        }
        if (r->policy == POOLGEN_BLOCK) {
            *word = w;
            return -1;
        }
        if (r->socket >= 0) { // full, just being taken, or it has too many
            poolgen_priv_miss(pub, r, w);
        }
        return 0;
    }
}

#ifdef __cplusplus
}
#endif

#endif
