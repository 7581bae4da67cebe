// poolgen_ipc.h: frames between processes without a copy, for C11 and C++17 on Linux. The other end is a program with Go's package runtime/ipc or
// one with this header; 32-bit and 64-bit processes may be mixed.
//
//	poolgen_subscriber camera;
//	int err = poolgen_subscribe("/run/camera", NULL, &camera);
//	if (err != POOLGEN_OK) { fprintf(stderr, "%s: %s\n", poolgen_strerror(err), camera.text); return 1; }
//	poolgen_frame f;
//	while ((err = poolgen_receive(&camera, -1, &f)) == POOLGEN_OK) {
//	    use(f.data, f.length);
//	    poolgen_frame_release(&f);
//	}
//	poolgen_subscriber_close(&camera);
//
// and at the other end:
//
//	poolgen_pool_config c = {.size = 640 * 480 * 2, .blocks = 16};
//	poolgen_shared_pool(&c, &arena, &fd);
//	poolgen_publisher_open("/run/camera", arena, fd, NULL, &pub);
//	for (;;) {
//	    if (poolgen_publisher_get(&pub, 100, &b) != POOLGEN_OK) { continue; } // subscribers keep all blocks
//	    fill(poolgen_data(arena, b));
//	    poolgen_publish(&pub, b, &meta, -1);
//	    poolgen_release(arena, b);
//	}
//
// Who owns the memory. A frame lies in the publisher's arena, which subscribers map for reading only; who receives it owes one
// poolgen_frame_release, and may read it until then, also after poolgen_subscriber_close, and after the publisher was killed. poolgen_publish takes a
// reference of its own to the block until every subscriber has given it back or is gone; the caller's stays the caller's, and the
// block must not be written to again until it comes out of the pool anew. poolgen_subscriber, poolgen_publisher and poolgen_frame are the
// caller's memory. A subscriber is used until it is closed and its last frame is released, a publisher until it is closed;
// before that they must not be freed, moved or copied. A publisher's lists are malloc's.
//
// Threads. No function starts one. One thread at a time receives from a subscriber or publishes with a publisher (another gets POOLGEN_EBUSY);
// the other functions may be called from any thread. Who comes and goes is looked at in poolgen_publish, poolgen_publisher_collect,
// poolgen_publisher_stats and poolgen_publisher_get while it waits; a program that does not publish all the time polls poolgen_publisher_fd.
//
// What comes from the other side is checked. A publisher's memory cannot be cut off under the reader, and a description that leads out of it is
// POOLGEN_EPROTO; the content of a frame is whatever the publisher writes, and it may write at any time: check it as you check a file. A
// subscriber that breaks the protocol is thrown out, and the others do not notice.
//
// The layout and the protocol are those of Go's package runtime/ipc; its documentation says why they are as they are, and poolgen_ipc_abi.h
// has the layout. Define POOLGEN_INLINE as nothing before the include to get the functions as external symbols (see lib/poolgen.c).
#ifndef POOLGEN_IPC_H
#define POOLGEN_IPC_H

#include "poolgen.h"
#include "poolgen_ipc_abi.h"
#include "poolgen_ipc_admit.h"
#include "poolgen_ipc_sub.h"

#ifdef __cplusplus
extern "C" {
#endif

// poolgen_subscribe connects to the publisher at path, a socket's file or a name that begins with @. o may be NULL. On failure sub->text
// says more, and nothing needs to be closed. POOLGEN_EREFUSED: the publisher does not want this process, its reason is in the text;
// POOLGEN_ETIMEOUT; POOLGEN_EPROTO: it speaks another version, or nonsense; POOLGEN_EGONE: it hung up; POOLGEN_EINVAL; POOLGEN_ESYS with errno:
// ENOENT or ECONNREFUSED if there is none.
POOLGEN_INLINE int poolgen_subscribe(const char *path, const poolgen_subscriber_options *o, poolgen_subscriber *sub)
{
    struct sockaddr_un address;
    poolgen_subscriber_options none;
    memset(&none, 0, sizeof(none));
    memset(sub, 0, sizeof(*sub));
    sub->closed = 1;
    sub->socket = -1;
    o = o == NULL ? &none : o;
    socklen_t size = poolgen_priv_address(path, &address);
    if (size == 0) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EINVAL, "a socket's path has from 1 to %u bytes",
                                 (unsigned)sizeof(address.sun_path) - 1);
    }
    if (o->policy > POOLGEN_LATEST || o->slots > POOLGEN_IPC_MAX_SLOTS) {
        return poolgen_priv_fail(sub->text, sizeof(sub->text), POOLGEN_EINVAL, "the options have policy %u and %u slots: at most %d and %d", o->policy,
                                 o->slots, POOLGEN_LATEST, POOLGEN_IPC_MAX_SLOTS);
    }
    int64_t deadline = poolgen_priv_deadline(o->timeout_ms == 0 ? 5000 : o->timeout_ms);
    int err = poolgen_priv_connect(sub, &address, size, deadline);
    if (err == POOLGEN_OK) {
        err = poolgen_priv_greet(sub, o, deadline);
    }
    if (err != POOLGEN_OK && sub->socket >= 0) {
        poolgen_priv_close(sub->socket);
        sub->socket = -1;
    }
    sub->closed = err != POOLGEN_OK;
    return err;
}

