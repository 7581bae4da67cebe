// alloc_unit: poolgen_alloc.h by way of a generated header, in one thread and in several.
#include "check.h"

#define CAM_IMPLEMENTATION
#define PACKET_IMPLEMENTATION
#include "alloc_pool.h"

static poolgen_allocator *within(uint64_t budget)
{
    poolgen_alloc_config c = cam_config();
    c.budget = budget;
    size_t n = poolgen_alloc_size(&c);
    void *mem = NULL;
    CHECK(n > 0 && n <= budget, 1);
    CHECK(posix_memalign(&mem, 65536, n), 0);
    memset(mem, 0, n);
    CHECK(poolgen_alloc_init(mem, n, &c), POOLGEN_OK);
    CHECK(cam_use((poolgen_allocator *)mem), POOLGEN_OK);
    return (poolgen_allocator *)mem;
}

static poolgen_allocator *fresh(void)
{
    CHECK(cam_size() > 0 && cam_size() <= CAM_BUDGET, 1);
    return within(CAM_BUDGET);
}

static void drop(poolgen_allocator *a)
{
    cam_thread_flush();
    CHECK(poolgen_alloc_count(a, NULL), 0);
    CHECK(a->caches, 0);
    CHECK(cam_use(NULL), POOLGEN_OK);
    (void)poolgen_priv_reclaim(a);
    CHECK(a->used, 0);
    POOLGEN_PRIV_SHOW(poolgen_priv_data(a), (size_t)(a->map_size - a->data));
    free(a);
}

static void before_use(void)
{
    CHECK(cam_malloc(10) == NULL, 1);
    CHECK(cam_calloc(1, 10) == NULL, 1);
    CHECK(cam_realloc(NULL, 10) == NULL, 1);
    CHECK(cam_aligned_alloc(64, 10) == NULL, 1);
    CHECK(cam_usable_size(NULL), 0);
    cam_free(NULL);
    cam_thread_flush();
}

static void sizes(void)
{
    poolgen_allocator *a = fresh();
    for (uint32_t n = 1; n <= CAM_MAX_SIZE; n++) {
        uint32_t c = cam_class_of(n);
        CHECK(c, poolgen_priv_class_of(a, n));
        CHECK(cam_sizes[c] >= n && (c == 0 || cam_sizes[c - 1] < n), 1);
    }
    for (uint32_t n = 1; n <= PACKET_MAX_SIZE; n++) {
        uint32_t c = packet_class_of(n);
        CHECK(packet_sizes[c] >= n && (c == 0 || packet_sizes[c - 1] < n), 1);
    }
    size_t some[] = {0, 1, 64, 65, 1000, 131072, 131073, 1000000};
    for (unsigned i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        char *p = (char *)cam_malloc(some[i]);
        CHECK(p != NULL, 1);
        CHECK((uintptr_t)p % 16, 0);
        size_t usable = cam_usable_size(p);
        CHECK(usable >= some[i], 1);
        memset(p, 1, usable);
        CHECK(cam_free_checked(p + 16), POOLGEN_EINVAL);
        CHECK(cam_free_checked(p), POOLGEN_OK);
        CHECK(cam_free_checked(p), POOLGEN_ESTALE);
        CHECK(cam_usable_size(p), 0);
    }
    CHECK(a->misuses, 16);
    int outside = 0;
    CHECK(cam_free_checked(&outside), POOLGEN_EINVAL);
    CHECK(cam_malloc(SIZE_MAX) == NULL, 1);
    CHECK(cam_malloc(SIZE_MAX / 2) == NULL, 1);
    CHECK(cam_calloc(SIZE_MAX / 2, 3) == NULL, 1);
    CHECK(cam_calloc((size_t)1 << (sizeof(size_t) * 4), (size_t)1 << (sizeof(size_t) * 4)) == NULL, 1);
    char *z = (char *)cam_calloc(10, 100);
    for (int i = 0; i < 1000; i++) {
        CHECK(z[i], 0);
    }
    cam_free(z);
    for (size_t align = 1; align <= 65536; align *= 2) {
        void *p = cam_aligned_alloc(align, 100), *q = cam_aligned_alloc(align, 200000);
        CHECK(p != NULL && q != NULL, 1);
        CHECK(((uintptr_t)p | (uintptr_t)q) & (align - 1), 0);
        cam_free(p);
        cam_free(q);
    }
    CHECK(cam_aligned_alloc(48, 100) == NULL, 1);
    CHECK(cam_aligned_alloc(0, 100) == NULL, 1);
    drop(a);
}

static void moves(void)
{
    poolgen_allocator *a = fresh();
    unsigned char *p = (unsigned char *)cam_realloc(NULL, 1);
    size_t list[] = {1, 50, 64, 65, 500, 200, 5000, 100000, 200000, 900000, 2000000, 1000000, 140000, 3000, 10, 1};
    unsigned char mark = 1;
    *p = mark;
    for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        p = (unsigned char *)cam_realloc(p, list[i]);
        CHECK(p != NULL, 1);
        CHECK(*p, mark);
        *p = ++mark;
        CHECK(cam_usable_size(p) >= list[i], 1);
    }
    CHECK(cam_realloc(p, (size_t)CAM_BUDGET) == NULL, 1);
    CHECK(*p, mark);
    CHECK(cam_realloc(p + 1, 10) == NULL, 1);
    cam_free(p);

    // The Component Model: no bytes give an address that only says its alignment.
    void *none = cam_cabi_realloc(NULL, 0, 8, 0);
    CHECK((uintptr_t)none, 8);
    unsigned char *q = (unsigned char *)cam_cabi_realloc(none, 0, 8, 100);
    CHECK(q != NULL && (uintptr_t)q % 8 == 0, 1);
    memset(q, 7, 100);
    unsigned char *r = (unsigned char *)cam_cabi_realloc(q, 1 << 30, 512, 1000); // a lie about the old size, and a larger alignment
    CHECK(r != NULL && (uintptr_t)r % 512 == 0 && r[0] == 7 && r[99] == 7, 1);
    CHECK((uintptr_t)cam_cabi_realloc(r, 1000, 16, 0), 16);
    CHECK(cam_cabi_realloc(NULL, 0, 3, 10) == NULL, 1);
    cam_cabi_free(none, 0, 8);
    q = (unsigned char *)cam_cabi_realloc(NULL, 0, 1, 10);
    cam_cabi_free(q, 10, 1);
    CHECK(a->misuses, 1);
    drop(a);
}

