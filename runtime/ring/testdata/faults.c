/* What goes wrong between two system calls of poolgen_ring.h: the file changes during them. Descriptor 3 is a ring in memory, 4 the same bytes in
 * a memfd that is not sealed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifndef __cplusplus
long syscall(long number, ...); // hidden in strict C
#endif

enum { UNSEALED = 4 };
static long full;

static void want(int good, const char *what)
{
    if (!good) {
        printf("%s\n", what);
        exit(1);
    }
}

/* Between looking at the file and mapping it. */
static void cut_off(void) { want(syscall(SYS_ftruncate, UNSEALED, 0L) == 0, "ftruncate"); }

static int hooked_fstat(int fd, struct stat *st)
{
    int err = fstat(fd, st);
    if (fd == UNSEALED && full != 0) {
        cut_off();
        full = 0;
    }
    return err;
}

static int sealing;

static int hooked_fcntl(int fd, int what)
{
    if (fd == UNSEALED && sealing) {
        cut_off();
        want(fcntl(fd, 1033 /* F_ADD_SEALS */, 2 /* F_SEAL_SHRINK */) == 0, "sealing");
    }
    return fcntl(fd, what);
}

#define fstat hooked_fstat
#define fcntl hooked_fcntl
#include <poolgen_ring_writer.h>
#undef fstat
#undef fcntl

/* A reader that says late that it sleeps leaves what another said after it: who wakes for the old one takes that back. */
static void arming(void)
{
    poolgen_ring_reader r;
    poolgen_ring_frame f;
    want(poolgen_ring_open(&r, 3) == POOLGEN_OK, "open");
    while (poolgen_ring_next(&r, 0, &f) == POOLGEN_OK) {
    }
    uint32_t seq = r.door->seq;
    r.door->armed = (seq + 1) << 1 | 1;
    want(poolgen_ring_next(&r, 1, &f) == POOLGEN_ETIMEOUT, "no frame");
    want(r.door->armed == ((seq + 1) << 1 | 1), "it takes back that another reader sleeps");
    r.door->armed = seq << 1 | 1;
    want(poolgen_ring_next(&r, 1, &f) == POOLGEN_ETIMEOUT && r.door->armed == (seq << 1 | 1), "its own");
    r.door->armed = (seq - 1) << 1 | 1;
    want(poolgen_ring_next(&r, 1, &f) == POOLGEN_ETIMEOUT && r.door->armed == (seq << 1 | 1), "an old one stays");
    r.door->armed = 0;
    want(poolgen_ring_next(&r, 0, &f) == POOLGEN_ETIMEOUT && r.door->armed == 0, "who does not wait asks to be woken");
    want(poolgen_ring_next(&r, 1, &f) == POOLGEN_ETIMEOUT && r.door->armed == (seq << 1 | 1), "who waits does not ask to be woken");
    poolgen_ring_close(&r);
}

/* A writer takes over a ring whose counters are damaged, as the one in Go does. */
static void counters(void)
{
    poolgen_ring_writer w;
    want(poolgen_ring_writer_open(&w, 3) == POOLGEN_OK, "open to write");
    uint64_t next = w.next;
    poolgen_priv_rw_super(&w)->oldest.low = 1000;
    poolgen_ring_writer_close(&w);
    want(poolgen_ring_writer_open(&w, 3) == POOLGEN_OK, "a writer refuses what it could mend");
    want(w.next == next && w.oldest < next, "other frames than there were");
    poolgen_ring_writer_close(&w);
}

int main(int argc, char **argv)
{
    struct stat st;
    poolgen_ring_reader r;
    if (argc != 2 || fstat(UNSEALED, &st) != 0) {
        return 2;
    }
    switch (argv[1][0]) {
    case 'a': arming(); break;
    case 'c': counters(); break;
    case 't': /* truncated after its size was looked at */
        full = (long)st.st_size;
        want(poolgen_ring_open(&r, UNSEALED) == POOLGEN_ECORRUPT, "opened a ring that was cut off");
        break;
    case 's': /* truncated, and sealed after that, between its size and its seals */
        sealing = 1;
        want(poolgen_ring_open(&r, UNSEALED) == POOLGEN_ECORRUPT, "opened a ring that was cut off and sealed");
        break;
    default: return 2;
    }
    puts("ok");
    return 0;
}
