// linked uses the library's symbols: it sees the layout and prototypes, no inline.
#include <poolgen_abi.h>

#include <stdio.h>
#include <stdlib.h>

size_t poolgen_arena_size(const poolgen_pool_config *c);
int poolgen_pool_init(void *mem, size_t size, const poolgen_pool_config *c);
int poolgen_check(const poolgen_arena *arena, size_t mapped);
int poolgen_get(poolgen_arena *arena, poolgen_buf *out);
int poolgen_release(poolgen_arena *arena, poolgen_buf buf);
const char *poolgen_strerror(int err);

int main(void)
{
    poolgen_pool_config c = {.size = 100, .blocks = 2};
    size_t size = poolgen_arena_size(&c);
    void *mem = aligned_alloc(64, size);
    poolgen_buf b;
    if (mem == NULL || poolgen_pool_init(mem, size, &c) != 0 || poolgen_check(mem, size) != 0 || poolgen_get(mem, &b) != 0 ||
        poolgen_release(mem, b) != 0) {
        return 1;
    }
    puts(poolgen_strerror(poolgen_release(mem, b)));
    free(mem);
    return 0;
}
