// A victim in C: victim ROLE ARGUMENTS..., with its book at descriptor 3. See the Go victims for what it does.
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
    fail("no such role", argc, 0);
}