// The budget holds, and all of it comes back, whatever the sizes were before.
static void budget(void)
{
    poolgen_allocator *a = fresh();
    static void *all[300000];
    for (size_t size = 64; size <= 262144; size *= 8) {
        size_t n = 0;
        while ((all[n] = cam_malloc(size)) != NULL) {
            memset(all[n++], 0xab, 16);
        }
        CHECK(n * size <= CAM_BUDGET && n * size >= CAM_BUDGET - CAM_BUDGET / 8, 1);
        uint64_t bytes = 0;
        CHECK(poolgen_alloc_count(a, &bytes), n);
        CHECK(bytes >= n * size && bytes <= CAM_BUDGET, 1);
        while (n > 0) {
            cam_free(all[--n]);
        }
    }
    CHECK(a->refusals > 0, 1);
    drop(a);
}

enum { SLOTS = 128, THREADS = 4, ROUNDS = 30000 };
static void *slots[SLOTS];

static void *worker(void *arg)
{
    uint32_t s = (uint32_t)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        s ^= s << 13, s ^= s >> 17, s ^= s << 5;
        size_t n = (size_t)16 << (s >> 20) % 13;
        uintptr_t *p = (uintptr_t *)cam_malloc(n);
        if (p != NULL) {
            p[0] = (uintptr_t)p;
            p[1] = n;
        }
        // Whoever finds a block in the slot frees it: mostly another thread's.
        uintptr_t *old = (uintptr_t *)__atomic_exchange_n(&slots[(s >> 12) % SLOTS], p, __ATOMIC_ACQ_REL);
        if (old != NULL) {
            CHECK(old[0] == (uintptr_t)old && cam_usable_size(old) >= old[1], 1);
            CHECK(cam_free_checked(old), POOLGEN_OK);
        }
    }
    return NULL; // the thread's end flushes its cache
}

// In a tight budget spans change their class all the time meanwhile.
static void threads(uint64_t bytes)
{
    poolgen_allocator *a = within(bytes);
    pthread_t t[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&t[i], NULL, worker, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(t[i], NULL), 0);
    }
    for (int i = 0; i < SLOTS; i++) {
        cam_free(slots[i]);
        slots[i] = NULL;
    }
    CHECK(a->misuses, 0);
    CHECK(bytes > 1 << 20 || a->reclaims > 0, 1);
    drop(a);
}

static void hostile(void)
{
    poolgen_allocator *a = fresh();
    CHECK(poolgen_alloc_check(a, (size_t)a->map_size), POOLGEN_OK);
    CHECK(poolgen_alloc_check(a, (size_t)a->map_size - 1), POOLGEN_ECORRUPT);
    CHECK(poolgen_alloc_check(a, 100), POOLGEN_ECORRUPT);
    unsigned char *b = (unsigned char *)a;
    for (size_t i = 0; i < 128; i++) {
        if ((i >= 16 && i < 24) || (i >= 84 && i < 88)) {
            continue; // the id, and the limit of caches, may be any
        }
        for (unsigned bit = 0; bit < 8; bit++) {
            b[i] = (unsigned char)(b[i] ^ 1u << bit);
            CHECK(poolgen_alloc_check(a, (size_t)cam_size()), POOLGEN_ECORRUPT);
            b[i] = (unsigned char)(b[i] ^ 1u << bit);
        }
    }
    for (size_t i = a->class_offset; i < a->class_offset + a->classes * sizeof(poolgen_class); i += 3) {
        if ((i - a->class_offset) % sizeof(poolgen_class) >= 20 && (i - a->class_offset) % sizeof(poolgen_class) < 24) {
            continue; // how many blocks are made at the start is free
        }
        b[i] ^= 4;
        CHECK(poolgen_alloc_check(a, (size_t)cam_size()), POOLGEN_ECORRUPT);
        b[i] ^= 4;
    }
    CHECK(packet_use(a), POOLGEN_EINVAL); // other classes
    drop(a);
    poolgen_alloc_config c = cam_config();
    c.budget = 4096;
    CHECK(poolgen_alloc_size(&c), 0);
    c = cam_config();
    c.align = 24;
    CHECK(poolgen_alloc_size(&c), 0);
    CHECK(poolgen_alloc_size(NULL), 0);
    CHECK(poolgen_alloc_init(NULL, 0, NULL), POOLGEN_EINVAL);
}

int main(void)
{
    before_use();
    sizes();
    moves();
    budget();
    threads(CAM_BUDGET);
    threads(1 << 20);
    hostile();
    puts("ok");
    return 0;
}
