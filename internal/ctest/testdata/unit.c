// unit: each function and each error of poolgen.h, in one thread.
#include "check.h"

POOLGEN_REQUIRE_ABI(1);

static void test_get_release(void)
{
    poolgen_arena *a = make(1000, 4);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    poolgen_buf b[5];
    for (int i = 0; i < 4; i++) {
        CHECK(poolgen_get(a, &b[i]), POOLGEN_OK);
        CHECK(b[i].index, i);
        CHECK(b[i].generation, 1);
        CHECK(poolgen_valid(a, b[i]), 1);
        CHECK(poolgen_cap(a, b[i]), 1000);
        CHECK(poolgen_len(a, b[i]), 1000);
        char *p = (char *)poolgen_data(a, b[i]);
        CHECK((uintptr_t)p % 64, 0);
        CHECK(p - (char *)a, (long long)d->payload_offset + i * 1024);
        memset(p, i, 1000);
    }
    CHECK(d->opened, 4);
    b[4] = handle(7, 7);
    CHECK(poolgen_get(a, &b[4]), POOLGEN_ELIMIT);
    CHECK(b[4].index | b[4].generation, 0);
    CHECK(d->misses, 1);
    CHECK(d->refusals, 1);
    CHECK(poolgen_release(a, b[2]), POOLGEN_OK);
    CHECK(poolgen_valid(a, b[2]), 0);
    CHECK(poolgen_get(a, &b[4]), POOLGEN_OK); // the hint
    CHECK(b[4].index, 2);
    CHECK(b[4].generation, 2);
    CHECK(((char *)poolgen_data(a, b[0]))[999], 0);
    CHECK(((char *)poolgen_data(a, b[3]))[0], 3);
    CHECK(d->stale, 0);
    b[2] = b[4];
    for (int i = 0; i < 4; i++) {
        CHECK(poolgen_release(a, b[i]), POOLGEN_OK);
    }
    CHECK(count_out(a), 0);
    CHECK(count_released(a), 5);
    free(a);
}

// all_stale tries everything on a handle that names no reference.
static void all_stale(poolgen_arena *a, poolgen_buf b, int want)
{
    poolgen_descriptor *d = poolgen_priv_desc(a);
    uint32_t before = d->stale, each = want == POOLGEN_ESTALE;
    CHECK(poolgen_release(a, b), want);
    CHECK(poolgen_retain(a, b), want);
    CHECK(poolgen_set_len(a, b, 1), want);
    CHECK(poolgen_set_user(a, b, 1), want);
    CHECK(d->stale, before + 4 * each);
    CHECK(poolgen_data(a, b) == NULL, 1);
    CHECK(poolgen_len(a, b), 0);
    CHECK(poolgen_cap(a, b), 0);
    CHECK(poolgen_user(a, b), 0);
    CHECK(poolgen_exclusive(a, b), 0);
    CHECK(d->stale, before + 9 * each);
    CHECK(poolgen_valid(a, b), 0);
    CHECK(d->stale, before + 9 * each);
}

static void test_misuse(void)
{
    poolgen_arena *a = make(100, 2);
    poolgen_buf b, c;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    all_stale(a, b, POOLGEN_ESTALE); // released
    CHECK(poolgen_get(a, &c), POOLGEN_OK);
    CHECK(c.index, b.index);
    all_stale(a, b, POOLGEN_ESTALE); // released, and in use by another
    CHECK(poolgen_valid(a, c), 1);
    all_stale(a, handle(0, 0), POOLGEN_ESTALE);
    all_stale(a, handle(1, 0), POOLGEN_ESTALE);
    all_stale(a, handle(2, 1), POOLGEN_EINVAL);
    all_stale(a, handle(UINT32_MAX, 1), POOLGEN_EINVAL);
    all_stale(a, handle(1, 1), POOLGEN_ESTALE); // guessed: free, never handed out
    CHECK(poolgen_release(a, c), POOLGEN_OK);
    all_stale(a, handle(c.index, c.generation + 1), POOLGEN_ESTALE); // guessed: free, the next life
    CHECK(count_out(a), 0);
    CHECK(count_released(a), 2);
    free(a);
}

