package ipc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// limit sets a soft limit of this process until undo.
func limit(tb testing.TB, resource int, most uint64) (undo func()) {
	tb.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(resource, &old); err != nil {
		tb.Fatal(err)
	}
	now := old
	now.Cur = most
	if err := syscall.Setrlimit(resource, &now); err != nil {
		tb.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(resource, &old); err != nil {
			tb.Error(err)
		}
	}
}

// fillFDs opens descriptors until there are none left but free, and returns what closes them.
func fillFDs(tb testing.TB, free int) (undo func()) {
	tb.Helper()
	var fds []int
	for {
		fd, err := sys.Dup(0)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		fds = append(fds, fd)
	}
	for range free {
		syscall.Close(fds[len(fds)-1])
		fds = fds[:len(fds)-1]
	}
	return func() {
		for _, fd := range fds {
			syscall.Close(fd)
		}
	}
}

// TestNoDescriptors has a publisher that may open no more descriptors, or only a few: those it has lent frames to miss nothing, newcomers
// wait or are refused, and are served when there are descriptors again.
func TestNoDescriptors(t *testing.T) {
	testutil.OpenFDs(t)
	s, p, path := start(t, 8, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer limit(t, syscall.RLIMIT_NOFILE, uint64(len(dir)+40))()
	n := uint64(0)
	publish := func() {
		t.Helper()
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
		receive(t, sub).Buf.Release()
		n++
	}
	for free := 1; free <= 6; free++ { // one is for the newcomer's own socket, which is in this process too
		undo := fillFDs(t, free)
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err != nil {
			undo()
			t.Fatalf("with %d descriptors: %v", free, err)
		}
		if _, err := conn.Write(hello{version: version}.bytes()); err != nil {
			t.Error(err)
		}
		publish()
		answer := make([]byte, 1000)
		got := 0
		if free == 1 { // nobody can accept it yet, unless one that something else had is closed just now
			if err := conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
				t.Error(err)
			}
			if got, err = conn.Read(answer); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("without a descriptor: %v", err)
			}
			undo()
			undo = func() {}
		}
		if err := conn.SetReadDeadline(time.Now().Add(longWait)); err != nil {
			t.Error(err)
		}
		if got <= 0 {
			if got, err = conn.Read(answer); err != nil { // descriptors that come with it are closed
				t.Errorf("with %d descriptors: no answer: %v", free, err)
			}
		}
		if _, err := parseWelcome(answer[:max(got, 0)]); err != nil && !strings.Contains(err.Error(), "too many open files") {
			t.Errorf("with %d descriptors: %v", free, err)
		}
		publish()
		undo()
		conn.Close()
		eventually(t, "it is gone", func() bool { return len(s.Stats().Subscribers) == 1 })
	}
	subscriber(t, path, SubscriberOptions{}).Close()
	eventually(t, "it is gone", func() bool { return len(s.Stats().Subscribers) == 1 })
}

// childStarved subscribes with as many descriptors as there must be, found by trying fewer before, and then without the memory for the arena.
func childStarved(path string) error {
	open := func() int {
		dir, _ := os.ReadDir("/proc/self/fd")
		return len(dir)
	}
	fmt.Println("ready")
	r, w, err := os.Pipe() // what the runtime opens once is open then
	if err != nil {
		return err
	}
	r.Close()
	w.Close()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		return err
	}
	before, failed := open(), 0
	for most := uint64(3); ; most++ {
		now := old
		now.Cur = most
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
			return err
		}
		s, err := Subscribe(context.Background(), path, SubscriberOptions{})
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
			return err
		}
		if err == nil {
			if err := s.Close(); err != nil {
				return err
			}
			break
		}
		failed++
		if !errors.Is(err, syscall.EMFILE) || open() != before {
			return fmt.Errorf("with %d descriptors: %w; %d were open, %d are", most, err, before, open())
		}
	}
	fmt.Println("failed", failed > 2)

	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	var pages uint64
	if _, err := fmt.Sscan(string(statm), &pages); err != nil {
		return err
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &old); err != nil {
		return err
	}
	now := old
	now.Cur = pages*uint64(os.Getpagesize()) + starvedArena/2
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &now); err != nil {
		return err
	}
	_, err = Subscribe(context.Background(), path, SubscriberOptions{})
	if e := syscall.Setrlimit(syscall.RLIMIT_AS, &old); e != nil {
		return e
	}
	fmt.Println("no memory", errors.Is(err, syscall.ENOMEM), open() == before)
	s, err := Subscribe(context.Background(), path, SubscriberOptions{})
	if err != nil {
		return err
	}
	fmt.Println("again")
	return s.Close()
}

