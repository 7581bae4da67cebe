// poolgen_ipc_admit.h: how the publisher of poolgen_ipc.h lets processes subscribe, and notices that they are gone. Nothing here is for use
// outside; include poolgen_ipc.h instead.
#ifndef POOLGEN_IPC_ADMIT_H
#define POOLGEN_IPC_ADMIT_H

#include "poolgen_ipc_give.h"
#include "poolgen_ipc_listen.h"

#ifdef __cplusplus
extern "C" {
#endif

#define POOLGEN_PRIV_STRANGERS 8u // places of pub->coming
#define POOLGEN_PRIV_PATIENCE 2000 // milliseconds; one who says nothing is none

// poolgen_priv_memory makes a sealed memfd: a descriptor, or -1 with errno.
POOLGEN_PRIV_COLD int poolgen_priv_memory(const char *name, size_t size)
{
    int fd = (int)syscall(SYS_memfd_create, name, 3 /* MFD_CLOEXEC | MFD_ALLOW_SEALING */);
    if (fd < 0) {
        return -1;
    }
    if (syscall(SYS_ftruncate, fd, size) != 0 || fcntl(fd, POOLGEN_PRIV_ADD_SEALS, POOLGEN_PRIV_SEAL_SHRINK | POOLGEN_PRIV_SEAL_GROW) != 0) {
        poolgen_priv_close(fd);
        return -1;
    }
    return fd;
}

// poolgen_priv_answer sends a welcome, with two descriptors or with a reason.
POOLGEN_PRIV_COLD int poolgen_priv_answer(poolgen_publisher *pub, int fd, const char *reason, int memory)
{
    unsigned char b[POOLGEN_PRIV_WELCOME + POOLGEN_PRIV_REASON];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec v;
    struct msghdr m;
    size_t n = reason == NULL ? 0 : strlen(reason);
    n = n > POOLGEN_PRIV_REASON ? POOLGEN_PRIV_REASON : n;
    memset(b, 0, sizeof(b));
    memset(&m, 0, sizeof(m));
    memset(&control, 0, sizeof(control));
    poolgen_priv_put32(b, POOLGEN_PRIV_WELCOME_MAGIC);
    poolgen_priv_put32(b + 4, POOLGEN_IPC_VERSION);
    poolgen_priv_put32(b + 8, reason != NULL);
    poolgen_priv_put32(b + 16, (uint32_t)pub->arena_size);
    poolgen_priv_put32(b + 20, (uint32_t)((uint64_t)pub->arena_size >> 32));
    poolgen_priv_put32(b + 24, (uint32_t)pub->sequence);
    poolgen_priv_put32(b + 28, (uint32_t)(pub->sequence >> 32));
    if (reason != NULL) {
        memcpy(b + POOLGEN_PRIV_WELCOME, reason, n);
    }
    v.iov_base = b;
    v.iov_len = POOLGEN_PRIV_WELCOME + n;
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    if (reason == NULL) {
        int fds[2] = {pub->memory, memory};
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fds));
        memcpy(CMSG_DATA(c), fds, sizeof(fds));
    }
    return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

