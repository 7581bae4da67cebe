// poolgen_ipc_sub.h: how the subscriber of poolgen_ipc.h works. Nothing here is for use outside; include poolgen_ipc.h instead.
#ifndef POOLGEN_IPC_SUB_H
#define POOLGEN_IPC_SUB_H

#include "poolgen_ipc_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define POOLGEN_PRIV_NAP 100 // milliseconds on the futex before a receiver polls its socket

// poolgen_priv_connect waits for a place in the listener's queue too.
POOLGEN_PRIV_COLD int poolgen_priv_connect(poolgen_subscriber *sub, const struct sockaddr_un *address, socklen_t size, int64_t deadline)
{
    sub->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (sub->socket < 0) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_ESYS, "making a socket: errno %d", errno);
    }
    for (;;) {
        int left = poolgen_priv_left(deadline, 1000);
        struct timeval t;
        memset(&t, 0, sizeof(t));
        t.tv_sec = left / 1000;
        t.tv_usec = (left % 1000) * 1000 + 1; // 0 is for ever
        if (setsockopt(sub->socket, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) == 0 &&
            connect(sub->socket, (const struct sockaddr *)(const void *)address, size) == 0) {
            return POOLGEN_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_ESYS, "connecting: errno %d", errno);
        }
        if (poolgen_priv_left(deadline, 1) == 0) {
            return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_ETIMEOUT, "connecting: the publisher accepts nobody");
        }
    }
}

// poolgen_priv_open_arena maps a publisher's arena for reading.
POOLGEN_PRIV_COLD int poolgen_priv_open_arena(poolgen_subscriber *sub, int fd, uint64_t want)
{
    int64_t size = poolgen_priv_size(fd);
    if (size <= 0 || (uint64_t)size != want || (uint64_t)size > SIZE_MAX / 2) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO,
                                 "the arena has %lld bytes (-1: they could be cut off under us), the publisher says %llu", (long long)size,
                                 (unsigned long long)want);
    }
    sub->arena = (const char *)poolgen_priv_map(fd, (size_t)size, 0);
    sub->arena_size = (size_t)size;
    if (sub->arena == NULL) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_ESYS, "mapping an arena of %lld bytes: errno %d", (long long)size, errno);
    }
    return POOLGEN_OK;
}

// poolgen_priv_open_channel maps the memory of a publisher, which is not trusted.
POOLGEN_PRIV_COLD int poolgen_priv_open_channel(poolgen_subscriber *sub, int fd)
{
    int64_t size = poolgen_priv_size(fd);
    if (size < (int64_t)sizeof(poolgen_priv_channel) ||
        (uint64_t)size > poolgen_priv_channel_size(POOLGEN_IPC_MAX_SLOTS, POOLGEN_PRIV_MAX_RETURNS)) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "the channel has %lld bytes (-1: they could be cut off under us)",
                                 (long long)size);
    }
    poolgen_priv_channel *h = (poolgen_priv_channel *)poolgen_priv_map(fd, (size_t)size, 1);
    if (h == NULL) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_ESYS, "mapping a channel of %lld bytes: errno %d", (long long)size, errno);
    }
    uint32_t magic = poolgen_priv_load(&h->magic), version = poolgen_priv_load(&h->version);
    uint32_t slots = poolgen_priv_load(&h->slots), returns = poolgen_priv_load(&h->returns);
    int err = POOLGEN_OK;
    if (magic != POOLGEN_PRIV_CHANNEL_MAGIC) {
        err = poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "the channel begins with %#x", magic);
    } else if (version != POOLGEN_IPC_VERSION) {
        err = poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO,
                                "the channel has version %u, this program knows %d: use the same version of poolgen on both sides", version,
                                POOLGEN_IPC_VERSION);
    } else if (!poolgen_priv_power(slots, POOLGEN_IPC_MAX_SLOTS) || !poolgen_priv_power(returns, POOLGEN_PRIV_MAX_RETURNS) ||
               poolgen_priv_channel_size(slots, returns) != (size_t)size) {
        err = poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "the channel has %u slots and %u returns in %lld bytes", slots,
                                returns, (long long)size);
    }
    if (err != POOLGEN_OK) {
        (void)munmap(h, (size_t)size);
        return err;
    }
    sub->channel_size = (size_t)size;
    sub->head = h;
    sub->slot = (poolgen_priv_frame_slot *)(void *)(h + 1);
    sub->back = (uint32_t *)(void *)(sub->slot + slots);
    sub->slots = slots;
    sub->returns = returns;
    sub->shift = (uint32_t)__builtin_ctz(slots);
    return POOLGEN_OK;
}

