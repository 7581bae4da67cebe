package stream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// folderLock is how long to wait for others that make or remove a socket in the same folder.
const folderLock = 2 * time.Second

// socket is a listening socket with its file.
type socket struct {
	*net.UnixListener
	path string
	file os.FileInfo // of the file we made; nil for an abstract socket
}

// listen makes a socket. A file that a dead server left is replaced; one behind which somebody listens is left alone. The lock on
// the folder makes looking and replacing one step among those that use this package.
func listen(path string, mode os.FileMode) (*socket, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, "@") {
		l, err := bind(path, mode)
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("listening on %s: %w", path, ErrInUse)
		}
		if err != nil {
			return nil, err
		}
		return &socket{UnixListener: l, path: path}, nil
	}
	unlock, err := sys.LockFolder(filepath.Dir(path), folderLock)
	if err != nil {
		return nil, fmt.Errorf("locking the folder of %s: %w", path, err)
	}
	defer unlock()
	l, err := bind(path, mode)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(path); err != nil {
			return nil, fmt.Errorf("listening on %s: %w", path, err)
		}
		l, err = bind(path, mode)
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Lstat(path)
	if err == nil && file.Mode().Perm() != mode {
		err = os.Chmod(path, mode) // what the umask took
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("looking at our socket: %w", err), l.Close())
	}
	return &socket{UnixListener: l, path: path, file: file}, nil
}

func checkPath(path string) error {
	if path == "" {
		return errors.New("the path of a socket is empty")
	}
	if len(path) > sys.MaxSocketPath {
		return fmt.Errorf("the path of a socket has at most %d bytes, %s has %d", sys.MaxSocketPath, path, len(path))
	}
	return nil
}

func bind(path string, mode os.FileMode) (*net.UnixListener, error) {
	// The mode of the descriptor, less the umask, becomes that of the file (unix_bind_bsd in net/unix/af_unix.c): at no time may anybody
	// connect whom it does not let.
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if e := raw.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), uint32(mode)) }); e != nil {
			return e
		}
		return err
	}}
	any, err := c.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err // says what it did and where
	}
	l := any.(*net.UnixListener)
	l.SetUnlinkOnClose(false) // not before we looked whose it is
	return l, nil
}

// removeStale removes the socket of a server that is no more. Only a refused connection proves that.
func removeStale(path string) error {
	file, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if file.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("there is a file which is no socket (%v)", file.Mode())
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return ErrInUse
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w, or may: %w", ErrInUse, err)
	}
	return os.Remove(path)
}

// close ends the socket. Its file goes if it still is the one we made, before the socket does, so that nobody finds it dead.
func (s *socket) close() error {
	if s.file != nil {
		if unlock, err := sys.LockFolder(filepath.Dir(s.path), folderLock); err == nil {
			if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.file) {
				_ = os.Remove(s.path)
			}
			unlock()
		}
	}
	return s.UnixListener.Close()
}
