/* Reads frame rings with poolgen_ring.h. Without arguments: the one at descriptor 3, until the writer has closed; prints how many frames were
 * seen and missed together, and exits with 1 if a frame is not what the test writes. With files: says of each what it found. */
#include <poolgen_ring.h>
#include <stdio.h>
#include <stdlib.h>

static int live(void)
{
    poolgen_ring_reader r;
    poolgen_ring_frame f;
    uint64_t after = 0;
    int err = poolgen_ring_open(&r, 3);
    if (err != POOLGEN_OK) {
        fprintf(stderr, "open: %s\n", poolgen_strerror(err));
        return 2;
    }
    unsigned char *copy = (unsigned char *)malloc(r.largest);
    if (copy == NULL || poolgen_ring_next(&r, 0, &f) != POOLGEN_ETIMEOUT || poolgen_ring_next(&r, 5, &f) != POOLGEN_ETIMEOUT) {
        fprintf(stderr, "a frame before there is one\n");
        return 2;
    }
    puts("going");
    fflush(stdout);
    while ((err = poolgen_ring_next(&r, -1, &f)) == POOLGEN_OK) {
        if (f.number != after + f.missed) {
            fprintf(stderr, "frame %llu after %llu, %llu missed\n", (unsigned long long)f.number, (unsigned long long)after, (unsigned long long)f.missed);
            return 1;
        }
        after = f.number + 1;
        if (f.length > 0 && poolgen_ring_copy(&r, &f, copy, f.length - 1) != POOLGEN_EINVAL) {
            fprintf(stderr, "copied into too little room\n");
            return 1;
        }
        err = poolgen_ring_copy(&r, &f, copy, r.largest);
        if (err == POOLGEN_ESTALE) {
            after--; /* the next one says so */
            continue;
        }
        if (err != POOLGEN_OK || f.length != f.number * 7919 % 5001 || f.time != (int64_t)f.number * 3 - 5) {
            fprintf(stderr, "frame %llu: %s, %u bytes, time %lld\n", (unsigned long long)f.number, poolgen_strerror(err), f.length, (long long)f.time);
            return 1;
        }
        for (uint32_t i = 0; i < f.length; i++) {
            if (copy[i] != (unsigned char)(f.number * 31 + i * 7 + (f.number >> 8))) {
                fprintf(stderr, "frame %llu is torn\n", (unsigned long long)f.number);
                return 1;
            }
        }
    }
    poolgen_ring_close(&r);
    poolgen_ring_close(&r);
    if (err != POOLGEN_EEND || poolgen_ring_next(&r, 0, &f) != POOLGEN_ECLOSED || poolgen_ring_skip(&r) != POOLGEN_ECLOSED) {
        fprintf(stderr, "end: %s\n", poolgen_strerror(err));
        return 1;
    }
    printf("%llu\n", (unsigned long long)(r.seen + r.missed));
    free(copy);
    return r.seen > 0 ? 0 : 1;
}

static int file(const char *path, int flags)
{
    poolgen_ring_reader r;
    poolgen_ring_frame f;
    unsigned sum = 0;
    int fd = open(path, flags);
    int err = poolgen_ring_open(&r, fd);
    close(fd);
    if (err == POOLGEN_OK && (r.flags & 2) != 0) {
        printf("a file by its descriptor\n");
        return 1;
    }
    if (err == POOLGEN_ECORRUPT) { /* not sealed, or damaged */
        err = poolgen_ring_open_file(&r, path);
    }
    if (err != POOLGEN_OK) {
        printf("%s\n", err == POOLGEN_ECORRUPT ? "refused" : "failed");
        return 0;
    }
    while ((err = poolgen_ring_next(&r, 0, &f)) == POOLGEN_OK) {
        for (uint32_t i = 0; i < f.length; i++) {
            sum = sum * 31 + ((const unsigned char *)f.data)[i];
        }
        sum += (unsigned)f.number + (unsigned)f.missed;
    }
    printf("%llu %llu %llu %u %d\n", (unsigned long long)r.seen, (unsigned long long)r.missed, (unsigned long long)r.damaged, sum, err == POOLGEN_ECORRUPT);
    poolgen_ring_close(&r);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        return live();
    }
    for (int i = 1; i < argc; i++) {
        if (file(argv[i], i % 2 == 0 ? O_RDWR : O_RDONLY) != 0) {
            return 1;
        }
    }
    return 0;
}
