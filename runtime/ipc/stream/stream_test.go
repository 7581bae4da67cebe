package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// patience is how long tests wait for what must happen. It only guards against hanging: a busy machine may be a hundred times as slow as an idle one.
const patience = 2 * time.Minute

// fixture is what most tests need. Its end checks that no descriptor is left and that every block came back.
type fixture struct {
	testing.TB
	ctx  context.Context
	path string
	in   *pool.Pool // for what is received
	out  *pool.Pool // for what is sent
}

func setUp(tb testing.TB) *fixture {
	tb.Helper()
	testutil.OpenFDs(tb)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	f := &fixture{TB: tb, ctx: ctx, path: filepath.Join(tb.TempDir(), "s")}
	f.in, f.out = f.pool(8<<10, 256), f.pool(8<<10, 256)
	return f
}

func (f *fixture) pool(size, blocks int) *pool.Pool {
	f.Helper()
	p, err := pool.New(size, pool.Options{Max: blocks})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := p.Close(); err != nil {
			f.Errorf("closing a pool: %v", err)
		}
	})
	return p
}

func (f *fixture) server(o Options) *Server {
	f.Helper()
	s, err := Listen(f.path, o)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	return s
}

func (f *fixture) client(o Options) *Client {
	f.Helper()
	c, err := Dial(f.ctx, f.path, o)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	return c
}

// listener is where a test is the server itself.
func (f *fixture) listener() net.Listener {
	f.Helper()
	l, err := net.Listen("unix", f.path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	return l
}

// raw is a peer that does as it is told.
func (f *fixture) raw() *net.UnixConn {
	f.Helper()
	c, err := net.Dial("unix", f.path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.UnixConn)
}

// frame makes a message of n bytes that begin with the number i, whose payload the caller owns.
func (f *fixture) frame(i, n int) Message {
	f.Helper()
	b, err := f.out.Wait(f.ctx)
	if err != nil {
		f.Fatal(err)
	}
	b.SetLen(n)
	fill(b.Bytes(), i)
	return Message{Timestamp: time.Now().UnixNano(), Buf: b}
}

func fill(b []byte, i int) {
	for k := range b {
		b[k] = byte(i>>(k&1*8) + k>>4)
	}
}

func same(b []byte, i, n int) error {
	if len(b) != n {
		return fmt.Errorf("frame %d: %d bytes, want %d", i, len(b), n)
	}
	for k := range b {
		if want := byte(i>>(k&1*8) + k>>4); b[k] != want {
			return fmt.Errorf("frame %d: byte %d is %d, want %d", i, k, b[k], want)
		}
	}
	return nil
}

// message is a header and payload as they are on the wire.
func message(magic Magic, typ Type, length uint32, payload string) []byte {
	var h [HeaderSize]byte
	Header{magic, typ, length, time.Now().UnixNano()}.Put(&h)
	return append(h[:], payload...)
}

func (f *fixture) write(c net.Conn, b ...[]byte) {
	f.Helper()
	for _, b := range b {
		if _, err := c.Write(b); err != nil {
			f.Fatal(err)
		}
	}
}

// expect reads one message of a raw peer.
func (f *fixture) expect(c net.Conn, typ Type) []byte {
	f.Helper()
	var b [HeaderSize]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		f.Fatalf("waiting for a %v: %v", typ, err)
	}
	h := ParseHeader(&b)
	if h.Type != typ {
		f.Fatalf("%+v, want a %v", h, typ)
	}
	p := make([]byte, h.Length)
	if _, err := io.ReadFull(c, p); err != nil {
		f.Fatal(err)
	}
	return p
}

// until waits for a condition.
func (f *fixture) until(what string, cond func() bool) {
	f.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("not reached: %s", what)
		}
	}
}

// patiently runs a test in which a peer must act several times within a limit. Where this machine was too slow for that, by the longest
// pause that run measured, the test says nothing, and is run again with a longer limit.
func (f *fixture) patiently(run func(limit time.Duration) (pause time.Duration, err error)) {
	f.Helper()
	for limit := time.Second; ; limit *= 4 {
		pause, err := run(limit)
		if err == nil {
			return
		}
		if pause < limit/2 || limit > 10*time.Second {
			f.Fatalf("with a limit of %v and at most %v in between: %v", limit, pause, err)
		}
		f.Logf("with a limit of %v, but a pause of %v: %v", limit, pause, err)
	}
}

func (f *fixture) reconcile(s Stats) {
	f.Helper()
	if s.Offered != s.Sent+s.Dropped+s.Lost+uint64(s.Pending) {
		f.Errorf("offered %d, but sent %d, dropped %d, lost %d, pending %d", s.Offered, s.Sent, s.Dropped, s.Lost, s.Pending)
	}
}