const starvedArena = 256 << 20

// TestStarvedSubscriber subscribes with too few descriptors, and without room for the arena in the address space.
func TestStarvedSubscriber(t *testing.T) {
	p, err := pool.New(starvedArena/4, pool.Options{Max: 4, Shared: true})
	if err != nil {
		t.Skipf("making a pool of %d bytes: %v", starvedArena, err)
	}
	path := filepath.Join(t.TempDir(), "s")
	s, err := Listen(path, p, PublisherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		closeNow(t, s)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, lines, _ := child(t, "starved", path)
	want := []string{"failed true", "no memory true true", "again"}
	if runtime.GOARCH == "arm" {
		want = want[:1]
		t.Log("qemu-user sets no RLIMIT_AS: memory is not tried")
	}
	for _, want := range want {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the child says %q, want %q", lines.Text(), want)
		}
	}
}

// TestNoMemfd makes memory files that may not be so large (EFBIG). There is no other limit of a memfd's size: it lies on no file system that could be
// full, and its pages are charged to the process's control group when they are touched, which pool.Options.Prealloc does in New.
func TestNoMemfd(t *testing.T) {
	if runtime.GOARCH == "arm" {
		t.Skip("qemu-user's own files fall under the limit")
	}
	testutil.OpenFDs(t)
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	s, p, path := start(t, 8, PublisherOptions{Slots: maxSlots})
	sub := subscriber(t, path, SubscriberOptions{Slots: 16})
	undo := limit(t, syscall.RLIMIT_FSIZE, uint64(channelSize(maxSlots/2, 16)))
	_, err := pool.New(1<<20, pool.Options{Shared: true})
	_, err2 := Subscribe(t.Context(), path, SubscriberOptions{})
	small, err3 := Subscribe(t.Context(), path, SubscriberOptions{Slots: 16})
	undo()
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("a pool that is too large: %v", err)
	}
	if !errors.Is(err2, ErrRefused) || !strings.Contains(err2.Error(), syscall.EFBIG.Error()) {
		t.Errorf("a channel that is too large: %v", err2)
	}
	if err3 != nil {
		t.Errorf("a channel that is not: %v", err3)
	} else if err := small.Close(); err != nil {
		t.Error(err)
	}
	if err := send(s, p, 0, 0); err != nil {
		t.Error(err)
	}
	receive(t, sub).Buf.Release()
	subscriber(t, path, SubscriberOptions{})
}

// fakePublisher answers one subscriber with descriptors of the test's.
func fakePublisher(t *testing.T, arenaSize int, fds ...int) string {
	t.Helper()
	l, path := listener(t)
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, 100)
		conn.Read(b)
		conn.WriteMsgUnix(welcome{version: version, arena: uint64(arenaSize)}.bytes(), syscall.UnixRights(fds...), nil)
		conn.Read(b)
	})
	return path
}

