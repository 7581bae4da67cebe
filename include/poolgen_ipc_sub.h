// poolgen_ipc_sub.h: how the subscriber of poolgen_ipc.h works. Nothing here is for use outside; include poolgen_ipc.h instead.
#ifndef POOLGEN_IPC_SUB_H
#define POOLGEN_IPC_SUB_H

#include "poolgen_ipc_join.h"

#ifdef __cplusplus
extern "C" {
#endif

#define POOLGEN_PRIV_NAP 100 // milliseconds on the futex before a receiver polls its socket

// poolgen_priv_look wakes the publisher if it waits for room. The lock is held.
static inline void poolgen_priv_look(poolgen_subscriber *sub)
{
    if (poolgen_priv_get32(&sub->head->waiting) != 0) {
        poolgen_priv_set32(&sub->head->waiting, 0);
        poolgen_priv_bump(&sub->head->space);
    }
}

// poolgen_priv_give_back gives a reference back to the publisher. The lock is held.
static inline void poolgen_priv_give_back(poolgen_subscriber *sub, uint32_t id)
{
    poolgen_priv_store(&sub->back[sub->returned & (sub->returns - 1)], id);
    poolgen_priv_set32(&sub->head->returned, ++sub->returned);
}

// poolgen_priv_clear gives back what waits and will not be received, once the publisher can see that this side leaves: what is queued after
// it, that one takes back. The lock is held.
POOLGEN_PRIV_COLD void poolgen_priv_clear(poolgen_subscriber *sub)
{
    for (uint32_t i = 0; i < sub->slots; i++) {
        poolgen_priv_frame_slot *slot = &sub->slot[i];
        uint32_t word = poolgen_priv_get32(&slot->word), empty = word & ~POOLGEN_PRIV_STATE;
        if ((word & POOLGEN_PRIV_STATE) != POOLGEN_PRIV_FULL || !poolgen_priv_cas(&slot->word, word, empty | POOLGEN_PRIV_TAKEN)) {
            continue;
        }
        uint32_t id = poolgen_priv_load(&slot->id);
        poolgen_priv_set32(&slot->word, empty);
        poolgen_priv_give_back(sub, id);
    }
}

// poolgen_priv_finish ends the connection and the mappings when the program has no frame any more. Not before: the publisher takes back
// what one had whose connection ends. The lock is held.
static inline void poolgen_priv_finish(poolgen_subscriber *sub)
{
    if ((sub->closed == 0 && sub->drained == 0) || sub->held > 0 || sub->users > 0 || sub->head == NULL) {
        return;
    }
    (void)munmap(sub->head, sub->channel_size);
    (void)munmap((void *)(uintptr_t)sub->arena, sub->arena_size);
    (void)shutdown(sub->socket, SHUT_RDWR); // the publisher sees the end, also where a child of fork has a copy
    poolgen_priv_close(sub->socket);
    sub->head = NULL;
    sub->arena = NULL;
    sub->socket = -1;
}

// poolgen_priv_frame makes a frame of a slot that was taken, and empties it. The lock is held.
static inline int poolgen_priv_frame(poolgen_subscriber *sub, poolgen_priv_frame_slot *slot, uint32_t full, poolgen_frame *out)
{
    // Copies: a hostile publisher may change the words meanwhile.
    uint64_t offset = poolgen_priv_load(&slot->offset) | (uint64_t)poolgen_priv_load(&slot->above) << 32;
    uint64_t sequence = poolgen_priv_load(&slot->sequence) | (uint64_t)poolgen_priv_load(&slot->seq2) << 32;
    uint64_t pts = poolgen_priv_load(&slot->pts) | (uint64_t)poolgen_priv_load(&slot->pts2) << 32;
    uint32_t length = poolgen_priv_load(&slot->length), id = poolgen_priv_load(&slot->id);
    uint32_t flags = poolgen_priv_load(&slot->flags), user = poolgen_priv_load(&slot->user);
    poolgen_priv_set32(&slot->word, full & ~POOLGEN_PRIV_STATE);
    sub->pos++;
    poolgen_priv_look(sub);
    if (offset == 0 || offset > sub->arena_size || length > sub->arena_size - offset || sequence < sub->next) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "frame %llu lies at %llu, %u bytes, in an arena of %llu",
                                 (unsigned long long)sequence, (unsigned long long)offset, length, (unsigned long long)sub->arena_size);
    }
    out->sequence = sequence;
    out->lost = sequence - sub->next;
    out->pts = (int64_t)pts;
    out->flags = flags;
    out->user = user;
    out->data = sub->arena + (size_t)offset;
    out->length = length;
    out->subscriber = sub;
    out->id = id;
    sub->next = sequence + 1;
    sub->received++;
    sub->lost += out->lost;
    sub->held++;
    return POOLGEN_OK;
}