static void test_retain(void)
{
    poolgen_arena *a = make(100, 1);
    poolgen_buf b;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(poolgen_priv_block(a, 0)->ref, 0x10003);
    for (int i = 0; i < 3; i++) {
        CHECK(poolgen_valid(a, b), 1);
        CHECK(poolgen_release(a, b), POOLGEN_OK);
    }
    CHECK(poolgen_priv_block(a, 0)->ref, 0x20000);
    CHECK(poolgen_release(a, b), POOLGEN_ESTALE);
    free(a);
}

static void test_length_and_user(void)
{
    poolgen_arena *a = make(100, 1);
    poolgen_buf b;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_set_len(a, b, 5), POOLGEN_OK);
    CHECK(poolgen_len(a, b), 5);
    CHECK(poolgen_set_len(a, b, 100), POOLGEN_OK);
    CHECK(poolgen_set_len(a, b, 101), POOLGEN_EINVAL);
    CHECK(poolgen_set_len(a, b, UINT32_MAX), POOLGEN_EINVAL);
    CHECK(poolgen_len(a, b), 100);
    CHECK(poolgen_exclusive(a, b), 1);
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(poolgen_exclusive(a, b), 0);
    CHECK(poolgen_set_len(a, b, 5), POOLGEN_EINVAL); // the other holder's too
    CHECK(poolgen_len(a, b), 100);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    poolgen_priv_block(a, 0)->length = UINT32_MAX; // a hostile peer
    poolgen_priv_block(a, 0)->capacity = UINT32_MAX;
    CHECK(poolgen_len(a, b), 100);
    CHECK(poolgen_cap(a, b), 100);
    CHECK(poolgen_set_len(a, b, 101), POOLGEN_EINVAL);
    CHECK(poolgen_set_len(a, b, 0), POOLGEN_OK);
    CHECK(poolgen_set_user(a, b, 0xdeadbeef), POOLGEN_OK);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_user(a, b), 0xdeadbeef);
    CHECK(poolgen_len(a, b), 100);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    free(a);
}

static void test_saturation(void)
{
    poolgen_arena *a = make(100, 1);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    poolgen_buf b;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    for (int i = 1; i < 16383; i++) {
        CHECK(poolgen_retain(a, b), POOLGEN_OK);
    }
    CHECK(poolgen_priv_block(a, 0)->ref, 0x13fff);
    CHECK(poolgen_release(a, b), POOLGEN_OK); // still counted
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(d->saturations, 0);
    poolgen_priv_block(a, 0)->generation = 65537;
    CHECK(poolgen_retain(a, b), POOLGEN_ESTALE); // another life of the same short generation
    poolgen_priv_block(a, 0)->generation = 1;
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(d->saturations, 1);
    for (int i = 0; i < 40000; i++) {
        CHECK(poolgen_release(a, b), POOLGEN_OK);
        CHECK(poolgen_retain(a, b), POOLGEN_OK);
        CHECK(poolgen_release(a, b), POOLGEN_OK);
    }
    CHECK(poolgen_priv_block(a, 0)->ref, 0x17fff);
    CHECK(poolgen_exclusive(a, b), 0);
    CHECK(d->saturations, 1);
    CHECK(poolgen_get(a, &b), POOLGEN_ELIMIT);
    CHECK(poolgen_release(a, handle(0, 2)), POOLGEN_ESTALE);
    free(a);
}

// set puts a block into a given state and returns the handle that fits it.
static poolgen_buf set(poolgen_arena *a, uint32_t generation, uint32_t count)
{
    poolgen_block *b = poolgen_priv_block(a, 0);
    b->generation = generation;
    b->ref = generation << 16 | count;
    return handle(0, generation);
}

