package ipc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
)

// TestPublisherInC: publishers in C and C++, with subscribers in Go and in C.
func TestPublisherInC(t *testing.T) {
	peer := compilers()[0].build(t, "subscriber.c")
	eachCompiler(t, "publisher.c", func(t *testing.T, argv []string) {
		c := run(t, argv)
		fromCPolicies(t, c)
		fromCBlock(t, c)
		fromCEnds(t, c)
		fromCClears(t, c)
		fromCLatest(t, c)
		fromCRefusals(t, c)
		fromCStrangers(t, c)
		fromCHostile(t, c)
		fromCRestless(t, c)
		fromCGets(t, c)
		fromCScribbled(t, c)
		fromCToC(t, c, peer)
		c.end()
		fromCKilled(t, argv, peer)
	})
}

// opened is a publisher in C at a new path.
func (p *program) opened(slots, held, blocks int) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "s")
	p.ask(fmt.Sprintf("o %d %d %d 0 %s", slots, held, blocks, path), "ok")
	return path
}

// becomes asks until the answer begins so.
func (p *program) becomes(line, want string) {
	p.t.Helper()
	var got string
	eventually(p.t, fmt.Sprintf("%q is answered %q", line, want), func() bool {
		p.tell("%s", line)
		got = p.answer()
		return strings.HasPrefix(got, want)
	})
}

// shut closes the publisher in C, which has every block back.
func (p *program) shut() {
	p.t.Helper()
	p.ask("x 120000", "ok")
	p.tell("s")
	if got := p.answer(); !strings.HasSuffix(got, " lent 0 subscribers 0 out 0") {
		p.t.Errorf("after the end: %s", got)
	}
	p.ask("f", "ok")
}

func fromCPolicies(t *testing.T, c *program) {
	for _, k := range []struct {
		policy Policy
		first  uint64 // that is received of 10
		n      int
	}{{DropOldest, 6, 4}, {DropNewest, 0, 4}, {Latest, 9, 1}} {
		path := c.opened(8, 0, 16)
		sub, err := Subscribe(t.Context(), path, SubscriberOptions{Policy: k.policy, Slots: 5})
		if err != nil {
			t.Fatal(err)
		}
		c.ask("p 10 0 0", map[bool]string{true: "given 1", false: "given 0"}[k.policy != DropNewest])
		c.ask("r 0", fmt.Sprintf("success: policy %d given %d lost %d over 0 held %d pid %d", k.policy, k.n, 10-k.n, k.n, os.Getpid()))
		c.ask("s", fmt.Sprintf("frames 10 given %d lost %d left 0 misbehaved 0 lent %d subscribers 1 out %d", k.n, 10-k.n, k.n, k.n))
		lost := k.first
		for i := range k.n {
			f := receive(t, sub)
			if f.Sequence != k.first+uint64(i) || f.Lost != lost {
				t.Errorf("%v: frame %d, %d lost", k.policy, f.Sequence, f.Lost)
			}
			lost = 0
			f.Buf.Release()
		}
		c.ask("p 1 0 0", "given 1")
		f := receive(t, sub)
		if want := 10 - k.first - uint64(k.n); f.Sequence != 10 || f.Lost != want {
			t.Errorf("%v: frame %d, %d lost, want %d", k.policy, f.Sequence, f.Lost, want)
		}
		f.Buf.Release()
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		c.becomes("s", fmt.Sprintf("frames 11 given %d lost %d left 1 misbehaved 0 lent 0 subscribers 0 out 0", k.n+1, 10-k.n))
		c.ask("r 0", "argument is out of range: policy 0 given 0 lost 0 over 0 held 0 pid 0")
		c.shut()
	}
	// One that keeps what it has gets no more than its share.
	path := c.opened(8, 3, 16)
	sub := subscriber(t, path, SubscriberOptions{Policy: DropNewest})
	c.ask("p 10 0 0", "given 0")
	c.ask("r 0", fmt.Sprintf("success: policy 1 given 3 lost 7 over 7 held 3 pid %d", os.Getpid()))
	c.ask("a", "0")
	for range 3 {
		receive(t, sub).Buf.Release()
	}
	sub.Close()
	c.shut()
}

