package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// hooked is a context that has ended, and whose Done first does something: so a test decides what happens before a select.
type hooked struct {
	context.Context
	done func()
}

func (h hooked) Done() <-chan struct{} { h.done(); return h.Context.Done() }

func hook(cause error, done func()) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return hooked{ctx, done}
}

// link makes one whose other end is a raw peer; the test runs it.
func (f *fixture) link(o Options) (*link, *net.UnixConn) {
	f.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		f.Fatal(err)
	}
	var both [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(file)
		if err := errors.Join(err, file.Close()); err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { c.Close() })
		both[i] = c.(*net.UnixConn)
	}
	e, err := newEnd(o)
	if err != nil {
		f.Fatal(err)
	}
	l, err := newLink(e, both[0], 1, e.newQueue(), true)
	if err != nil {
		f.Fatal(err)
	}
	return l, both[1]
}

// behind is a client of s that has read none of a hundred large frames.
func (f *fixture) behind(s *Server) *net.UnixConn {
	f.Helper()
	c := f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	m := f.frame(0, 8192)
	defer m.Release()
	for range 100 {
		if _, err := s.Send(f.ctx, m); err != nil {
			f.Fatal(err)
		}
	}
	return c
}

// A connection that is made and ends before Dial looks was made: what came over it is received, and no block is lost.
func TestDialFindsLastWords(t *testing.T) {
	f := setUp(t)
	l := f.listener()
	for round := range 20 {
		reasons, disconnected := ends()
		ctx := hooked{f.ctx, func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			f.write(c, message(Output, Frame, 1, "a"), message(Output, Stop, 0, ""))
			c.Close()
			f.reason(reasons)
			time.Sleep(time.Millisecond) // the rest of the client's end; without it the test only proves less
		}}
		c, err := Dial(ctx, f.path, Options{Pool: f.in, NoReconnect: true, Disconnected: disconnected})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		m, err := c.Receive(f.ctx)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		m.Release()
		if _, err := c.Receive(f.ctx); !errors.Is(err, ErrPeerStopped) {
			t.Errorf("round %d: %v", round, err)
		}
		c.Close()
	}
}

// Stop whose time is over before it begins has something to tell, even if all goroutines are gone by the time it looks.
func TestStopTooLateSaysSo(t *testing.T) {
	f := setUp(t)
	for round := range 20 {
		s := f.server(Options{Policy: DropNewest, Depth: 200, SendBuffer: 4096, WriteTimeout: time.Hour})
		f.behind(s)
		why := errors.New("too late")
		err := s.Stop(hook(why, func() { <-s.over }))
		if st := s.Stats(); st.Lost == 0 || !errors.Is(err, why) {
			t.Fatalf("round %d: lost %d, but %v", round, st.Lost, err)
		}
	}
}

// A peer that closes when it has read the stop message is not why the connection ended, also if the reader sees that before the
// writer is done.
func TestStopIsTheReason(t *testing.T) {
	f := setUp(t)
	l, peer := f.link(Options{})
	try := l.try
	l.try = func(fd uintptr) bool {
		done := try(fd)
		peer.Close()
		<-l.ctx.Done() // the reader has seen it
		return done
	}
	l.out.close(false)
	if err := l.run(); err != nil {
		t.Errorf("after all was written: %v", err)
	}
}

// What a queue that ends refuses is not counted, whatever else ended: a server has taken its counts over by then.
func TestNothingIsCountedAfterTheEnd(t *testing.T) {
	for round := range 50 {
		q := newQueue(Block, depth{now: 1, low: 1, high: 1})
		if err := q.push(context.Background(), nil, Message{}); err != nil {
			t.Fatal(err)
		}
		var counts queueCounts
		ctx := hook(errors.New("given up"), func() {
			q.close(true)
			counts = q.counts
		})
		if err := q.push(ctx, nil, Message{}); !errors.Is(err, ErrClosed) {
			t.Errorf("round %d: %v", round, err)
		}
		if q.counts != counts {
			t.Fatalf("round %d: %d offered and %d dropped, at the end %d and %d", round,
				q.counts.offered, q.counts.dropped, counts.offered, counts.dropped)
		}
	}
}