// ends collects the reasons of connections that ended.
func ends() (chan error, func(uint64, error)) {
	c := make(chan error, 1000)
	return c, func(_ uint64, reason error) { c <- reason }
}

func (f *fixture) reason(c chan error) error {
	f.Helper()
	select {
	case err := <-c:
		return err
	case <-f.ctx.Done():
		f.Fatal("the connection did not end")
		return nil
	}
}

func TestBothDirections(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in, Magic: Input})
	c := f.client(Options{Pool: f.in, Magic: Input})
	sizes := []int{0, 1, 16, 17, 18, 200, 3840, 4096, 8192}
	const rounds = 20
	done := make(chan error, 2)
	receive := func(from func(context.Context) (Message, error)) {
		for i := range rounds * len(sizes) {
			m, err := from(f.ctx)
			if err == nil {
				err = same(m.Bytes(), i, sizes[i%len(sizes)])
			}
			if err == nil && (m.Type != Type(i&1) || m.Peer != 1) {
				err = fmt.Errorf("message %d: %v from %d", i, m.Type, m.Peer)
			}
			if err != nil {
				done <- err
				return
			}
			m.Release()
		}
		done <- nil
	}
	go receive(s.Receive)
	go receive(c.Receive)
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	for i := range rounds * len(sizes) {
		m := f.frame(i, sizes[i%len(sizes)])
		m.Type = Type(i & 1)
		if err := c.Send(f.ctx, m); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Send(f.ctx, m); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		m.Release()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	f.until("all is settled", func() bool { return s.Stats().Pending+c.Stats().Pending == 0 })
	for _, st := range []Stats{s.Stats(), c.Stats()} {
		f.reconcile(st)
		n := uint64(rounds * len(sizes))
		if st.Sent != n || st.Received != n || st.BytesSent != st.BytesReceived || st.Latency.Count != n || st.Queue.Count != n {
			t.Errorf("%+v", st)
		}
	}
	if got := f.out.Stats().Outstanding; got != 1 {
		t.Errorf("%d blocks are still out, want that of the last config message", got)
	}
}

