package stream

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lowLimit lowers the limit of descriptors. What it returns takes all that are left, and gives back those that it has taken.
func lowLimit(t *testing.T) (take, give func()) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skipf("reading the limit: %v", err)
	}
	low := limit
	low.Cur = 64
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Skipf("setting the limit: %v", err)
	}
	var taken []int
	take = func() {
		for {
			fd, err := syscall.Dup(0)
			if err != nil {
				return
			}
			if taken = append(taken, fd); len(taken) > 10000 {
				t.Skip("the limit does not hold here, such as under qemu")
			}
		}
	}
	give = func() {
		for _, fd := range taken {
			syscall.Close(fd)
		}
		taken = nil
	}
	t.Cleanup(func() {
		give()
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	})
	return take, give
}

// Without descriptors a server waits, does not spin, and goes on once there are some.
func TestDescriptorLimit(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	take, give := lowLimit(t)
	c, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(c)
	take()
	if err := syscall.Connect(c, &syscall.SockaddrUnix{Name: f.path}); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Write(c, message(Output, Frame, 1, "a")); err != nil {
		t.Fatal(err)
	}
	f.until("accepting failed", func() bool { return s.Stats().AcceptErrors >= 2 })
	start, before := time.Now(), s.Stats().AcceptErrors
	time.Sleep(100 * time.Millisecond)
	if n, d := s.Stats().AcceptErrors-before, time.Since(start); n > 10+uint64(d/(5*time.Millisecond)) {
		t.Errorf("%d attempts in %v", n, d)
	}
	give()
	m, err := s.Receive(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.Release()
}

// Without descriptors Dial says so, a client keeps trying, and Listen leaves nothing behind.
func TestDescriptorLimitOfClients(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	c := f.client(Options{MinBackoff: 20 * time.Millisecond, MaxBackoff: 20 * time.Millisecond})
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	take, give := lowLimit(t)
	take()
	_, err := Dial(f.ctx, f.path, Options{NoReconnect: true})
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("Dial: %v", err)
	}
	if _, err := Listen(f.path+"2", Options{}); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("Listen: %v", err)
	}
	// The connection ends, and its descriptors go to others before the client tries again.
	f.until("the client has none for a new one", func() bool {
		c.mu.Lock()
		if c.link != nil {
			c.link.fail(errors.New("cut by the test"))
		}
		c.mu.Unlock()
		for range 5 {
			take()
			time.Sleep(time.Millisecond)
		}
		return errors.Is(c.failure(), syscall.EMFILE)
	})
	give()
	if err := c.Send(f.ctx, Message{Timestamp: 7}); err != nil {
		t.Fatal(err)
	}
	m, err := s.Receive(f.ctx)
	if err != nil || m.Timestamp != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	m.Release()
}

// Timestamps from a clock that was set are told, and spoil no histogram.
func TestClockJumps(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	c := f.raw()
	now := time.Now().UnixNano()
	for _, at := range []int64{now + int64(time.Hour), now - int64(time.Hour), 0, -1, math.MinInt64, math.MaxInt64, now} {
		var h [HeaderSize]byte
		Header{Magic: Output, Timestamp: at}.Put(&h)
		f.write(c, h[:])
		m, err := s.Receive(f.ctx)
		if err != nil || m.Timestamp != at {
			t.Fatalf("%d, want %d; %v", m.Timestamp, at, err)
		}
		m.Release()
	}
	if st := s.Stats(); st.Skewed != 6 || st.Latency.Count != 1 || st.Latency.Max > time.Minute {
		t.Errorf("%+v", st)
	}
}