// TestUnsealed: nobody can make memory shorter under another who reads it, which would kill that one (SIGBUS). A subscriber refuses
// files that are not sealed; what a publisher gives is, and is nobody else's to open for writing.
func TestUnsealed(t *testing.T) {
	testutil.OpenFDs(t)
	const size = 1 << 16
	unsealed := func(sealed int) int { // a copy that is not
		name := filepath.Join(t.TempDir(), "f")
		b := make([]byte, channelSize(4, 8))
		if sealed >= 0 {
			if _, err := syscall.Pread(sealed, b, 0); err != nil {
				t.Fatal(err)
			}
		}
		b = append(b, make([]byte, max(0, size-len(b)))...)
		if sealed >= 0 {
			b = b[:channelSize(4, 8)]
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	arena, err := sys.Memfd("arena", size)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newChannel(4, 8)
	if err != nil {
		t.Fatal(err)
	}
	badArena, badChannel := unsealed(-1), unsealed(c.fd)
	defer func() {
		for _, fd := range []int{arena, badArena, badChannel} {
			syscall.Close(fd)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	for what, fds := range map[string][2]int{"arena": {badArena, c.fd}, "channel": {arena, badChannel}} {
		_, err := Subscribe(t.Context(), fakePublisher(t, size, fds[:]...), SubscriberOptions{})
		if err == nil || !strings.Contains(err.Error(), what+"'s memory could be cut off") && !strings.Contains(err.Error(), what+" could be cut off") {
			t.Errorf("Subscribe with an unsealed %s: %v", what, err)
		}
	}
	good, err := Subscribe(t.Context(), fakePublisher(t, size, arena, c.fd), SubscriberOptions{})
	if err != nil {
		t.Errorf("Subscribe with both sealed: %v", err)
	} else if err := good.Close(); err != nil {
		t.Error(err)
	}
	for _, fd := range []int{arena, c.fd} {
		for _, n := range []int64{0, size / 2, 2 * size} {
			if err := sys.Truncate(fd, n); !errors.Is(err, syscall.EPERM) {
				t.Errorf("a sealed file is made %d bytes long: %v", n, err)
			}
		}
		var st syscall.Stat_t
		if err := syscall.Fstat(fd, &st); err != nil || st.Mode&0o777 != 0o600 {
			t.Errorf("a memory file has mode %o, %v: another user could open it for writing by way of /proc", st.Mode, err)
		}
	}
}

// TestClock: no wait knows the time of day, so that setting it disturbs none. Go's timers and time.Since are monotonic.
func TestClock(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Skipf("the sources are not here: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{".Unix(", ".UnixNano(", ".UnixMilli(", "Round(0)", "time.Date", "CLOCK_REALTIME", "Gettimeofday", ".Truncate("} {
			if strings.Contains(string(b), word) {
				t.Errorf("%s has %s: waits are by monotonic time", name, word)
			}
		}
	}
}

// TestStopDuringEveryCall closes either side while every call is under way: all return, and no block is lost.
func TestStopDuringEveryCall(t *testing.T) {
	testutil.OpenFDs(t)
	rounds := 30
	if testing.Short() || runtime.GOARCH == "arm" {
		rounds = 8
	}
	for round := range rounds {
		p, err := pool.New(200, pool.Options{Max: 6, Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "s")
		s, err := Listen(path, p, PublisherOptions{Slots: 2})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		var calls atomic.Int64
		allowed := func(what string, err error, which ...error) bool {
			calls.Add(1)
			if err == nil {
				return true
			}
			for _, w := range append(which, context.Canceled) {
				if errors.Is(err, w) {
					return false
				}
			}
			t.Errorf("round %d: %s: %v", round, what, err)
			return false
		}
		for range 2 {
			wg.Go(func() {
				for {
					b, err := s.Get(ctx)
					if !allowed("Get", err, ErrClosed) {
						return
					}
					_, err = s.Publish(ctx, b, Meta{})
					b.Release()
					if !allowed("Publish", err, ErrClosed) {
						return
					}
				}
			})
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				s.Stats()
				s.Collect()
				runtime.Gosched()
			}
		})
		for i := range 3 {
			wg.Go(func() {
				for {
					sub, err := Subscribe(ctx, path, SubscriberOptions{Policy: Policy((round + i) % 4)})
					if !allowed("Subscribe", err, syscall.ENOENT, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, ErrRefused, os.ErrClosed, io.EOF) {
						return
					}
					var each sync.WaitGroup
					each.Go(func() {
						for {
							f, err := sub.Receive(ctx)
							if !allowed("Receive", err, ErrClosed, ErrGone, io.EOF) {
								return
							}
							f.Buf.Release()
						}
					})
					each.Go(func() {
						time.Sleep(time.Duration(i) * time.Millisecond)
						allowed("Close", sub.Close())
						allowed("Close again", sub.Close())
					})
					each.Wait()
				}
			})
		}
		for was := calls.Load(); calls.Load() < was+100; {
			runtime.Gosched()
		}
		switch round % 3 {
		case 0:
			closeNow(t, s)
			cancel()
		case 1:
			wg.Go(func() { closeNow(t, s) })
			cancel()
		case 2:
			cancel()
			closeNow(t, s)
		}
		wg.Wait()
		closeNow(t, s)
		if n := p.Stats().Outstanding; n != 0 {
			t.Errorf("round %d: %d blocks are out", round, n)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
