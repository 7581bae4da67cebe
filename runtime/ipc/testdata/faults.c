// What goes wrong between two system calls, in one process: the calls of poolgen_ipc.h are looked at, and things happen during them.
#define POOLGEN_PRIV_STIR_EACH 1000
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void (*before_recv)(void), (*after_recv)(void), (*before_recvmsg)(void);
static int folder = -1; // a copy of the descriptor of the folder that was locked last, as a child of fork has it
static int inherited; // descriptors that a program would have that another thread starts at the moment

// once has happen what is to, if anything.
static void once(void (**hook)(void))
{
    void (*now)(void) = *hook;
    *hook = NULL;
    if (now != NULL) {
        now();
    }
}

static ssize_t hooked_recv(int fd, void *b, size_t n, int flags)
{
    once(&before_recv);
    ssize_t got = recv(fd, b, n, flags);
    if (got < 0) {
        once(&after_recv);
    }
    return got;
}

static ssize_t hooked_recvmsg(int fd, struct msghdr *m, int flags)
{
    once(&before_recvmsg);
    return recvmsg(fd, m, flags);
}

static int hooked_open(const char *path, int flags)
{
    inherited += (flags & 02000000) == 0; // O_CLOEXEC
    int fd = open(path, flags);
    if (fd >= 0 && strncmp(path, "/proc/", 6) != 0) {
        folder = dup(fd);
    }
    return fd;
}

static __attribute__((unused)) int hooked_accept(int fd, struct sockaddr *a, socklen_t *n)
{
    inherited++;
    return accept(fd, a, n);
}

#define recv hooked_recv
#define recvmsg hooked_recvmsg
#define open hooked_open
#define accept hooked_accept
#include <poolgen_ipc.h>
#undef recv
#undef recvmsg
#undef open
#undef accept

static poolgen_arena *arena;
static int memory;
static poolgen_publisher pub;
static poolgen_subscriber sub;

static void want(int good, const char *what)
{
    if (!good) {
        printf("%s\n", what);
        exit(1);
    }
}

static int lowest(void) // descriptor that is free
{
    int fd = dup(0);
    (void)close(fd);
    return fd;
}

static void publish(void)
{
    poolgen_buf b;
    want(poolgen_get(arena, &b) == POOLGEN_OK, "no block");
    want(poolgen_publish(&pub, b, NULL, 0) == 1, "publish");
    want(poolgen_release(arena, b) == POOLGEN_OK, "release");
}

static void take_back(void) { want(poolgen_priv_drop(&pub, &pub.remote[0], 1) == 1, "nothing to take back"); }

// polled: a frame comes while the receiver reads its socket, and is taken back for a newer one right after.
static void polled(void)
{
    poolgen_frame f;
    struct pollfd p = {poolgen_subscriber_fd(&sub), POLLIN, 0};
    want(poolgen_receive(&sub, 0, &f) == POOLGEN_ETIMEOUT, "a frame before there is one");
    before_recv = publish;
    after_recv = take_back;
    want(poolgen_receive(&sub, 0, &f) == POOLGEN_ETIMEOUT, "a frame that was taken back");
    want(before_recv == NULL && after_recv == NULL, "it has not looked at its socket");
    publish();
    want(poll(&p, 1, 0) == 1, "there is a frame, and the descriptor is not readable");
    want(poolgen_receive(&sub, 0, &f) == POOLGEN_OK && f.sequence == 1 && f.lost == 1, "not that frame");
    want(poolgen_frame_release(&f) == POOLGEN_OK, "release of the frame");
}

// receive takes and releases frames.
static void receive(int n)
{
    poolgen_frame f;
    for (; n > 0; n--) {
        want(poolgen_receive(&sub, 0, &f) == POOLGEN_OK && poolgen_frame_release(&f) == POOLGEN_OK, "a frame is missing");
    }
    want(poolgen_receive(&sub, 0, &f) == POOLGEN_ETIMEOUT, "a frame too many");
    poolgen_publisher_collect(&pub);
}

// attempt publishes a frame that the subscriber does not get.
static int attempt(void)
{
    poolgen_buf b;
    want(poolgen_get(arena, &b) == POOLGEN_OK, "no block");
    int err = poolgen_publish(&pub, b, NULL, 0);
    want(poolgen_release(arena, b) == POOLGEN_OK, "release");
    return err;
}

// oldest: the queue is full, and the subscriber is just taking the oldest frame, which cannot make room. The others need not go.
static void oldest(void)
{
    for (int i = 0; i < 4; i++) {
        publish();
    }
    uint32_t *word = &sub.slot[sub.pos & 3].word;
    uint64_t lost = pub.remote[0].lost;
    (*word)++; // full, taken
    want(attempt() == 0 && pub.remote[0].lost == lost + 1 && pub.remote[0].held == 4, "more is dropped than one frame");
    (*word)--;
    receive(4);
}