// The cause of a sender's context may be an error of another stream; it says nothing of this one.
func TestCauseOfAnotherStream(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Depth: 1, SendBuffer: 4096, WriteTimeout: time.Hour})
	f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	m := f.frame(0, 8192)
	defer m.Release()
	for _, cause := range []error{ErrClosed, ErrDropped, fmt.Errorf("%w", ErrClosed)} {
		ctx, cancel := context.WithCancelCause(f.ctx)
		cancel(cause)
		var err error
		for range 1000 {
			if _, err = s.Send(ctx, m); err != nil {
				break
			}
		}
		if !errors.Is(err, cause) {
			t.Errorf("a sender that gave up with %v: %v", cause, err)
		}
	}
	st := s.Stats()
	f.reconcile(st)
	if st.Dropped != 3 {
		t.Errorf("%d dropped, want 3", st.Dropped)
	}
}

// Every message that arrived was received, was dropped, or waits: also those that arrive while Stop writes.
func TestReceivedReconciles(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in, Depth: 200, SendBuffer: 4096, WriteTimeout: time.Hour})
	c := f.behind(s)
	f.write(c, message(Output, Frame, 1, "a"))
	got, err := s.Receive(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	got.Release()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(f.ctx) }()
	if _, err := s.Receive(f.ctx); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	for range 3 {
		f.write(c, message(Output, Frame, 1, "b"))
	}
	f.until("all arrived", func() bool { return s.Stats().Received == 4 })
	s.Close()
	<-stopped
	if st := s.Stats(); st.Received != 4 || st.InboxDropped != 3 {
		t.Errorf("received %d, of those dropped %d, want 4 and 3", st.Received, st.InboxDropped)
	}
}

// Where the peer closes with something unread the kernel says reset instead of end. Within a message that is the same.
func TestResetWithinAMessage(t *testing.T) {
	for _, cut := range []int{1, HeaderSize, HeaderSize + 1} {
		f := setUp(t)
		l, peer := f.link(Options{Pool: f.in})
		f.write(l.conn, message(Output, 77, 0, "")) // never read
		f.write(peer, message(Output, Frame, 2, "ab")[:cut])
		peer.Close()
		if err := l.read(); !errors.Is(err, ErrTruncated) {
			t.Errorf("after %d bytes: %v", cut, err)
		}
		l.fail(nil)
	}
}

// A peer that sends what nobody wants is not silent.
func TestUnwantedIsHeard(t *testing.T) {
	for typ, length := range map[Type]uint32{Frame: 3, Heartbeat: 0, Ack: 0, 77: 0} {
		f := setUp(t)
		l, peer := f.link(Options{Heartbeat: time.Hour})
		l.heard.Store(-1)
		f.write(peer, message(Output, typ, length, "abc"[:length]))
		peer.Close()
		if err := l.read(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if l.heard.Load() < 0 {
			t.Errorf("a %v is not heard", typ)
		}
		l.fail(nil)
	}
}

// The counts of heartbeats and answers never go back, and no more were answered than sent, at whatever time one looks.
func TestHeartbeatsNeverGoBack(t *testing.T) {
	f := setUp(t)
	l, _ := f.link(Options{Heartbeat: time.Hour})
	stats := func() Stats { return l.e.stats(func(func(*queue)) {}) }
	try := l.try
	var during Stats
	l.try = func(uintptr) bool { // there is no room
		during = stats()
		return true
	}
	if err := l.beat(); err != nil {
		t.Error(err)
	}
	if after := stats(); after.Heartbeats < during.Heartbeats || after.Heartbeats != 0 {
		t.Errorf("heartbeats: %d, then %d", during.Heartbeats, after.Heartbeats)
	}
	l.try = func(fd uintptr) bool {
		done := try(fd)
		l.ack(time.Millisecond) // before the writer goes on
		during = stats()
		return done
	}
	if err := l.beat(); err != nil {
		t.Error(err)
	}
	if after := stats(); during.Heartbeats != 1 || during.Acks != 1 || after.Heartbeats != 1 {
		t.Errorf("heartbeats: %d and %d answers, then %d", during.Heartbeats, during.Acks, after.Heartbeats)
	}
	l.fail(nil)
}

// A client has no more goroutines than doc.go says.
func TestGoroutinesOfAClient(t *testing.T) {
	f := setUp(t)
	f.listener()
	base := runtime.NumGoroutine()
	c := f.client(Options{Pool: f.in, Heartbeat: time.Millisecond})
	f.until("it is connected", func() bool { return c.Stats().Peers == 1 })
	if n := runtime.NumGoroutine() - base; n > 2 {
		t.Errorf("%d goroutines", n)
	}
}
