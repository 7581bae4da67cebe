// A victim in C: victim ROLE ARGUMENTS..., with its book at descriptor 3. See the Go victims for what it does.
#define _GNU_SOURCE
#include <stdlib.h>

#include <poolgen_ipc.h>

// As book in book_test.go.
struct record {
    uint32_t sessions, first, next, seen, lost;
};
struct book {
    uint32_t ready, steps, started, done, first, closing, which;
    struct record records[2];
    uint32_t failed;
    char text[1000];
};

static struct book *book;

static void set(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }

static void fail(const char *text, long a, long b)
{
    (void)snprintf(book->text, sizeof(book->text), "in C: %s: %ld, %ld", text, a, b);
    set(&book->failed, (uint32_t)strlen(book->text));
    exit(1);
}

static void put(const struct record *r)
{
    uint32_t which = book->which + 1;
    book->records[which % 2] = *r;
    set(&book->which, which);
}

static uint32_t seed = 1;

static uint32_t chance(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

static uint32_t table[256];

static uint32_t checksum(const unsigned char *b, size_t n)
{
    uint32_t c = ~(uint32_t)0;
    for (size_t i = 0; i < n; i++) {
        c = table[(c ^ b[i]) & 255] ^ c >> 8;
    }
    return ~c;
}

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) {
            c = (c & 1) != 0 ? c >> 1 ^ 0x82f63b78u : c >> 1;
        }
        table[i] = c;
    }
}

enum { least = 24, most = 1500 };

static size_t size_of(uint64_t n) { return least + (size_t)(n * 2654435761u % (most - least)); }

static void verify(const poolgen_frame *f, const char *when)
{
    const unsigned char *b = (const unsigned char *)f->data;
    uint64_t n;
    uint32_t sum;
    if (f->length != size_of(f->sequence)) {
        fail(when, (long)f->sequence, (long)f->length);
    }
    memcpy(&n, b, sizeof(n));
    memcpy(&sum, b + f->length - 4, sizeof(sum));
    if (n != f->sequence || sum != checksum(b, f->length - 4)) {
        fail(when, (long)f->sequence, (long)n);
    }
}

static poolgen_frame held[64];
static uint32_t count;

static void drop(void)
{
    uint32_t i = chance(count);
    verify(&held[i], "a frame that was held is another's");
    int err = poolgen_frame_release(&held[i]);
    if (err != POOLGEN_OK) {
        fail("releasing", err, i);
    }
    held[i] = held[--count];
}

static void session(const char *path, const poolgen_subscriber_options *o, uint32_t hold, uint32_t sessions)
{
    poolgen_subscriber sub;
    int err = poolgen_subscribe(path, o, &sub);
    if (err != POOLGEN_OK) {
        fail(sub.text, err, errno);
    }
    struct record r = {sessions, 0, 0, 0, 0};
    put(&r);
    set(&book->ready, 1);
    for (uint32_t until = chance(4) == 0 ? chance(100) : ~(uint32_t)0; r.seen != until;) {
        poolgen_frame f;
        err = poolgen_receive(&sub, -1, &f);
        if (err != POOLGEN_OK) {
            fail(sub.text, err, r.seen);
        }
        uint32_t n = (uint32_t)f.sequence, lost = (uint32_t)f.lost;
        if (r.seen == 0) {
            r.first = n - lost;
        } else if (n != r.next + lost || (o->policy == POOLGEN_BLOCK && lost > 0)) {
            fail("a frame after another", n, r.next);
        }
        verify(&f, "a frame is another's");
        held[count++] = f;
        if (count > hold) {
            drop();
        }
        r.next = n + 1;
        r.seen++;
        r.lost += lost;
        put(&r);
        __atomic_add_fetch(&book->steps, 1, __ATOMIC_SEQ_CST);
    }
    int early = chance(2) == 0;
    if (early) {
        poolgen_subscriber_close(&sub);
    }
    while (count > 0) {
        drop();
    }
    poolgen_subscriber_close(&sub);
}