// poolgen_priv_place makes a subscriber of a process that may be one: NULL, or what is wrong.
POOLGEN_PRIV_COLD const char *poolgen_priv_place(poolgen_publisher *pub, poolgen_priv_remote *from, uint32_t policy, uint32_t want)
{
    uint32_t i = 0, returns = 1, slots = pub->o.slots, blocks = poolgen_priv_desc(pub->arena)->fixed;
    while (i < POOLGEN_IPC_MAX_SUBSCRIBERS && pub->remote[i].socket >= 0) {
        i++;
    }
    if (i == POOLGEN_IPC_MAX_SUBSCRIBERS) {
        return "there are 31 subscribers already";
    }
    while (want > 0 && slots > want) {
        slots /= 2;
    }
    slots = policy == POOLGEN_LATEST && slots < 2 ? 2 : slots; // see poolgen_priv_replace
    while (returns <= blocks && returns < POOLGEN_PRIV_MAX_RETURNS) {
        returns *= 2;
    }
    poolgen_priv_remote *r = &pub->remote[i];
    memset(r, 0, sizeof(*r));
    r->size = poolgen_priv_channel_size(slots, returns);
    r->memory = poolgen_priv_memory("poolgen:channel", r->size);
    r->head = r->memory < 0 ? NULL : (poolgen_priv_channel *)poolgen_priv_map(r->memory, r->size, 1);
    r->socket = -1;
    const char *wrong = r->head == NULL ? "the publisher has no memory for another subscriber" : NULL;
    if (wrong == NULL) {
        uint64_t id = pub->arena->arena_id;
        r->head->magic = POOLGEN_PRIV_CHANNEL_MAGIC;
        r->head->version = POOLGEN_IPC_VERSION;
        r->head->slots = r->slots = slots;
        r->head->returns = r->returns = returns;
        r->head->arena = (uint32_t)id;
        r->head->above = (uint32_t)(id >> 32);
        r->head->pid = (uint32_t)from->peer.pid;
        r->head->policy = r->policy = policy;
        r->slot = (poolgen_priv_frame_slot *)(void *)(r->head + 1);
        r->back = (uint32_t *)(void *)(r->slot + slots);
        r->shift = (uint32_t)__builtin_ctz(slots);
        r->bit = 1u << i;
        r->peer = from->peer;
        r->serial = ++pub->serial;
        if (poolgen_priv_watch(pub, EPOLL_CTL_MOD, from->socket, i) != 0 || poolgen_priv_answer(pub, from->socket, NULL, r->memory) != 0) {
            wrong = "the publisher could not answer";
        }
    }
    if (wrong == NULL) {
        r->socket = from->socket;
        from->socket = -1;
        return NULL;
    }
    if (r->head != NULL) {
        (void)munmap(r->head, r->size);
        r->head = NULL;
    }
    if (r->memory >= 0) {
        poolgen_priv_close(r->memory);
    }
    return wrong;
}

// poolgen_priv_hello reads what a process says first, and admits or refuses it.
POOLGEN_PRIV_COLD void poolgen_priv_hello(poolgen_publisher *pub, poolgen_priv_remote *r)
{
    unsigned char b[POOLGEN_PRIV_HELLO];
    char text[160];
    const char *wrong = NULL;
    memset(b, 0, sizeof(b));
    ssize_t n = recv(r->socket, b, sizeof(b), MSG_DONTWAIT | MSG_TRUNC); // the length that it has, which may be another version's
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n < 8 || poolgen_priv_word(b) != POOLGEN_PRIV_HELLO_MAGIC) {
        (void)snprintf(text, sizeof(text), "the first message is no hello of any version, the publisher speaks version %d: the peer breaks the protocol",
                       POOLGEN_IPC_VERSION);
        wrong = text;
    } else if (poolgen_priv_word(b + 4) != POOLGEN_IPC_VERSION) {
        (void)snprintf(text, sizeof(text), "the subscriber speaks version %u, the publisher %d: use the same version of poolgen on both sides",
                       poolgen_priv_word(b + 4), POOLGEN_IPC_VERSION);
        wrong = text;
    } else if (n != (ssize_t)POOLGEN_PRIV_HELLO) {
        (void)snprintf(text, sizeof(text), "the hello has %d bytes, not the %u of version %d: the peer breaks the protocol", (int)n, POOLGEN_PRIV_HELLO,
                       POOLGEN_IPC_VERSION);
        wrong = text;
    } else if (poolgen_priv_word(b + 8) > POOLGEN_LATEST || poolgen_priv_word(b + 12) > POOLGEN_IPC_MAX_SLOTS) {
        (void)snprintf(text, sizeof(text), "policy %u, %u slots: the peer breaks the protocol", poolgen_priv_word(b + 8), poolgen_priv_word(b + 12));
        wrong = text;
    } else if (pub->o.allow != NULL) {
        wrong = pub->o.allow(pub->o.arg, &r->peer);
    } else if (r->peer.uid != (uint32_t)getuid() && r->peer.uid != 0) {
        (void)snprintf(text, sizeof(text), "user %u may not: poolgen_publisher_options.allow decides", r->peer.uid);
        wrong = text;
    }
    if (wrong == NULL) {
        wrong = poolgen_priv_place(pub, r, poolgen_priv_word(b + 8), poolgen_priv_word(b + 12));
    }
    if (wrong != NULL) {
        (void)poolgen_priv_answer(pub, r->socket, wrong, -1);
        poolgen_priv_close(r->socket);
        r->socket = -1;
    }
}

