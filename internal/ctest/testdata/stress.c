// stress [rounds]: threads get, retain, pass on and release buffers of one arena that is too small for all of them. Each holder
// writes the payload with plain stores, so that a thread sanitizer sees an ordering that is missing.
#include "check.h"

enum { THREADS = 4, BLOCKS = 5, BOXES = 3, SIZE = 256 };

static poolgen_arena *arena;
static long rounds = 20000;

// A mailbox passes one reference; full says that there is one.
static struct {
    uint32_t state; // 0 empty, 1 being filled or emptied, 2 full
    poolgen_buf buf;
} boxes[BOXES];

typedef struct worker {
    uint32_t id;
    uint64_t got, refused;
} worker;

static void fill(poolgen_buf b, uint32_t seed)
{
    uint32_t *p = (uint32_t *)poolgen_data(arena, b);
    CHECK(p != NULL, 1);
    for (uint32_t i = 0; i < SIZE / 4; i++) {
        p[i] = seed + i;
    }
}

static void verify(poolgen_buf b)
{
    const uint32_t *p = (const uint32_t *)poolgen_data(arena, b);
    CHECK(p != NULL, 1);
    for (uint32_t i = 1; i < SIZE / 4; i++) {
        CHECK(p[i], p[0] + i);
    }
}

static void *work(void *arg)
{
    worker *w = (worker *)arg;
    uint32_t random = w->id + 1;
    for (long i = 0; i < rounds; i++) {
        random = random * 1664525 + 1013904223;
        poolgen_buf b;
        int err = poolgen_get(arena, &b);
        if (err != POOLGEN_OK) {
            CHECK(err, POOLGEN_ELIMIT);
            w->refused++;
        } else {
            w->got++;
            fill(b, random);
            CHECK(poolgen_retain(arena, b), POOLGEN_OK);
            CHECK(poolgen_release(arena, b), POOLGEN_OK);
            verify(b);
            uint32_t k = random >> 16 & 3, empty = 0;
            if (k < BOXES && __atomic_compare_exchange_n(&boxes[k].state, &empty, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
                // The other side may release at once: what orders the payload is the reference word and this flag.
                boxes[k].buf = b;
                CHECK(poolgen_retain(arena, b), POOLGEN_OK);
                __atomic_store_n(&boxes[k].state, 2, __ATOMIC_RELEASE);
            }
            CHECK(poolgen_release(arena, b), POOLGEN_OK);
        }
        uint32_t k = random >> 20 & 3, full = 2;
        if (k < BOXES && __atomic_compare_exchange_n(&boxes[k].state, &full, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            b = boxes[k].buf;
            __atomic_store_n(&boxes[k].state, 0, __ATOMIC_RELEASE);
            verify(b);
            CHECK(poolgen_release(arena, b), POOLGEN_OK);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        rounds = atol(argv[1]);
    }
    arena = make(SIZE, BLOCKS);
    pthread_t t[THREADS];
    static worker w[THREADS];
    uint64_t got = 0, refused = 0;
    for (uint32_t i = 0; i < THREADS; i++) {
        w[i].id = i;
        CHECK(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(t[i], NULL), 0);
        got += w[i].got;
        refused += w[i].refused;
    }
    for (int k = 0; k < BOXES; k++) {
        if (boxes[k].state == 2) {
            CHECK(poolgen_release(arena, boxes[k].buf), POOLGEN_OK);
        }
    }
    const poolgen_descriptor *d = poolgen_priv_desc(arena);
    CHECK(count_out(arena), 0);
    CHECK(count_released(arena), got);
    CHECK(d->refusals, refused);
    CHECK(d->stale, 0);
    CHECK(d->pending, 0);
    CHECK(d->saturations, 0);
    free(arena);
    puts("ok");
    return 0;
}
