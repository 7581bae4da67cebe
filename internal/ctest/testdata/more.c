// The second half of unit: hints and probes, what Go finishes, sleepers, formatting and checking arenas.
#include "check.h"

#include <errno.h>
#include <time.h>

static void clear_hints(poolgen_arena *a, uint32_t top, uint32_t entry)
{
    for (uint32_t i = 0; i < 64; i++) {
        poolgen_hint_slot *s = &((poolgen_hint_slot *)(void *)((char *)a + 512))[i];
        s->top = top;
        for (int k = 0; k < 14; k++) {
            s->entry[k] = entry;
        }
    }
}

static void test_probe(void)
{
    poolgen_arena *a = make(64, 302);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    static poolgen_buf b[302], c;
    for (int i = 0; i < 300; i++) {
        CHECK(poolgen_get(a, &b[i]), POOLGEN_OK);
    }
    CHECK(poolgen_release(a, b[299]), POOLGEN_OK);
    clear_hints(a, 0, 0);
    d->cursor = 0;
    CHECK(poolgen_get(a, &b[300]), POOLGEN_OK); // 256 probes find nothing: one more is opened
    CHECK(b[300].index, 300);
    CHECK(poolgen_get(a, &b[301]), POOLGEN_OK);
    CHECK(b[301].index, 301);
    CHECK(d->opened, 302);
    CHECK(poolgen_get(a, &b[299]), POOLGEN_OK); // all are open: the probe goes round once
    CHECK(b[299].index, 299);
    CHECK(poolgen_get(a, &c), POOLGEN_ELIMIT);
    d->cursor = UINT32_MAX;
    CHECK(poolgen_release(a, b[17]), POOLGEN_OK);
    clear_hints(a, UINT32_MAX, UINT32_MAX); // hints are never trusted
    CHECK(poolgen_get(a, &b[17]), POOLGEN_OK);
    CHECK(b[17].index, 17);
    CHECK(poolgen_release(a, b[17]), POOLGEN_OK);
    clear_hints(a, 14, UINT32_MAX);
    CHECK(poolgen_get(a, &b[17]), POOLGEN_OK);
    CHECK(poolgen_release(a, b[17]), POOLGEN_OK);
    clear_hints(a, 14, 16); // in use
    d->opened = UINT32_MAX;
    CHECK(poolgen_get(a, &b[17]), POOLGEN_OK);
    CHECK(poolgen_get(a, &c), POOLGEN_ELIMIT);
    for (int i = 0; i < 302; i++) { // more than the hints hold
        CHECK(poolgen_release(a, b[i]), POOLGEN_OK);
    }
    for (int i = 0; i < 302; i++) {
        CHECK(poolgen_get(a, &b[i]), POOLGEN_OK);
    }
    CHECK(poolgen_get(a, &c), POOLGEN_ELIMIT);
    CHECK(d->stale, 0);
    free(a);
}

static void test_external(void)
{
    static char foreign[300];
    poolgen_arena *a = make(100, 1);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    poolgen_block *e = poolgen_priv_block(a, 1);
    d->external = 1; // there is room before the payloads
    memset(e, 0, sizeof(*e));
    e->generation = UINT32_MAX;
    e->ref = UINT32_C(0xffff0001);
    e->capacity = 300;
    e->length = UINT32_MAX;
    e->flags = 1;
    e->external = (uint32_t)(uintptr_t)foreign;
    e->external_hi = (uint32_t)((uint64_t)(uintptr_t)foreign >> 32);
    poolgen_buf b = handle(1, UINT32_MAX);
    CHECK(poolgen_data(a, b) == foreign, 1);
    CHECK(poolgen_cap(a, b), 300);
    CHECK(poolgen_len(a, b), 300);
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(d->pending, 0);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(e->ref, 0x18000); // closing, for Go to finish
    CHECK(d->pending, 1);
    CHECK(d->wraps, 1);
    CHECK(poolgen_release(a, b), POOLGEN_ESTALE);
    CHECK(poolgen_retain(a, b), POOLGEN_ESTALE);
    CHECK(poolgen_release(a, handle(1, 1)), POOLGEN_ESTALE);
    CHECK(poolgen_retain(a, handle(1, 1)), POOLGEN_ESTALE);
    CHECK(e->ref, 0x18000);
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(b.index, 0);
    poolgen_buf none;
    CHECK(poolgen_get(a, &none), POOLGEN_ELIMIT); // external slots are Go's
    if (sizeof(void *) == 4) {
        e->external_hi = 1;
        e->ref = 0x10001;
        e->generation = 1;
        CHECK(poolgen_data(a, handle(1, 1)) == NULL, 1);
    }
    free(a);
}

static void test_slow_release(void)
{
    poolgen_arena *a = make(100, 1);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    poolgen_buf b;
    d->flags |= 1;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    unsigned char *p = (unsigned char *)poolgen_data(a, b);
    CHECK(p[99], 0xee);
    for (int i = 100; i < 128; i++) {
        CHECK(p[i], 0xa5);
    }
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(poolgen_priv_block(a, 0)->ref, 0x28000);
    CHECK(d->pending, 1);
    CHECK(poolgen_get(a, &b), POOLGEN_ELIMIT);
    free(a);
}