// fromCBlock waits for a slow subscriber, until that reads, leaves, dies, or the time is over.
func fromCBlock(t *testing.T, c *program) {
	path := c.opened(2, 0, 8)
	sub := subscriber(t, path, SubscriberOptions{Policy: Block})
	c.ask("p 2 -1 0", "given 1")
	c.ask("p 1 0 0", "not in the time given")
	c.ask("p 1 30 0", "not in the time given")
	c.ask("s", "frames 4 given 2 lost 2 left 0 misbehaved 0 lent 2 subscribers 1 out 2")
	const most = 300
	c.tell("p %d -1 1", most)
	for n := range uint64(2 + most) {
		f := receive(t, sub)
		if want := n + 2*min(n/2, 1); f.Sequence != want {
			t.Fatalf("frame %d, want %d", f.Sequence, want)
		}
		f.Buf.Release()
	}
	if got := c.answer(); got != "given 1" {
		t.Fatal(got)
	}
	waits := func() {
		t.Helper()
		eventually(t, "the publisher waits", func() bool { return sub.c.head.waiting.Load() != 0 })
	}
	c.ask("p 2 -1 0", "given 1")
	c.tell("p 1 -1 0")
	waits()
	late := subscriber(t, path, SubscriberOptions{}) // it gets the next frame, not this one
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	if got := c.answer(); got != "given 0" {
		t.Errorf("after the subscriber left: %s", got)
	}
	c.becomes("s", "frames 307 given 304 lost 2 left 1 misbehaved 0 lent 0 subscribers 1 out 0")
	c.ask("p 1 -1 0", "given 1")
	if f, err := late.Receive(t.Context()); err != nil || f.Sequence != 307 || f.Lost != 0 {
		t.Errorf("who came during a wait receives frame %d, %d lost, %v", f.Sequence, f.Lost, err)
	} else {
		f.Buf.Release()
	}
	late.Close()
	c.becomes("s", "frames 308 given 305 lost 2 left 2 misbehaved 0 lent 0 subscribers 0 out 0")
	// One who goes without a word, as when it is killed.
	conn, _ := bare(t, path)
	conn.Close()
	c.becomes("s", "frames 308 given 305 lost 2 left 3")
	sub = subscriber(t, path, SubscriberOptions{Policy: Block})
	c.ask("p 2 -1 0", "given 1")
	c.ask("m", "argument is out of range; handle is stale: the reference was released before")
	c.ask("b", "another thread is in this call already: one at a time; pool is closed; not in the time given")
	c.ask("f", "ok")
	sub.Close()
}

// fromCEnds ends while a subscriber waits, and while it holds frames.
func fromCEnds(t *testing.T, c *program) {
	path := c.opened(0, 0, 8)
	sub := subscriber(t, path, SubscriberOptions{})
	c.ask("p 3 0 0", "given 1")
	f := receive(t, sub)
	c.tell("x 120000")
	for n := uint64(1); n < 3; n++ {
		g := receive(t, sub)
		if g.Sequence != n {
			t.Errorf("frame %d, want %d", g.Sequence, n)
		}
		g.Buf.Release()
	}
	if _, err := sub.Receive(t.Context()); err != io.EOF {
		t.Errorf("Receive at the end: %v", err)
	}
	if err := verify(f); err != nil {
		t.Error(err)
	}
	f.Buf.Release()
	if got := c.answer(); got != "ok" {
		t.Errorf("the end: %s", got)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket's file was left")
	}
	c.ask("s", "frames 3 given 3 lost 0 left 1 misbehaved 0 lent 0 subscribers 0 out 0")
	c.ask("p 1 0 0", "pool is closed")
	c.ask("f", "ok")

	path = c.opened(0, 0, 8)
	sub = subscriber(t, path, SubscriberOptions{})
	waits := make(chan error, 1)
	go func() {
		_, err := sub.Receive(context.Background())
		waits <- err
	}()
	eventually(t, "the subscriber sleeps", func() bool {
		sub.mu.Lock()
		defer sub.mu.Unlock()
		return sub.c.head.asleep.Load() != 0
	})
	c.ask("x 120000", "ok")
	if err := <-waits; err != io.EOF {
		t.Errorf("Receive at the end: %v", err)
	}
	c.ask("f", "ok")

	path = c.opened(0, 0, 8)
	sub = subscriber(t, path, SubscriberOptions{})
	c.ask("p 1 0 0", "given 1")
	f = receive(t, sub)
	c.ask("x 20", "not in the time given") // it takes everything back
	c.ask("s", "frames 1 given 1 lost 0 left 1 misbehaved 0 lent 0 subscribers 0 out 0")
	f.Buf.Release()
	c.ask("f", "ok")
}

