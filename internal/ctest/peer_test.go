package ctest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
	"golang.org/x/sys/unix"
)

// eachPeer runs a test with the child program as each kind of peer: one of this machine, one with 32-bit pointers.
func eachPeer(t *testing.T, test func(t *testing.T, c peer)) {
	for _, c := range []toolchain{gcc.std("c11"), clang.std("c11").with("asan", addressSanitizer...), armGcc.std("c11")} {
		t.Run(c.name, func(t *testing.T) {
			test(t, peer{c, c.compile(t, "child.c")})
		})
	}
}

// peer is the compiled testdata/child.c.
type peer struct {
	toolchain
	program string
}

// ask runs the child on an arena.
func (c peer) ask(t *testing.T, p *pool.Pool, args ...string) string {
	t.Helper()
	return c.run(t, []*os.File{arenaFile(t, p.FD())}, c.program, args...)
}

// arenaFile is a duplicate of a descriptor, as exec.Cmd takes it.
func arenaFile(t *testing.T, fd int) *os.File {
	t.Helper()
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(own), "arena")
	t.Cleanup(func() { f.Close() })
	return f
}

func shared(t *testing.T, size int, o pool.Options) *pool.Pool {
	t.Helper()
	o.Shared = true
	p, err := pool.New(size, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// settle checks that nothing is out and that nothing was refused but stale operations, and closes the pool.
func settle(t *testing.T, p *pool.Pool, stale uint64) {
	t.Helper()
	if s := p.Stats(); s.Outstanding != 0 || s.Acquired != s.Released || s.Stale != stale {
		t.Errorf("stale should be %d: %+v", stale, s)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func parseHandle(t *testing.T, s string) (h pool.Handle) {
	t.Helper()
	if _, err := fmt.Sscan(s, &h.Index, &h.Generation); err != nil {
		t.Fatalf("%q is no handle: %v", s, err)
	}
	return h
}

func TestPeersShareAnArena(t *testing.T) {
	eachPeer(t, func(t *testing.T, c peer) {
		testutil.OpenFDs(t)
		p := shared(t, 1000, pool.Options{Max: 4})
		h := parseHandle(t, c.ask(t, p, "share"))
		if s := p.Stats(); s.Acquired != 2 || s.Released != 1 || s.Outstanding != 1 || s.Stale != 2 || s.Opened != 1 {
			t.Errorf("%+v", s)
		}
		if _, err := p.Buf(pool.Handle{Index: h.Index, Generation: h.Generation - 1}); !errors.Is(err, pool.ErrStale) {
			t.Errorf("an older handle: %v", err)
		}
		// C has gone; its reference is Go's now.
		b, err := p.Buf(h)
		if err != nil {
			t.Fatal(err)
		}
		if string(b.Bytes()) != "from C" || b.Cap() != 1000 || b.User() != 77 {
			t.Errorf("%q, capacity %d, user %d", b.Bytes(), b.Cap(), b.User())
		}
		b.Release()
		// And the other way round.
		b, err = p.Get()
		if err != nil {
			t.Fatal(err)
		}
		h = b.Retain().Handle()
		b.Release()
		if out := c.ask(t, p, "release", fmt.Sprint(h.Index), fmt.Sprint(h.Generation)); out != "0 -3" {
			t.Errorf("releases answered %q", out)
		}
		if b.Valid() {
			t.Error("still valid")
		}
		settle(t, p, 4)
	})
}

// A goroutine that waits sleeps on a word that C wakes.
func TestReleaseInCWakesWait(t *testing.T) {
	eachPeer(t, func(t *testing.T, c peer) {
		p := shared(t, 100, pool.Options{Max: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := c.start(ctx, c.program, "hold")
		cmd.ExtraFiles = []*os.File{arenaFile(t, p.FD())}
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := p.Get(); !errors.Is(err, pool.ErrLimit) {
			t.Fatalf("C holds the only block, Get says %v", err)
		}
		go func() {
			for p.Stats().Waits == 0 && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond) // asleep by now, most of the time
			_, _ = io.WriteString(in, "\n")
		}()
		b, err := p.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		settle(t, p, 0)
	})
}

func TestCloseWhileCHolds(t *testing.T) {
	eachPeer(t, func(t *testing.T, c peer) {
		p := shared(t, 100, pool.Options{Max: 2})
		b, err := p.Buf(parseHandle(t, c.ask(t, p, "share")))
		if err != nil {
			t.Fatal(err)
		}
		arena := arenaFile(t, p.FD())
		var leak *pool.LeakError
		if err := p.Close(); !errors.As(err, &leak) || leak.Outstanding != 1 {
			t.Fatalf("Close while a buffer is out: %v", err)
		}
		if out := c.run(t, []*os.File{arena}, c.program, "get"); out != "-2" {
			t.Errorf("get from a closed pool answered %q", out)
		}
		h := b.Handle()
		if out := c.run(t, []*os.File{arena}, c.program, "release", fmt.Sprint(h.Index), fmt.Sprint(h.Generation)); out != "0 -3" {
			t.Errorf("releases answered %q", out)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What C cannot finish itself, Go does: callbacks of external blocks and the checks of debug modes.
func TestGoFinishesWhatCReleased(t *testing.T) {
	eachPeer(t, func(t *testing.T, c peer) {
		t.Run("external", func(t *testing.T) {
			p := shared(t, 100, pool.Options{Max: 1, External: 2})
			done := 0
			b, err := p.Adopt([]byte("a slice of Go's"), func() { done++ })
			if err != nil {
				t.Fatal(err)
			}
			h := b.Handle()
			if out := c.ask(t, p, "release", fmt.Sprint(h.Index), fmt.Sprint(h.Generation)); out != "0 -3" {
				t.Fatalf("releases answered %q", out)
			}
			if done != 0 {
				t.Fatal("done ran before Reap")
			}
			if n := p.Reap(); n != 1 || done != 1 {
				t.Fatalf("reaped %d, done ran %d times", n, done)
			}
			if n := p.Reap(); n != 0 || done != 1 {
				t.Fatalf("reaped %d more, done ran %d times", n, done)
			}
			settle(t, p, 1)
		})
		t.Run("debug", func(t *testing.T) {
			p := shared(t, 100, pool.Options{Max: 1, Debug: pool.DebugPoison | pool.DebugCanary})
			for range 3 { // the block comes back each time
				if out := c.ask(t, p, "get"); out != "0" {
					t.Fatalf("get answered %q", out)
				}
				if n := p.Reap(); n != 1 {
					t.Fatalf("reaped %d", n)
				}
			}
			b, err := p.Get()
			if err != nil {
				t.Fatal(err)
			}
			if b.Bytes()[99] != 0xdb {
				t.Errorf("not poisoned: %#x", b.Bytes()[99])
			}
			b.Release()
			settle(t, p, 0)
		})
		t.Run("overflow", func(t *testing.T) {
			p := shared(t, 100, pool.Options{Max: 1, Debug: pool.DebugCanary})
			c.ask(t, p, "overflow")
			defer func() {
				var m *pool.MisuseError
				if err, ok := recover().(error); !ok || !errors.As(err, &m) || !strings.Contains(m.Reason, "overflowed") {
					t.Fatalf("recovered %v", err)
				}
			}()
			p.Reap()
			t.Fatal("nobody saw that C wrote past the payload")
		})
	})
}

// TestGoOpensWhatCFormatted: an arena that C made is one to Go.
func TestGoOpensWhatCFormatted(t *testing.T) {
	eachPeer(t, func(t *testing.T, c peer) {
		fd, err := unix.MemfdCreate("test", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), "arena")
		defer f.Close()
		h := parseHandle(t, c.run(t, []*os.File{f}, c.program, "format", "1000", "300"))
		if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW); err != nil {
			t.Fatal(err)
		}
		p, err := pool.Open(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Buf(h)
		if err != nil || string(b.Bytes()) != "formatted by C" {
			t.Fatalf("%q, %v", b.Bytes(), err)
		}
		bufs := []pool.Buf{b}
		for len(bufs) < 300 {
			b, err := p.Get()
			if err != nil {
				t.Fatalf("after %d: %v", len(bufs), err)
			}
			b.Bytes()[999] = 1
			bufs = append(bufs, b)
		}
		if _, err := p.Get(); !errors.Is(err, pool.ErrLimit) {
			t.Fatal(err)
		}
		for _, b := range bufs {
			b.Release()
		}
		settle(t, p, 0)
	})
}
