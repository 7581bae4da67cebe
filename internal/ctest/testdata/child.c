// child is a peer of a Go pool in another process: child <what> [arguments]. The arena is descriptor 3.
//
//	check                       prints what poolgen_check answers
//	share                       fills a buffer, releases one twice, leaves one for Go; prints its handle
//	release <index> <gen>       releases a reference that Go gave; prints the answers of two releases
//	hold                        takes a buffer; releases it when a line comes in
//	get                         prints the answer of poolgen_get; releases what it got
//	overflow                    writes one byte too many
//	format <size> <blocks>      formats the descriptor as an arena, leaves a filled buffer; prints its handle
//	stress <threads> <rounds>   see peers.h; references go out on descriptor 4 and come in on descriptor 5
#include "check.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "peers.h"

static size_t mapped;

static poolgen_arena *map_arena(void)
{
    struct stat st;
    CHECK(fstat(3, &st), 0);
    mapped = (size_t)st.st_size;
    void *mem = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    CHECK(mem != MAP_FAILED, 1);
    return (poolgen_arena *)mem;
}

static void fill_text(poolgen_arena *a, poolgen_buf b, const char *text)
{
    memcpy(poolgen_data(a, b), text, strlen(text));
    CHECK(poolgen_set_len(a, b, (uint32_t)strlen(text)), POOLGEN_OK);
}

static void share(poolgen_arena *a)
{
    poolgen_buf twice, b;
    CHECK(poolgen_get(a, &twice), POOLGEN_OK);
    CHECK(poolgen_release(a, twice), POOLGEN_OK);
    CHECK(poolgen_release(a, twice), POOLGEN_ESTALE);
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    CHECK(poolgen_release(a, twice), POOLGEN_ESTALE);
    CHECK(poolgen_retain(a, b), POOLGEN_OK);
    CHECK(poolgen_release(a, b), POOLGEN_OK);
    fill_text(a, b, "from C");
    CHECK(poolgen_set_user(a, b, 77), POOLGEN_OK);
    printf("%u %u\n", b.index, b.generation);
}

static void format(char **argv)
{
    poolgen_pool_config c;
    poolgen_buf b;
    memset(&c, 0, sizeof(c));
    c.size = (uint32_t)strtoul(argv[2], NULL, 10);
    c.blocks = (uint32_t)strtoul(argv[3], NULL, 10);
    c.shared = 1;
    CHECK(ftruncate(3, (off_t)poolgen_arena_size(&c)), 0);
    poolgen_arena *a = map_arena();
    CHECK(poolgen_pool_init(a, mapped, &c), POOLGEN_OK);
    CHECK(poolgen_get(a, &b), POOLGEN_OK);
    fill_text(a, b, "formatted by C");
    printf("%u %u\n", b.index, b.generation);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "format") == 0) {
        format(argv);
        return 0;
    }
    poolgen_arena *a = map_arena();
    poolgen_buf b;
    if (strcmp(what, "check") == 0) {
        printf("%d\n", poolgen_check(a, mapped));
        return 0;
    }
    CHECK(poolgen_check(a, mapped), POOLGEN_OK);
    if (strcmp(what, "share") == 0) {
        share(a);
    } else if (strcmp(what, "release") == 0) {
        b = handle((uint32_t)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10));
        int first = poolgen_release(a, b);
        printf("%d %d\n", first, poolgen_release(a, b));
    } else if (strcmp(what, "hold") == 0) {
        CHECK(poolgen_get(a, &b), POOLGEN_OK);
        puts("held");
        fflush(stdout);
        CHECK(getchar(), '\n');
        CHECK(poolgen_release(a, b), POOLGEN_OK);
    } else if (strcmp(what, "get") == 0) {
        int err = poolgen_get(a, &b);
        printf("%d\n", err);
        if (err == POOLGEN_OK) {
            CHECK(poolgen_release(a, b), POOLGEN_OK);
        }
    } else if (strcmp(what, "overflow") == 0) {
        CHECK(poolgen_get(a, &b), POOLGEN_OK);
        ((char *)poolgen_data(a, b))[poolgen_cap(a, b)] = 1;
        CHECK(poolgen_release(a, b), POOLGEN_OK);
    } else if (strcmp(what, "stress") == 0) {
        peers(a, atoi(argv[2]), atol(argv[3]));
    } else {
        fprintf(stderr, "child: no %s\n", what);
        return 2;
    }
    return 0;
}
