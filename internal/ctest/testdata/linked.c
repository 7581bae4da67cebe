// linked uses the library's symbols: it sees the layout and prototypes, no inline.
#include <poolgen_abi.h>
#include <poolgen_alloc_init.h>

#include <stdio.h>
#include <stdlib.h>

size_t poolgen_arena_size(const poolgen_pool_config *c);
int poolgen_pool_init(void *mem, size_t size, const poolgen_pool_config *c);
int poolgen_check(const poolgen_arena *arena, size_t mapped);
int poolgen_get(poolgen_arena *arena, poolgen_buf *out);
int poolgen_release(poolgen_arena *arena, poolgen_buf buf);
const char *poolgen_strerror(int err);
size_t poolgen_alloc_size(const poolgen_alloc_config *c);
int poolgen_alloc_init(void *mem, size_t size, const poolgen_alloc_config *c);
void *poolgen_alloc_malloc(poolgen_allocator *a, struct poolgen_cache *t, size_t n);
int poolgen_alloc_free(poolgen_allocator *a, struct poolgen_cache *t, void *p);

// allocate is 1 if a block can be had, and freed once.
static int allocate(void)
{
    const uint32_t sizes[] = {64, 1024};
    poolgen_alloc_config c = {.budget = 1 << 20, .sizes = sizes, .classes = 2, .align = 16};
    size_t size = poolgen_alloc_size(&c);
    void *mem = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);
    if (mem == NULL || poolgen_alloc_init(memset(mem, 0, size), size, &c) != 0) {
        return 0;
    }
    void *p = poolgen_alloc_malloc(mem, NULL, 100);
    int ok = p != NULL && poolgen_alloc_free(mem, NULL, p) == POOLGEN_OK && poolgen_alloc_free(mem, NULL, p) != POOLGEN_OK;
    free(mem);
    return ok;
}

int main(void)
{
    poolgen_pool_config c = {.size = 100, .blocks = 2};
    size_t size = poolgen_arena_size(&c);
    void *mem = aligned_alloc(64, size);
    poolgen_buf b;
    if (mem == NULL || poolgen_pool_init(mem, size, &c) != 0 || poolgen_check(mem, size) != 0 || poolgen_get(mem, &b) != 0 ||
        poolgen_release(mem, b) != 0 || !allocate()) {
        return 1;
    }
    puts(poolgen_strerror(poolgen_release(mem, b)));
    free(mem);
    return 0;
}
