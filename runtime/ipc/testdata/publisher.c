// A publisher in C that does what the lines of its standard input say, and answers each with one line. Between them it looks after its
// subscribers, as a program with an event loop does.
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

static int stir_each = 1; // milliseconds
#define POOLGEN_PRIV_STIR_EACH stir_each
#include <poolgen_ipc.h>

static poolgen_publisher pub;
static poolgen_arena *arena;
static int memory = -1;
static uint64_t next;
static int watched; // how often the descriptor has woken the program, from 1; 0: it does not count

static const char *nobody(void *arg, const poolgen_peer *peer) { return peer->pid > 0 && peer->uid == (uint32_t)getuid() ? (const char *)arg : NULL; }

// open_all: slots, max_held, blocks, whether to refuse all, path.
static void open_all(const char *line)
{
    static char why[] = "not you";
    poolgen_publisher_options o;
    poolgen_pool_config c;
    char path[200];
    int refuse;
    memset(&o, 0, sizeof(o));
    memset(&c, 0, sizeof(c));
    c.size = 4000;
    if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %d %199s", &o.slots, &o.max_held, &c.blocks, &refuse, path) != 5) {
        exit(2);
    }
    if (refuse) {
        o.allow = nobody;
        o.arg = why;
    }
    if (arena == NULL) {
        int err = poolgen_shared_pool(&c, &arena, &memory);
        if (err != POOLGEN_OK) {
            printf("pool: %s\n", poolgen_strerror(err));
            return;
        }
    }
    int err = poolgen_publisher_open(path, arena, memory, &o, &pub);
    printf("%s%s%s\n", err == POOLGEN_OK ? "ok" : poolgen_strerror(err), err == POOLGEN_OK ? "" : ": ", pub.text);
    next = 0;
}

static int publish(uint32_t user, int timeout)
{
    poolgen_buf b;
    poolgen_publisher_collect(&pub);
    int err = poolgen_get(arena, &b);
    if (err != POOLGEN_OK) {
        return err;
    }
    unsigned char *p = (unsigned char *)poolgen_data(arena, b);
    for (size_t i = 0; i < 4000; i += sizeof(next)) {
        memcpy(p + i, &next, sizeof(next));
    }
    poolgen_meta m = {(int64_t)next * 1000, 7, user};
    int given = poolgen_publish(&pub, b, &m, timeout);
    next++;
    err = poolgen_release(arena, b);
    return err == POOLGEN_OK ? given : err;
}

static void *from_thread(void *arg)
{
    *(int *)arg = publish(0, -1);
    return NULL;
}

// busy publishes in one thread, which has to wait, and in another; then closes.
static void busy(void)
{
    pthread_t t;
    poolgen_buf none;
    int err = 0;
    memset(&none, 0, sizeof(none));
    if (pthread_create(&t, NULL, from_thread, &err) != 0) {
        exit(2);
    }
    int second;
    do { // until the other is in poolgen_publish
        second = __atomic_load_n(&pub.busy, __ATOMIC_SEQ_CST) != 0 ? poolgen_publish(&pub, none, NULL, 0) : POOLGEN_OK;
    } while (second == POOLGEN_OK);
    int closed = poolgen_publisher_close(&pub, 0);
    (void)pthread_join(t, NULL);
    printf("%s; %s; %s\n", poolgen_strerror(second), poolgen_strerror(err), poolgen_strerror(closed));
}

static void counts(void)
{
    poolgen_publisher_counts n;
    uint32_t out = 0;
    poolgen_publisher_stats(&pub, &n);
    for (uint32_t i = 0; i < poolgen_priv_desc(arena)->fixed; i++) {
        out += (poolgen_priv_block(arena, i)->ref & POOLGEN_PRIV_COUNT) != 0;
    }
    printf("frames %" PRIu64 " given %" PRIu64 " lost %" PRIu64 " left %" PRIu64 " misbehaved %" PRIu64 " lent %u subscribers %u out %u\n", n.frames,
           n.given, n.lost, n.left, n.misbehaved, n.lent, n.subscribers, out);
}

static void *wait_for_block(void *arg)
{
    poolgen_buf b;
    int *err = (int *)arg;
    *err = poolgen_publisher_get(&pub, 60000, &b);
    if (*err == POOLGEN_OK) {
        *err = poolgen_release(arena, b);
    }
    return NULL;
}

// sleepers waits until so many threads wait for a block.
static void sleepers(uint32_t n)
{
    for (uint32_t there = 0; there < n;) {
        poolgen_priv_lock(&pub.lock);
        there = pub.getting;
        poolgen_priv_unlock(&pub.lock);
        (void)poll(NULL, 0, 1);
    }
}