// fill makes frame n of stream 0, as fill in book_test.go.
static uint32_t fill(unsigned char *b, uint64_t n)
{
    size_t size = size_of(n), at = 12;
    memset(b, 0, size);
    memcpy(b, &n, sizeof(n));
    for (uint64_t x = n * 0x9e3779b97f4a7c15u | 1; at + 8 <= size - 4; at += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(b + at, &x, sizeof(x));
    }
    uint32_t sum = checksum(b, size - 4);
    memcpy(b + size - 4, &sum, sizeof(sum));
    return (uint32_t)size;
}

static void publish(const char *path, uint64_t until, uint32_t blocks)
{
    static poolgen_publisher pub;
    poolgen_publisher_options o;
    poolgen_pool_config c;
    poolgen_arena *arena;
    int memory;
    memset(&o, 0, sizeof(o));
    memset(&c, 0, sizeof(c));
    c.size = most;
    c.blocks = blocks;
    o.slots = 4;
    int err = poolgen_shared_pool(&c, &arena, &memory);
    if (err != POOLGEN_OK) {
        fail("making a pool", err, errno);
    }
    err = poolgen_publisher_open(path, arena, memory, &o, &pub);
    if (err != POOLGEN_OK) {
        fail(pub.text, err, errno);
    }
    set(&book->ready, 1);
    for (uint64_t n = 0; n != until; n++) {
        poolgen_buf b;
        while ((err = poolgen_get(arena, &b)) == POOLGEN_ELIMIT) {
            poolgen_publisher_collect(&pub);
        }
        if (err != POOLGEN_OK) {
            fail("taking a block", err, (long)n);
        }
        err = poolgen_set_len(arena, b, fill((unsigned char *)poolgen_data(arena, b), n));
        if (err != POOLGEN_OK) {
            fail("setting the length", err, (long)n);
        }
        poolgen_meta m = {(int64_t)n, 0, 0};
        set(&book->started, (uint32_t)n + 1);
        err = poolgen_publish(&pub, b, &m, -1);
        if (err < 0) {
            fail("publishing", err, (long)n);
        }
        set(&book->done, (uint32_t)n + 1);
        err = poolgen_release(arena, b);
        if (err != POOLGEN_OK) {
            fail("releasing", err, (long)n);
        }
        __atomic_add_fetch(&book->steps, 1, __ATOMIC_SEQ_CST);
    }
    set(&book->closing, 1);
    err = poolgen_publisher_close(&pub, -1);
    if (err != POOLGEN_OK) {
        fail("closing", err, errno);
    }
    for (uint32_t i = 0; i < blocks; i++) { // all are back
        poolgen_buf b;
        err = poolgen_get(arena, &b);
        if (err != POOLGEN_OK) {
            fail("a block is out after the end", err, i);
        }
    }
    for (;;) {
        __atomic_add_fetch(&book->steps, 1, __ATOMIC_SEQ_CST);
        (void)usleep(20);
    }
}

int main(int argc, char **argv)
{
    book = (struct book *)mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    if (book == MAP_FAILED) {
        return 1;
    }
    make_table();
    if (argc == 7 && strcmp(argv[1], "subscribe") == 0) { // path policy slots hold seed
        poolgen_subscriber_options o;
        memset(&o, 0, sizeof(o));
        o.policy = (uint32_t)atoi(argv[3]);
        o.slots = (uint32_t)atoi(argv[4]);
        seed = (uint32_t)atoi(argv[6]) | 1;
        for (uint32_t n = 1;; n++) {
            session(argv[2], &o, (uint32_t)atoi(argv[5]), n);
        }
    }
    if (argc == 5 && strcmp(argv[1], "publish") == 0) { // path until blocks
        publish(argv[2], (uint64_t)atoll(argv[3]), (uint32_t)atoi(argv[4]));
    }
    fail("no such role", argc, 0);
}
