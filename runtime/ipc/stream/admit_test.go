package stream

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// The file has its mode from the moment it is there, whatever the umask is.
func TestSocketMode(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	for _, test := range []struct{ umask, mode, want os.FileMode }{
		{0o022, 0, 0o600}, {0, 0, 0o600}, {0o777, 0, 0o600}, {0o022, 0o666, 0o666}, {0o077, 0o660, 0o660}, {0, 0o700, 0o700},
	} {
		syscall.Umask(int(test.umask))
		path := filepath.Join(t.TempDir(), "s")
		s, err := Listen(path, Options{Mode: test.mode})
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Lstat(path)
		if err != nil || st.Mode().Perm() != test.want || st.Mode()&os.ModeSocket == 0 {
			t.Errorf("%+v: the file has %v, %v", test, st.Mode(), err)
		}
		s.Close()
		// Right after bind, before anything else could mend it: never more than the mode.
		l, err := sys.Bind("unix", path, test.want)
		if err != nil {
			t.Fatal(err)
		}
		if st, err = os.Lstat(path); err != nil || st.Mode().Perm() != test.want&^test.umask {
			t.Errorf("%+v: bind makes %v, %v", test, st.Mode(), err)
		}
		l.Close()
		os.Remove(path)
	}
	for _, mode := range []os.FileMode{os.ModeSetuid | 0o600, os.ModeDir, 0o1000} {
		if _, err := Listen(filepath.Join(t.TempDir(), "s"), Options{Mode: mode}); err == nil {
			t.Errorf("mode %v is taken", mode)
		}
	}
}

func TestAllow(t *testing.T) {
	f := setUp(t)
	var mu sync.Mutex
	var asked []Peer
	let := errors.New("not you")
	s := f.server(Options{Pool: f.in, Allow: func(p Peer) error {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, p)
		return let
	}})
	for range 2 {
		c := f.raw()
		if got, err := io.ReadAll(c); len(got) != 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("one who is not let in gets % x, %v", got, err)
		}
	}
	f.until("both are counted", func() bool { return s.Stats().Denied == 2 })
	mu.Lock()
	let = nil
	mu.Unlock()
	f.write(f.raw(), message(Output, Frame, 2, "ok"))
	m, err := s.Receive(f.ctx)
	if err != nil || string(m.Bytes()) != "ok" {
		t.Fatal(err)
	}
	m.Release()
	me := Peer{int32(os.Getpid()), uint32(os.Getuid()), uint32(os.Getgid())}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 3 || asked[0] != me || asked[2] != me {
		t.Errorf("asked about %+v, want %+v", asked, me)
	}
	if st := s.Stats(); st.Connects != 1 || st.Refused != 0 || st.Denied != 2 {
		t.Errorf("%+v", st)
	}
}

