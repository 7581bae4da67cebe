// poolgen_ipc_priv.h: what the publisher and the subscriber of poolgen_ipc.h are made of. Nothing here is for use outside; include poolgen_ipc.h
// instead. It needs no feature macro: what the C library hides in strict C is called by number, with the kernel's values.
#ifndef POOLGEN_IPC_PRIV_H
#define POOLGEN_IPC_PRIV_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "poolgen_ipc_abi.h"
#include "poolgen_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define POOLGEN_PRIV_ADD_SEALS 1033 // linux/fcntl.h
#define POOLGEN_PRIV_GET_SEALS 1034
#define POOLGEN_PRIV_SEAL_SHRINK 2
#define POOLGEN_PRIV_SEAL_GROW 4
#define POOLGEN_PRIV_DONTFORK 10 // asm-generic/mman-common.h
#ifdef O_CLOEXEC
#define POOLGEN_PRIV_CLOEXEC O_CLOEXEC
#else
#define POOLGEN_PRIV_CLOEXEC 02000000 // asm-generic/fcntl.h
#endif
#ifdef SO_PEERCRED
#define POOLGEN_PRIV_PEERCRED SO_PEERCRED
#else
#define POOLGEN_PRIV_PEERCRED 17 // asm-generic/socket.h
#endif

// Sequentially consistent: who announces that it sleeps looks once more, who changes something looks for sleepers afterwards.
static inline uint32_t poolgen_priv_get32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void poolgen_priv_set32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }

// poolgen_priv_now is CLOCK_MONOTONIC in milliseconds.
static inline int64_t poolgen_priv_now(void)
{
#ifdef SYS_clock_gettime
    long t[2] = {0, 0}; // the kernel's timespec of this call, on 32 and 64 bit
    (void)syscall(SYS_clock_gettime, 1, t);
#else
    int64_t t[2] = {0, 0};
    (void)syscall(SYS_clock_gettime64, 1, t);
#endif
    return (int64_t)t[0] * 1000 + (int64_t)t[1] / 1000000;
}

// poolgen_priv_alarm makes a timer's descriptor readable at a point in time, and silent until then; 0: for good.
POOLGEN_PRIV_COLD void poolgen_priv_alarm(int timer, int64_t at)
{
#ifdef SYS_timerfd_settime
    long t[4] = {0, 0, (long)(at / 1000), (long)(at % 1000) * 1000000}; // the kernel's itimerspec of this call
    (void)syscall(SYS_timerfd_settime, timer, 1 /* TFD_TIMER_ABSTIME */, t, NULL);
#else
    int64_t t[4] = {0, 0, at / 1000, (at % 1000) * 1000000};
    (void)syscall(SYS_timerfd_settime64, timer, 1, t, NULL);
#endif
}

// poolgen_priv_deadline turns a time-out into a point in time; negative ones never come.
static inline int64_t poolgen_priv_deadline(int timeout_ms) { return timeout_ms < 0 ? INT64_MAX : poolgen_priv_now() + timeout_ms; }

// poolgen_priv_left is the time to a deadline in milliseconds, at most most.
static inline int poolgen_priv_left(int64_t deadline, int most)
{
    int64_t left = deadline == INT64_MAX ? most : deadline - poolgen_priv_now();
    return left <= 0 ? 0 : left < most ? (int)left : most;
}

// poolgen_priv_futex_wait sleeps while *word is value, for at most ms. It is 0 when that time or a signal ended the sleep.
static inline int poolgen_priv_futex_wait(uint32_t *word, uint32_t value, int ms)
{
#ifdef SYS_futex
    long t[2] = {ms / 1000, (long)(ms % 1000) * 1000000};
    long err = syscall(SYS_futex, word, 0 /* FUTEX_WAIT, not private */, value, t, NULL, 0);
#else
    int64_t t[2] = {ms / 1000, (int64_t)(ms % 1000) * 1000000};
    long err = syscall(SYS_futex_time64, word, 0, value, t, NULL, 0);
#endif
    return err == 0 || (errno != ETIMEDOUT && errno != EINTR);
}

static inline void poolgen_priv_futex_wake(uint32_t *word)
{
#ifdef SYS_futex
    (void)syscall(SYS_futex, word, 1 /* FUTEX_WAKE, not private */, 0x7fffffff, NULL, NULL, 0);
#else
    (void)syscall(SYS_futex_time64, word, 1, 0x7fffffff, NULL, NULL, 0);
#endif
}

// A lock between the threads of one process: 0 free, 1 taken, 2 taken and somebody waits.
static inline void poolgen_priv_lock(uint32_t *lock)
{
    uint32_t was = 0;
    if (__atomic_compare_exchange_n(lock, &was, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return;
    }
    while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE) != 0) {
        (void)poolgen_priv_futex_wait(lock, 2, 1000);
    }
}

static inline void poolgen_priv_unlock(uint32_t *lock)
{
    if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2) {
        poolgen_priv_futex_wake(lock);
    }
}

// poolgen_priv_bump wakes who sleep on a futex word.
static inline void poolgen_priv_bump(uint32_t *word)
{
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
    poolgen_priv_futex_wake(word);
}

