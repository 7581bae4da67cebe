package ipc

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestBetweenCallsInC: what happens between two system calls of the headers.
func TestBetweenCallsInC(t *testing.T) {
	for _, c := range compilers() {
		if c.qemu || c.name == "clang threads" {
			continue // an emulator has descriptors of its own
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			argv := c.build(t, "faults.c")
			out, err := exec.CommandContext(t.Context(), argv[0], filepath.Join(t.TempDir(), "s")).CombinedOutput()
			if err != nil || string(out) != "ok\n" {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestEmptyWelcome: a publisher that answers nothing, with descriptors, is gone, and leaves none of them here.
func TestEmptyWelcome(t *testing.T) {
	l, path := listener(t)
	passed := sealed(t, 1234, false)
	same := func() (n int) { // descriptors of that memory
		var want, st syscall.Stat_t
		if err := syscall.Fstat(passed, &want); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if syscall.Stat("/proc/self/fd/"+e.Name(), &st) == nil && st.Dev == want.Dev && st.Ino == want.Ino {
				n++
			}
		}
		return n
	}
	go func() {
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, err := conn.Read(make([]byte, helloSize)); err != nil {
			t.Error(err)
		}
		raw, err := conn.SyscallConn()
		if err == nil {
			rights := syscall.UnixRights(passed, passed)
			m := unix.Msghdr{Control: &rights[0]}
			m.SetControllen(len(rights))
			err = raw.Control(func(fd uintptr) {
				// Not by WriteMsgUnix, which sends a byte along.
				if _, _, e := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m)), 0); e != 0 {
					t.Error(e)
				}
			})
		}
		if err != nil {
			t.Error(err)
		}
	}()
	if s, err := Subscribe(t.Context(), path, SubscriberOptions{}); err == nil {
		s.Close()
		t.Error("subscribed to nothing")
	}
	if n := same(); n != 1 {
		t.Errorf("%d descriptors of what came are open", n-1)
	}
}
