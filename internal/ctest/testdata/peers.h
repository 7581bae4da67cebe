// peers.h: the C half of the mixed stress. Threads get, fill, check, retain and release; one sends references to Go, one takes
// those that Go sends. A payload is 32-bit words that count up from the first. Prints how many buffers were taken.
#ifndef PEERS_H
#define PEERS_H

#include "check.h"

typedef struct peer {
    poolgen_arena *arena;
    long rounds;
    uint32_t seed;
    uint64_t got;
} peer;

static void peer_fill(poolgen_arena *a, poolgen_buf b, uint32_t seed)
{
    uint32_t *p = (uint32_t *)poolgen_data(a, b);
    for (uint32_t i = 0; i < poolgen_cap(a, b) / 4; i++) {
        p[i] = seed + i;
    }
}

static void peer_verify(poolgen_arena *a, poolgen_buf b)
{
    const uint32_t *p = (const uint32_t *)poolgen_data(a, b);
    CHECK(p != NULL, 1);
    for (uint32_t i = 1; i < poolgen_cap(a, b) / 4; i++) {
        CHECK(p[i], p[0] + i);
    }
}

static void *peer_work(void *arg)
{
    peer *w = (peer *)arg;
    for (long i = 0; i < w->rounds; i++) {
        poolgen_buf b;
        int err = poolgen_get(w->arena, &b);
        if (err != POOLGEN_OK) {
            CHECK(err, POOLGEN_ELIMIT);
            continue;
        }
        w->got++;
        peer_fill(w->arena, b, w->seed + (uint32_t)i);
        CHECK(poolgen_retain(w->arena, b), POOLGEN_OK);
        peer_verify(w->arena, b);
        CHECK(poolgen_release(w->arena, b), POOLGEN_OK);
        CHECK(poolgen_release(w->arena, b), POOLGEN_OK);
    }
    return NULL;
}

static void *peer_send(void *arg)
{
    peer *w = (peer *)arg;
    for (long i = 0; i < w->rounds / 8; i++) {
        poolgen_buf b;
        if (poolgen_get(w->arena, &b) == POOLGEN_OK) {
            w->got++;
            peer_fill(w->arena, b, w->seed + (uint32_t)i);
            CHECK(write(4, &b, sizeof(b)), sizeof(b));
        }
    }
    CHECK(close(4), 0);
    return NULL;
}

static void *peer_receive(void *arg)
{
    peer *w = (peer *)arg;
    poolgen_buf b;
    while (read(5, &b, sizeof(b)) == (ssize_t)sizeof(b)) {
        peer_verify(w->arena, b);
        CHECK(poolgen_release(w->arena, b), POOLGEN_OK);
    }
    return NULL;
}

static inline void peers(poolgen_arena *a, int threads, long rounds)
{
    enum { MOST = 16 };
    static peer w[MOST + 2];
    static pthread_t t[MOST + 2];
    uint64_t got = 0;
    CHECK(threads >= 0 && threads <= MOST, 1);
    for (int i = 0; i < threads + 2; i++) {
        w[i].arena = a;
        w[i].rounds = rounds;
        w[i].seed = (uint32_t)(i + 1) << 24;
        CHECK(pthread_create(&t[i], NULL, i == 0 ? peer_send : i == 1 ? peer_receive : peer_work, &w[i]), 0);
    }
    for (int i = 0; i < threads + 2; i++) {
        CHECK(pthread_join(t[i], NULL), 0);
        got += w[i].got;
    }
    printf("%llu\n", (unsigned long long)got);
}

#endif