// poolgen_receive takes the next frame into *out and waits for it for timeout_ms milliseconds, negative: as long as it takes, 0: not at all.
// POOLGEN_ETIMEOUT: there is none; POOLGEN_EEND: the publisher has closed and nothing waits; POOLGEN_EGONE: its process ended otherwise;
// POOLGEN_EPROTO: it describes a frame that cannot be, sub->text says how; POOLGEN_ELIMIT: the caller holds as many frames as the
// publisher has blocks; POOLGEN_EBUSY: another thread receives; POOLGEN_ECLOSED. *out is all zero then.
POOLGEN_INLINE int poolgen_receive(poolgen_subscriber *sub, int timeout_ms, poolgen_frame *out)
{
    memset(out, 0, sizeof(*out));
    if (__atomic_exchange_n(&sub->busy, 1, __ATOMIC_ACQUIRE) != 0) {
        return POOLGEN_EBUSY;
    }
    int err = poolgen_priv_take(sub, out);
    if (err == POOLGEN_ETIMEOUT) {
        err = poolgen_priv_receive_slow(sub, timeout_ms, out);
    }
    __atomic_store_n(&sub->busy, 0, __ATOMIC_RELEASE);
    return err;
}

// poolgen_frame_release gives a frame back and clears *f. POOLGEN_ESTALE: it was released before. A copy of a frame must not be released too.
POOLGEN_INLINE int poolgen_frame_release(poolgen_frame *f)
{
    poolgen_subscriber *sub = f->subscriber;
    if (sub == NULL) {
        return POOLGEN_ESTALE;
    }
    uint32_t id = f->id;
    memset(f, 0, sizeof(*f));
    poolgen_priv_lock(&sub->lock);
    int err = sub->held == 0 ? POOLGEN_ESTALE : POOLGEN_OK;
    if (err == POOLGEN_OK) {
        sub->held--;
        if (sub->head != NULL) {
            poolgen_priv_give_back(sub, id);
            poolgen_priv_look(sub);
        }
        poolgen_priv_finish(sub);
    }
    poolgen_priv_unlock(&sub->lock);
    return err;
}

// poolgen_subscriber_fd is a descriptor for poll or epoll: once a poolgen_receive with a time-out of 0 has answered POOLGEN_ETIMEOUT it becomes
// readable when there is a frame, or when the publisher ends. Call this first: from then on publishing costs a message for each time
// that poolgen_receive found nothing. It stays the subscriber's; -1 after the end.
POOLGEN_INLINE int poolgen_subscriber_fd(poolgen_subscriber *sub)
{
    poolgen_priv_lock(&sub->lock);
    poolgen_priv_store(&sub->polled, 1);
    int fd = sub->socket;
    poolgen_priv_unlock(&sub->lock);
    return fd;
}

// poolgen_subscriber_stats counts what was received and lost so far.
POOLGEN_INLINE void poolgen_subscriber_stats(poolgen_subscriber *sub, poolgen_subscriber_counts *out)
{
    memset(out, 0, sizeof(*out));
    poolgen_priv_lock(&sub->lock);
    out->received = sub->received;
    out->lost = sub->lost;
    out->held = sub->held;
    out->slots = sub->slots;
    poolgen_priv_unlock(&sub->lock);
}

// poolgen_subscriber_close ends the subscription, and a poolgen_receive that waits, and gives back what was not received. Frames that are held stay
// readable, and their blocks taken, until they are released. The second call does nothing.
POOLGEN_INLINE void poolgen_subscriber_close(poolgen_subscriber *sub)
{
    poolgen_priv_lock(&sub->lock);
    if (sub->closed == 0) {
        sub->closed = 1;
        if (sub->head != NULL) {
            poolgen_priv_set32(&sub->head->leaving, 1);
            poolgen_priv_clear(sub);
            poolgen_priv_set32(&sub->head->waiting, 1);
            poolgen_priv_look(sub);
            poolgen_priv_bump(&sub->head->news);
            (void)shutdown(sub->socket, SHUT_RD); // ends a poll of ours; the publisher does not see it
        }
        poolgen_priv_finish(sub);
    }
    poolgen_priv_unlock(&sub->lock);
}

#ifdef __cplusplus
}
#endif

#include "poolgen_ipc_pub.h"

#endif
