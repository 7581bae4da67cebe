// measure receives the pictures of `tee capture` and tells how bright they are, and how long they took to arrive. It has no Go in it.
//
//	cc -O2 -Iinclude -o measure examples/tee/measure/measure.c
//	./measure /tmp/poolgen-tee [all]
//
// With "all" it tells of every picture, else of one a second. It outlives the process that captures, and ends with Ctrl-C.
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include <poolgen_ipc.h>

static volatile sig_atomic_t ending;

static void end(int number)
{
    (void)number;
    ending = 1;
}

// now is in nanoseconds since 1970.
static int64_t now(void)
{
    struct timespec t;
    (void)timespec_get(&t, TIME_UTC);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// picture measures one where it lies, in the memory of the process that captures. It is 0 if it is none.
static int picture(const poolgen_frame *f, uint64_t lost, int tell)
{
    uint32_t width = f->user >> 16, height = f->user & 0xffff;
    const unsigned char *luma = (const unsigned char *)f->data;
    uint64_t sum = 0;
    if (f->length == 0 || f->length != (size_t)width * height) { // that process could be any
        fprintf(stderr, "measure: picture %" PRIu64 " of %ux%u has %zu bytes\n", f->sequence, width, height, f->length);
        return 0;
    }
    for (size_t i = 0; i < f->length; i++) {
        sum += luma[i];
    }
    if (tell) {
        printf("picture %" PRIu64 " of %" PRId64 ": %ux%u, brightness %.2f, %.2f ms after it was taken, %" PRIu64 " lost\n", f->sequence, f->pts, width,
               height, (double)sum / (double)f->length, (double)(now() - f->pts) / 1e6, lost);
    }
    return 1;
}

// follow measures pictures until there are no more, or none that it could be.
static int follow(poolgen_subscriber *sub, int all)
{
    int64_t said = 0;
    uint64_t lost = 0;
    while (!ending) {
        poolgen_frame f;
        int err = poolgen_receive(sub, 500, &f); // and then look whether to end
        if (err == POOLGEN_ETIMEOUT) {
            continue;
        }
        if (err != POOLGEN_OK) {
            printf("the pictures end: %s\n", poolgen_strerror(err));
            return err == POOLGEN_EEND || err == POOLGEN_EGONE;
        }
        int64_t t = now();
        int tell = all || t - said >= 1000000000;
        said = tell ? t : said;
        lost += f.lost;
        int good = picture(&f, lost, tell);
        (void)poolgen_frame_release(&f);
        if (!good) {
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    int waiting = 0, good = 1;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: measure socket [all]\n");
        return 2;
    }
    (void)signal(SIGINT, end);
    (void)signal(SIGTERM, end);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    while (!ending && good) {
        poolgen_subscriber sub;
        int err = poolgen_subscribe(argv[1], NULL, &sub); // the oldest picture makes room if it falls behind
        if (err == POOLGEN_OK) {
            waiting = 0;
            good = follow(&sub, argc > 2);
            poolgen_subscriber_close(&sub);
        } else if (err == POOLGEN_EREFUSED || err == POOLGEN_EPROTO || err == POOLGEN_EINVAL) {
            fprintf(stderr, "measure: %s: %s\n", poolgen_strerror(err), sub.text);
            return 1;
        } else {
            if (!waiting) {
                printf("waiting for pictures at %s\n", argv[1]);
                waiting = 1;
            }
            (void)poll(NULL, 0, 100);
        }
    }
    return good ? 0 : 1;
}