// share: a subscriber that blocks misses a frame because it has as many blocks as it may.
static void share(void)
{
    uint64_t over = pub.remote[0].over;
    pub.o.max_held = 1;
    pub.remote[0].policy = POOLGEN_BLOCK;
    publish();
    want(attempt() == POOLGEN_ETIMEOUT && pub.remote[0].over == over + 1, "a frame that was missed for a share does not count so");
    pub.remote[0].policy = POOLGEN_DROP_OLDEST;
    pub.o.max_held = 8;
    receive(1);
}

static volatile sig_atomic_t signals;
static void count_signal(int number) { signals += number == SIGALRM; }

// interrupted: signals end the publisher's sleep, for which the subscriber that it waits for is not thrown out.
static void interrupted(void)
{
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    struct sigaction counted;
    poolgen_buf b;
    int err = POOLGEN_ETIMEOUT;
    memset(&counted, 0, sizeof(counted));
    counted.sa_handler = count_signal;
    pub.remote[0].policy = POOLGEN_BLOCK;
    for (int i = 0; i < 4; i++) {
        publish();
    }
    want(poolgen_get(arena, &b) == POOLGEN_OK, "no block");
    want(sigaction(SIGALRM, &counted, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0, "signals");
    while (signals < 3000 && err == POOLGEN_ETIMEOUT && pub.remote[0].socket >= 0) {
        err = poolgen_publish(&pub, b, NULL, 100);
    }
    want(setitimer(ITIMER_REAL, &never, NULL) == 0, "signals");
    want(err == POOLGEN_ETIMEOUT && pub.remote[0].socket >= 0, "a subscriber is thrown out for signals");
    want(poolgen_release(arena, b) == POOLGEN_OK, "release");
    pub.remote[0].policy = POOLGEN_DROP_OLDEST;
    receive(4);
}

// closed: the publisher is closed while a frame is given, after which nothing follows.
static void closed(void)
{
    poolgen_buf b;
    poolgen_meta m;
    memset(&m, 0, sizeof(m));
    want(poolgen_get(arena, &b) == POOLGEN_OK, "no block");
    uint32_t id = poolgen_priv_lend(&pub, b);
    uint64_t lost = pub.remote[0].lost;
    pub.closed = 1;
    want(poolgen_priv_give(&pub, id, &m, -1) == POOLGEN_ECLOSED && pub.remote[0].lost == lost + 1, "a frame behind the end");
    pub.closed = 0;
    pub.loans[id].mask = 0;
    poolgen_priv_unlend(&pub, id);
    receive(0);
}

// say sends a message with descriptors.
static void say(int fd, size_t n, int descriptors)
{
    unsigned char b[POOLGEN_PRIV_WELCOME];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec v = {b, n};
    struct msghdr m;
    memset(b, 0, sizeof(b));
    poolgen_priv_put32(b, POOLGEN_PRIV_WELCOME_MAGIC);
    poolgen_priv_put32(b + 4, POOLGEN_IPC_VERSION);
    memset(&m, 0, sizeof(m));
    memset(&control, 0, sizeof(control));
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    if (descriptors) {
        int fds[2] = {memory, memory};
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fds));
        memcpy(CMSG_DATA(c), fds, sizeof(fds));
    }
    want(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n, "sendmsg");
}

