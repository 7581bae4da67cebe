package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A heartbeat is answered, also with frames in between, and also by an end that sends nothing else.
func TestHeartbeatIsAnswered(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{})
	c := f.raw()
	for range 3 {
		f.write(c, message(Output, Heartbeat, 0, ""))
		f.expect(c, Ack)
	}
	m := f.frame(1, 10)
	if n, err := s.Send(f.ctx, m); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	m.Release()
	if err := same(f.expect(c, Frame), 1, 10); err != nil {
		t.Error(err)
	}
	// Heartbeats come by the thousand from a peer that reads no answer: what is owed is one answer, not a thousand.
	for range 5000 {
		f.write(c, message(Output, Heartbeat, 0, ""))
	}
	f.expect(c, Ack)
}

func TestHeartbeats(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Heartbeat: 400 * time.Millisecond})
	c := f.client(Options{Heartbeat: 400 * time.Millisecond})
	f.until("heartbeats are answered on both sides", func() bool {
		a, b := s.Stats(), c.Stats()
		return a.Acks > 4 && b.Acks > 4 && a.RoundTrip.Count > 2 && b.RoundTrip.Count > 2
	})
	if st := c.Stats(); st.Connects != 1 || st.Heartbeats < st.Acks {
		t.Errorf("%+v", st)
	}
}

// An answer may be there before the writer of the heartbeat goes on: what it needs to know is set by then.
func TestHeartbeatIsAnsweredAtOnce(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{})
	f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	conn, err := net.Dial("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLink(s.e, conn.(*net.UnixConn), 2, s.e.newQueue(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.fail(ErrClosed)
	write, full := l.try, false
	l.try = func(fd uintptr) bool {
		if l.asked.Load() == 0 {
			t.Error("not asked yet")
		}
		if full {
			return true
		}
		defer l.asked.Store(0) // what the reader does at the answer
		return write(fd)
	}
	for range 3 {
		if err := l.beat(); err != nil || l.asked.Load() != 0 {
			t.Errorf("asked at %d after the answer, %v", l.asked.Load(), err)
		}
	}
	full = true // the socket takes nothing
	if err := l.beat(); err != nil || l.asked.Load() != 0 || s.Stats().Heartbeats != 3 {
		t.Errorf("asked at %d, %d heartbeats, though none was written, %v", l.asked.Load(), s.Stats().Heartbeats, err)
	}
}

// A peer that answered and then falls silent is gone; one that never answers is an old one.
func TestSilence(t *testing.T) {
	f := setUp(t)
	reasons, disconnected := ends()
	s := f.server(Options{Heartbeat: 20 * time.Millisecond, Disconnected: disconnected})
	old := f.raw()
	f.expect(old, Heartbeat)
	answering := f.raw()
	f.expect(answering, Heartbeat)
	f.write(answering, message(Output, Ack, 0, ""))
	if err := f.reason(reasons); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
	time.Sleep(100 * time.Millisecond)
	if st := s.Stats(); st.Peers != 1 || st.Stuck != 1 {
		t.Errorf("%+v", st)
	}
}

// An old server reads nothing of what its client sends. The client's heartbeats must not end that connection.
func TestHeartbeatsToADeafServer(t *testing.T) {
	f := setUp(t)
	l := f.listener()
	c := f.client(Options{Pool: f.in, Heartbeat: 100 * time.Microsecond, SendBuffer: 1, WriteTimeout: 50 * time.Millisecond})
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	var before uint64
	f.until("the socket is full", func() bool {
		now := c.Stats().Heartbeats
		defer func() { before = now }()
		time.Sleep(20 * time.Millisecond)
		return now > 0 && now == before
	})
	time.Sleep(150 * time.Millisecond)
	f.write(peer, message(Output, Frame, 2, "ok"))
	m, err := c.Receive(f.ctx)
	if err != nil || string(m.Bytes()) != "ok" {
		t.Fatal(err)
	}
	m.Release()
	if st := c.Stats(); st.Connects != 1 || st.Stuck != 0 {
		t.Errorf("%+v", st)
	}
}