static void test_generations(void)
{
    poolgen_arena *a = make(100, 1);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    poolgen_block *block = poolgen_priv_block(a, 0);
    poolgen_buf b = set(a, UINT32_MAX, 1);
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(d->wraps, 0);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(block->ref, 0x10000); // 0 is skipped
    CHECK(d->wraps, 1);
    CHECK(poolgen_release(a, b), POOLGEN_ESTALE);
    poolgen_buf first;
    CHECK(poolgen_get(a, &first), POOLGEN_OK);
    CHECK(first.generation, 1);
    all_stale(a, b, POOLGEN_ESTALE);
    CHECK(poolgen_release(a, first), POOLGEN_OK);
    // The short generation has come round after 65,536 lives: only the full one tells.
    for (uint32_t count = 1; count <= 3; count++) {
        set(a, 65537, count);
        uint32_t stale = d->stale, word = block->ref;
        CHECK(poolgen_release(a, handle(0, 1)), POOLGEN_ESTALE);
        CHECK(poolgen_retain(a, handle(0, 1)), POOLGEN_ESTALE);
        CHECK(poolgen_release(a, handle(0, 131073)), POOLGEN_ESTALE);
        CHECK(d->stale, stale + 3);
        CHECK(block->ref, word);
        CHECK(block->generation, 65537);
    }
    // A reference taken from the wrong life ends the right one, if the owners released theirs meanwhile.
    set(a, 65537, 1);
    CHECK(poolgen_priv_retain_undo(a, handle(0, 1)), POOLGEN_ESTALE);
    CHECK(block->ref, 0x20000);
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(b.generation, 65538);
    // Taken while the life's own owner, who has claimed the block, has not stored its generation yet.
    set(a, 65536, 2);
    block->ref = 0x10002;
    CHECK(poolgen_priv_retain_undo(a, handle(0, 1)), POOLGEN_ESTALE);
    CHECK(block->ref, 0x10001);
    CHECK(poolgen_priv_begin(block), 65537);
    b = set(a, 65536, 1); // short generation 0
    CHECK(poolgen_retain(a, handle(0, 0)), POOLGEN_ESTALE);
    CHECK(poolgen_release(a, handle(0, 0)), POOLGEN_ESTALE);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(block->ref, 0x10000);
    free(a);
}

static void test_closed(void)
{
    poolgen_arena *a = make(100, 2);
    poolgen_descriptor *d = poolgen_priv_desc(a);
    poolgen_buf b, c;
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_get(a, &c), POOLGEN_OK);
    CHECK(poolgen_release(a, c), POOLGEN_OK);
    d->attention = 0x80000000;
    CHECK(poolgen_get(a, &c), POOLGEN_ECLOSED); // by way of the hint: claimed, looked, given back
    CHECK(c.index | c.generation, 0);
    CHECK(poolgen_priv_block(a, 1)->ref, 0x30000);
    for (uint32_t i = 0; i < 64; i++) {
        ((poolgen_hint_slot *)(void *)((char *)a + 512))[i].top = 0;
    }
    CHECK(poolgen_get(a, &c), POOLGEN_ECLOSED); // without a hint
    CHECK(count_out(a), 1);
    CHECK(poolgen_retain(a, b), POOLGEN_OK); // what is out stays usable
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    CHECK(count_out(a), 0);
    CHECK(d->wake_seq, 0);
    CHECK(d->refusals, 0);
    d->flags |= 1; // in a debug mode: the payload may be gone, and Go has nothing to finish
    poolgen_priv_hint(a, 1);
    unsigned char *p = (unsigned char *)a + d->payload_offset + d->stride;
    memset(p, 0xee, d->stride);
    CHECK(poolgen_get(a, &c), POOLGEN_ECLOSED);
    CHECK(poolgen_priv_block(a, 1)->ref, 0x40000);
    CHECK(d->pending, 0);
    for (uint32_t i = 0; i < d->stride; i++) {
        CHECK(p[i], 0xee);
    }
    free(a);
}

void more(void);

int main(void)
{
    test_get_release();
    test_misuse();
    test_retain();
    test_length_and_user();
    test_saturation();
    test_generations();
    test_closed();
    more();
    puts("ok");
    return 0;
}