// newcomer is a subscriber at the first end of a new pair of sockets.
static poolgen_subscriber newcomer(int pair[2])
{
    poolgen_subscriber s;
    memset(&s, 0, sizeof(s));
    want(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
    s.socket = pair[0];
    return s;
}

// hello does its part of the handshake.
static int hello(poolgen_subscriber *s)
{
    poolgen_subscriber_options o;
    memset(&o, 0, sizeof(o));
    return poolgen_priv_greet(s, &o, poolgen_priv_deadline(5000));
}

// greet is a handshake with a publisher that answers so, of which no descriptor may stay.
static int greet(size_t n)
{
    int pair[2];
    poolgen_subscriber s = newcomer(pair);
    int before = lowest();
    say(pair[1], n, 1);
    int err = hello(&s);
    want(lowest() == before, "descriptors of a refused handshake stay open");
    (void)close(pair[0]);
    (void)close(pair[1]);
    return err;
}

static int refusing;

// refuse answers without reading, and hangs up.
static void refuse(void)
{
    unsigned char b[POOLGEN_PRIV_WELCOME + 3];
    memset(b, 0, sizeof(b));
    poolgen_priv_put32(b, POOLGEN_PRIV_WELCOME_MAGIC);
    poolgen_priv_put32(b + 4, POOLGEN_IPC_VERSION);
    poolgen_priv_put32(b + 8, 1);
    memcpy(b + POOLGEN_PRIV_WELCOME, "why", 3);
    want(send(refusing, b, sizeof(b), MSG_NOSIGNAL) == (ssize_t)sizeof(b), "refuse");
    (void)close(refusing);
}

// refused is a handshake with a publisher that hangs up before the hello comes, or before it has read it.
static void refused(int before)
{
    int pair[2];
    poolgen_subscriber s = newcomer(pair);
    refusing = pair[1];
    if (before) {
        refuse();
    } else {
        before_recvmsg = refuse;
    }
    want(hello(&s) == POOLGEN_EREFUSED && strstr(s.text, "why") != NULL, s.text);
    (void)close(pair[0]);
}

// unlocked looks whether the folder of path is locked no more, though a child has a copy of the descriptor.
static void unlocked(const char *path)
{
    char name[200];
    (void)snprintf(name, sizeof(name), "%s", path);
    *strrchr(name, '/') = 0;
    int fd = open(name, O_RDONLY | POOLGEN_PRIV_CLOEXEC);
    want(folder >= 0 && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0, "the folder stays locked");
    (void)close(fd);
    (void)close(folder);
    folder = -1;
}

// copied: a child of fork has copies of both ends of the connection when the subscriber closes it.
static void copied(void)
{
    struct pollfd events = {poolgen_publisher_fd(&pub), POLLIN, 0};
    int there = dup(sub.socket), here = dup(pub.remote[0].socket);
    want(there >= 0 && here >= 0, "dup");
    poolgen_subscriber_close(&sub);
    poolgen_publisher_collect(&pub);
    want(pub.remote[0].socket < 0, "the publisher does not see the end of a subscriber whose child has a copy");
    want(poll(&events, 1, 0) == 0, "the publisher is told for ever of one that is gone");
    (void)close(there);
    (void)close(here);
    // And of one that the publisher ends.
    int pair[2];
    char b;
    poolgen_priv_remote *r = &pub.remote[0];
    want(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
    here = dup(pair[0]);
    r->socket = pair[0];
    r->memory = dup(0);
    r->head = (poolgen_priv_channel *)poolgen_priv_map(memory, r->size, 1);
    poolgen_priv_remove(&pub, r);
    want(recv(pair[1], &b, 1, MSG_DONTWAIT) == 0, "one that is thrown out does not see it where a child has a copy");
    (void)close(pair[1]);
    (void)close(here);
}

int main(int argc, char **argv)
{
    poolgen_pool_config c;
    poolgen_publisher_options o;
    struct rlimit limit, few;
    int pair[2];
    char b[8];
    if (argc != 2) {
        return 2;
    }
    memset(&c, 0, sizeof(c));
    c.size = 64;
    c.blocks = 8;
    want(poolgen_shared_pool(&c, &arena, &memory) == POOLGEN_OK, "pool");
    memset(&o, 0, sizeof(o));
    o.slots = 4;
    o.max_held = 8;
    want(poolgen_publisher_open(argv[1], arena, memory, &o, &pub) == POOLGEN_OK, pub.text);
    unlocked(argv[1]);
    // The publisher's hello comes before its accept: a subscriber of this thread says so through a socket of its own.
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    socklen_t size = poolgen_priv_address(argv[1], &address);
    want(fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&address, size) == 0, "connect");
    unsigned char said[POOLGEN_PRIV_HELLO];
    memset(said, 0, sizeof(said));
    poolgen_priv_put32(said, POOLGEN_PRIV_HELLO_MAGIC);
    poolgen_priv_put32(said + 4, POOLGEN_IPC_VERSION);
    want(send(fd, said, sizeof(said), 0) == (ssize_t)sizeof(said), "hello");
    poolgen_publisher_collect(&pub);
    unsigned char answer[POOLGEN_PRIV_WELCOME];
    int fds[4], count;
    ssize_t n = poolgen_priv_receive(fd, answer, sizeof(answer), fds, &count);
    want(n > 0, "no answer");
    sub.socket = fd;
    want(poolgen_priv_welcome(&sub, answer, (size_t)n, fds, count) == POOLGEN_OK, sub.text);
    (void)close(fds[0]);
    (void)close(fds[1]);

    polled();
    want(inherited == 0, "a descriptor is not close-on-exec from the first");

    oldest();
    share();
    interrupted();
    closed();

    want(greet(0) == POOLGEN_EGONE, "an empty answer");
    refused(1);
    refused(0);
    want(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    few = limit;
    few.rlim_cur = (rlim_t)lowest() + 3; // the pair, and one of two that come
    want(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    errno = 0;
    want(greet(POOLGEN_PRIV_WELCOME) == POOLGEN_ESYS && errno == EMFILE, "too few descriptors are the publisher's fault");
    want(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");

    // One that says more than the other can read must not keep it.
    want(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
    for (int i = 0; i < 100; i++) {
        say(pair[1], 1, 0);
    }
    want(poolgen_priv_heard(pair[0]) == 1, "it has not heard");
    want(recv(pair[0], b, sizeof(b), MSG_DONTWAIT) == 1, "it reads for as long as the other end says something");

    copied();
    want(poolgen_publisher_close(&pub, -1) == POOLGEN_OK, "close");
    unlocked(argv[1]);
    poolgen_shared_pool_free(arena, memory);
    puts("ok");
    return 0;
}
