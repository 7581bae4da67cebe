package natsbus_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// proxy passes bytes between clients and a server, and can keep the server's to itself.
type proxy struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	mute  bool
	cuts  []int // bytes after which the connections are cut
	conns []net.Conn
}

func startProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: u.Host}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", p.to)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			go func() { _, _ = io.Copy(counting{p, out}, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(hearing{p, in}, out); _ = in.Close() }()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); p.cut() })
	return p
}

type hearing struct {
	p *proxy
	w io.Writer
}

func (h hearing) Write(b []byte) (int, error) {
	h.p.mu.Lock()
	mute := h.p.mute
	h.p.mu.Unlock()
	if mute {
		return len(b), nil
	}
	return counting(h).Write(b)
}

// counting cuts the connections when so much has gone through it.
type counting hearing

func (c counting) Write(b []byte) (int, error) {
	c.p.mu.Lock()
	over := false
	if cuts := c.p.cuts; len(cuts) > 0 {
		if cuts[0] -= len(b); cuts[0] <= 0 {
			over = true
			c.p.cuts = cuts[1:]
		}
	}
	c.p.mu.Unlock()
	if over {
		c.p.cut()
		return 0, net.ErrClosed
	}
	return c.w.Write(b)
}

// cutAfter cuts the connections again and again, each time after so many bytes more.
func (p *proxy) cutAfter(bytes ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = bytes
}

// cutsLeft is how often it will still cut.
func (p *proxy) cutsLeft() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.cuts)
}

func (p *proxy) setMute(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = on
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// An answer is lost, and so is the connection: Publish asks again under the same id, and the servers keep the event once.
func TestLostAnswer(t *testing.T) {
	server, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0", Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p := startProxy(t, server.URL())
	var mu sync.Mutex
	var told []string
	c := open(t, natsbus.Options{URL: "nats://" + p.l.Addr().String(), Attempt: 300 * time.Millisecond, Event: func(s string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, s)
	}})
	direct := open(t, natsbus.Options{URL: server.URL()})
	s := subscribe(t, direct, ">", natsbus.SubOptions{Pool: blocks(t, 100, 4)})
	publish(t, c, "x", "", "first")

	p.setMute(true)
	published := make(chan natsbus.Receipt, 1)
	go func() {
		r, err := c.Publish(patient(t), "x", nil, []byte("second"))
		if err != nil {
			t.Error(err)
		}
		published <- r
	}()
	next(t, s).Release()
	m := next(t, s) // it is there, and the publisher does not know
	if string(m.Buf.Bytes()) != "second" {
		t.Errorf("%q", m.Buf.Bytes())
	}
	m.Release()
	p.cut()
	p.setMute(false)
	if r := <-published; !r.Duplicate || r.Sequence != 2 {
		t.Errorf("%+v", r)
	}
	none(t, s)
	if st := c.Stats(); st.Duplicates != 1 || st.Repeated == 0 || st.Reconnects == 0 {
		t.Errorf("%+v", st)
	}
	mu.Lock()
	defer mu.Unlock()
	if all := strings.Join(told, "\n"); !strings.Contains(all, "disconnected") || !strings.Contains(all, "connected again") {
		t.Errorf("told: %s", all)
	}
}

// The connection is lost in the middle of large payloads, on their way there and back.
func TestCutInTransfer(t *testing.T) {
	server, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0", Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p := startProxy(t, server.URL())
	c := open(t, natsbus.Options{URL: "nats://" + p.l.Addr().String(), Attempt: time.Second})
	s := subscribe(t, c, "x", natsbus.SubOptions{Pool: blocks(t, 2_000_000, 2)})
	want := noise(2_000_000)
	p.cutAfter(100_000, 700_000, 1_900_000)
	publish(t, c, "x", "", string(want))
	if n := p.cutsLeft(); n > 0 {
		t.Errorf("publishing: %d cuts are left", n)
	}
	p.cutAfter(100_000, 700_000, 1_900_000)
	m := next(t, s)
	if n := p.cutsLeft(); n > 0 {
		t.Errorf("receiving: %d cuts are left", n)
	}
	if !bytes.Equal(m.Buf.Bytes(), want) {
		t.Errorf("%d bytes, and others", m.Buf.Len())
	}
	m.Release()
	none(t, s)
	if st := c.Stats(); st.Published != 1 || st.Objects != 1 || st.Reconnects < 2 {
		t.Errorf("%+v", st)
	}
}
