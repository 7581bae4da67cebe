/* Writes the frames of the tests to the ring at descriptor 3 with poolgen_ring_writer.h: up to the number in the argument, or without end if it is 0.
 * With a second argument it gives readers time to fall asleep before, and waits for the end of its input after. With "model" it looks after
 * each frame at all that are there. */
#include <poolgen_ring_writer.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static int bad(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static void fill(unsigned char *p, uint64_t n, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        p[i] = (unsigned char)(n * 31 + i * 7 + (n >> 8));
    }
}

/* Everything that a reader is told of must be whole, also after another writer took over, which keeps every frame. */
static int model(void)
{
    poolgen_ring_writer w;
    poolgen_ring_reader r;
    poolgen_ring_frame f;
    uint64_t kept = 0;
    uint32_t random = 1;
    if (poolgen_ring_writer_open(&w, 3) != POOLGEN_OK) {
        return bad("open");
    }
    for (int round = 0; round < 500; round++) {
        random = random * 1664525 + 1013904223;
        uint32_t length = (random >> 8) % (w.r.largest + 1);
        unsigned char *p = (unsigned char *)poolgen_ring_reserve(&w, round % 3 == 0 ? w.r.largest : length);
        if (p == NULL) {
            return bad("reserve");
        }
        fill(p, w.next, length);
        if (poolgen_ring_publish(&w, length, 0, NULL) != POOLGEN_OK) {
            return bad("publish");
        }
        if (round % 7 == 0) {
            poolgen_ring_writer_close(&w);
        }
        if (poolgen_ring_open(&r, 3) != POOLGEN_OK) {
            return bad("open to read");
        }
        uint64_t first = r.next;
        int err;
        while ((err = poolgen_ring_next(&r, 0, &f)) == POOLGEN_OK) {
            for (uint32_t i = 0; i < f.length; i++) {
                if (((const unsigned char *)f.data)[i] != (unsigned char)(f.number * 31 + i * 7 + (f.number >> 8))) {
                    return bad("a frame that is there is torn");
                }
            }
        }
        if (err != (round % 7 == 0 ? POOLGEN_EEND : POOLGEN_ETIMEOUT) || r.missed != 0 || r.seen == 0 || r.seen > r.frames) {
            return bad("other frames than there are");
        }
        kept += r.seen;
        poolgen_ring_close(&r);
        if (round % 7 == 0 && (poolgen_ring_writer_open(&w, 3) != POOLGEN_OK || w.oldest != first)) {
            return bad("the next writer does not keep what was there");
        }
    }
    poolgen_ring_writer_close(&w);
    printf("%llu\n", (unsigned long long)(kept / 500));
    return 0;
}

int main(int argc, char **argv)
{
    poolgen_ring_writer w, other;
    uint64_t last = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, number = 0;
    if (argc > 1 && strcmp(argv[1], "model") == 0) {
        return model();
    }
    int err = poolgen_ring_writer_open(&w, 3), going = 0;
    if (err != POOLGEN_OK) {
        return bad(poolgen_strerror(err));
    }
    if (poolgen_ring_writer_open(&other, 3) != POOLGEN_EBUSY) {
        return bad("two writers");
    }
    if (poolgen_ring_publish(&w, 0, 0, NULL) != POOLGEN_EINVAL || poolgen_ring_reserve(&w, w.r.largest + 1) != NULL) {
        return bad("published nothing, or reserved too much");
    }
    if (argc > 2) {
        (void)poll(NULL, 0, 20);
    }
    while (last == 0 || w.next < last) {
        uint64_t n = w.next;
        uint32_t length = (uint32_t)(n * 7919 % 5001);
        /* Sometimes exactly what is needed, sometimes as much as there can be. */
        uint32_t room = n % 3 == 0 ? length : w.r.largest;
        unsigned char *p = (unsigned char *)poolgen_ring_reserve(&w, room);
        if (p == NULL || (room < w.r.largest && poolgen_ring_publish(&w, room + 1, 0, NULL) != POOLGEN_EINVAL)) {
            return bad("reserve");
        }
        fill(p, n, length);
        if (poolgen_ring_publish(&w, length, (int64_t)n * 3 - 5, &number) != POOLGEN_OK || number != n || w.next != n + 1) {
            return bad("publish");
        }
        if (!going) {
            going = 1;
            puts("going");
            fflush(stdout);
        }
    }
    if (argc > 2) {
        (void)getchar();
    }
    poolgen_ring_writer_close(&w);
    poolgen_ring_writer_close(&w);
    if (poolgen_ring_reserve(&w, 1) != NULL || poolgen_ring_publish(&w, 0, 0, NULL) != POOLGEN_ECLOSED) {
        return bad("used after close");
    }
    return 0;
}