// Whatever comes in whatever pieces, a reader is never out of step.
func TestWire(t *testing.T) {
	long := make([]byte, 9000)
	for _, test := range []struct {
		name     string
		wire     [][]byte
		received []string
		reason   error
		check    func(Stats) bool
	}{
		{"frames", [][]byte{message(Output, Frame, 3, "abc"), message(Output, Frame, 0, ""), message(Output, Config, 1, "d")}, []string{"abc", "", "d"}, io.EOF, nil},
		{"cut in the header", [][]byte{message(Output, Frame, 3, "abc"), message(Output, Frame, 3, "")[:16]}, []string{"abc"}, ErrTruncated, nil},
		{"one byte", [][]byte{{'U'}}, nil, ErrTruncated, nil},
		{"cut before the payload", [][]byte{message(Output, Frame, 3, "")}, nil, ErrTruncated, nil},
		{"cut in the payload", [][]byte{message(Output, Frame, 3, "ab")}, nil, ErrTruncated, nil},
		{"cut in what is skipped", [][]byte{message(Output, 77, 9000, "ab")}, nil, ErrTruncated, nil},
		{"wrong magic first", [][]byte{message(Input, Frame, 3, "abc")}, nil, ErrMagic, nil},
		{"wrong magic later", [][]byte{message(Output, Frame, 3, "abc"), message(0, Frame, 3, "xyz"), message(Output, Frame, 1, "n")}, []string{"abc"}, ErrMagic, nil},
		{"payload longer than told", [][]byte{message(Output, Frame, 3, "abcd"), message(Output, Frame, 1, "n")}, []string{"abc"}, ErrMagic, nil},
		{"unknown types", [][]byte{message(Output, 5, 3, "xyz"), message(Output, 255, 9000, string(long)), message(Output, 6, 0, ""), message(Output, 7, 4096, string(long[:4096])),
			message(Output, Frame, 2, "ok")}, []string{"ok"}, io.EOF, func(s Stats) bool { return s.Skipped == 4 }},
		{"longer than a block", [][]byte{message(Output, Frame, 8193, string(long[:8193])), message(Output, Frame, 2, "ok")}, []string{"ok"}, io.EOF, func(s Stats) bool { return s.Unwanted == 1 }},
		{"limit of messages", [][]byte{message(Output, 9, 16<<10, string(make([]byte, 16<<10))), message(Output, Frame, 2, "ok")}, []string{"ok"}, io.EOF, nil},
		{"beyond it", [][]byte{message(Output, 9, 16<<10+1, "x")}, nil, ErrTooLong, nil},
		{"2^31-1", [][]byte{message(Output, Frame, 1<<31-1, "x")}, nil, ErrTooLong, nil},
		{"2^31", [][]byte{message(Output, Frame, 1<<31, "x")}, nil, ErrTooLong, nil},
		{"2^31+1", [][]byte{message(Output, Heartbeat, 1<<31+1, "x")}, nil, ErrTooLong, nil},
		{"2^32-1", [][]byte{message(Output, 200, 1<<32-1, "x")}, nil, ErrTooLong, nil},
		{"stop", [][]byte{message(Output, Frame, 1, "a"), message(Output, Stop, 3, "bye"), message(Output, Frame, 1, "b")}, []string{"a"}, ErrPeerStopped, nil},
		{"control with payload", [][]byte{message(Output, Heartbeat, 2, "hi"), message(Output, Ack, 5, "hello"), message(Output, Frame, 1, "a")}, []string{"a"}, io.EOF, nil},
	} {
		for _, piece := range []int{1 << 20, 1, 20, -1 << 20, -30} {
			ahead := 0
			if piece < 0 {
				piece, ahead = -piece, 100
			}
			t.Run(fmt.Sprintf("%s/pieces of %d/ahead %d", test.name, piece, ahead), func(t *testing.T) {
				f := setUp(t)
				reasons, disconnected := ends()
				s := f.server(Options{Pool: f.in, MaxMessage: 16 << 10, Disconnected: disconnected, ReadAhead: ahead})
				c := f.raw()
				go func() {
					for _, b := range test.wire {
						if len(b) > 1000 && piece == 1 {
							piece = 100
						}
						for len(b) > 0 {
							n, err := c.Write(b[:min(piece, len(b))])
							if err != nil {
								return // the server has hung up, as it should
							}
							b = b[n:]
						}
					}
					c.CloseWrite()
				}()
				for _, want := range test.received {
					m, err := s.Receive(f.ctx)
					if err != nil {
						t.Fatal(err)
					}
					if string(m.Bytes()) != want {
						t.Errorf("received %q, want %q", m.Bytes(), want)
					}
					m.Release()
				}
				if err := f.reason(reasons); !errors.Is(err, test.reason) {
					t.Errorf("ended with %v, want %v", err, test.reason)
				}
				st := s.Stats()
				if st.Received != uint64(len(test.received)) || test.check != nil && !test.check(st) || st.Peers != 0 {
					t.Errorf("%+v", st)
				}
				// Others are served as before.
				f.write(f.raw(), message(Output, Frame, 4, "next"))
				m, err := s.Receive(f.ctx)
				if err != nil || string(m.Bytes()) != "next" {
					t.Fatalf("%q, %v", m.Bytes(), err)
				}
				m.Release()
			})
		}
	}
}

func TestSendRefuses(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{MaxMessage: 100})
	c := f.client(Options{MaxMessage: 100})
	for _, typ := range []Type{Stop, Heartbeat, Ack} {
		if _, err := s.Send(f.ctx, Message{Type: typ}); !errors.Is(err, ErrType) {
			t.Errorf("server, %v: %v", typ, err)
		}
		if err := c.Send(f.ctx, Message{Type: typ}); !errors.Is(err, ErrType) {
			t.Errorf("client, %v: %v", typ, err)
		}
	}
	m := f.frame(0, 101)
	defer m.Release()
	if err := c.Send(f.ctx, m); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	if _, err := s.Send(f.ctx, m); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Policy: 4}, {InboxPolicy: 9}, {Depth: -1}, {Depth: 10, MaxDepth: 5}, {Depth: 2, MinDepth: 3, MaxDepth: 5}, {Inbox: -1}, {Inbox: 1 << 21},
		{MaxMessage: 1 << 31}, {MaxClients: -1}, {ReadAhead: -1}, {ReadAhead: 5000}, {MaxAttempts: -1}, {SendBuffer: -1}, {WriteTimeout: -1}, {ReadTimeout: -1}, {Heartbeat: -1}, {MinBackoff: -1}, {Depth: 1 << 21},
	} {
		if _, err := Listen(filepath.Join(t.TempDir(), "s"), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	t.Setenv("STREAM_TEST_SOCKET", "/tmp/x")
	if got := Path("STREAM_TEST_SOCKET", "/other"); got != "/tmp/x" {
		t.Error(got)
	}
	if got := Path("STREAM_TEST_SOCKET_UNSET", "/other"); got != "/other" {
		t.Error(got)
	}
}