// poolgen_priv_full is the word of a full slot at a position; a capacity is 1 << shift slots.
static inline uint32_t poolgen_priv_full(uint32_t pos, uint32_t shift) { return ((pos >> shift) + 1) << 2 | POOLGEN_PRIV_FULL; }

// poolgen_priv_laps is by how many laps word a is ahead of word b. Positions go round at 2^32, and laps with them, but at 2^30 at the latest.
static inline int32_t poolgen_priv_laps(uint32_t a, uint32_t b, uint32_t shift)
{
    uint32_t bits = shift < 2 ? 30 : 32 - shift, half = 1u << (bits - 1);
    uint32_t d = ((a >> 2) - (b >> 2)) & (half - 1 + half);
    return d < half ? (int32_t)d : -(int32_t)(half - 1 - (d - half)) - 1;
}

static inline size_t poolgen_priv_channel_size(uint64_t slots, uint64_t returns)
{
    return (size_t)(sizeof(poolgen_priv_channel) + slots * sizeof(poolgen_priv_frame_slot) + 4 * returns);
}

// poolgen_priv_power says whether n is a power of two from 1 to most.
static inline int poolgen_priv_power(uint32_t n, uint32_t most) { return n > 0 && n <= most && (n & (n - 1)) == 0; }

static inline void poolgen_priv_put32(unsigned char *b, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        b[i] = (unsigned char)(v >> (8 * i));
    }
}

static inline uint32_t poolgen_priv_word(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t poolgen_priv_long(const unsigned char *b) { return poolgen_priv_word(b) | (uint64_t)poolgen_priv_word(b + 4) << 32; }

// poolgen_priv_fail writes a failure's text and answers its code. errno stays as it is.
__attribute__((format(printf, 4, 5))) POOLGEN_PRIV_COLD int poolgen_priv_fail(char *text, size_t size, int code, const char *format, ...)
{
    int was = errno;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, size, format, args);
    va_end(args);
    errno = was;
    return code;
}

POOLGEN_PRIV_COLD void poolgen_priv_close(int fd)
{
    int was = errno;
    (void)close(fd);
    errno = was;
}

// poolgen_priv_address makes a socket's address of a path, or of a name of the abstract namespace that begins with @; 0 if it is too long.
POOLGEN_PRIV_COLD socklen_t poolgen_priv_address(const char *path, struct sockaddr_un *a)
{
    size_t n = path == NULL ? 0 : strlen(path);
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    if (n == 0 || n >= sizeof(a->sun_path)) {
        return 0;
    }
    memcpy(a->sun_path, path, n);
    if (path[0] == '@') {
        a->sun_path[0] = 0;
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
}

// poolgen_priv_size is the size of a memfd that nobody can shorten, or -1.
POOLGEN_PRIV_COLD int64_t poolgen_priv_size(int fd)
{
    struct stat st;
    int seals = fcntl(fd, POOLGEN_PRIV_GET_SEALS);
    return seals < 0 || (seals & POOLGEN_PRIV_SEAL_SHRINK) == 0 || fstat(fd, &st) != 0 ? -1 : (int64_t)st.st_size;
}

// poolgen_priv_map maps a file; NULL with errno. Children of fork do not inherit it.
POOLGEN_PRIV_COLD void *poolgen_priv_map(int fd, size_t size, int writable)
{
    void *p = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    (void)syscall(SYS_madvise, p, size, POOLGEN_PRIV_DONTFORK);
    return p;
}

// poolgen_priv_heard reads away what waits on a socket: 0 if the other end is there and said nothing, 1 if it spoke, -1 if it is gone. It reads
// a few messages only, so that nobody who sends without end can keep it.
static inline int poolgen_priv_heard(int fd)
{
    int spoke = 0;
    for (int most = 16; most > 0; most--) {
        char b[16];
        ssize_t n = recv(fd, b, sizeof(b), MSG_DONTWAIT);
        if (n > 0) {
            spoke = 1;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            return -1;
        } else if (errno == EAGAIN) {
            return spoke;
        }
    }
    return spoke;
}

// poolgen_priv_receive reads a message with the descriptors that come with it, at most 4, and answers its size; -1 with errno: EMSGSIZE if it is
// cut off, EMFILE if this process may not have so many descriptors.
POOLGEN_PRIV_COLD ssize_t poolgen_priv_receive(int fd, unsigned char *b, size_t size, int *fds, int *count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec v;
    struct msghdr m;
    memset(&m, 0, sizeof(m));
    memset(&control, 0, sizeof(control));
    v.iov_base = b;
    v.iov_len = size;
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    m.msg_control = control.bytes;
    m.msg_controllen = sizeof(control.bytes);
    *count = 0;
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
        return -1;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < got && *count < 4; i++) {
            memcpy(&fds[(*count)++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
    }
    int cut = (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0, few = (m.msg_flags & MSG_CTRUNC) != 0 && *count < 4;
    if (cut || n == 0) { // an empty message may bring descriptors too
        while (*count > 0) {
            poolgen_priv_close(fds[--*count]);
        }
    }
    if (cut) {
        errno = few ? EMFILE : EMSGSIZE;
        return -1;
    }
    return n;
}

#ifdef __cplusplus
}
#endif

#endif
