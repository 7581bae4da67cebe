// poolgen_ipc_listen.h: the socket of the publisher of poolgen_ipc.h, and what waits for it. Nothing here is for use outside; include poolgen_ipc.h
// instead.
#ifndef POOLGEN_IPC_LISTEN_H
#define POOLGEN_IPC_LISTEN_H

#include <sys/epoll.h>
#include <sys/file.h>

#include "poolgen_ipc_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define POOLGEN_PRIV_LISTENER 1000u // in the epoll set, beside the places of pub->remote, and those of pub->coming from 100 on
#define POOLGEN_PRIV_TIMER 1001u
#define POOLGEN_PRIV_COMING 100u

static inline int poolgen_priv_watch(poolgen_publisher *pub, int operation, int fd, uint32_t what)
{
    struct epoll_event e;
    memset(&e, 0, sizeof(e));
    e.events = EPOLLIN;
    e.data.u32 = what;
    return epoll_ctl(pub->events, operation, fd, &e);
}

// poolgen_priv_lock_folder takes the advisory lock of the folder of a socket's file, for at most so long: its descriptor, or -1 with errno.
POOLGEN_PRIV_COLD int poolgen_priv_lock_folder(const char *path, int timeout_ms)
{
    char folder[112];
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    memcpy(folder, path, n);
    folder[n] = 0;
    int fd = open(n == 0 ? "." : folder, O_RDONLY | POOLGEN_PRIV_CLOEXEC);
    int64_t deadline = poolgen_priv_deadline(timeout_ms);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || poolgen_priv_left(deadline, 1) == 0) {
            poolgen_priv_close(fd);
            return -1;
        }
        (void)poll(NULL, 0, 5);
    }
    return fd;
}

// poolgen_priv_unlock_folder ends that, also where a child of fork has a copy of the descriptor.
POOLGEN_PRIV_COLD void poolgen_priv_unlock_folder(int folder)
{
    if (folder >= 0) {
        (void)flock(folder, LOCK_UN);
        poolgen_priv_close(folder);
    }
}

// poolgen_priv_bind makes the socket, in place of one that nobody listens to. The folder is locked.
POOLGEN_PRIV_COLD int poolgen_priv_bind(poolgen_publisher *pub, const struct sockaddr_un *a, socklen_t size)
{
    const struct sockaddr *address = (const struct sockaddr *)(const void *)a;
    for (int tries = 0;; tries++) {
        if (bind(pub->listener, address, size) == 0) {
            return POOLGEN_OK;
        }
        if (errno != EADDRINUSE || tries > 0) {
            return poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_ESYS, "binding a socket to %s: errno %d", pub->path, errno);
        }
        int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct stat st; // a file that is no socket refuses connections too
        int ours = stat(pub->path, &st) == 0 && (st.st_mode & 0170000) == 0140000 /* S_IFSOCK */;
        int err = probe < 0 || connect(probe, address, size) == 0 ? 0 : errno;
        if (probe >= 0) {
            poolgen_priv_close(probe);
        }
        if (a->sun_path[0] == 0 || err != ECONNREFUSED || !ours) {
            return poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_EINUSE, "a live publisher, or another file, has %s: errno %d", pub->path,
                                     err);
        }
        (void)unlink(pub->path);
    }
}

// poolgen_priv_listen makes the socket and what waits for it.
POOLGEN_PRIV_COLD int poolgen_priv_listen(poolgen_publisher *pub, const struct sockaddr_un *a, socklen_t size)
{
    pub->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    pub->events = epoll_create1(EPOLL_CLOEXEC);
    pub->timer = (int)syscall(SYS_timerfd_create, 1 /* CLOCK_MONOTONIC */, SOCK_CLOEXEC | SOCK_NONBLOCK); // the values of TFD_
    if (pub->listener < 0 || pub->events < 0 || pub->timer < 0 || poolgen_priv_watch(pub, EPOLL_CTL_ADD, pub->timer, POOLGEN_PRIV_TIMER) != 0 ||
        poolgen_priv_watch(pub, EPOLL_CTL_ADD, pub->listener, POOLGEN_PRIV_LISTENER) != 0) {
        return poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_ESYS, "making a socket: errno %d", errno);
    }
    int named = a->sun_path[0] != 0, folder = named ? poolgen_priv_lock_folder(pub->path, 10000) : -1;
    if (named && folder < 0) {
        return poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_ESYS, "locking the folder of %s: errno %d", pub->path, errno);
    }
    int err = poolgen_priv_bind(pub, a, size);
    if (err == POOLGEN_OK && named) {
        struct stat st;
        if (chmod(pub->path, (mode_t)pub->o.mode) != 0 || stat(pub->path, &st) != 0) {
            err = poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_ESYS, "setting the mode of %s: errno %d", pub->path, errno);
        } else {
            pub->device = (uint64_t)st.st_dev;
            pub->inode = (uint64_t)st.st_ino;
        }
    }
    if (err == POOLGEN_OK && listen(pub->listener, 4096) != 0) {
        err = poolgen_priv_fail(pub->text, sizeof(pub->text), POOLGEN_ESYS, "listening on %s: errno %d", pub->path, errno);
    }
    poolgen_priv_unlock_folder(folder);
    return err;
}

// poolgen_priv_unlisten ends that, and removes the socket's file if it is still this one.
POOLGEN_PRIV_COLD void poolgen_priv_unlisten(poolgen_publisher *pub)
{
    int folder = pub->inode == 0 ? -1 : poolgen_priv_lock_folder(pub->path, 2000);
    struct stat st;
    if (folder >= 0 && stat(pub->path, &st) == 0 && (uint64_t)st.st_dev == pub->device && (uint64_t)st.st_ino == pub->inode) {
        (void)unlink(pub->path);
    }
    poolgen_priv_unlock_folder(folder);
    if (pub->listener >= 0) {
        poolgen_priv_close(pub->listener);
    }
    pub->listener = -1;
}

#ifdef __cplusplus
}
#endif

#endif