// The clock is set while frames are under way: what was stamped before, and arrives after, has no latency; what is stamped after has.
func TestClockIsSet(t *testing.T) {
	const ms = int64(time.Millisecond)
	wall, steady := int64(1_700_000_000)*int64(time.Second), time.Duration(0)
	c := newClock()
	c.read = func() (int64, time.Duration) { return wall, steady }
	step := func(d int64) { wall += d; steady += time.Duration(d) }
	expect := func(what string, timestamp, latency int64) {
		t.Helper()
		d, ok := c.latency(timestamp)
		if ok != (latency >= 0) || ok && int64(d) != latency {
			t.Errorf("%s: %v, %v, want %v", what, d, ok, time.Duration(latency))
		}
	}
	expect("first", wall-3*ms, 3*ms)
	var before int64
	for _, jump := range []int64{100 * ms, 20_000 * ms, 3_600_000 * ms} {
		before = wall
		step(5 * ms)
		wall += jump
		expect("stamped before the clock was set forward", before, -1)
		step(5 * ms)
		expect("the same, later", before, -1)
		expect("stamped after", wall-2*ms, 2*ms)
	}
	for _, jump := range []int64{100 * ms, 20_000 * ms, 3_600_000 * ms} {
		before = wall
		step(5 * ms)
		wall -= jump
		expect("stamped before the clock was set back", before, -1)
		expect("stamped after", wall-2*ms, 2*ms)
		step(5 * ms)
		expect("stamped after, later", wall-7*ms, 7*ms)
	}
	// A clock that is slewed is not one that is set.
	for range 50 {
		before = wall
		step(1000 * ms)
		wall += ms / 2
		expect("slewed", before, 1000*ms+ms/2)
	}
	step(100_000 * ms)
	wall += 50 * ms
	expect("slewed for long", wall-60*ms, 60*ms)
	// The thread sleeps between reading the one clock and the other.
	for _, asleep := range []time.Duration{50 * time.Millisecond, 20 * time.Second} {
		step(5 * ms)
		read := c.read
		c.read = func() (int64, time.Duration) {
			c.read = read
			before := wall
			step(int64(asleep))
			return before, steady
		}
		expect("asleep between two clocks", wall-ms, int64(asleep)+ms)
		step(5 * ms)
		expect("later", wall-int64(asleep)-7*ms, int64(asleep)+7*ms)
	}
	// The process sleeps for an hour with its clock: no jump.
	step(3_600_000 * ms)
	expect("after an hour", wall-ms, ms)
	// In the package: histogram and count.
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	var mu sync.Mutex
	s.e.mu.Lock()
	s.e.clock.read = func() (int64, time.Duration) { mu.Lock(); defer mu.Unlock(); return wall, steady }
	s.e.mu.Unlock()
	raw := f.raw()
	for i := range 100 {
		mu.Lock()
		step(40 * ms)
		at := wall
		step(ms)
		switch i % 10 {
		case 3:
			wall += 30_000 * ms
		case 7:
			wall -= 30_000 * ms
		}
		mu.Unlock()
		var h [HeaderSize]byte
		Header{Magic: Output, Timestamp: at}.Put(&h)
		f.write(raw, h[:])
		m, err := s.Receive(f.ctx)
		if err != nil {
			t.Fatal(err)
		}
		m.Release()
	}
	if st := s.Stats(); st.Skewed != 20 || st.Latency.Count != 80 || st.Latency.Max != time.Millisecond || st.Latency.Quantile(0) == 0 {
		t.Errorf("%d skewed, %v", st.Skewed, st.Latency)
	}
}

// A peer that stops within a message is disconnected, and its block comes back. Between messages it may stop.
func TestStalledPeer(t *testing.T) {
	whole := message(Output, Frame, 4, "abcd")
	for _, test := range []struct {
		name string
		wire []byte
	}{
		{"in the header", whole[:7]},
		{"before the payload", whole[:HeaderSize]},
		{"in the payload", whole[:HeaderSize+2]},
		{"in what is skipped", message(Output, 99, 5000, "x")},
		{"in the second header", append(append([]byte(nil), whole...), whole[:1]...)},
	} {
		for _, ahead := range []int{0, 100} {
			t.Run(test.name, func(t *testing.T) {
				f := setUp(t)
				reasons, disconnected := ends()
				s := f.server(Options{Pool: f.in, ReadAhead: ahead, ReadTimeout: 100 * time.Millisecond, Disconnected: disconnected})
				idle := f.raw()
				f.write(idle, whole)
				m, err := s.Receive(f.ctx)
				if err != nil {
					t.Fatal(err)
				}
				m.Release()
				f.write(f.raw(), test.wire)
				if err := f.reason(reasons); !errors.Is(err, ErrStalled) {
					t.Errorf("ended with %v", err)
				}
				if len(test.wire) > len(whole) && test.wire[4] == byte(Frame) {
					if m, err = s.Receive(f.ctx); err != nil {
						t.Fatal(err)
					}
					m.Release()
				}
				if n := f.in.Stats().Outstanding; n != 0 {
					t.Errorf("%d blocks are out", n)
				}
				f.write(idle, whole)
				if m, err = s.Receive(f.ctx); err != nil {
					t.Fatal(err)
				}
				m.Release()
				if st := s.Stats(); st.Stuck != 1 || st.Peers != 1 {
					t.Errorf("%+v", st)
				}
			})
		}
	}
}

// A peer that is slow within a message is not a stalled one.
func TestSlowSenderStays(t *testing.T) {
	f := setUp(t)
	f.patiently(func(limit time.Duration) (pause time.Duration, err error) {
		reasons, disconnected := ends()
		s := f.server(Options{Pool: f.in, ReadTimeout: limit, Disconnected: disconnected})
		defer s.Close()
		c := f.raw()
		defer c.Close()
		last := time.Now()
		for _, b := range message(Output, Frame, 4, "abcd") {
			if _, err = c.Write([]byte{b}); err != nil {
				break
			}
			pause, last = max(pause, time.Since(last)), time.Now()
			time.Sleep(limit / 12) // together more than the limit
		}
		f.until("the message is there, or the peer is gone", func() bool { return s.Stats().Received > 0 || len(reasons) > 0 })
		pause = max(pause, time.Since(last)-limit/12)
		if len(reasons) > 0 {
			return pause, errors.Join(err, <-reasons)
		}
		m, err := s.Receive(f.ctx)
		if err != nil || string(m.Bytes()) != "abcd" {
			t.Fatalf("%q, %v", m.Bytes(), err)
		}
		m.Release()
		return pause, nil
	})
}

