package sys

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// How long to wait for others that make or remove a socket in the same folder: on a machine that may be busy starting, and to leave no file.
const toListen, toClose = 10 * time.Second, 2 * time.Second

// Listener is a listening Unix socket with its file.
type Listener struct {
	*net.UnixListener
	path string
	file os.FileInfo // of the file we made; nil in the abstract namespace
}

// Listen makes a socket of a network of package net ("unix" or "unixpacket") at path, or in the abstract namespace if that begins with @. A file that
// a dead process left is replaced; one behind which somebody listens, or that is no socket, is left alone: the error wraps inUse, or EEXIST. The lock on
// the folder makes looking and replacing one step among those that use Listen.
func Listen(network, path string, mode os.FileMode, inUse error) (*Listener, error) {
	if err := CheckSocketPath(path); err != nil {
		return nil, err
	}
	if path[0] == '@' {
		l, err := Bind(network, path, mode)
		if errors.Is(err, syscall.EADDRINUSE) {
			err = inUse
		}
		if err != nil {
			return nil, err
		}
		return &Listener{UnixListener: l, path: path}, nil
	}
	unlock, err := LockFolder(filepath.Dir(path), toListen)
	if err != nil {
		return nil, fmt.Errorf("locking the folder: %w", err)
	}
	defer unlock()
	l, err := Bind(network, path, mode)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(network, path, inUse); err != nil {
			return nil, err
		}
		l, err = Bind(network, path, mode)
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Lstat(path)
	if err == nil && file.Mode().Perm() != mode.Perm() {
		err = os.Chmod(path, mode) // what the umask took
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("looking at our socket: %w", err), l.Close())
	}
	return &Listener{UnixListener: l, path: path, file: file}, nil
}

// CheckSocketPath says what is wrong with the length of a socket's path.
func CheckSocketPath(path string) error {
	if path == "" {
		return errors.New("the path of a socket is empty")
	}
	if len(path) > MaxSocketPath {
		return fmt.Errorf("the path of a socket has at most %d bytes, %s has %d", MaxSocketPath, path, len(path))
	}
	return nil
}

// Bind makes a listening socket. Its file never has more than mode, and stays when the socket is closed.
func Bind(network, path string, mode os.FileMode) (*net.UnixListener, error) {
	// The mode of the descriptor, less the umask, becomes that of the file (unix_bind_bsd in net/unix/af_unix.c): at no time may anybody
	// connect whom it does not let.
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if e := raw.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), uint32(mode.Perm())) }); e != nil {
			return e
		}
		return err
	}}
	made, err := c.Listen(context.Background(), network, path)
	if err != nil {
		return nil, err
	}
	l := made.(*net.UnixListener)
	l.SetUnlinkOnClose(false) // not before we looked whose it is
	return l, nil
}

// removeStale removes the socket of a process that is no more. Only a refused connection proves that.
func removeStale(network, path string, inUse error) error {
	file, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if file.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("there is a file that is no socket (%v): %w", file.Mode(), syscall.EEXIST)
	}
	conn, err := net.Dial(network, path) // which never waits: a full backlog is EAGAIN
	if err == nil {
		_ = conn.Close()
		return inUse
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w, or may: %w", inUse, err)
	}
	return os.Remove(path)
}

// Close ends the socket. Its file goes if it still is the one we made, before the socket does, so that nobody finds it dead.
func (l *Listener) Close() error {
	if l.file != nil {
		if unlock, err := LockFolder(filepath.Dir(l.path), toClose); err == nil {
			if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
				_ = os.Remove(l.path)
			}
			unlock()
		}
	}
	return l.UnixListener.Close()
}
