package sys

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var errInUse = errors.New("in use")

// TestFullBacklog: somebody who listens, and is too busy to answer, keeps the path.
func TestFullBacklog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	socket := func() int {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	address := &unix.SockaddrUnix{Name: path}
	l := socket()
	if err := errors.Join(unix.Bind(l, address), unix.Listen(l, 0)); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; i < 10 && err == nil; i++ {
		err = unix.Connect(socket(), address)
	}
	if err != unix.EAGAIN {
		t.Fatalf("filling the backlog ended with %v", err)
	}
	for range 2 { // the second time the path must still be there
		if _, err := Listen("unixpacket", path, 0o600, errInUse); !errors.Is(err, errInUse) || !errors.Is(err, unix.EAGAIN) {
			t.Errorf("Listen: %v", err)
		}
	}
	if err := unix.Close(l); err != nil {
		t.Fatal(err)
	}
	ours, err := Listen("unixpacket", path, 0o600, errInUse)
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close leaves the file: %v", err)
	}
}

// TestLockedFolder: who waits in vain is told for whom.
func TestLockedFolder(t *testing.T) {
	folder := t.TempDir()
	unlock, err := LockFolder(folder, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockFolder(folder, time.Millisecond); !errors.Is(err, unix.EAGAIN) || !strings.Contains(err.Error(), "another process has held the lock of "+folder+" for 1ms") {
		t.Errorf("a locked folder: %v", err)
	}
	held := copies(t, folder)
	unlock()
	if held == 0 {
		t.Error("no copy was made of the lock's descriptor")
	}
	again, err := LockFolder(folder, time.Second) // although the copies are still open
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// copies duplicates the descriptors of a folder, as a process has them that was forked from this one, and returns how many.
func copies(t *testing.T, folder string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fds {
		name := filepath.Join("/proc/self/fd", f.Name())
		if path, err := os.Readlink(name); err != nil || path != folder {
			continue
		}
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		dup, err := Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(dup) })
		n++
	}
	return n
}
