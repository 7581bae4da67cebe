// poolgen_ipc_wait.h: how the publisher of poolgen_ipc.h waits for a free block. Include that instead.
#ifndef POOLGEN_IPC_WAIT_H
#define POOLGEN_IPC_WAIT_H

#include "poolgen_ipc_admit.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef POOLGEN_INLINE
#define POOLGEN_INLINE static inline
#endif

#define POOLGEN_PRIV_SLICE 20 // milliseconds that a publisher waits for a subscriber before it looks whether that is still there

// poolgen_priv_wait_set are the futex words that it sleeps on: the pool's, where releases of this process show, and one of each subscriber.
typedef struct poolgen_priv_wait_set {
    struct {
        uint64_t value, address;
        uint32_t flags, reserved;
    } wait[1 + POOLGEN_IPC_MAX_SUBSCRIBERS]; // struct futex_waitv of linux/futex.h
    uint64_t serial[1 + POOLGEN_IPC_MAX_SUBSCRIBERS];
    int place[1 + POOLGEN_IPC_MAX_SUBSCRIBERS];
    int count;
} poolgen_priv_wait_set;

static inline void poolgen_priv_add_word(poolgen_priv_wait_set *w, const uint32_t *word, uint32_t value, int place, uint64_t serial)
{
    w->wait[w->count].value = value;
    w->wait[w->count].address = (uint64_t)(uintptr_t)word;
    w->wait[w->count].flags = 2; // FUTEX_32, not private
    w->wait[w->count].reserved = 0;
    w->serial[w->count] = serial;
    w->place[w->count++] = place;
}

// poolgen_priv_nap sleeps for at most ms while all words have their values, and answers which was woken, or -1. Kernels before 5.16 cannot: there it
// sleeps on the pool's, and a millisecond at most.
POOLGEN_PRIV_COLD int poolgen_priv_nap(poolgen_priv_wait_set *w, uint32_t *first, int ms)
{
#ifdef SYS_futex_waitv
    int64_t at = poolgen_priv_deadline(ms), t[2] = {at / 1000, (at % 1000) * 1000000}; // the same on 32 and 64 bit
    long woken = syscall(SYS_futex_waitv, w->wait, w->count, 0, t, 1 /* CLOCK_MONOTONIC */);
    if (woken >= 0 || errno != ENOSYS) {
        return (int)woken;
    }
#endif
    (void)poolgen_priv_futex_wait(first, (uint32_t)w->wait[0].value, ms < 1 ? ms : 1);
    return -1;
}

// poolgen_priv_free_block takes a block without counting a miss for every look.
static inline int poolgen_priv_free_block(poolgen_publisher *pub, poolgen_buf *out)
{
    if ((__atomic_load_n(&poolgen_priv_desc(pub->arena)->attention, __ATOMIC_SEQ_CST) & POOLGEN_PRIV_CLOSED) != 0) {
        return POOLGEN_ECLOSED;
    }
    uint32_t i = poolgen_priv_probe(pub->arena);
    return i == POOLGEN_PRIV_NONE ? POOLGEN_ELIMIT : poolgen_priv_hand_out(pub->arena, i, out);
}

// poolgen_priv_look_around takes what was given back, and then a block. Where there is none it collects the words that tell of one. The lock is held.
static inline int poolgen_priv_look_around(poolgen_publisher *pub, poolgen_priv_wait_set *w, poolgen_buf *out)
{
    poolgen_descriptor *d = poolgen_priv_desc(pub->arena);
    w->count = 0;
    poolgen_priv_add_word(w, &d->wake_seq, poolgen_priv_get32(&d->wake_seq), -1, 0);
    for (int i = 0; i < POOLGEN_IPC_MAX_SUBSCRIBERS; i++) {
        poolgen_priv_remote *r = &pub->remote[i];
        if (r->socket >= 0) {
            poolgen_priv_add_word(w, &r->head->space, poolgen_priv_get32(&r->head->space), i, r->serial);
            poolgen_priv_set32(&r->head->waiting, 1); // before the look: who gives something back after it wakes this one
        }
    }
    poolgen_priv_turn(pub, 0);
    return pub->closed != 0 ? POOLGEN_ECLOSED : poolgen_priv_free_block(pub, out);
}

