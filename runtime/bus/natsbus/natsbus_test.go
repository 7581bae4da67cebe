package natsbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
	"github.com/poolgen/poolgen/runtime/pool"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		serve()
		return
	}
	os.Exit(m.Run())
}

// patient is a context for what must not take for ever.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func blocks(t testing.TB, size, most int) *pool.Pool {
	t.Helper()
	p, err := pool.New(size, pool.Options{Name: "received", Max: most})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func open(t testing.TB, o natsbus.Options) *natsbus.Conn {
	t.Helper()
	c, err := natsbus.Open(patient(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func subscribe(t testing.TB, c *natsbus.Conn, pattern string, o natsbus.SubOptions) *natsbus.Sub {
	t.Helper()
	s, err := c.Subscribe(patient(t), pattern, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// next is the next event, acknowledged.
func next(t testing.TB, s *natsbus.Sub) *natsbus.Message {
	t.Helper()
	m, err := s.Next(patient(t))
	if err == nil {
		err = m.Ack(patient(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func publish(t testing.TB, c *natsbus.Conn, topic, head, payload string) natsbus.Receipt {
	t.Helper()
	r, err := c.Publish(patient(t), topic, []byte(head), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// none says that nothing comes.
func none(t testing.TB, s *natsbus.Sub) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if m, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("came: %+v, %v", m, err)
	}
}

// noise is a payload that tells its size.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*n ^ i>>8)
	}
	return b
}

// Payloads of every kind of size come as they went, in order, those beyond Inline by way of the object store.
func TestSizes(t *testing.T) {
	c := open(t, natsbus.Options{Inline: 1000})
	p := blocks(t, 3<<20, 2)
	s := subscribe(t, c, "a.b", natsbus.SubOptions{Pool: p})
	sizes := []int{0, 1, 999, 1000, 1001, 300 << 10, 3 << 20}
	for i, n := range sizes {
		head := strings.Repeat("h", i*500)
		r, err := c.Publish(patient(t), "a.b", []byte(head), noise(n))
		if err != nil || r.Sequence != uint64(i+1) || r.Duplicate {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if st := c.Stats(); st.Published != 7 || st.Objects != 3 || !st.Connected {
		t.Errorf("%+v", st)
	}
	for i, n := range sizes {
		m := next(t, s)
		if m.Size != n || len(m.Head) != i*500 || m.Topic != "a.b" || m.Sequence != uint64(i+1) || !m.Own || time.Since(m.Time).Abs() > time.Hour {
			t.Fatalf("%+v", m)
		}
		if n > 0 && !bytes.Equal(m.Buf.Bytes(), noise(n)) {
			t.Errorf("%d bytes, and others", n)
		}
		m.Release()
		m.Release()
	}
	none(t, s)
}

func TestPatternsAndBeginnings(t *testing.T) {
	c := open(t, natsbus.Options{})
	p := blocks(t, 100, 8)
	publish(t, c, "cam.1.frame", "", "old")
	publish(t, c, "cam.1.frame", "", "older than none")
	publish(t, c, "cam.2.frame", "", "other")
	mark := time.Now()
	time.Sleep(10 * time.Millisecond)
	publish(t, c, "cam.2.sound", "", "sound")
	read := func(s *natsbus.Sub, want ...string) {
		t.Helper()
		for _, w := range want {
			m := next(t, s)
			if got := m.Topic + "=" + string(m.Buf.Bytes()); got != w {
				t.Errorf("got %s, want %s", got, w)
			}
			m.Release()
		}
	}
	fresh := subscribe(t, c, "cam.*.frame", natsbus.SubOptions{Pool: p})
	read(subscribe(t, c, "cam.*.frame", natsbus.SubOptions{Pool: p, From: natsbus.All}), "cam.1.frame=old", "cam.1.frame=older than none", "cam.2.frame=other")
	read(subscribe(t, c, "cam.>", natsbus.SubOptions{Pool: p, From: natsbus.Last}), "cam.1.frame=older than none", "cam.2.frame=other", "cam.2.sound=sound")
	read(subscribe(t, c, "cam.2.*", natsbus.SubOptions{Pool: p, Since: mark}), "cam.2.sound=sound")
	publish(t, c, "cam.3.frame", "", "new")
	read(fresh, "cam.3.frame=new")
}

// What the servers send again is dropped while the program has it, and after it was acknowledged; what the program asks for again comes.
func TestOnceEach(t *testing.T) {
	c := open(t, natsbus.Options{})
	p := blocks(t, 100, 8)
	s := subscribe(t, c, "x", natsbus.SubOptions{Pool: p, AckWait: 300 * time.Millisecond})
	publish(t, c, "x", "", "one")
	m, err := s.Next(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); s.Repeats() == 0 && time.Now().Before(end); {
		none(t, s) // AckWait goes by, more than once
	}
	if s.Repeats() == 0 {
		t.Error("the server has not sent it again: nothing was tried")
	}
	if err := m.Ack(patient(t)); err != nil {
		t.Fatal(err)
	}
	m.Release()
	none(t, s)
	publish(t, c, "x", "", "two")
	if m, err = s.Next(patient(t)); err != nil {
		t.Fatal(err)
	}
	m.Release()
	if err := m.Again(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if m = next(t, s); string(m.Buf.Bytes()) != "two" {
		t.Errorf("%q", m.Buf.Bytes())
	}
	m.Release()
}

// A program without free blocks holds the events back, and Pending does.
func TestBackPressure(t *testing.T) {
	c := open(t, natsbus.Options{})
	p := blocks(t, 100, 2)
	s := subscribe(t, c, "x", natsbus.SubOptions{Pool: p})
	narrow := subscribe(t, c, "x", natsbus.SubOptions{Pool: blocks(t, 100, 8), Pending: 2})
	for i := range 5 {
		publish(t, c, "x", "", fmt.Sprint(i))
	}
	a, b := next(t, s), next(t, s)
	none(t, s)
	a.Release()
	b.Release()
	for i := 2; i < 5; i++ {
		m := next(t, s)
		if string(m.Buf.Bytes()) != fmt.Sprint(i) {
			t.Errorf("got %q", m.Buf.Bytes())
		}
		m.Release()
	}
	var held []*natsbus.Message
	for range 2 {
		m, err := narrow.Next(patient(t))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, m)
	}
	none(t, narrow)
	for _, m := range held {
		if err := m.Ack(patient(t)); err != nil {
			t.Error(err)
		}
		m.Release()
	}
	next(t, narrow).Release()
}

func TestLazy(t *testing.T) {
	c := open(t, natsbus.Options{Inline: 10})
	p := blocks(t, 1000, 2)
	s := subscribe(t, c, "x", natsbus.SubOptions{Pool: p, Lazy: true})
	publish(t, c, "x", "", string(noise(500)))
	m := next(t, s)
	if m.Buf.Pool() != nil || m.Size != 500 {
		t.Fatalf("%+v", m)
	}
	if err := errors.Join(m.Fetch(patient(t)), m.Fetch(patient(t))); err != nil || !bytes.Equal(m.Buf.Bytes(), noise(500)) {
		t.Error(err)
	}
	m.Release()
}

func TestRefusals(t *testing.T) {
	c := open(t, natsbus.Options{Inline: 500})
	for _, topic := range []string{"", ".", "a.", "a..b", "a b", "a.*", ">", "a\n"} {
		if _, err := c.Publish(patient(t), topic, nil, nil); !errors.Is(err, natsbus.ErrTopic) {
			t.Errorf("topic %q: %v", topic, err)
		}
	}
	for _, pattern := range []string{"", "a.>.b", "a*", "a.b>", ".*"} {
		if _, err := c.Subscribe(patient(t), pattern, natsbus.SubOptions{}); !errors.Is(err, natsbus.ErrTopic) {
			t.Errorf("pattern %q: %v", pattern, err)
		}
	}
	if _, err := c.Publish(patient(t), "a", make([]byte, 5000), nil); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Error(err)
	}
	if _, err := c.Subscribe(patient(t), "a", natsbus.SubOptions{Pending: -1}); err == nil {
		t.Error("Pending of -1")
	}
	for _, o := range []natsbus.Options{
		{Stream: "a.b"}, {Replicas: 2}, {MaxAge: -1}, {MaxBytes: -1}, {Inline: -1}, {URL: "nats://x", Server: natsbus.ServerOptions{Name: "y"}},
		{Server: natsbus.ServerOptions{Listen: "nonsense"}}, {Server: natsbus.ServerOptions{Listen: ":70000"}}, {Server: natsbus.ServerOptions{Cluster: "x", Gossip: ":0"}},
		{Server: natsbus.ServerOptions{Listen: ":0", Certificate: "/no/file", Key: "/no/file"}}, {Server: natsbus.ServerOptions{Store: "/proc/nothing"}}, {Replicas: 3},
	} {
		if _, err := natsbus.Open(patient(t), o); err == nil {
			t.Errorf("%+v opens", o)
		}
	}
	p := blocks(t, 100, 2)
	s := subscribe(t, c, "a", natsbus.SubOptions{Pool: p})
	bare := subscribe(t, c, "a", natsbus.SubOptions{})
	for _, n := range []int{101, 600} {
		publish(t, c, "a", "", string(noise(n)))
		if _, err := s.Next(patient(t)); err == nil || !strings.Contains(err.Error(), `pool "received"`) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if _, err := bare.Next(patient(t)); err == nil || !strings.Contains(err.Error(), "SubOptions.Pool") {
			t.Error(err)
		}
	}
	publish(t, c, "a", "", "fits")
	next(t, s).Release() // what did not fit does not come again, and holds nothing up
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(patient(t)); !errors.Is(err, natsbus.ErrClosed) {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Publish(patient(t), "a", nil, nil); !errors.Is(err, natsbus.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Subscribe(patient(t), "a", natsbus.SubOptions{}); !errors.Is(err, natsbus.ErrClosed) {
		t.Error(err)
	}
	if _, err := bare.Next(patient(t)); !errors.Is(err, natsbus.ErrClosed) {
		t.Error(err)
	}
}

// Closing ends a Next that waits.
func TestCloseWakes(t *testing.T) {
	for _, of := range []string{"subscription", "connection"} {
		c := open(t, natsbus.Options{})
		s := subscribe(t, c, "x", natsbus.SubOptions{})
		ended := make(chan error)
		go func() {
			_, err := s.Next(patient(t))
			ended <- err
		}()
		time.Sleep(20 * time.Millisecond)
		if of == "subscription" {
			_ = s.Close()
		} else {
			_ = c.Close()
		}
		if err := <-ended; !errors.Is(err, natsbus.ErrClosed) {
			t.Errorf("closing the %s: %v", of, err)
		}
	}
}