// poolgen_priv_welcome reads the publisher's answer and maps what comes with it.
POOLGEN_PRIV_COLD int poolgen_priv_welcome(poolgen_subscriber *sub, const unsigned char *b, size_t n, const int *fds, int count)
{
    if (n < POOLGEN_PRIV_WELCOME || poolgen_priv_word(b) != POOLGEN_PRIV_WELCOME_MAGIC) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "the answer is no welcome");
    }
    if (poolgen_priv_word(b + 8) != 0) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EREFUSED, "%.*s", (int)(n - POOLGEN_PRIV_WELCOME),
                                 (const char *)b + POOLGEN_PRIV_WELCOME);
    }
    if (poolgen_priv_word(b + 4) != POOLGEN_IPC_VERSION) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO,
                                 "the publisher speaks version %u, the subscriber %d: use the same version of poolgen on both sides",
                                 poolgen_priv_word(b + 4), POOLGEN_IPC_VERSION);
    }
    if (count != 2) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "%d descriptors came, not 2", count);
    }
    sub->next = poolgen_priv_long(b + 24);
    int err = poolgen_priv_open_arena(sub, fds[0], poolgen_priv_long(b + 16));
    if (err != POOLGEN_OK) {
        return err;
    }
    err = poolgen_priv_open_channel(sub, fds[1]);
    if (err != POOLGEN_OK) {
        (void)munmap((void *)(uintptr_t)sub->arena, sub->arena_size);
        sub->arena = NULL;
    }
    return err;
}

// poolgen_priv_greet does the handshake.
POOLGEN_PRIV_COLD int poolgen_priv_greet(poolgen_subscriber *sub, const poolgen_subscriber_options *o, int64_t deadline)
{
    unsigned char b[POOLGEN_PRIV_WELCOME + POOLGEN_PRIV_REASON];
    memset(b, 0, sizeof(b));
    poolgen_priv_put32(b, POOLGEN_PRIV_HELLO_MAGIC);
    poolgen_priv_put32(b + 4, POOLGEN_IPC_VERSION);
    poolgen_priv_put32(b + 8, o->policy);
    poolgen_priv_put32(b + 12, o->slots);
    if (send(sub->socket, b, POOLGEN_PRIV_HELLO, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)POOLGEN_PRIV_HELLO) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EGONE, "saying hello: errno %d", errno);
    }
    for (;;) {
        int fds[4], count;
        ssize_t n = poolgen_priv_receive(sub->socket, b, sizeof(b), fds, &count);
        if (n < 0 && errno == EMSGSIZE) {
            return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "the answer is cut off");
        }
        if (n < 0 && errno == EMFILE) {
            return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_ESYS,
                                     "this process may not open the descriptors that come: raise RLIMIT_NOFILE: errno %d", errno);
        }
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EGONE, "the publisher hung up without an answer");
        }
        if (n > 0) {
            int err = poolgen_priv_welcome(sub, b, (size_t)n, fds, count);
            while (count > 0) {
                poolgen_priv_close(fds[--count]);
            }
            return err;
        }
        int left = poolgen_priv_left(deadline, 60000);
        if (left == 0) {
            return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_ETIMEOUT, "the publisher does not answer");
        }
        struct pollfd p = {sub->socket, POLLIN, 0};
        (void)poll(&p, 1, left);
    }
}

// poolgen_priv_look wakes the publisher if it waits for room. The lock is held.
static inline void poolgen_priv_look(poolgen_subscriber *sub)
{
    if (poolgen_priv_get32(&sub->head->waiting) != 0) {
        poolgen_priv_set32(&sub->head->waiting, 0);
        poolgen_priv_bump(&sub->head->space);
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
        poolgen_priv_futex_wait(&h->news, news, ms);
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