// poolgen_priv_blame counts the wake-up for those who may have caused it, and answers whether anybody may.
static inline int poolgen_priv_blame(poolgen_publisher *pub, const poolgen_priv_wait_set *w, int woken)
{
    int known = woken == 0 || poolgen_priv_get32(&poolgen_priv_desc(pub->arena)->wake_seq) != (uint32_t)w->wait[0].value;
    for (int i = 1; i < w->count; i++) {
        poolgen_priv_remote *r = &pub->remote[w->place[i]];
        if (r->socket >= 0 && r->serial == w->serial[i] && (woken == i || poolgen_priv_get32(&r->head->space) != (uint32_t)w->wait[i].value)) {
            known = 1;
            poolgen_priv_collect(pub, r);
            poolgen_priv_stir(pub, r, w->serial[i]);
        }
    }
    return known;
}

// poolgen_priv_await_block is poolgen_publisher_get where no block is free.
POOLGEN_PRIV_COLD int poolgen_priv_await_block(poolgen_publisher *pub, int timeout_ms, poolgen_buf *out)
{
    poolgen_descriptor *d = poolgen_priv_desc(pub->arena);
    poolgen_priv_wait_set w;
    int64_t deadline = poolgen_priv_deadline(timeout_ms);
    uint32_t strange = 0; // wake-ups of which nobody knows why
    int err;
    pub->getting++;
    __atomic_fetch_add(&d->attention, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        err = pub->closed != 0 ? POOLGEN_ECLOSED : poolgen_priv_look_around(pub, &w, out);
        int left = poolgen_priv_left(deadline, POOLGEN_PRIV_SLICE);
        if (err != POOLGEN_ELIMIT || left == 0) {
            break;
        }
        int64_t began = poolgen_priv_now();
        poolgen_priv_unlock(&pub->lock);
        // Another thread may remove a subscriber: then its word is an address like any other, and the wait ends soon.
        int woken = poolgen_priv_nap(&w, &d->wake_seq, left);
        if (strange > POOLGEN_PRIV_STIRS) {
            (void)poll(NULL, 0, 1); // a peer that sets its word back before anybody sees it
        }
        poolgen_priv_lock(&pub->lock);
        int known = pub->closed != 0 || poolgen_priv_blame(pub, &w, woken) || poolgen_priv_now() - began > 1;
        strange = known ? 0 : strange + 1;
    }
    __atomic_fetch_sub(&d->attention, 1, __ATOMIC_SEQ_CST);
    // A release wakes one sleeper, and may have chosen this one while another word woke it too: somebody else may need that.
    poolgen_priv_released(d);
    pub->getting--;
    return err == POOLGEN_ELIMIT ? POOLGEN_ETIMEOUT : err;
}

// poolgen_publisher_get takes a block of the publisher's pool to publish, and sleeps for timeout_ms milliseconds (negative: no limit, 0: not at all)
// until subscribers or this process give one back when none is free. Meanwhile it looks after who comes and goes. The caller owes one
// poolgen_release. Any number of threads may wait; who is first is not said. POOLGEN_ETIMEOUT: none was free; POOLGEN_ECLOSED: the publisher or the
// pool was closed. *out is all zero then.
POOLGEN_INLINE int poolgen_publisher_get(poolgen_publisher *pub, int timeout_ms, poolgen_buf *out)
{
    out->index = out->generation = 0;
    poolgen_priv_lock(&pub->lock);
    int err = pub->closed != 0 ? POOLGEN_ECLOSED : poolgen_get(pub->arena, out);
    if (err == POOLGEN_ELIMIT) {
        err = poolgen_priv_await_block(pub, timeout_ms, out);
    }
    poolgen_priv_unlock(&pub->lock);
    return err;
}

#ifdef __cplusplus
}
#endif

#endif
