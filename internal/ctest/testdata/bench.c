// bench: what get+release and retain+release cost in C, as multiples of one uncontended atomic add.
//
//	bench [rounds]
//
// A figure is the best of several runs. With two threads it is the elapsed time divided by the operations of both, so that
// it halves if neither slows the other.
#define _GNU_SOURCE
#include <poolgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 7 };

static poolgen_arena *the_arena;
static long rounds = 5000000;
static pthread_barrier_t start;

typedef struct job {
    _Alignas(128) poolgen_arena *arena; // a line of its own: what the threads write lies apart
    void (*body)(struct job *, long);
    poolgen_buf buf;
    uint32_t word;
    double ns; // an operation
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void atomic_add(job *j, long n)
{
    for (long i = 0; i < n; i++) {
        __atomic_fetch_add(&j->word, 1, __ATOMIC_SEQ_CST);
    }
}

static void get_release(job *j, long n)
{
    poolgen_arena *arena = j->arena;
    for (long i = 0; i < n; i++) {
        if (poolgen_get(arena, &j->buf) != POOLGEN_OK || poolgen_release(arena, j->buf) != POOLGEN_OK) {
            abort();
        }
    }
}

static void retain_release(job *j, long n)
{
    poolgen_arena *arena = j->arena;
    for (long i = 0; i < n; i++) {
        if (poolgen_retain(arena, j->buf) != POOLGEN_OK || poolgen_release(arena, j->buf) != POOLGEN_OK) {
            abort();
        }
    }
}

static void *run(void *arg)
{
    job *j = (job *)arg;
    poolgen_arena *arena = j->arena;
    int held = j->body == retain_release;
    if (held && poolgen_get(arena, &j->buf) != POOLGEN_OK) {
        abort();
    }
    j->body(j, rounds / 10);
    pthread_barrier_wait(&start);
    double t = now();
    j->body(j, rounds);
    j->ns = (now() - t) / (double)rounds;
    if (held && poolgen_release(arena, j->buf) != POOLGEN_OK) {
        abort();
    }
    return NULL;
}

static double best(void (*body)(job *, long), unsigned threads)
{
    double least = 1e9;
    for (int r = 0; r < RUNS; r++) {
        static job jobs[2];
        pthread_t t[2];
        pthread_barrier_init(&start, NULL, threads);
        for (unsigned i = 0; i < threads; i++) {
            jobs[i].arena = the_arena;
            jobs[i].body = body;
            if (pthread_create(&t[i], NULL, run, &jobs[i]) != 0) {
                abort();
            }
        }
        double ns = 0;
        for (unsigned i = 0; i < threads; i++) {
            pthread_join(t[i], NULL);
            ns += jobs[i].ns / threads / threads; // mean of the threads, which run at once
        }
        pthread_barrier_destroy(&start);
        least = ns < least ? ns : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        rounds = atol(argv[1]);
    }
    poolgen_pool_config c = {.size = 4096, .blocks = 64};
    size_t size = poolgen_arena_size(&c);
    void *mem = aligned_alloc(4096, size);
    if (mem == NULL || poolgen_pool_init(mem, size, &c) != POOLGEN_OK) {
        return 1;
    }
    the_arena = (poolgen_arena *)mem;
    double add = best(atomic_add, 1);
    printf("atomic add: %.2f ns\n", add);
    for (unsigned threads = 1; threads <= 2; threads++) {
        double get = best(get_release, threads), retain = best(retain_release, threads);
        printf("%u threads: get+release %.2f ns, %.2f adds; retain+release %.2f ns, %.2f adds\n", threads, get, get / add, retain, retain / add);
    }
    free(mem);
    return 0;
}