static void *sleep_on(void *arg)
{
    poolgen_descriptor *d = (poolgen_descriptor *)arg;
    struct timespec limit;
    limit.tv_sec = 20;
    limit.tv_nsec = 0;
    while (load(&d->wake_seq) == 0) {
        __atomic_store_n(&d->cursor, 1, __ATOMIC_SEQ_CST); // about to sleep
        if (syscall(SYS_futex, &d->wake_seq, 0 /* FUTEX_WAIT, not private */, 0, &limit, NULL, 0) != 0 && errno == ETIMEDOUT) {
            return arg;
        }
    }
    return NULL;
}

static void test_sleepers(void)
{
    poolgen_arena *a = make(100, 1);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    poolgen_buf b;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    d->attention = 1;
    pthread_t t;
    CHECK(pthread_create(&t, NULL, sleep_on, d), 0);
    while (load(&d->cursor) == 0) {
        usleep(1000);
    }
    usleep(20000);
    CHECK(poolgen_release(a, b), POOLGEN_OK); // not the last
    CHECK(load(&d->wake_seq), 0);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(load(&d->wake_seq), 1);
    void *timed_out;
    CHECK(pthread_join(t, &timed_out), 0);
    CHECK(timed_out == NULL, 1);
    d->flags |= 1; // what Go has to finish wakes too
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(load(&d->wake_seq), 2);
    free(a);
}

static void test_init(void)
{
    static const struct {
        uint32_t size, blocks, align;
    } bad[] = {{0, 1, 0}, {1u << 30 | 1, 1, 0}, {UINT32_MAX, 1, 0}, {1, 0, 0}, {1, (1u << 24) + 1, 0}, {1, 1, 32}, {1, 1, 96}, {1, 1, 1u << 21}, {1u << 30, 1u << 24, 0}};
    poolgen_pool_config c;
    void *mem = NULL;
    memset(&c, 0, sizeof(c));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        c.size = bad[i].size;
        c.blocks = bad[i].blocks;
        c.align = bad[i].align;
        CHECK(poolgen_arena_size(&c), 0);
        CHECK(poolgen_pool_init(&mem, sizeof(mem), &c), POOLGEN_EINVAL);
    }
    c.size = 1;
    c.blocks = 3;
    c.align = 8192;
    c.shared = 1;
    CHECK(poolgen_arena_size(NULL), 0);
    CHECK(poolgen_pool_init(NULL, 0, NULL), POOLGEN_EINVAL);
    size_t need = poolgen_arena_size(&c);
    CHECK(need, 8192 + 3 * 8192);
    CHECK(posix_memalign(&mem, 16384, need + 4096), 0);
    CHECK(poolgen_pool_init(NULL, need, &c), POOLGEN_EINVAL);
    CHECK(poolgen_pool_init(mem, need - 1, &c), POOLGEN_EINVAL);
    CHECK(poolgen_pool_init((char *)mem + 4096, need, &c), POOLGEN_EINVAL);
    CHECK(poolgen_pool_init(mem, need, &c), POOLGEN_OK);
    poolgen_arena *a = (poolgen_arena *)mem;
    CHECK(a->arena_id != 0, 1);
    c.id = 42;
    CHECK(poolgen_pool_init(mem, need, &c), POOLGEN_OK);
    CHECK(a->arena_id, 42);
    CHECK(poolgen_priv_desc(a)->flags, 2);
    CHECK(poolgen_check(a, need), POOLGEN_OK);
    CHECK(poolgen_check(a, need + 4096), POOLGEN_OK);
    CHECK(poolgen_check(a, need - 1), POOLGEN_ECORRUPT);
    CHECK(poolgen_check(a, 100), POOLGEN_ECORRUPT);
    CHECK(poolgen_check(NULL, need), POOLGEN_ECORRUPT);
    CHECK(poolgen_check((poolgen_arena *)(void *)((char *)mem + 4), need - 4), POOLGEN_ECORRUPT);
    poolgen_buf b;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK((uintptr_t)poolgen_data(a, b) % 8192, 0);
    free(mem);
}

static void test_strerror(void)
{
    const char *unknown = poolgen_strerror(1);
    CHECK(strcmp(poolgen_strerror(0), "success"), 0);
    for (int i = POOLGEN_ESYS; i < 0; i++) {
        CHECK(strcmp(poolgen_strerror(i), unknown) != 0, 1);
        CHECK(strcmp(poolgen_strerror(i), poolgen_strerror(i + 1)) != 0, 1);
    }
    CHECK(strcmp(poolgen_strerror(POOLGEN_ESYS - 1), unknown), 0);
}

void more(void);
void more(void)
{
    test_probe();
    test_external();
    test_slow_release();
    test_sleepers();
    test_init();
    test_strerror();
}
