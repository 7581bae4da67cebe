package ipc

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// TestMain is the other process of tests that need one.
func TestMain(m *testing.M) {
	role, path, ok := strings.Cut(os.Getenv("POOLGEN_IPC"), " ")
	if !ok {
		os.Exit(m.Run())
	}
	if err := map[string]func(string) error{"subscribe": childSubscribes, "publish": childPublishes, "bench": childBench, "pong": childPong, "starved": childStarved}[role](path); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// childSubscribes receives frames, checks each, keeps the last three, and says how many there were.
func childSubscribes(path string) error {
	s, err := Subscribe(context.Background(), path, SubscriberOptions{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var kept []Frame
	for {
		f, err := s.Receive(context.Background())
		if err != nil {
			return err
		}
		if err := verify(f); err != nil {
			return err
		}
		if kept = append(kept, f); len(kept) > 3 {
			kept[0].Buf.Release()
			kept = kept[1:]
		}
		if f.User == 1 {
			fmt.Println("last", f.Sequence)
		}
	}
}

// childPublishes publishes a frame for each line that comes.
func childPublishes(path string) error {
	p, err := pool.New(frameSize, pool.Options{Max: 8, Shared: true})
	if err != nil {
		return err
	}
	s, err := Listen(path, p, PublisherOptions{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for n := uint64(0); in.Scan(); n++ {
		if err := send(s, p, n, 0); err != nil {
			return err
		}
	}
	return s.Close(context.Background())
}

const frameSize = 4000

// longWait is how long tests wait for what must happen. It only guards against hanging: a busy machine may be a hundred times as slow as an idle one.
const longWait = 2 * time.Minute

// send publishes frame n, whose content tells its number.
func send(s *Publisher, _ *pool.Pool, n uint64, user uint32) error {
	b, err := s.Get(context.Background())
	if err != nil {
		return err
	}
	defer b.Release()
	fill(b, n)
	_, err = s.Publish(context.Background(), b, Meta{PTS: int64(n) * 1000, Flags: 7, User: user})
	return err
}

func fill(b pool.Buf, n uint64) {
	b.SetLen(frameSize)
	for i := 0; i < frameSize; i += 8 {
		binary.LittleEndian.PutUint64(b.Bytes()[i:], n)
	}
}

func verify(f Frame) error {
	if f.Buf.Len() != frameSize || f.Flags != 7 || f.PTS != int64(f.Sequence)*1000 {
		return fmt.Errorf("frame %+v, %d bytes", f, f.Buf.Len())
	}
	for i := 0; i < frameSize; i += 8 {
		if n := binary.LittleEndian.Uint64(f.Buf.Bytes()[i:]); n != f.Sequence {
			return fmt.Errorf("frame %d has the bytes of frame %d at %d", f.Sequence, n, i)
		}
	}
	return nil
}

func start(t testing.TB, blocks int, o PublisherOptions) (*Publisher, *pool.Pool, string) {
	t.Helper()
	p, err := pool.New(frameSize, pool.Options{Name: "arena", Max: blocks, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	s, err := Listen(path, p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, p, path
}

func subscriber(t testing.TB, path string, o SubscriberOptions) *Subscriber {
	t.Helper()
	s, err := Subscribe(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func receive(t testing.TB, s *Subscriber) Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longWait)
	defer cancel()
	f, err := s.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(f); err != nil {
		t.Fatal(err)
	}
	return f
}

// eventually waits for what another goroutine or process does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(longWait); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", longWait, what)
		}
	}
}

// TestFrames moves frames to two subscribers, and every block comes back.
func TestFrames(t *testing.T) {
	testutil.OpenFDs(t)
	s, p, path := start(t, 8, PublisherOptions{})
	if err := send(s, p, 0, 0); err != nil { // nobody listens: no error
		t.Fatal(err)
	}
	a, b := subscriber(t, path, SubscriberOptions{}), subscriber(t, path, SubscriberOptions{Slots: 4})
	for n := uint64(1); n < 200; n++ {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
		for _, sub := range []*Subscriber{a, b} {
			f := receive(t, sub)
			if f.Sequence != n || f.Lost != 0 {
				t.Fatalf("frame %d, %d lost; %d was published", f.Sequence, f.Lost, n)
			}
			again := f.Buf.Retain()
			f.Buf.Release()
			again.Release()
		}
	}
	st := s.Stats()
	if st.Frames != 200 || st.Lent != 0 || len(st.Subscribers) != 2 || st.Subscribers[0].Given != 199 || st.Subscribers[0].Peer.PID != int32(os.Getpid()) {
		t.Errorf("Stats = %+v", st)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out", n)
	}
}

// TestPolicies has subscribers that do not read, and counts what each misses.
func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		first  uint64 // that is received of 10, with room for 4
		n      int
	}{{DropOldest, 6, 4}, {DropNewest, 0, 4}, {Latest, 9, 1}} {
		t.Run(c.policy.String(), func(t *testing.T) {
			s, p, path := start(t, 16, PublisherOptions{Slots: 4})
			sub := subscriber(t, path, SubscriberOptions{Policy: c.policy})
			for n := range uint64(10) {
				if err := send(s, p, n, 0); err != nil {
					t.Fatal(err)
				}
			}
			st := s.Stats()
			if r := st.Subscribers[0]; r.Lost != uint64(10-c.n) || r.Given != uint64(c.n) || r.Held != c.n || st.Lent != c.n || st.GivenBytes != uint64(c.n)*4000 || p.Stats().Outstanding != c.n {
				t.Errorf("Stats = %+v, %d blocks out", st, p.Stats().Outstanding)
			}
			for i := range c.n {
				f := receive(t, sub)
				lost := uint64(0)
				if i == 0 {
					lost = c.first
				}
				if f.Sequence != c.first+uint64(i) || f.Lost != lost {
					t.Errorf("frame %d, %d lost", f.Sequence, f.Lost)
				}
				f.Buf.Release()
			}
			if err := send(s, p, 10, 0); err != nil {
				t.Fatal(err)
			}
			f := receive(t, sub)
			if want := 10 - c.first - uint64(c.n); f.Sequence != 10 || f.Lost != want {
				t.Errorf("frame %d, %d lost, want %d", f.Sequence, f.Lost, want)
			}
			f.Buf.Release()
		})
	}
}

// TestBlock has a publisher wait for a slow subscriber, until that reads, leaves, or the context ends.
func TestBlock(t *testing.T) {
	s, p, path := start(t, 16, PublisherOptions{Slots: 2})
	sub := subscriber(t, path, SubscriberOptions{Policy: Block})
	publish := func(ctx context.Context) (int, error) {
		s.Collect()
		b, err := p.Get()
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
		fill(b, s.Stats().Frames)
		return s.Publish(ctx, b, Meta{PTS: int64(s.Stats().Frames) * 1000, Flags: 7})
	}
	for range 2 {
		if n, err := publish(t.Context()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if n, err := publish(ctx); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish = %d, %v", n, err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		f, err := sub.Receive(context.Background())
		if err == nil {
			f.Buf.Release()
		}
	}()
	if n, err := publish(t.Context()); n != 1 || err != nil {
		t.Errorf("Publish = %d, %v", n, err)
	}
	time.AfterFunc(20*time.Millisecond, func() { sub.Close() })
	if n, err := publish(t.Context()); n != 0 || err != nil {
		t.Errorf("Publish = %d, %v while the subscriber leaves", n, err)
	}
	eventually(t, "every block is back", func() bool { return s.Stats().Lent == 0 && p.Stats().Outstanding == 0 })
}

// TestLeaving closes either side while frames are held.
func TestLeaving(t *testing.T) {
	testutil.OpenFDs(t)
	s, p, path := start(t, 8, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	for n := range uint64(3) {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	f := receive(t, sub)
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Receive(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Receive after Close: %v", err)
	}
	for n := uint64(3); n < 10; n++ { // its block is not filled meanwhile
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := verify(f); err != nil {
		t.Error(err)
	}
	f.Buf.Release()
	eventually(t, "the subscriber is gone", func() bool { return s.Stats().Left == 1 && s.Stats().Lent == 0 })
	// What was given to who left still counts.
	if st := s.Stats(); len(st.Subscribers) != 0 || st.Given < 3 {
		t.Errorf("Stats = %+v after 3 frames to a subscriber that left", st)
	}

	other := subscriber(t, path, SubscriberOptions{})
	for n := uint64(10); n < 13; n++ {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	g := receive(t, other)
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	for n := uint64(11); n < 13; n++ { // what waited is still received
		f := receive(t, other)
		if f.Sequence != n {
			t.Errorf("frame %d, want %d", f.Sequence, n)
		}
		f.Buf.Release()
	}
	for range 2 {
		if _, err := other.Receive(t.Context()); err != io.EOF {
			t.Errorf("Receive at the end: %v", err)
		}
	}
	if err := verify(g); err != nil {
		t.Error(err)
	}
	select {
	case <-closed:
		t.Error("Close did not wait for a frame that is held")
	case <-time.After(20 * time.Millisecond):
	}
	g.Buf.Release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out after Close", n)
	}
}

// TestCloseCutShort takes back what a subscriber does not give.
func TestCloseCutShort(t *testing.T) {
	s, p, path := start(t, 8, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	if err := send(s, p, 0, 0); err != nil {
		t.Fatal(err)
	}
	f := receive(t, sub)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out after Close", n)
	}
	f.Buf.Release()
	if _, err := sub.Receive(t.Context()); err != io.EOF {
		t.Errorf("Receive at the end: %v", err)
	}
}

// TestListen refuses paths that others have, replaces what the dead left, and counts subscribers.
func TestListen(t *testing.T) {
	s, p, path := start(t, 4, PublisherOptions{})
	if _, err := Listen(path, p, PublisherOptions{}); !errors.Is(err, ErrInUse) {
		t.Errorf("Listen where another does: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file, p, PublisherOptions{}); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("Listen in place of a file: %v", err)
	}
	if b, err := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file has %q, %v", b, err)
	}
	dead := filepath.Join(t.TempDir(), "dead")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: dead, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	q, err := Listen(dead, p, PublisherOptions{Allow: func(Peer) error { return errors.New("not you") }})
	if err != nil {
		t.Fatalf("Listen in place of a dead one: %v", err)
	}
	if _, err := Subscribe(t.Context(), dead, SubscriberOptions{}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "not you") {
		t.Errorf("Subscribe: %v", err)
	}
	if err := q.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the socket's file was left")
	}
	if _, err := Subscribe(t.Context(), dead, SubscriberOptions{}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("Subscribe to nobody: %v", err)
	}
	for range maxSubscribers {
		subscriber(t, path, SubscriberOptions{Slots: 1})
	}
	if _, err := Subscribe(t.Context(), path, SubscriberOptions{}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "31 subscribers") {
		t.Errorf("subscriber 32: %v", err)
	}
	if err := send(s, p, 0, 0); err != nil {
		t.Error(err)
	}
	private, err := pool.New(100, pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer private.Close()
	if _, err := Listen(path+"2", private, PublisherOptions{}); err == nil || !strings.Contains(err.Error(), "Shared") {
		t.Errorf("Listen with a private pool: %v", err)
	}
}

// TestAllocations publishes, receives and gives back, and allocates nothing.
func TestAllocations(t *testing.T) {
	s, _, path := start(t, 8, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	step := func() {
		b, err := s.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(ctx, b, Meta{}); err != nil {
			t.Fatal(err)
		}
		b.Release()
		f, err := sub.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f.Buf.Release()
	}
	step()
	if checked {
		t.Skip("this build records stacks on the hot path, which allocates")
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// child starts this program in another role.
func child(t *testing.T, role, path string) (*exec.Cmd, *bufio.Scanner, io.WriteCloser) {
	t.Helper()
	args := testutil.Self(t)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "POOLGEN_IPC="+role+" "+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the %s child says %q", role, lines.Text())
	}
	return cmd, lines, in
}

// TestKilledSubscriber kills a process that has frames, again and again: every block comes back, and another subscriber misses nothing.
func TestKilledSubscriber(t *testing.T) {
	testutil.OpenFDs(t)
	rounds := 10
	if testing.Short() || runtime.GOARCH == "arm" {
		rounds = 3
	}
	s, p, path := start(t, 64, PublisherOptions{}) // two queues of 16, and what both hold
	own := subscriber(t, path, SubscriberOptions{Policy: Block})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			f, err := own.Receive(context.Background())
			if err != nil {
				return
			}
			if err := verify(f); err != nil || f.Lost > 0 {
				t.Errorf("%v, %d lost", err, f.Lost)
			}
			f.Buf.Release()
		}
	})
	n := uint64(0)
	for range rounds {
		cmd, lines, _ := child(t, "subscribe", path)
		for i := range 50 {
			user := uint32(0)
			if i == 49 {
				user = 1
			}
			s.Collect()
			b, err := p.Get()
			if err != nil {
				t.Fatal(err)
			}
			fill(b, n)
			if _, err := s.Publish(t.Context(), b, Meta{PTS: int64(n) * 1000, Flags: 7, User: user}); err != nil {
				t.Fatal(err)
			}
			b.Release()
			n++
		}
		if !lines.Scan() || lines.Text() != "last "+strconv.FormatUint(n-1, 10) {
			t.Fatalf("the child says %q after frame %d", lines.Text(), n-1)
		}
		if st := s.Stats(); st.Lent < 3 {
			t.Errorf("Stats = %+v: the child has 3 frames", st)
		}
		cmd.Process.Kill()
		cmd.Wait()
		eventually(t, "every block is back", func() bool { return s.Stats().Lent == 0 && p.Stats().Outstanding == 0 })
	}
	if st := s.Stats(); st.Left != uint64(rounds) || st.Misbehaved != 0 || st.Subscribers[0].Lost != 0 {
		t.Errorf("Stats = %+v", st)
	}
	own.Close()
	wg.Wait()
}

// TestKilledPublisher kills a process that publishes: what it published is received and stays readable, then comes a clear end.
func TestKilledPublisher(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 2 { // the second takes over from the first
		cmd, _, in := child(t, "publish", path)
		sub := subscriber(t, path, SubscriberOptions{})
		for range 3 {
			fmt.Fprintln(in)
		}
		f := receive(t, sub)
		eventually(t, "all are published", func() bool { return sub.c.head.tail.Load() == 3 })
		cmd.Process.Kill()
		cmd.Wait()
		for n := uint64(1); n < 3; n++ {
			g := receive(t, sub)
			if g.Sequence != n {
				t.Errorf("frame %d, want %d", g.Sequence, n)
			}
			g.Buf.Release()
		}
		if _, err := sub.Receive(t.Context()); !errors.Is(err, ErrGone) {
			t.Errorf("Receive from a publisher that was killed: %v", err)
		}
		if err := verify(f); err != nil {
			t.Error(err)
		}
		f.Buf.Release()
	}
}

// hostileSubscribers scribble over their own memory, and say what they must not.
func hostileSubscribers() map[string]func(*Subscriber) {
	return map[string]func(*Subscriber){
		"returns too many":     func(s *Subscriber) { s.c.head.returned.Store(1 << 30) },
		"returns another's":    func(s *Subscriber) { s.c.back[0].Store(77); s.c.head.returned.Store(1) },
		"laps from the future": func(s *Subscriber) { s.c.slots[1].word.Store(999<<2 | slotFull) },
		"an unknown state":     func(s *Subscriber) { s.c.slots[1].word.Store(3) },
		"talks":                func(s *Subscriber) { s.conn.Write([]byte("hello?")) },
		"another block's name": func(s *Subscriber) { s.c.slots[0].id = 12345 },
	}
}

// TestHostileSubscriber scribbles over its own memory, and says what it must not: it is thrown out, and others miss nothing.
func TestHostileSubscriber(t *testing.T) {
	for name, harm := range hostileSubscribers() {
		t.Run(name, func(t *testing.T) {
			s, p, path := start(t, 16, PublisherOptions{Slots: 2})
			bad, good := subscriber(t, path, SubscriberOptions{}), subscriber(t, path, SubscriberOptions{Policy: Block})
			if err := send(s, p, 0, 0); err != nil {
				t.Fatal(err)
			}
			f := receive(t, good)
			f.Buf.Release()
			harm(bad)
			for n := uint64(1); n < 6; n++ {
				if err := send(s, p, n, 0); err != nil {
					t.Fatal(err)
				}
				f := receive(t, good)
				if f.Sequence != n || f.Lost != 0 {
					t.Errorf("frame %d, %d lost", f.Sequence, f.Lost)
				}
				f.Buf.Release()
			}
			eventually(t, "it is thrown out", func() bool { return s.Stats().Misbehaved == 1 })
			eventually(t, "every block is back", func() bool { return s.Stats().Lent == 0 && p.Stats().Outstanding == 0 })
			for {
				f, err := bad.Receive(t.Context())
				if err != nil {
					break
				}
				f.Buf.Release()
			}
		})
	}
}

// TestHostilePublisher sends descriptions that lead outside of the arena, or back in time.
func TestHostilePublisher(t *testing.T) {
	for name, harm := range map[string]func(*frameSlot){
		"behind the end": func(f *frameSlot) { f.offset = 1 << 31 },
		"far above":      func(f *frameSlot) { f.above = 1 << 31 },
		"too long":       func(f *frameSlot) { f.length = 1<<32 - 1 },
		"at the start":   func(f *frameSlot) { f.offset = 0 },
		"an old number":  func(f *frameSlot) { f.sequence = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			s, p, path := start(t, 16, PublisherOptions{})
			sub := subscriber(t, path, SubscriberOptions{})
			if err := send(s, p, 0, 0); err != nil {
				t.Fatal(err)
			}
			f := receive(t, sub)
			f.Buf.Release()
			if err := send(s, p, 1, 0); err != nil {
				t.Fatal(err)
			}
			harm(&sub.c.slots[1])
			if f, err := sub.Receive(t.Context()); !errors.Is(err, ErrProtocol) {
				t.Errorf("Receive = %+v, %v", f, err)
			}
		})
	}
}

// TestReadOnly: a subscriber cannot write to frames.
func TestReadOnly(t *testing.T) {
	s, p, path := start(t, 4, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	if err := send(s, p, 0, 0); err != nil {
		t.Fatal(err)
	}
	f := receive(t, sub)
	defer f.Buf.Release()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	at := uint64(uintptr(f.Buf.Pointer()))
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); err == nil && from <= at && at < to {
			if access != "r--s" {
				t.Errorf("the frame is mapped %s", access)
			}
			return
		}
	}
	t.Error("the frame is not mapped")
}

// FuzzHandshake reads anything as the first messages.
func FuzzHandshake(f *testing.F) {
	f.Add(hello{version, Block, 4}.bytes())
	f.Add(welcome{version: version, arena: 1 << 20}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHello(b); err == nil && (h.policy > Latest || h.slots > maxSlots || string(h.bytes()[:16]) != string(b[:16])) {
			t.Errorf("%x is %+v", b, h)
		}
		if w, err := parseWelcome(b); err == nil && w.refused {
			t.Errorf("%x is %+v", b, w)
		}
	})
}

// TestHandshakes says strange things to a publisher: it answers, or hangs up, and serves the next.
func TestHandshakes(t *testing.T) {
	_, _, path := start(t, 4, PublisherOptions{})
	strangeHellos(t, path)
	subscriber(t, path, SubscriberOptions{})
}

func strangeHellos(t *testing.T, path string) {
	t.Helper()
	for _, b := range [][]byte{{}, {1}, make([]byte, 32), make([]byte, 1000), hello{2, Block, 0}.bytes(), hello{version, 99, 0}.bytes(), hello{version, 0, 1 << 20}.bytes()} {
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(b)
		conn.SetReadDeadline(time.Now().Add(longWait))
		answer := make([]byte, 1000)
		if n, err := conn.Read(answer); err == nil {
			if _, err := parseWelcome(answer[:n]); !errors.Is(err, ErrRefused) {
				t.Errorf("%x is answered %q, %v", b, answer[:n], err)
			}
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%x is not answered", b)
		}
		conn.Close()
	}
}