// poolgen_priv_take takes the next frame; POOLGEN_ETIMEOUT says that none waits.
static inline int poolgen_priv_take(poolgen_subscriber *sub, poolgen_frame *out)
{
    int err = POOLGEN_ETIMEOUT;
    poolgen_priv_lock(&sub->lock);
    if (sub->closed != 0) {
        err = POOLGEN_ECLOSED;
    } else if (sub->drained == 0 && sub->held >= sub->returns) {
        err = POOLGEN_ELIMIT;
    }
    // Bounded: a hostile publisher could have us go through dropped frames for ever.
    for (uint32_t tries = 2 * sub->slots; err == POOLGEN_ETIMEOUT && sub->drained == 0 && tries > 0; tries--) {
        poolgen_priv_frame_slot *slot = &sub->slot[sub->pos & (sub->slots - 1)];
        uint32_t full = poolgen_priv_full(sub->pos, sub->shift), word = poolgen_priv_get32(&slot->word);
        int32_t ahead = poolgen_priv_laps(word, full, sub->shift);
        if (ahead < 0) {
            break;
        }
        if (ahead > 0) { // dropped, and so was all but the last queue's length before what is written there now
            sub->pos += ((uint32_t)ahead - 1) * sub->slots + 1;
        } else if (word != full) {
            sub->pos++;
        } else if (poolgen_priv_cas(&slot->word, full, (full & ~POOLGEN_PRIV_STATE) | POOLGEN_PRIV_TAKEN)) {
            err = poolgen_priv_frame(sub, slot, full, out);
        }
    }
    poolgen_priv_unlock(&sub->lock);
    return err;
}

// poolgen_priv_over says whether the publisher queues nothing more.
static inline int poolgen_priv_over(poolgen_subscriber *sub)
{
    poolgen_priv_lock(&sub->lock);
    int over = sub->gone != 0 || sub->drained != 0 || (sub->head != NULL && poolgen_priv_get32(&sub->head->closed) != 0);
    poolgen_priv_unlock(&sub->lock);
    return over;
}

// poolgen_priv_end says how the publisher ended, and lets go of one that waits for us.
POOLGEN_PRIV_COLD int poolgen_priv_end(poolgen_subscriber *sub)
{
    int err = POOLGEN_EGONE;
    poolgen_priv_lock(&sub->lock);
    if (sub->closed != 0) {
        err = POOLGEN_ECLOSED;
    } else if (sub->drained != 0) {
        err = POOLGEN_EEND;
    } else if (poolgen_priv_get32(&sub->head->closed) != 0) {
        sub->drained = 1;
        poolgen_priv_finish(sub);
        err = POOLGEN_EEND;
    }
    poolgen_priv_unlock(&sub->lock);
    return err;
}

// poolgen_priv_sleep waits for news for at most ms, on the socket or by futex. With 0 it only asks to be woken, if the program polls.
POOLGEN_PRIV_COLD void poolgen_priv_sleep(poolgen_subscriber *sub, int on_socket, int ms)
{
    poolgen_priv_lock(&sub->lock);
    poolgen_priv_channel *h = sub->head;
    int fd = sub->socket;
    if (h == NULL || sub->closed != 0) {
        poolgen_priv_unlock(&sub->lock);
        return;
    }
    sub->users++;
    // Where the program polls the socket, it is read before the publisher is asked for a message: that one is for the program.
    int heard = on_socket && ms == 0 ? poolgen_priv_heard(fd) : 0;
    uint32_t news = poolgen_priv_get32(&h->news);
    if (ms > 0 || sub->polled != 0) {
        poolgen_priv_set32(&h->asleep, on_socket || sub->polled != 0 ? POOLGEN_PRIV_ON_SOCKET : POOLGEN_PRIV_ON_FUTEX);
    }
    uint32_t word = poolgen_priv_get32(&sub->slot[sub->pos & (sub->slots - 1)].word);
    int there = poolgen_priv_laps(word, poolgen_priv_full(sub->pos, sub->shift), sub->shift) >= 0 || poolgen_priv_get32(&h->closed) != 0;
    poolgen_priv_unlock(&sub->lock);
    if (!there && on_socket && ms > 0) {
        struct pollfd p = {fd, POLLIN, 0};
        (void)poll(&p, 1, ms);
        heard = poolgen_priv_heard(fd);
    } else if (!there && !on_socket) {
        (void)poolgen_priv_futex_wait(&h->news, news, ms);
    }
    poolgen_priv_lock(&sub->lock);
    sub->users--;
    if (heard < 0) {
        sub->gone = 1;
    }
    poolgen_priv_finish(sub);
    poolgen_priv_unlock(&sub->lock);
}

// poolgen_priv_receive_slow is poolgen_receive where nothing waits. While frames come it sleeps by futex, which is the shortest way; when none
// came for a while on the socket, where nothing wakes it for nothing and it sees the publisher's end at once.
POOLGEN_PRIV_COLD int poolgen_priv_receive_slow(poolgen_subscriber *sub, int timeout_ms, poolgen_frame *out)
{
    int64_t deadline = timeout_ms == 0 ? 0 : poolgen_priv_deadline(timeout_ms);
    int64_t nap = timeout_ms == 0 || poolgen_priv_load(&sub->polled) != 0 ? 0 : poolgen_priv_now() + POOLGEN_PRIV_NAP;
    for (int last = 0;;) {
        int over = poolgen_priv_over(sub); // before the queue: what was queued before the end is still received
        int err = poolgen_priv_take(sub, out);
        if (err != POOLGEN_ETIMEOUT) {
            return err;
        }
        if (over) {
            return poolgen_priv_end(sub);
        }
        if (last) {
            return POOLGEN_ETIMEOUT;
        }
        int left = timeout_ms == 0 ? 0 : poolgen_priv_left(deadline, 3600 * 1000);
        int dozing = nap == 0 ? 0 : poolgen_priv_left(nap, left);
        last = left == 0;
        poolgen_priv_sleep(sub, dozing == 0, dozing > 0 ? dozing : left);
    }
}

#ifdef __cplusplus
}
#endif

#endif
