// A subscriber in C that does what the lines of its standard input say, and answers each with one line.
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include <poolgen_ipc.h>

static poolgen_subscriber sub;
static poolgen_frame held[64];
static int count;

// whole says whether a frame is what the tests publish: its number all over.
static int whole(const poolgen_frame *f)
{
    const unsigned char *b = (const unsigned char *)f->data;
    if (f->length != 4000 || f->flags != 7 || f->pts != (int64_t)f->sequence * 1000) {
        return 0;
    }
    for (size_t i = 0; i < f->length; i += 8) {
        uint64_t v;
        memcpy(&v, b + i, sizeof(v));
        if (v != f->sequence) {
            return 0;
        }
    }
    return 1;
}

static void say(int err)
{
    printf("%s%s%s\n", err == POOLGEN_OK ? "ok" : poolgen_strerror(err), err != POOLGEN_OK && sub.text[0] != 0 ? ": " : "",
           err != POOLGEN_OK ? sub.text : "");
}

static int keep(int timeout)
{
    poolgen_frame f;
    int err = poolgen_receive(&sub, timeout, &f);
    if (err != POOLGEN_OK) {
        return err;
    }
    held[count++] = f;
    printf("frame %" PRIu64 " lost %" PRIu64 " user %u%s\n", f.sequence, f.lost, f.user, whole(&f) ? "" : " damaged");
    return POOLGEN_OK;
}

// drain receives and releases frames until the end, or one with user 1.
static void drain(void)
{
    uint64_t n = 0, last = 0, lost = 0;
    for (;;) {
        poolgen_frame f;
        int err = poolgen_receive(&sub, -1, &f);
        if (err != POOLGEN_OK) {
            printf("%" PRIu64 " frames, last %" PRIu64 ", %" PRIu64 " lost: %s\n", n, last, lost, poolgen_strerror(err));
            return;
        }
        n++;
        last = f.sequence;
        lost += f.lost;
        if (!whole(&f)) {
            printf("frame %" PRIu64 " is damaged\n", f.sequence);
            return;
        }
        uint32_t user = f.user;
        (void)poolgen_frame_release(&f);
        if (user == 1) {
            printf("%" PRIu64 " frames, last %" PRIu64 ", %" PRIu64 " lost\n", n, last, lost);
            return;
        }
    }
}

// wait_fd waits for a frame with poll, as an event loop does.
static void wait_fd(void)
{
    struct pollfd p = {poolgen_subscriber_fd(&sub), POLLIN, 0};
    for (;;) {
        int err = keep(0);
        if (err != POOLGEN_ETIMEOUT) {
            if (err != POOLGEN_OK) {
                say(err);
            }
            return;
        }
        if (poll(&p, 1, 20000) != 1) {
            puts("poll: nothing in 20 s");
            return;
        }
    }
}

static void *receiver(void *arg)
{
    poolgen_frame f;
    *(int *)arg = poolgen_receive(&sub, -1, &f);
    return NULL;
}

// close_under closes while another thread waits, once it is there.
static void close_under(void)
{
    pthread_t t;
    int err = 0;
    poolgen_frame f;
    if (pthread_create(&t, NULL, receiver, &err) != 0) {
        puts("no thread");
        return;
    }
    while (__atomic_load_n(&sub.busy, __ATOMIC_SEQ_CST) == 0 || poolgen_priv_get32(&sub.head->asleep) == 0) {
    }
    int busy = poolgen_receive(&sub, 0, &f);
    poolgen_subscriber_close(&sub);
    (void)pthread_join(t, NULL);
    printf("%s; %s\n", poolgen_strerror(busy), poolgen_strerror(err));
}

// A queue of frames between one thread that receives and some that release.
static poolgen_frame queue[4];
static uint32_t first, queued;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *releaser(void *arg)
{
    uint64_t *bad = (uint64_t *)arg;
    for (;;) {
        poolgen_frame f;
        memset(&f, 0, sizeof(f));
        (void)pthread_mutex_lock(&turn);
        if (queued > 0) {
            f = queue[first++ % 4];
            queued--;
        }
        (void)pthread_mutex_unlock(&turn);
        if (f.subscriber == NULL) {
            (void)poll(NULL, 0, 1);
            continue;
        }
        uint32_t user = f.user;
        if (!whole(&f) || poolgen_frame_release(&f) != POOLGEN_OK) {
            __atomic_fetch_add(bad, 1, __ATOMIC_SEQ_CST);
        }
        if (user == 1) {
            return NULL;
        }
    }
}