// Named by the fault: stealing a live server's socket file.
func TestLiveSocketIsNotStolen(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	for range 3 {
		if _, err := Listen(f.path, Options{}); !errors.Is(err, ErrInUse) {
			t.Fatalf("a second server: %v", err)
		}
	}
	f.write(f.raw(), message(Output, Frame, 1, "a"))
	m, err := s.Receive(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.Release()
	// A server of another make, which takes no lock.
	other := f.path + "2"
	l, err := net.Listen("unix", other)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(other, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("beside another's server: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	f := setUp(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: f.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close() // as after SIGKILL: the file stays
	// Of many that start at once one wins.
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for range cap(results) {
		wg.Go(func() {
			s, err := Listen(f.path, Options{})
			if err == nil {
				t.Cleanup(func() { s.Close() })
			}
			results <- err
		})
	}
	wg.Wait()
	won := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, ErrInUse):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d servers have the socket", won)
	}
	f.client(Options{})
}

func TestPaths(t *testing.T) {
	f := setUp(t)
	if err := os.WriteFile(f.path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(f.path, Options{}); err == nil {
		t.Error("a file is no socket")
	}
	if b, err := os.ReadFile(f.path); err != nil || string(b) != "precious" {
		t.Errorf("the file is %q, %v", b, err)
	}
	for _, path := range []string{"", filepath.Join(t.TempDir(), strings.Repeat("x", 108)), filepath.Join(t.TempDir(), "no", "folder")} {
		if _, err := Listen(path, Options{}); err == nil {
			t.Errorf("listening at %q works", path)
		}
		if _, err := Dial(f.ctx, path, Options{NoReconnect: true}); err == nil {
			t.Errorf("connecting to %q works", path)
		}
	}
	abstract := "@poolgen-stream-test-" + filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	s, err := Listen(abstract, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Listen(abstract, Options{}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}

// A server's file goes with it, but not when it is another's by then.
func TestStopRemovesItsOwnFile(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{})
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	second := f.server(Options{})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	f.client(Options{}).Close()
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(f.path); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

// Named by the faults: a second Stop that panics; restart that exits at once; Stop that deadlocks with its worker.
func TestStopTwiceAndRestart(t *testing.T) {
	f := setUp(t)
	for round := range 5 {
		s := f.server(Options{Pool: f.in})
		c := f.client(Options{Pool: f.in})
		f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
		m := f.frame(round, 100)
		if n, err := s.Send(f.ctx, m); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		m.Release()
		got, err := c.Receive(f.ctx)
		if err == nil {
			err = same(got.Bytes(), round, 100)
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		got.Release()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := errors.Join(s.Stop(f.ctx), c.Stop(f.ctx)); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		if err := errors.Join(s.Stop(f.ctx), s.Close(), c.Close(), c.Stop(f.ctx)); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if _, err := s.Send(f.ctx, Message{}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := c.Send(f.ctx, Message{}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, err := s.Receive(f.ctx); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, err := c.Receive(f.ctx); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

// Graceful: what waits is written, then comes the stop message, then the end.
func TestStopWritesWhatWaits(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Depth: 200, SendBuffer: 4096, WriteTimeout: time.Hour})
	c := f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	for i := range 100 {
		m := f.frame(i, 8192)
		if n, err := s.Send(f.ctx, m); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		m.Release()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(f.ctx) }()
	for i := range 100 {
		if err := same(f.expect(c, Frame), i, 8192); err != nil {
			t.Fatal(err)
		}
	}
	f.expect(c, Stop)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Sent != 100 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
	f.reconcile(s.Stats())
}

// With a peer that takes nothing, Stop ends at its deadline, and what was not written is counted and given back.
func TestStopHasADeadline(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Depth: 200, SendBuffer: 4096, WriteTimeout: time.Hour})
	f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	for i := range 100 {
		m := f.frame(i, 8192)
		if _, err := s.Send(f.ctx, m); err != nil {
			t.Fatal(err)
		}
		m.Release()
	}
	ctx, cancel := context.WithTimeout(f.ctx, 50*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	st := s.Stats()
	f.reconcile(st)
	if st.Lost == 0 || st.Pending != 0 || st.Sent+st.Lost != 100 {
		t.Errorf("%+v", st)
	}
	if n := f.out.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are still out", n)
	}
}

// Close sends no stop message, from either end, wherever the writer is at the time.
func TestCloseSaysNothing(t *testing.T) {
	f := setUp(t)
	for range 30 {
		s := f.server(Options{})
		var raws []*net.UnixConn
		for range 4 {
			raws = append(raws, f.raw())
		}
		f.until("the clients are there", func() bool { return s.Stats().Peers == 4 })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range raws {
			if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
				t.Fatalf("Close of the server wrote % x, %v", got, err)
			}
			c.Close()
		}
		l := f.listener()
		c := f.client(Options{})
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(peer); err != nil || len(got) != 0 {
			t.Fatalf("Close of the client wrote % x, %v", got, err)
		}
		peer.Close()
		l.Close()
	}
}

// Stop and Close end every call that waits, whatever it waits for.
func TestStopDuringEveryCall(t *testing.T) {
	for _, graceful := range []bool{false, true} {
		t.Run(fmt.Sprint("graceful ", graceful), func(t *testing.T) {
			f := setUp(t)
			base := runtime.NumGoroutine()
			o := Options{Pool: f.pool(8<<10, 1), Depth: 1, Inbox: 1, SendBuffer: 4096, Heartbeat: time.Millisecond, WriteTimeout: 200 * time.Millisecond}
			s := f.server(o)
			c := f.client(o)
			f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
			var wg sync.WaitGroup
			// Senders that wait for room, because nobody takes anything.
			for i := range 2 {
				wg.Go(func() {
					m := f.frame(i, 8192)
					defer m.Release()
					for {
						if _, err := s.Send(f.ctx, m); err != nil {
							if !errors.Is(err, ErrClosed) {
								t.Error(err)
							}
							return
						}
					}
				})
				wg.Go(func() {
					m := f.frame(i, 8192)
					defer m.Release()
					for {
						if err := c.Send(f.ctx, m); err != nil {
							if !errors.Is(err, ErrClosed) {
								t.Error(err)
							}
							return
						}
					}
				})
				wg.Go(func() {
					for s.SendTo(f.ctx, 1, Message{Type: 100}) == nil {
					}
				})
				wg.Go(func() {
					for i := 0; s.Stats().Pending+c.Stats().Pending >= 0 && i < 200; i++ {
						time.Sleep(time.Millisecond)
					}
				})
			}
			f.until("both are full", func() bool { return s.Stats().Waits > 0 && c.Stats().Waits > 0 })
			ctx, cancel := context.WithTimeout(f.ctx, 300*time.Millisecond)
			defer cancel()
			for range 2 {
				wg.Go(func() {
					if graceful {
						_, _ = s.Stop(ctx), c.Stop(ctx)
					} else if err := errors.Join(s.Close(), c.Close()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			f.reconcile(s.Stats())
			f.reconcile(c.Stats())
			f.until("all goroutines are gone", func() bool { return runtime.NumGoroutine() <= base })
		})
	}
}

// Receive that waits is ended by its context, by Stop and by Close.
func TestReceiveEnds(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	c := f.client(Options{Pool: f.in})
	ctx, cancel := context.WithCancelCause(f.ctx)
	why := errors.New("why")
	results := make(chan error, 4)
	go func() { _, err := s.Receive(ctx); results <- err }()
	go func() { _, err := c.Receive(ctx); results <- err }()
	time.Sleep(10 * time.Millisecond)
	cancel(why)
	for range 2 {
		if err := <-results; !errors.Is(err, why) {
			t.Error(err)
		}
	}
	for range 2 {
		go func() { _, err := s.Receive(f.ctx); results <- err }()
		go func() { _, err := c.Receive(f.ctx); results <- err }()
	}
	time.Sleep(10 * time.Millisecond)
	s.Stop(f.ctx)
	c.Close()
	for range 4 {
		if err := <-results; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

// What counts as sent when a connection ends within a batch is what the peer finds in the socket.
func TestSentIsExact(t *testing.T) {
	for _, sizes := range [][]int{{0}, {100}, {8192}, {100, 100, 100, 100, 100, 200 << 10}} {
		f := setUp(t)
		f.out = f.pool(200<<10, 10)
		s := f.server(Options{Policy: DropNewest, Depth: 5000, SendBuffer: 16 << 10, WriteTimeout: 50 * time.Millisecond})
		c := f.raw()
		f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
		var messages []Message
		for i, size := range sizes {
			messages = append(messages, f.frame(i, size))
		}
		for i := range 5000 {
			if _, err := s.Send(f.ctx, messages[i%len(sizes)]); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range messages {
			m.Release()
		}
		f.until("the client is given up", func() bool { return s.Stats().Peers == 0 })
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for ; ; whole++ {
			size := HeaderSize + sizes[whole%len(sizes)]
			if len(got) < size {
				break
			}
			got = got[size:]
		}
		st := s.Stats()
		f.reconcile(st)
		if st.Sent != uint64(whole) || st.Lost == 0 || st.Pending != 0 {
			t.Errorf("%d bytes: sent %d, but %d arrived; lost %d", sizes, st.Sent, whole, st.Lost)
		}
	}
}

// An end whose program takes no frames, so that its inbox is full and the peer waits, does not read the answers to its heartbeats either: they
// are there, unread, and the peer is not silent.
func TestFullInboxIsNotSilence(t *testing.T) {
	f := setUp(t)
	in := f.pool(10, 8)
	s := f.server(Options{Pool: in, Inbox: 1, InboxPolicy: Block, Heartbeat: 300 * time.Millisecond})
	c := f.client(Options{NoReconnect: true})
	f.until("heartbeats are answered", func() bool { return s.Stats().Acks > 0 })
	for i := range 3 {
		m := f.frame(i, 10)
		if err := c.Send(f.ctx, m); err != nil {
			t.Error(err)
		}
		m.Release()
	}
	f.until("the inbox is full", func() bool { return s.Stats().Received == 2 })
	beats := s.Stats().Heartbeats
	f.until("heartbeats are sent, or the peer is gone", func() bool {
		st := s.Stats()
		return st.Heartbeats > beats+4 || st.Peers == 0 // three are enough for silence
	})
	if st := s.Stats(); st.Peers != 1 || st.Stuck != 0 {
		t.Fatalf("%+v", st)
	}
	for i := range 3 {
		m, err := s.Receive(f.ctx)
		if err == nil {
			err = same(m.Bytes(), i, 10)
		}
		if err != nil {
			t.Fatal(err)
		}
		m.Release()
	}
	acks := s.Stats().Acks
	f.until("heartbeats are answered again", func() bool { return s.Stats().Acks > acks+1 })
}

// A message that arrives in pieces over many heartbeats is no silence, although its sender cannot answer within it.
func TestSlowSenderIsNotSilent(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in, Heartbeat: 150 * time.Millisecond})
	c := f.raw()
	f.expect(c, Heartbeat)
	b := message(Output, Frame, 4, "abcd")
	f.write(c, append(message(Output, Ack, 0, ""), b[:HeaderSize+1]...)) // in one piece: the peer is never silent between messages
	beats := s.Stats().Heartbeats
	f.until("heartbeats are sent, or the peer is gone", func() bool {
		st := s.Stats()
		return st.Heartbeats > beats+4 || st.Peers == 0 // three are enough for silence
	})
	if st := s.Stats(); st.Peers != 1 || st.Stuck != 0 {
		t.Fatalf("%+v", st)
	}
	f.write(c, b[HeaderSize+1:])
	m, err := s.Receive(f.ctx)
	if err != nil || string(m.Bytes()) != "abcd" {
		t.Fatalf("%q, %v", m.Bytes(), err)
	}
	m.Release()
}
