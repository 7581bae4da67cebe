// alloc_bench: what malloc+free cost, in nanoseconds, on one line: the yardstick (one uncontended atomic add), then for small (32 B to
// 1 KiB) and wide (32 B to 128 KiB) sizes one thread, two threads, and blocks that another thread frees.
//
// Compiled as it is it measures the program's malloc, whichever is preloaded; with -DPOOLGEN_BENCH that of poolgen_alloc.h.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#ifdef POOLGEN_BENCH
#include <poolgen_alloc.h>
static poolgen_allocator *heap;
static _Thread_local poolgen_cache *cache;
static void *take(size_t n) { return poolgen_alloc_malloc(heap, cache, n); }
static void give(void *p) { (void)poolgen_alloc_free(heap, cache, p); }
static void begin(void) { cache = poolgen_cache_open(heap); }
static void end(void) { poolgen_cache_close(cache); }

static void setup(void)
{
    static uint32_t sizes[128];
    uint32_t n = 0;
    for (uint32_t s = 32; s <= 128 << 10; s += s < 256 ? 16 : 1u << (28 - __builtin_clz(s))) {
        sizes[n++] = s;
    }
    poolgen_alloc_config c = {.budget = 1u << 30, .sizes = sizes, .classes = n, .align = 16};
    size_t size = poolgen_alloc_size(&c);
    heap = (poolgen_allocator *)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (heap == MAP_FAILED || poolgen_alloc_init(heap, size, &c) != POOLGEN_OK) {
        abort();
    }
}
#else
static void *take(size_t n) { return malloc(n); }
static void give(void *p) { free(p); }
static void begin(void) {}
static void end(void) {}
static void setup(void) {}
#endif

enum { LIVE = 1000, RING = 256, RUNS = 5 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t next(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

typedef struct job {
    _Alignas(128) uint32_t range;
    uint32_t seed;
    long rounds;
    double ns;
    pthread_barrier_t *start;
    void **ring;
} job;

// Random sizes take the place of random others: the objects of a program that has been running for a while.
static void *churn(void *arg)
{
    job *j = (job *)arg;
    void **live = (void **)calloc(LIVE, sizeof(void *));
    begin();
    double t = 0;
    for (int warm = 1; warm >= 0; warm--) {
        if (!warm) {
            pthread_barrier_wait(j->start);
            t = now();
        }
        for (long i = 0; i < (warm ? j->rounds / 8 : j->rounds); i++) {
            uint32_t r = next(&j->seed), k = r % LIVE;
            if (live[k] != NULL) {
                give(live[k]);
            }
            live[k] = take(32 + (r >> 10) % j->range);
            *(volatile char *)live[k] = 1;
        }
    }
    j->ns = (now() - t) / (double)j->rounds;
    for (int k = 0; k < LIVE; k++) {
        if (live[k] != NULL) {
            give(live[k]);
        }
    }
    end();
    free(live);
    return NULL;
}

static void *produce(void *arg)
{
    job *j = (job *)arg;
    begin();
    pthread_barrier_wait(j->start);
    double t = now();
    for (long i = 0; i < j->rounds; i++) {
        void **slot = &j->ring[i % RING];
        while (__atomic_load_n(slot, __ATOMIC_ACQUIRE) != NULL) {
        }
        void *p = take(32 + (next(&j->seed) >> 10) % j->range);
        *(volatile char *)p = 1;
        __atomic_store_n(slot, p, __ATOMIC_RELEASE);
    }
    j->ns = (now() - t) / (double)j->rounds;
    end();
    return NULL;
}

static void *consume(void *arg)
{
    job *j = (job *)arg;
    begin();
    pthread_barrier_wait(j->start);
    for (long i = 0; i < j->rounds; i++) {
        void **slot = &j->ring[i % RING], *p;
        while ((p = __atomic_load_n(slot, __ATOMIC_ACQUIRE)) == NULL) {
        }
        *(volatile char *)p = 2;
        give(p);
        __atomic_store_n(slot, NULL, __ATOMIC_RELEASE);
    }
    j->ns = 0;
    end();
    return NULL;
}

// best is the time of one malloc and one free of a thread that has a core to itself.
static double best(void *(*first)(void *), void *(*second)(void *), uint32_t range, long rounds)
{
    double least = 1e9;
    static void *ring[RING * 2];
    for (int r = 0; r < RUNS; r++) {
        static job jobs[2];
        pthread_t t[2];
        pthread_barrier_t start;
        unsigned n = second == NULL ? 1 : 2;
        pthread_barrier_init(&start, NULL, n);
        for (unsigned i = 0; i < n; i++) {
            jobs[i] = (job){.range = range, .seed = 17 + i, .rounds = rounds, .start = &start, .ring = ring};
            if (pthread_create(&t[i], NULL, i == 0 ? first : second, &jobs[i]) != 0) {
                abort();
            }
        }
        double ns = 0;
        for (unsigned i = 0; i < n; i++) {
            pthread_join(t[i], NULL);
            ns = jobs[i].ns > ns ? jobs[i].ns : ns;
        }
        pthread_barrier_destroy(&start);
        least = ns < least ? ns : least;
    }
    return least;
}

static double yardstick(void)
{
    double least = 1e9;
    static uint32_t word;
    for (int r = 0; r < RUNS; r++) {
        double t = now();
        for (int i = 0; i < 4000000; i++) {
            __atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
        }
        t = (now() - t) / 4e6;
        least = t < least ? t : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 4000000;
    setup();
    printf("%.2f", yardstick());
    for (int wide = 0; wide < 2; wide++) {
        uint32_t range = wide ? (128 << 10) - 32 : 1024 - 32;
        long n = wide ? rounds / 4 : rounds;
        printf(" %.2f", best(churn, NULL, range, n));
        printf(" %.2f", best(churn, churn, range, n));
        printf(" %.2f", best(produce, consume, range, n));
        fflush(stdout);
    }
    printf("\n");
    return 0;
}
