package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Every client gets every frame in order; no client is left out, and none is a reason to fail.
func TestSeveralClients(t *testing.T) {
	f := setUp(t)
	base := runtime.NumGoroutine()
	s := f.server(Options{Pool: f.in, MaxClients: 5})
	if n, err := s.Send(f.ctx, Message{}); n != 0 || err != nil {
		t.Fatalf("without a client: %d, %v", n, err)
	}
	const clients, frames = 5, 300
	var wg sync.WaitGroup
	for k := range clients {
		c := f.client(Options{Pool: f.in})
		f.until("the client is there", func() bool { return s.Stats().Peers == k+1 })
		wg.Go(func() {
			for i := range frames {
				m, err := c.Receive(f.ctx)
				if err == nil {
					err = same(m.Bytes(), i, 500)
				}
				if err != nil {
					t.Errorf("client %d: %v", k, err)
					return
				}
				m.Release()
			}
			m := f.frame(k, 10)
			if err := c.Send(f.ctx, m); err != nil {
				t.Error(err)
			}
			m.Release()
		})
	}
	if n := runtime.NumGoroutine() - base; n > 1+2*clients+3*clients+clients {
		t.Errorf("%d goroutines", n)
	}
	for i := range frames {
		m := f.frame(i, 500)
		if n, err := s.Send(f.ctx, m); n != clients || err != nil {
			t.Fatal(n, err)
		}
		m.Release()
	}
	answered := map[uint64]bool{}
	for range clients {
		m, err := s.Receive(f.ctx)
		if err != nil {
			t.Fatal(err)
		}
		answered[m.Peer] = true
		if err := s.SendTo(f.ctx, m.Peer, m); err != nil {
			t.Error(err)
		}
		m.Release()
	}
	wg.Wait()
	if len(answered) != clients {
		t.Errorf("clients %v", answered)
	}
	// One more is turned away.
	if _, err := f.raw().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a client too many: %v", err)
	}
	f.until("all is settled", func() bool { return s.Stats().Pending == 0 })
	st := s.Stats()
	f.reconcile(st)
	if st.Sent != clients*frames+clients || st.Refused != 1 || st.Connects != clients {
		t.Errorf("%+v", st)
	}
	if err := s.SendTo(f.ctx, 99, Message{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A server has no more goroutines than it says, also under a storm of connections.
func TestGoroutinesAreBounded(t *testing.T) {
	f := setUp(t)
	base := runtime.NumGoroutine()
	s := f.server(Options{Pool: f.in, MaxClients: 4, Heartbeat: time.Millisecond})
	for range 100 {
		c, err := net.Dial("unix", f.path)
		if err != nil {
			continue // the backlog is full
		}
		defer c.Close()
	}
	f.until("the storm is over", func() bool { st := s.Stats(); return st.Connects+st.Refused > 50 })
	if n := runtime.NumGoroutine() - base; n > 1+2*4 {
		t.Errorf("%d goroutines", n)
	}
}

// Named by the fault: a frame queued without ownership. The sender gives its own reference back at once.
func TestQueuedFramesAreOwned(t *testing.T) {
	f := setUp(t)
	p, err := pool.New(8<<10, pool.Options{Max: 20})
	if err != nil {
		t.Fatal(err)
	}
	s := f.server(Options{Depth: 64, SendBuffer: 4096, WriteTimeout: time.Hour})
	c := f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	n := 0
	for ; ; n++ {
		b, err := p.Get()
		if errors.Is(err, pool.ErrLimit) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		fill(b.Bytes(), n)
		if _, err := s.Send(f.ctx, Message{Buf: b}); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	if held := s.Stats().Pending; n < 20 || held == 0 {
		t.Fatalf("%d frames sent, %d pending", n, held)
	}
	for i := range n {
		if err := same(f.expect(c, Frame), i, 8<<10); err != nil {
			t.Fatal(err)
		}
	}
	f.until("all is settled", func() bool { return s.Stats().Pending == 0 })
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// One client takes nothing; the other one gets everything, and the stuck one is disconnected.
func TestStuckClientHarmsNobody(t *testing.T) {
	f := setUp(t)
	reasons, disconnected := ends()
	s := f.server(Options{Policy: DropOldest, Depth: 100, SendBuffer: 4096, WriteTimeout: 2 * time.Second, Disconnected: disconnected})
	f.raw()
	f.until("the stuck one is there", func() bool { return s.Stats().Peers == 1 })
	c := f.client(Options{Pool: f.in})
	f.until("the other one is there", func() bool { return s.Stats().Peers == 2 })
	for i := range 400 {
		m := f.frame(i, 8192)
		if _, err := s.Send(f.ctx, m); err != nil {
			t.Fatal(err)
		}
		m.Release()
		got, err := c.Receive(f.ctx)
		if err == nil {
			err = same(got.Bytes(), i, 8192)
		}
		if err != nil {
			t.Fatal(err)
		}
		got.Release()
	}
	if err := f.reason(reasons); !errors.Is(err, ErrStuck) {
		t.Error(err)
	}
	f.until("it is gone", func() bool { return s.Stats().Peers == 1 })
	st := s.Stats()
	f.reconcile(st)
	if st.Stuck != 1 || st.Sent < 400 || st.Dropped+st.Lost == 0 {
		t.Errorf("%+v", st)
	}
}

// A slow client is not a stuck one: as long as it takes something now and then it stays, also while the socket takes nothing more.
func TestSlowClientStays(t *testing.T) {
	f := setUp(t)
	f.patiently(func(limit time.Duration) (pause time.Duration, err error) {
		reasons, disconnected := ends()
		s := f.server(Options{Depth: 1, SendBuffer: 32 << 10, WriteTimeout: limit, Disconnected: disconnected})
		defer s.Close()
		c := f.raw()
		defer c.Close()
		f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
		const frames = 60
		sent := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < frames && err == nil; i++ {
				m := f.frame(i, 4096)
				_, err = s.Send(f.ctx, m)
				m.Release()
			}
			sent <- err
		}()
		f.until("the socket is full", func() bool { return s.Stats().Waits > 0 })
		last, b := time.Now(), make([]byte, HeaderSize+4096)
		for i := range frames {
			if i < 15 {
				time.Sleep(limit / 10) // together more than the limit, each much less
			}
			pause, last = max(pause, time.Since(last)), time.Now()
			if len(reasons) > 0 {
				<-sent
				return pause, fmt.Errorf("disconnected before frame %d: %w", i, <-reasons)
			}
			if _, err := io.ReadFull(c, b); err != nil {
				return pause, fmt.Errorf("disconnected before frame %d: %w", i, err)
			}
			if err := same(b[HeaderSize:], i, 4096); err != nil {
				t.Fatal(err)
			}
		}
		return pause, <-sent
	})
}

// A frame that is many times as large as the socket's buffer is written in pieces.
func TestLargeFrameInPieces(t *testing.T) {
	f := setUp(t)
	p := f.pool(1<<20, 2)
	s := f.server(Options{SendBuffer: 4096})
	c := f.client(Options{Pool: p, ReceiveBuffer: 4096})
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	fill(b.Bytes(), 7)
	if _, err := s.Send(f.ctx, Message{Buf: b}); err != nil {
		t.Fatal(err)
	}
	b.Release()
	m, err := c.Receive(f.ctx)
	if err == nil {
		err = same(m.Bytes(), 7, 1<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.Release()
}

// A client outlives its server, and what it queued meanwhile arrives at the next one.
func TestReconnect(t *testing.T) {
	f := setUp(t)
	reasons, disconnected := ends()
	s := f.server(Options{Pool: f.in})
	c := f.client(Options{Pool: f.in, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, Disconnected: disconnected})
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	for round := range 4 {
		if round%2 == 0 {
			s.Stop(f.ctx)
		} else {
			s.Close()
		}
		want := map[bool]error{true: ErrPeerStopped, false: io.EOF}[round%2 == 0]
		if err := f.reason(reasons); !errors.Is(err, want) {
			t.Errorf("round %d ended with %v, want %v", round, err, want)
		}
		f.until("the client knows", func() bool { return c.Stats().Peers == 0 })
		for i := range 5 {
			m := f.frame(round*5+i, 50)
			if err := c.Send(f.ctx, m); err != nil {
				t.Fatal(err)
			}
			m.Release()
		}
		time.Sleep(30 * time.Millisecond) // attempts that fail
		s = f.server(Options{Pool: f.in})
		for i := range 5 {
			m, err := s.Receive(f.ctx)
			if err == nil {
				err = same(m.Bytes(), round*5+i, 50)
			}
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			m.Release()
		}
	}
	f.until("all is settled", func() bool { return c.Stats().Pending == 0 })
	st := c.Stats()
	f.reconcile(st)
	if st.Connects != 5 || st.Sent != 20 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}

// A server that takes the connection and ends it at once must not be stormed.
func TestReconnectDoesNotStorm(t *testing.T) {
	f := setUp(t)
	l := f.listener()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	c := f.client(Options{MinBackoff: 10 * time.Millisecond, MaxBackoff: 80 * time.Millisecond})
	start := time.Now()
	time.Sleep(400 * time.Millisecond)
	if n, d := c.Stats().Connects, time.Since(start); n > 5+uint64(d/(40*time.Millisecond)) {
		t.Errorf("%d connections in %v", n, d)
	}
	f.until("it came back", func() bool { return c.Stats().Connects > 1 })
}

func TestGivingUp(t *testing.T) {
	f := setUp(t)
	if _, err := Dial(f.ctx, f.path, Options{MaxAttempts: 3, MinBackoff: time.Millisecond}); err == nil || f.ctx.Err() != nil {
		t.Errorf("%v, %v", err, f.ctx.Err())
	}
	ctx, cancel := context.WithTimeout(f.ctx, 30*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, f.path, Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// What was received before the end is still to be had; then comes the reason.
	s := f.server(Options{})
	c := f.client(Options{Pool: f.in, NoReconnect: true})
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	m := f.frame(3, 30)
	if _, err := s.Send(f.ctx, m); err != nil {
		t.Fatal(err)
	}
	m.Release()
	s.Stop(f.ctx)
	f.until("the client has ended", func() bool { return errors.Is(c.Send(f.ctx, Message{}), ErrClosed) })
	got, err := c.Receive(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	got.Release()
	if _, err := c.Receive(f.ctx); !errors.Is(err, ErrPeerStopped) {
		t.Error(err)
	}
	if err := c.Stop(f.ctx); err != nil {
		t.Error(err)
	}
}

// Stop of a client that is not connected: it waits for a server while something is to be sent, and does not otherwise.
func TestStopWithoutServer(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	quick := Options{MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond}
	idle, busy, late := f.client(quick), f.client(quick), f.client(quick)
	s.Close()
	f.until("they know", func() bool { return idle.Stats().Peers+busy.Stats().Peers+late.Stats().Peers == 0 })
	if err := idle.Stop(f.ctx); err != nil {
		t.Error(err)
	}
	for _, c := range []*Client{busy, late} {
		m := f.frame(1, 10)
		if err := c.Send(f.ctx, m); err != nil {
			t.Fatal(err)
		}
		m.Release()
	}
	ctx, cancel := context.WithTimeout(f.ctx, 50*time.Millisecond)
	defer cancel()
	if err := late.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || late.Stats().Lost != 1 {
		t.Errorf("%v, %+v", err, late.Stats())
	}
	stopped := make(chan error, 1)
	go func() { stopped <- busy.Stop(f.ctx) }()
	time.Sleep(20 * time.Millisecond)
	s = f.server(Options{Pool: f.in})
	m, err := s.Receive(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.Release()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// What the receiver has no room for: it waits, or drops, as its policy says, and never falls out of step.
func TestInboxPolicies(t *testing.T) {
	for _, test := range []struct {
		policy        Policy
		blocks, inbox int
		first         int // the first frame that Receive returns
	}{
		{Block, 100, 4, 0}, {Block, 2, 4, 0}, {DropOldest, 100, 4, 46}, {DropNewest, 100, 4, 0}, {LatestOnly, 100, 4, 49}, {DropOldest, 2, 4, 0},
	} {
		f := setUp(t)
		in := f.pool(200, test.blocks)
		s := f.server(Options{Pool: in, InboxPolicy: test.policy, Inbox: test.inbox})
		c := f.raw()
		for i := range 50 {
			b := make([]byte, 200)
			fill(b, i)
			f.write(c, message(Output, Frame, 200, string(b)))
		}
		if test.policy != Block {
			// A message counts as received a moment before it is in the inbox.
			waits := min(test.blocks, test.inbox, map[bool]int{true: 1, false: 4}[test.policy == LatestOnly])
			var st Stats
			f.until("all came, and the inbox has settled", func() bool {
				st = s.Stats()
				return st.Received+st.NoBlock == 50 && int(st.Received-st.InboxDropped) <= waits
			})
			if int(st.Received-st.InboxDropped) != waits {
				t.Errorf("%+v: %d wait, want %d", test, st.Received-st.InboxDropped, waits)
			}
		}
		m, err := s.Receive(f.ctx)
		if err == nil {
			err = same(m.Bytes(), test.first, 200)
		}
		if err != nil {
			t.Fatalf("%+v: %v", test, err)
		}
		m.Release()
		if test.policy == Block {
			for i := 1; i < 50; i++ {
				m, err := s.Receive(f.ctx)
				if err == nil {
					err = same(m.Bytes(), i, 200)
				}
				if err != nil {
					t.Fatalf("%+v: %v", test, err)
				}
				m.Release()
			}
		}
		s.Close()
		if n := in.Stats().Outstanding; n != 0 {
			t.Errorf("%+v: %d blocks are still out", test, n)
		}
	}
}

// A receiver that takes one frame in two milliseconds: the queue gets short, so that frames do not wait for long.
func TestDepthFollowsLatency(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Policy: DropOldest, Depth: 128, MinDepth: 2, MaxDepth: 128, Target: 8 * time.Millisecond, SendBuffer: 4096})
	c := f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, HeaderSize+4096)
		for {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	})
	send := func(until func(Stats) bool) {
		for i := 0; !until(s.Stats()); i++ {
			m := f.frame(i, 4096)
			if _, err := s.Send(f.ctx, m); err != nil {
				t.Error(err)
				return
			}
			m.Release()
			time.Sleep(100 * time.Microsecond)
		}
	}
	send(func(st Stats) bool { return st.Depth <= 16 && st.Dropped > 0 })
	st := s.Stats()
	if st.DepthChanges < 3 {
		t.Errorf("%+v", st)
	}
	s.Close()
	wg.Wait()
	f.reconcile(s.Stats())
}

func TestSocketBuffersAreReported(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{})
	f.client(Options{})
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	usual := s.Stats()
	other := f.path
	f.path += "2"
	small := f.server(Options{SendBuffer: 20000, ReceiveBuffer: 30000})
	f.client(Options{})
	f.until("the client is there", func() bool { return small.Stats().Peers == 1 })
	st := small.Stats()
	if usual.SendBuffer < 1000 || usual.ReceiveBuffer < 1000 || st.SendBuffer != 40000 || st.ReceiveBuffer != 60000 {
		t.Errorf("usual %d and %d, small %d and %d", usual.SendBuffer, usual.ReceiveBuffer, st.SendBuffer, st.ReceiveBuffer)
	}
	f.path = other
}

// reference takes a stream apart in the plainest way.
func reference(b []byte, longest, block uint32) (frames [][]byte, reason error) {
	r := bytes.NewReader(b)
	for {
		var h [HeaderSize]byte
		if n, err := io.ReadFull(r, h[:]); err != nil {
			if n == 0 {
				return frames, io.EOF
			}
			return frames, ErrTruncated
		}
		header := ParseHeader(&h)
		if err := header.Check(Output, longest); err != nil {
			return frames, err
		}
		p := make([]byte, header.Length)
		if _, err := io.ReadFull(r, p); err != nil {
			return frames, ErrTruncated
		}
		if header.Type == Stop {
			return frames, ErrPeerStopped
		}
		if header.Type <= Config && header.Length <= block {
			frames = append(frames, p)
		}
	}
}

// compare sends bytes to a server, in two pieces, and expects what the reference says.
func (f *fixture) compare(s *Server, reasons chan error, wire []byte, cut int) {
	f.Helper()
	frames, reason := reference(wire, 5000, 300)
	c := f.raw()
	defer c.Close()
	var writer sync.WaitGroup
	writer.Go(func() {
		_, _ = c.Write(wire[:cut]) // fails where the server has hung up
		_, _ = c.Write(wire[cut:])
		_ = c.CloseWrite()
	})
	defer writer.Wait()
	for i, want := range frames {
		m, err := s.Receive(f.ctx)
		if err != nil {
			f.Fatal(err)
		}
		if !bytes.Equal(m.Bytes(), want) {
			f.Errorf("frame %d is %x, want %x", i, m.Bytes(), want)
		}
		m.Release()
	}
	if err := f.reason(reasons); errors.Is(err, io.EOF) != errors.Is(reason, io.EOF) || reason != io.EOF && !errors.Is(err, errors.Unwrap(reason)) && !errors.Is(err, reason) {
		f.Errorf("ended with %v, want %v", err, reason)
	}
}

// randomWire is a stream that is right for most of its length.
func randomWire(random *rand.Rand) []byte {
	var b []byte
	for range random.IntN(12) {
		n := []int{0, 1, 17, 299, 300, 301, 4096, 5000, random.IntN(5001)}[random.IntN(9)]
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		b = append(b, message(Output, []Type{Frame, Frame, Config, Heartbeat, Ack, 9, 255}[random.IntN(7)], uint32(n), string(p))...)
	}
	switch random.IntN(4) {
	case 0:
		if len(b) > 0 {
			b = b[:random.IntN(len(b))]
		}
	case 1:
		b = append(b, message(Output, Type(random.UintN(256)), random.Uint32(), "x")...)
	case 2:
		b = append(b, message(Magic(random.Uint32()), Frame, 3, "xyz")...)
	}
	return b
}

func TestReaderAgainstReference(t *testing.T) {
	for _, ahead := range []int{0, 10, 299, 300, 4096} {
		f := setUp(t)
		reasons, disconnected := ends()
		s := f.server(Options{Pool: f.pool(300, 64), MaxMessage: 5000, Disconnected: disconnected, ReadAhead: ahead})
		random := rand.New(rand.NewPCG(1, uint64(ahead)))
		for range 200 {
			wire := randomWire(random)
			f.compare(s, reasons, wire, random.IntN(len(wire)+1))
			if t.Failed() {
				t.Fatalf("% x", wire)
			}
		}
		f.until("all are gone", func() bool { return s.Stats().Peers == 0 })
		s.Close()
	}
}

func FuzzReader(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(randomWire(random), uint16(random.Uint32()))
	}
	f.Fuzz(func(t *testing.T, wire []byte, cut uint16) {
		f := setUp(t)
		reasons, disconnected := ends()
		s := f.server(Options{Pool: f.pool(300, 16), MaxMessage: 5000, Disconnected: disconnected, ReadAhead: int(cut) % 400})
		f.compare(s, reasons, wire, min(int(cut), len(wire)))
	})
}

// A peer that sends and goes away: what it sent arrives, although writing to it fails by then.
func TestLastWordsArrive(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in, Inbox: 1, Policy: DropOldest, WriteTimeout: time.Hour})
	for range 20 {
		c := f.raw()
		f.until("the client is there", func() bool { return s.Stats().Peers > 0 })
		for i := range 50 {
			b := make([]byte, 200)
			fill(b, i)
			f.write(c, message(Output, Frame, 200, string(b)))
		}
		c.Close()
		if _, err := s.Send(f.ctx, Message{}); err != nil { // EPIPE
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		for i := range 50 {
			m, err := s.Receive(f.ctx)
			if err == nil {
				err = same(m.Bytes(), i, 200)
			}
			if err != nil {
				t.Fatal(err)
			}
			m.Release()
		}
		f.until("the client is gone", func() bool { return s.Stats().Peers == 0 })
	}
}

// What is owned for a peer that takes nothing is bounded: the queue, and of what is being written no more than a quarter of the socket's
// buffer, or one.
func TestHeldFramesAreBounded(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Policy: DropOldest, Depth: 10, SendBuffer: 4096, WriteTimeout: time.Hour})
	f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	send := func() int {
		m := f.frame(1, 4096)
		if _, err := s.Send(f.ctx, m); err != nil {
			t.Fatal(err)
		}
		m.Release()
		return f.out.Stats().Outstanding
	}
	for i := range 200 {
		if n := send(); n > 10+1 {
			t.Fatalf("frame %d: %d blocks are held", i, n)
		}
	}
	f.until("the queue is full, and one is being written", func() bool { return send() == 10+1 })
}