// Descriptors that a peer sends along, which the protocol does not know, do not stay in this process.
func TestDescriptorsFromAPeer(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in})
	c := f.raw()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 5 {
		n, _, err := c.WriteMsgUnix(message(Output, Frame, 2, "fd"), syscall.UnixRights(int(w.Fd())), nil)
		if err != nil || n != HeaderSize+2 {
			t.Fatal(n, err)
		}
		m, err := s.Receive(f.ctx)
		if err != nil || string(m.Bytes()) != "fd" {
			t.Fatalf("%q, %v", m.Bytes(), err)
		}
		m.Release()
	}
	// While the connection lives: nobody else has the pipe's other end.
	w.Close()
	_ = r.SetReadDeadline(time.Now().Add(patience))
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the pipe is still open: %v", err)
	}
}

// Peers that do everything wrong at once: each of them is got rid of or ignored, and the one that does as it should is served.
func TestMaliciousPeersHarmNobody(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in, MaxClients: 40, MaxMessage: 64 << 10, SendBuffer: 4096, Policy: DropOldest, WriteTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second})
	good := f.raw()
	var bad sync.WaitGroup
	var turns []chan struct{}
	// Each attack has a turn while a frame of the good peer is under way, so that on a slow machine too they come at once, but the attackers,
	// which run in this process, leave time for the others.
	attack := func(seed uint64, what func(c net.Conn, random *rand.Rand) error) {
		turn := make(chan struct{}, 1)
		turns = append(turns, turn)
		bad.Go(func() {
			random := rand.New(rand.NewPCG(1, seed))
			for range turn {
				c, err := net.Dial("unix", f.path)
				if err != nil {
					continue // the backlog is full
				}
				_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
				for i := 0; err == nil && i < 200; i++ {
					err = what(c, random)
				}
				c.Close()
			}
		})
	}
	done := errors.New("done")
	attack(1, func(c net.Conn, random *rand.Rand) error { // noise
		b := make([]byte, 1+random.IntN(200))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		_, err := c.Write(b)
		return err
	})
	attack(2, func(c net.Conn, random *rand.Rand) error { // lengths that cannot be
		_, err := c.Write(message(Output, Type(random.UintN(256)), 1<<31-5+random.Uint32N(10), "x"))
		return errors.Join(err, done)
	})
	attack(3, func(c net.Conn, _ *rand.Rand) error { // heartbeats, and no look at the answers
		_, err := c.Write(message(Output, Heartbeat, 0, ""))
		return err
	})
	attack(4, func(c net.Conn, _ *rand.Rand) error { // answers to what nobody asked
		_, err := c.Write(message(Output, Ack, 0, ""))
		return err
	})
	attack(5, func(c net.Conn, random *rand.Rand) error { // half messages
		b := message(Output, Frame, 5000, "half")
		_, err := c.Write(b[:1+random.IntN(len(b))])
		time.Sleep(time.Millisecond)
		return errors.Join(err, done)
	})
	attack(6, func(c net.Conn, _ *rand.Rand) error { // a stop, and then more
		_, err := c.Write(append(message(Output, Stop, 0, ""), message(Output, Frame, 1, "x")...))
		return errors.Join(err, done)
	})
	attack(7, func(net.Conn, *rand.Rand) error { return done }) // come and go
	frames := 0
	for ; frames < 300 || s.Stats().Protocol < 20; frames++ {
		for _, turn := range turns {
			select {
			case turn <- struct{}{}:
			default: // still at it
			}
		}
		i, b := frames, make([]byte, 100)
		fill(b, i)
		f.write(good, message(Output, Config, 100, string(b)))
		for found := false; !found; {
			m, err := s.Receive(f.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if found = m.Type == Config && m.Peer == 1; found {
				if err := same(m.Bytes(), i, 100); err != nil {
					t.Fatal(err)
				}
				if err := s.SendTo(f.ctx, 1, m); err != nil {
					t.Fatal(err)
				}
			}
			m.Release()
		}
		if err := same(f.expect(good, Config), i, 100); err != nil {
			t.Fatal(err)
		}
	}
	for _, turn := range turns {
		close(turn)
	}
	bad.Wait()
	f.until("the others are gone, and the last frame is settled", func() bool { st := s.Stats(); return st.Peers == 1 && st.Pending == 0 })
	st := s.Stats()
	f.reconcile(st)
	if st.RoundTrip.Count != 0 || st.Sent < uint64(frames) {
		t.Errorf("%d frames, %+v", frames, st)
	}
	for {
		m, ok := s.e.inbox.drain()
		if !ok {
			break
		}
		m.Release()
	}
	if n := f.in.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out", n)
	}
}

// drain takes a message if there is one.
func (q *queue) drain() (Message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return Message{}, false
	}
	return q.pop().Message, true
}