// poolgen_priv_send_off says goodbye to a process that has not said hello.
POOLGEN_PRIV_COLD void poolgen_priv_send_off(poolgen_publisher *pub, poolgen_priv_remote *r, const char *reason)
{
    poolgen_priv_hello(pub, r); // it may have said it by now
    if (r->socket >= 0) {
        (void)poolgen_priv_answer(pub, r->socket, reason, -1);
        poolgen_priv_close(r->socket);
        r->socket = -1;
    }
}

// poolgen_priv_room finds a place for who comes. The one that came first, and has said nothing, makes room.
POOLGEN_PRIV_COLD uint32_t poolgen_priv_room(poolgen_publisher *pub)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < POOLGEN_PRIV_STRANGERS; i++) {
        if (pub->coming[i].socket < 0) {
            return i;
        }
        oldest = pub->coming[i].serial < pub->coming[oldest].serial ? i : oldest;
    }
    poolgen_priv_send_off(pub, &pub->coming[oldest], "8 others came, and this one said nothing: try again");
    return oldest;
}

// poolgen_priv_accept takes connections, as many as wait now.
POOLGEN_PRIV_COLD void poolgen_priv_accept(poolgen_publisher *pub)
{
    for (int most = 256; most > 0; most--) { // nobody who connects without end may keep it
        int fd = (int)syscall(SYS_accept4, pub->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        uint32_t i = poolgen_priv_room(pub);
        poolgen_priv_remote *r = &pub->coming[i];
        socklen_t size = sizeof(r->peer);
        if (getsockopt(fd, SOL_SOCKET, POOLGEN_PRIV_PEERCRED, &r->peer, &size) != 0 ||
            poolgen_priv_watch(pub, EPOLL_CTL_ADD, fd, POOLGEN_PRIV_COMING + i) != 0) {
            poolgen_priv_close(fd);
            continue;
        }
        r->socket = fd;
        r->serial = ++pub->arrivals;
        r->deadline = poolgen_priv_deadline(POOLGEN_PRIV_PATIENCE);
        poolgen_priv_hello(pub, r);
    }
}

// poolgen_priv_late sends those off that have said nothing for too long, and sets the timer for the next.
static inline void poolgen_priv_late(poolgen_publisher *pub)
{
    int64_t next = 0;
    for (uint32_t i = 0; i < POOLGEN_PRIV_STRANGERS; i++) {
        poolgen_priv_remote *r = &pub->coming[i];
        if (r->socket >= 0 && poolgen_priv_left(r->deadline, 1) == 0) {
            poolgen_priv_send_off(pub, r, "it said nothing for 2000 ms");
        }
        if (r->socket >= 0 && (next == 0 || r->deadline < next)) {
            next = r->deadline;
        }
    }
    if (next != pub->alarm) {
        pub->alarm = next;
        poolgen_priv_alarm(pub->timer, next);
    }
}

// poolgen_priv_turn looks once around: who comes, who is gone, what was given back. It waits for ms at most for somebody to come or go.
static inline void poolgen_priv_turn(poolgen_publisher *pub, int ms)
{
    struct epoll_event e[8];
    int n = epoll_wait(pub->events, e, 8, ms);
    for (int i = 0; i < n; i++) {
        uint32_t what = e[i].data.u32;
        if (what == POOLGEN_PRIV_LISTENER) {
            poolgen_priv_accept(pub);
        } else if (what == POOLGEN_PRIV_TIMER) {
            pub->alarm = -1; // has rung: set it anew, which makes it silent
        } else if (what >= POOLGEN_PRIV_COMING) {
            if (pub->coming[what - POOLGEN_PRIV_COMING].socket >= 0) {
                poolgen_priv_hello(pub, &pub->coming[what - POOLGEN_PRIV_COMING]);
            }
        } else if (pub->remote[what].socket >= 0) {
            int heard = poolgen_priv_heard(pub->remote[what].socket); // a subscriber says nothing more
            if (heard > 0) {
                poolgen_priv_expel(pub, &pub->remote[what], "says something after its hello");
            } else if (heard < 0) {
                poolgen_priv_remove(pub, &pub->remote[what]);
            }
        }
    }
    poolgen_priv_late(pub);
    for (uint32_t i = 0; i < POOLGEN_IPC_MAX_SUBSCRIBERS; i++) {
        if (pub->remote[i].socket >= 0) {
            poolgen_priv_collect(pub, &pub->remote[i]);
        }
    }
}

#ifdef __cplusplus
}
#endif

#endif
