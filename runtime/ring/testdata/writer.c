/* Writes the frames of the tests to the ring at descriptor 3 with poolgen_ring_writer.h: up to the number in the argument, or without end if it is 0. */
#include <poolgen_ring_writer.h>
#include <stdio.h>
#include <stdlib.h>

static int bad(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    poolgen_ring_writer w, other;
    uint64_t last = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, number = 0;
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
    while (last == 0 || w.next < last) {
        uint64_t n = w.next;
        uint32_t length = (uint32_t)(n * 7919 % 5001);
        /* Sometimes exactly what is needed, sometimes as much as there can be. */
        uint32_t room = n % 3 == 0 ? length : w.r.largest;
        unsigned char *p = (unsigned char *)poolgen_ring_reserve(&w, room);
        if (p == NULL || (room < w.r.largest && poolgen_ring_publish(&w, room + 1, 0, NULL) != POOLGEN_EINVAL)) {
            return bad("reserve");
        }
        for (uint32_t i = 0; i < length; i++) {
            p[i] = (unsigned char)(n * 31 + i * 7 + (n >> 8));
        }
        if (poolgen_ring_publish(&w, length, (int64_t)n * 3 - 5, &number) != POOLGEN_OK || number != n || w.next != n + 1) {
            return bad("publish");
        }
        if (!going) {
            going = 1;
            puts("going");
            fflush(stdout);
        }
    }
    poolgen_ring_writer_close(&w);
    poolgen_ring_writer_close(&w);
    if (poolgen_ring_reserve(&w, 1) != NULL || poolgen_ring_publish(&w, 0, 0, NULL) != POOLGEN_ECLOSED) {
        return bad("used after close");
    }
    return 0;
}