// Without Allow an abstract socket is for this user and root, a file for whom its mode lets in.
func TestAllowedByDefault(t *testing.T) {
	me := uint32(os.Geteuid())
	for _, test := range []struct {
		path string
		uid  uint32
		ok   bool
	}{{"@x", me, true}, {"@x", 0, true}, {"@x", me + 1, false}, {"/x", me + 1, true}} {
		if err := allowed(test.path)(Peer{UID: test.uid}); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
	}
	name := fmt.Sprintf("@poolgen-stream-allow-%d", os.Getpid())
	s, err := Listen(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for end := time.Now().Add(patience); s.Stats().Connects == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if st := s.Stats(); st.Peers != 1 || st.Denied != 0 {
		t.Errorf("%+v", st)
	}
}

// Whoever joins late begins with the last config message, whatever the policy, and everybody gets each one once.
func TestConfigIsReplayed(t *testing.T) {
	for _, policy := range []Policy{Block, DropOldest, DropNewest, LatestOnly} {
		f := setUp(t)
		s := f.server(Options{Policy: policy})
		config := func(i int) {
			m := f.frame(i, 20)
			m.Type = Config
			if _, err := s.Send(f.ctx, m); err != nil {
				t.Fatal(err)
			}
			m.Release()
		}
		first := f.raw()
		f.until("the first is there", func() bool { return s.Stats().Peers == 1 })
		config(1)
		if err := same(f.expect(first, Config), 1, 20); err != nil {
			t.Fatal(err)
		}
		config(2)
		if err := same(f.expect(first, Config), 2, 20); err != nil {
			t.Fatal(err)
		}
		if n := f.out.Stats().Outstanding; n != 1 {
			t.Errorf("%d blocks are held, want that of the last config", n)
		}
		late := f.raw()
		if err := same(f.expect(late, Config), 2, 20); err != nil {
			t.Errorf("policy %d: %v", policy, err)
		}
		f.until("both are there", func() bool { return s.Stats().Peers == 2 })
		m := f.frame(3, 30)
		if n, err := s.Send(f.ctx, m); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		// What SendTo is given is not for others.
		m.Type = Config
		for _, c := range []*net.UnixConn{first, late} {
			if err := same(f.expect(c, Frame), 3, 30); err != nil {
				t.Error(err)
			}
		}
		if err := s.SendTo(f.ctx, 1, m); err != nil {
			t.Fatal(err)
		}
		m.Release()
		f.expect(first, Config)
		if err := same(f.expect(f.raw(), Config), 2, 20); err != nil {
			t.Errorf("policy %d: %v", policy, err)
		}
		f.until("all is settled", func() bool { return s.Stats().Pending == 0 })
		st := s.Stats()
		f.reconcile(st)
		if st.Sent != 2+1+2+1+1 {
			t.Errorf("policy %d: %+v", policy, st)
		}
		s.Stop(f.ctx)
		if _, err := s.Send(f.ctx, Message{Type: Config}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if n := f.out.Stats().Outstanding; n != 0 {
			t.Errorf("%d blocks are still out", n)
		}
	}
}

// A client that comes while config messages are sent gets every one from the first that it sees on.
func TestConfigOnceEach(t *testing.T) {
	f := setUp(t)
	const configs = 300
	s := f.server(Options{Depth: configs, MaxClients: 100, WriteTimeout: time.Hour})
	sent := make(chan error, 1)
	go func() {
		for i := range configs {
			if _, err := s.Send(f.ctx, Message{Type: Config, Timestamp: int64(i)}); err != nil {
				sent <- err
				return
			}
			time.Sleep(20 * time.Microsecond)
		}
		sent <- nil
	}()
	var clients []*net.UnixConn
	for range 50 {
		clients = append(clients, f.raw())
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for i, c := range clients {
		var b [HeaderSize]byte
		for last := int64(-1); last < configs-1; {
			if _, err := io.ReadFull(c, b[:]); err != nil {
				t.Fatal(err)
			}
			h := ParseHeader(&b)
			if h.Type != Config || last >= 0 && h.Timestamp != last+1 {
				t.Fatalf("client %d: %+v after config %d", i, h, last)
			}
			last = h.Timestamp
		}
	}
}

// Frames that come faster than a client takes them do not push its config message out.
func TestConfigComesFirst(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Policy: LatestOnly, MaxClients: 100})
	if _, err := s.Send(f.ctx, Message{Type: Config}); err != nil {
		t.Fatal(err)
	}
	var sender sync.WaitGroup
	sender.Go(func() {
		for {
			if _, err := s.Send(f.ctx, Message{}); err != nil {
				return
			}
		}
	})
	for range 50 {
		c := f.raw()
		f.expect(c, Config)
		f.expect(c, Frame)
		c.Close()
	}
	s.Close()
	sender.Wait()
}

func TestNoReplay(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{NoReplay: true})
	m := f.frame(1, 20)
	m.Type = Config
	if _, err := s.Send(f.ctx, m); err != nil {
		t.Fatal(err)
	}
	m.Release()
	if n := f.out.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are held", n)
	}
	c := f.raw()
	f.until("the client is there", func() bool { return s.Stats().Peers == 1 })
	if _, err := s.Send(f.ctx, Message{Timestamp: 5}); err != nil {
		t.Fatal(err)
	}
	f.expect(c, Frame)
}

// Each client has its own counts, and together they are the server's.
func TestClients(t *testing.T) {
	f := setUp(t)
	s := f.server(Options{Pool: f.in, Policy: DropOldest, Depth: 10, SendBuffer: 4096, Heartbeat: 300 * time.Millisecond, WriteTimeout: time.Hour})
	stuck := f.raw()
	f.until("the first is there", func() bool { return s.Stats().Peers == 1 })
	c := f.client(Options{Pool: f.in})
	f.until("both are there", func() bool { return s.Stats().Peers == 2 })
	for i := range 100 {
		m := f.frame(i, 8192)
		if _, err := s.Send(f.ctx, m); err != nil {
			t.Fatal(err)
		}
		m.Release()
		got, err := c.Receive(f.ctx)
		if err != nil {
			t.Fatal(err)
		}
		got.Release()
	}
	f.write(stuck, message(Output, Frame, 3, "abc"))
	m, err := s.Receive(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.Release()
	f.until("the second has answered, and all that can be is written", func() bool {
		all := s.Clients()
		return len(all) != 2 || all[1].RoundTrip.Count > 0 && all[1].Pending == 0 && all[0].Pending > 10
	})
	all, st := s.Clients(), s.Stats()
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	me := Peer{int32(os.Getpid()), uint32(os.Getuid()), uint32(os.Getgid())}
	var sum ClientStats
	for i, c := range all {
		if c.ID != uint64(i+1) || c.Peer != me || c.Depth != 10 || c.Offered != 100 || c.Offered != c.Sent+c.Dropped+c.Lost+uint64(c.Pending) || c.Queue.Count != c.Sent {
			t.Errorf("%+v", c)
		}
		sum.Sent += c.Sent
		sum.Dropped += c.Dropped
		sum.BytesSent += c.BytesSent
		sum.Received += c.Received
	}
	if sum.Sent != st.Sent || sum.Dropped != st.Dropped || sum.BytesSent != st.BytesSent || sum.Received != st.Received {
		t.Errorf("%+v, together %+v", sum, st)
	}
	if a := all[0]; a.Pending != 11 || a.Dropped == 0 || a.Received != 1 || a.BytesReceived != 3 || a.RoundTrip.Count != 0 {
		t.Errorf("the stuck one: %+v", a)
	}
	if a := all[1]; a.Sent != 100 || a.Dropped != 0 || a.BytesSent != 100*8192 || a.Queue.Quantile(0.5) <= 0 || a.Queue.Quantile(0.999) > a.Queue.Max {
		t.Errorf("the other one: %+v", a)
	}
}
