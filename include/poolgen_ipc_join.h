// poolgen_ipc_join.h: how the subscriber of poolgen_ipc.h finds its publisher. Nothing here is for use outside; include poolgen_ipc.h instead.
#ifndef POOLGEN_IPC_JOIN_H
#define POOLGEN_IPC_JOIN_H

#include "poolgen_ipc_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

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
    uint32_t version = n < 8 ? 0 : poolgen_priv_word(b + 4);
    int refused = n >= POOLGEN_PRIV_WELCOME && poolgen_priv_word(b + 8) != 0;
    int words = refused ? (int)(n - POOLGEN_PRIV_WELCOME) : 0;
    const char *reason = refused ? (const char *)b + POOLGEN_PRIV_WELCOME : "";
    if (n < 8 || poolgen_priv_word(b) != POOLGEN_PRIV_WELCOME_MAGIC) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "the answer is no welcome");
    }
    if (version != POOLGEN_IPC_VERSION) { // and may be of any length
        return poolgen_priv_fail(sub->text, sizeof(sub->text), refused ? POOLGEN_EREFUSED : POOLGEN_EPROTO,
                                 "the publisher speaks version %u, the subscriber %d: use the same version of poolgen on both sides%s%.*s", version,
                                 POOLGEN_IPC_VERSION, refused ? ": " : "", words, reason);
    }
    if (n < POOLGEN_PRIV_WELCOME) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EPROTO, "the answer has %u bytes, version %d has at least %u", (unsigned)n,
                                 POOLGEN_IPC_VERSION, POOLGEN_PRIV_WELCOME);
    }
    if (refused) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EREFUSED, "%.*s", words, reason);
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
    // A publisher that hangs up before it has read the hello, as where too many others come, has said why: of the hello that it left unread Linux tells
    // first, and once.
    ssize_t said = send(sub->socket, b, POOLGEN_PRIV_HELLO, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (said != (ssize_t)POOLGEN_PRIV_HELLO && (said >= 0 || (errno != EPIPE && errno != ECONNRESET))) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EGONE, "saying hello: errno %d", errno);
    }
    for (int reset = 0;;) {
        int fds[4], count;
        ssize_t n = poolgen_priv_receive(sub->socket, b, sizeof(b), fds, &count);
        if (n < 0 && errno == ECONNRESET && !reset) {
            reset = 1;
            continue;
        }
        int cut = n < 0 && (errno == EMSGSIZE || errno == EMFILE);
        if (cut && poolgen_priv_word(b) == POOLGEN_PRIV_WELCOME_MAGIC && poolgen_priv_word(b + 4) != POOLGEN_IPC_VERSION) {
            return poolgen_priv_welcome(sub, b, sizeof(b), fds, 0); // it says why
        }
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

#ifdef __cplusplus
}
#endif

#endif