// fromCRefusals has everything go wrong that can when one publishes or subscribes.
func fromCRefusals(t *testing.T, c *program) {
	taken := t.TempDir() + "/s"
	p, err := pool.New(frameSize, pool.Options{Max: 2, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := Listen(taken, p, PublisherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	c.ask("o 0 0 8 0 "+taken, fmt.Sprintf("a live publisher has this path: choose another, or stop it: a live publisher, or another file, has %s: errno 0", taken))
	c.ask("o 3 0 8 0 x", "argument is out of range: the options have 3 slots and max_held 0: a power of two up to 4096, and up to the pool's 8 blocks")
	c.ask("o 0 9 8 0 x", "argument is out of range: the options have 16 slots and max_held 9: a power of two up to 4096, and up to the pool's 8 blocks")
	c.ask("o 0 0 8 0 "+strings.Repeat("x", 108), "argument is out of range: a socket's path has from 1 to 107 bytes")
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.tell("o 0 0 8 0 %s", file)
	if got := c.answer(); !strings.Contains(got, "or another file, has "+file) {
		t.Errorf("a file in the way: %s", got)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	path := t.TempDir() + "/s"
	c.ask("o 0 0 8 1 "+path, "ok")
	if _, err := Subscribe(t.Context(), path, SubscriberOptions{}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "not you") {
		t.Errorf("Subscribe: %v", err)
	}
	c.shut()
	path = c.opened(0, 0, 8)
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket's file: %v, %v", st.Mode(), err)
	}
	strangeHellos(t, path)
	askVersions(t, path)
	var subs []*Subscriber
	for range maxSubscribers {
		subs = append(subs, subscriber(t, path, SubscriberOptions{Slots: 1}))
	}
	if _, err := Subscribe(t.Context(), path, SubscriberOptions{}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "31 subscribers") {
		t.Errorf("subscriber 32: %v", err)
	}
	c.ask("p 2 0 0", "given 31")
	for _, s := range subs {
		f := receive(t, s)
		if f.Sequence != 1 || f.Lost != 1 {
			t.Errorf("frame %d, %d lost", f.Sequence, f.Lost)
		}
		f.Buf.Release()
		s.Close()
	}
	c.becomes("s", "frames 2 given 31 lost 31 left 31 misbehaved 0 lent 0 subscribers 0 out 0")
	c.shut()
	path = "@poolgen" + strings.ReplaceAll(t.TempDir(), "/", ".")
	c.ask("o 0 0 8 0 "+path, "ok")
	sub := subscriber(t, path, SubscriberOptions{})
	c.ask("p 1 0 0", "given 1")
	receive(t, sub).Buf.Release()
	sub.Close()
	c.shut()
}

// fromCHostile has subscribers scribble over their memory: they are thrown out, and others miss nothing.
func fromCHostile(t *testing.T, c *program) {
	for name, harm := range hostileSubscribers() {
		path := c.opened(2, 0, 16)
		bad, good := subscriber(t, path, SubscriberOptions{}), subscriber(t, path, SubscriberOptions{Policy: Block})
		c.ask("p 1 -1 0", "given 2")
		receive(t, good).Buf.Release()
		harm(bad)
		for n := uint64(1); n < 6; n++ {
			c.tell("p 1 -1 0")
			if got := c.answer(); got != "given 1" && got != "given 2" {
				t.Error(got)
			}
			f := receive(t, good)
			if f.Sequence != n || f.Lost != 0 {
				t.Errorf("%s: frame %d, %d lost", name, f.Sequence, f.Lost)
			}
			f.Buf.Release()
		}
		eventually(t, name+" is thrown out", func() bool {
			c.tell("s")
			return strings.HasSuffix(c.answer(), " left 1 misbehaved 1 lent 0 subscribers 1 out 0")
		})
		good.Close()
		bad.Close()
		c.shut()
	}
}

// fromCToC has C on both sides.
func fromCToC(t *testing.T, c *program, peer []string) {
	path := c.opened(4, 0, 16)
	sub := run(t, peer)
	for policy, want := range []string{"4 frames, last 9, 6 lost", "4 frames, last 3, 0 lost", "10 frames, last 9, 0 lost", "1 frames, last 9, 9 lost"} {
		sub.ask(fmt.Sprintf("s %d 0 0 %s", policy, path), "ok")
		if Policy(policy) == Block {
			sub.tell("d")
		}
		c.tell("p 10 -1 1")
		if got := c.answer(); !strings.HasPrefix(got, "given") {
			t.Fatal(got)
		}
		if Policy(policy) != Block {
			sub.tell("d")
		}
		if Policy(policy) == DropNewest {
			c.ask("x 120000", "ok")
			want += ": the publisher has closed"
		}
		if got := sub.answer(); got != want {
			t.Errorf("%v: %q, not %q", Policy(policy), got, want)
		}
		sub.ask("x", "ok")
		if Policy(policy) != DropNewest {
			c.ask("x 120000", "ok")
		}
		c.ask("o 4 0 16 0 "+path, "ok")
	}
	sub.end()
	c.shut()
}

// fromCKilled kills publishers and subscribers.
func fromCKilled(t *testing.T, argv, peer []string) {
	path := filepath.Join(t.TempDir(), "s")
	for range 2 { // the second takes over from the first
		c, inC := run(t, argv), run(t, peer)
		c.ask("o 0 0 8 0 "+path, "ok")
		sub := subscriber(t, path, SubscriberOptions{})
		inC.ask("s 0 0 0 "+path, "ok")
		c.ask("p 3 -1 0", "given 2")
		f := receive(t, sub)
		inC.ask("r -1", "frame 0 lost 0 user 0")
		c.kill()
		for n := uint64(1); n < 3; n++ {
			g := receive(t, sub)
			if g.Sequence != n {
				t.Errorf("frame %d, want %d", g.Sequence, n)
			}
			g.Buf.Release()
			inC.ask("r -1", fmt.Sprintf("frame %d lost 0 user 0", n))
		}
		if _, err := sub.Receive(t.Context()); !errors.Is(err, ErrGone) {
			t.Errorf("Receive from a publisher that was killed: %v", err)
		}
		inC.ask("r -1", "the peer is gone")
		inC.ask("h", "3 of 3 whole")
		if err := verify(f); err != nil {
			t.Error(err)
		}
		f.Buf.Release()
		sub.Close()
		inC.ask("x", "ok")
		for range 3 {
			inC.ask("f", "ok")
		}
		inC.end()
	}
	c := run(t, argv)
	c.ask("o 0 0 16 0 "+path, "ok")
	for range 3 {
		inC := run(t, peer)
		inC.ask("s 2 0 0 "+path, "ok")
		c.ask("p 4 -1 0", "given 1")
		inC.tell("r -1")
		inC.answer()
		// Killed while the publisher waits for it.
		c.tell("p 20 -1 0")
		inC.kill()
		if got := c.answer(); got != "given 0" {
			t.Errorf("after the subscriber was killed: %s", got)
		}
		eventually(t, "every block is back", func() bool {
			c.tell("s")
			return strings.HasSuffix(c.answer(), " misbehaved 0 lent 0 subscribers 0 out 0")
		})
	}
	c.shut()
	c.end()
}

// TestArenaFromC: a subscriber of a publisher in C cannot write to its arena either.
func TestArenaFromC(t *testing.T) {
	c := run(t, compilers()[0].build(t, "publisher.c"))
	path := c.opened(0, 0, 8)
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(hello{version: version}.bytes()); err != nil {
		t.Fatal(err)
	}
	_, fds, err := receiveFDs(conn, make([]byte, welcomeSize), 4)
	if err != nil || len(fds) != 2 {
		t.Fatal(len(fds), err)
	}
	if p, err := pool.Open(fds[0]); !errors.Is(err, syscall.EACCES) {
		t.Errorf("mapping the arena for writing: %v, %v", p, err)
	}
	if err := errors.Join(conn.Close(), closeAll(fds)); err != nil {
		t.Error(err)
	}
	c.becomes("s", "frames 0 given 0 lost 0 left 1")
	c.shut()
	c.end()
}