// wait_in_threads has three threads wait for one block, which this one has, and which each gives back.
static void wait_in_threads(void)
{
    pthread_t t[3];
    int err[3] = {1, 1, 1};
    poolgen_buf b;
    if (poolgen_get(arena, &b) != POOLGEN_OK) {
        exit(2);
    }
    for (int i = 0; i < 3; i++) {
        if (pthread_create(&t[i], NULL, wait_for_block, &err[i]) != 0) {
            exit(2);
        }
    }
    sleepers(3);
    if (poolgen_release(arena, b) != POOLGEN_OK) {
        exit(2);
    }
    for (int i = 0; i < 3; i++) {
        (void)pthread_join(t[i], NULL);
    }
    printf("%d %d %d, attention %u\n", err[0], err[1], err[2], poolgen_priv_desc(arena)->attention);
}

// close_under closes while another thread waits.
static void close_under(void)
{
    pthread_t t;
    int err = 1;
    if (pthread_create(&t, NULL, wait_for_block, &err) != 0) {
        exit(2);
    }
    sleepers(1);
    int closed = poolgen_publisher_close(&pub, 0);
    (void)pthread_join(t, NULL);
    printf("%s; %s\n", poolgen_strerror(err), poolgen_strerror(closed));
}

static void reason(void)
{
    poolgen_publisher_counts n;
    poolgen_publisher_stats(&pub, &n);
    puts(n.reason);
}

static void obey(const char *line)
{
    poolgen_remote_counts r;
    poolgen_buf b;
    uint32_t n = 0, user = 0;
    int timeout = 0, result = 0;
    switch (line[0]) {
    case 'o': open_all(line + 1); break;
    case 'p': // publish: how many, time-out, user of the last
        if (sscanf(line, "p %" SCNu32 " %d %" SCNu32, &n, &timeout, &user) != 3) {
            exit(2);
        }
        for (; n > 0 && result >= 0; n--) {
            result = publish(n == 1 ? user : 0, timeout);
        }
        if (result < 0) {
            puts(poolgen_strerror(result));
        } else {
            printf("given %d\n", result);
        }
        break;
    case 'a': // one block again and again
        if (poolgen_get(arena, &b) != POOLGEN_OK) {
            exit(2);
        }
        for (n = 0; n < 100; n++) {
            result = poolgen_publish(&pub, b, NULL, 0);
        }
        printf("%d\n", result);
        (void)poolgen_release(arena, b);
        break;
    case 'b': busy(); break;
    case 'm': // misuse
        memset(&b, 0xff, sizeof(b));
        result = poolgen_publish(&pub, b, NULL, 0);
        if (poolgen_get(arena, &b) != POOLGEN_OK || poolgen_release(arena, b) != POOLGEN_OK) {
            exit(2);
        }
        printf("%s; %s\n", poolgen_strerror(result), poolgen_strerror(poolgen_publish(&pub, b, NULL, 0)));
        break;
    case 'g': // wait for a block: time-out
        result = poolgen_publisher_get(&pub, atoi(line + 1), &b);
        puts(result == POOLGEN_OK ? "ok" : poolgen_strerror(result));
        if (result == POOLGEN_OK && poolgen_release(arena, b) != POOLGEN_OK) {
            exit(2);
        }
        break;
    case 't': wait_in_threads(); break;
    case 'c': close_under(); break;
    case 'w': watched = 1; break;
    case 'e':
        stir_each = atoi(line + 1);
        puts("ok");
        break;
    case 'y': reason(); break;
    case 's': counts(); break;
    case 'r': // one subscriber
        result = poolgen_publisher_remote(&pub, atoi(line + 1), &r);
        printf("%s: policy %u given %" PRIu64 " lost %" PRIu64 " over %" PRIu64 " held %u pid %d\n", poolgen_strerror(result), r.policy, r.given, r.lost,
               r.over, r.held, r.peer.pid);
        break;
    case 'x': // close: time-out
        result = poolgen_publisher_close(&pub, atoi(line + 1));
        (void)poolgen_publisher_close(&pub, 0);
        puts(result == POOLGEN_OK ? "ok" : poolgen_strerror(result));
        break;
    case 'f': // the pool
        poolgen_shared_pool_free(arena, memory);
        arena = NULL;
        puts("ok");
        break;
    default: exit(2);
    }
}

int main(void)
{
    char line[300];
    size_t n = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        struct pollfd p[2] = {{0, POLLIN, 0}, {pub.path[0] == 0 ? -1 : poolgen_publisher_fd(&pub), POLLIN, 0}};
        if (poll(p, 2, -1) < 0) {
            return 4;
        }
        if (p[1].revents != 0) {
            poolgen_publisher_collect(&pub);
            watched += watched != 0;
        }
        if (p[0].revents == 0) {
            continue;
        }
        if (read(0, line + n, 1) != 1 || n + 2 > sizeof(line)) {
            return 0;
        }
        if (line[n++] == '\n') {
            line[n - 1] = 0;
            n = 0;
            if (watched != 0) {
                printf("woken %d times\n", watched - 1);
                watched = 0;
            }
            obey(line);
        }
    }
}
