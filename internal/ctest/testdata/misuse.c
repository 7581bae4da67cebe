// misuse [rounds]: an owner gets and releases the blocks of an arena; a thief releases the handle that it sees once more, at the same
// moment. Whoever comes second is told so. The generations of a block only ever rise, and no block is lost.
#include "check.h"

enum { BLOCKS = 2 };

static poolgen_arena *arena;
static uint32_t slot_index, slot_generation, stop;
static uint64_t stolen;

static void *steal(void *arg)
{
    while (load(&stop) == 0) {
        // The two words may belong to different handles: then the handle is stale, or the other block's.
        poolgen_buf b = handle(__atomic_load_n(&slot_index, __ATOMIC_RELAXED), __atomic_load_n(&slot_generation, __ATOMIC_RELAXED));
        int err = poolgen_release(arena, b);
        if (err == POOLGEN_OK) {
            stolen++;
        } else {
            CHECK(err, POOLGEN_ESTALE);
        }
    }
    return arg;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1000000;
    uint32_t last[BLOCKS] = {0, 0};
    uint64_t got = 0, told = 0;
    pthread_t thief;
    arena = make(64, BLOCKS);
    CHECK(pthread_create(&thief, NULL, steal, NULL), 0);
    for (long i = 0; i < rounds; i++) {
        poolgen_buf b;
        CHECK(poolgen_get(arena, &b), POOLGEN_OK); // nobody else gets: a refusal means that a block is lost
        got++;
        CHECK(b.generation > last[b.index], 1);
        last[b.index] = b.generation;
        __atomic_store_n(&slot_index, b.index, __ATOMIC_RELAXED);
        __atomic_store_n(&slot_generation, b.generation, __ATOMIC_RELAXED);
        int err = poolgen_release(arena, b);
        if (err != POOLGEN_OK) {
            CHECK(err, POOLGEN_ESTALE);
            told++;
        }
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(thief, NULL), 0);
    CHECK(stolen, told);
    CHECK(count_out(arena), 0);
    CHECK(count_released(arena), got);
    free(arena);
    puts("ok");
    return 0;
}
