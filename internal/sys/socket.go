package sys

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// MaxSocketPath is the most bytes of a socket's path: sun_path of linux/un.h less its NUL.
const MaxSocketPath = 107

// SocketBuffers returns the sizes of the send and receive buffer of the socket fd in bytes, as the kernel counts them: twice what
// was asked for, to pay for its own bookkeeping (socket(7)).
func SocketBuffers(fd uintptr) (send, receive int, err error) {
	if send, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil {
		return 0, 0, err
	}
	receive, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	return send, receive, err
}

// PeerOf returns the process and its user at the other end of a Unix socket (SO_PEERCRED of unix(7)).
func PeerOf(conn *net.UnixConn) (pid int32, uid, gid uint32, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, 0, err
	}
	var cred *unix.Ucred
	e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if e != nil {
		err = e
	}
	if err != nil {
		return 0, 0, 0, err
	}
	return cred.Pid, cred.Uid, cred.Gid, nil
}

// LockFolder takes the advisory lock of a folder, waiting for at most d, and returns what gives it back. The lock goes with the
// process, and leaves no file. Errors are those of open(2), and EAGAIN when somebody else held it all the time.
func LockFolder(path string, d time.Duration) (unlock func(), err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(d); ; time.Sleep(5 * time.Millisecond) {
		err := Lock(fd)
		switch {
		case err == nil:
			return func() { _ = Unlock(fd) }, nil
		case !IsLocked(err):
		case time.Now().Before(end):
			continue
		default:
			err = fmt.Errorf("another process has held the lock of %s for %v: %w", path, d, err)
		}
		_ = unix.Close(fd)
		return nil, err
	}
}