// threads receives in one thread and releases in three, each of which ends with a frame of user 1.
static void threads(void)
{
    pthread_t t[3];
    uint64_t bad = 0, n = 0;
    for (int i = 0; i < 3; i++) {
        if (pthread_create(&t[i], NULL, releaser, &bad) != 0) {
            exit(2);
        }
    }
    for (int last = 0; last < 3;) {
        poolgen_frame f;
        if (poolgen_receive(&sub, -1, &f) != POOLGEN_OK) {
            exit(2);
        }
        n++;
        last += f.user == 1;
        for (int room = 0; !room;) {
            (void)pthread_mutex_lock(&turn);
            room = queued < 4;
            if (room) {
                queue[(first + queued++) % 4] = f;
            }
            (void)pthread_mutex_unlock(&turn);
        }
    }
    for (int i = 0; i < 3; i++) {
        (void)pthread_join(t[i], NULL);
    }
    printf("%" PRIu64 " frames, %" PRIu64 " bad\n", n, bad);
}

// anything receives from a publisher that has lost its mind, and reads all of what it is given.
static void anything(int n)
{
    uint64_t sum = 0;
    for (; n > 0; n--) {
        poolgen_frame f;
        if (poolgen_receive(&sub, 0, &f) == POOLGEN_OK) {
            for (size_t i = 0; i < f.length; i += 64) {
                sum += ((const unsigned char *)f.data)[i];
            }
            sum += f.length == 0 ? 0 : ((const unsigned char *)f.data)[f.length - 1];
            (void)poolgen_frame_release(&f);
        }
    }
    printf("went on%s\n", sum == UINT64_MAX ? "!" : "");
}

int main(void)
{
    char line[300], path[200];
    unsigned a = 0, b = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        int err;
        switch (line[0]) {
        case 's': { // subscribe: policy slots timeout path
            poolgen_subscriber_options o;
            memset(&o, 0, sizeof(o));
            if (sscanf(line, "s %u %u %" SCNd32 " %199s", &a, &b, &o.timeout_ms, path) != 4) {
                return 2;
            }
            o.policy = a;
            o.slots = b;
            err = poolgen_subscribe(path, &o, &sub);
            if (err == POOLGEN_ESYS) {
                printf("errno %d\n", errno);
                break;
            }
            say(err);
            break;
        }
        case 'r': // receive: timeout
            err = keep(atoi(line + 2));
            if (err != POOLGEN_OK) {
                say(err);
            }
            break;
        case 'f': // release the frame that is held longest, twice
            if (count == 0) {
                return 2;
            }
            err = poolgen_frame_release(&held[0]);
            if (err == POOLGEN_OK && poolgen_frame_release(&held[0]) != POOLGEN_ESTALE) {
                return 3;
            }
            memmove(held, held + 1, (size_t)--count * sizeof(held[0]));
            say(err);
            break;
        case 'h': { // what is held is still whole
            int good = 0;
            for (int i = 0; i < count; i++) {
                good += whole(&held[i]);
            }
            printf("%d of %d whole\n", good, count);
            break;
        }
        case 'd': drain(); break;
        case 'p': wait_fd(); break;
        case 'c': { // counts
            poolgen_subscriber_counts n;
            poolgen_subscriber_stats(&sub, &n);
            printf("received %" PRIu64 " lost %" PRIu64 " held %u slots %u\n", n.received, n.lost, n.held, n.slots);
            break;
        }
        case 'x': // close, twice
            poolgen_subscriber_close(&sub);
            poolgen_subscriber_close(&sub);
            puts("ok");
            break;
        case 'u': close_under(); break;
        case 't': threads(); break;
        case 'z': anything(atoi(line + 2)); break;
        case 'n': // as if so many frames had been received
            sub.pos = (uint32_t)strtoul(line + 2, NULL, 10);
            puts("ok");
            break;
        default: return 2;
        }
    }
    return 0;
}
