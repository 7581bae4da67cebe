package ipc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// listener is where a test is the publisher itself.
func listener(t *testing.T) (l *net.UnixListener, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, path
}

// silent connects and says nothing.
func silent(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	for end := time.Now().Add(longWait); ; time.Sleep(time.Millisecond) {
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) { // no room in the listener's queue
			t.Fatal(err)
		}
	}
}

// answered waits for what a publisher says to who said nothing, "" if it only hangs up.
func answered(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(longWait))
	b := make([]byte, 1000)
	n, err := conn.Read(b)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return ""
	}
	if err != nil {
		t.Fatalf("a connection that says nothing stays open: %v", err)
	}
	_, err = parseWelcome(b[:n])
	if !errors.Is(err, ErrRefused) {
		t.Fatalf("the answer is %v", err)
	}
	return err.Error()
}

// TestStrangers: connections that say nothing keep nobody out, and take a bounded number of goroutines.
func TestStrangers(t *testing.T) {
	s, _, path := start(t, 4, PublisherOptions{})
	s.mu.Lock()
	s.helloLimit = time.Hour // so that only their number counts
	s.mu.Unlock()
	var conns []*net.UnixConn
	for range 200 {
		conns = append(conns, silent(t, path))
	}
	good := subscriber(t, path, SubscriberOptions{})
	eventually(t, "there are as many strangers as may be", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.strangers) < maxStrangers+1 && len(s.strangers) >= maxStrangers-1
	})
	want := fmt.Sprintf("%d others came, and this one said nothing: try again", maxStrangers)
	for i, conn := range conns[:200-maxStrangers] {
		if got := answered(t, conn); !strings.Contains(got, want) {
			t.Fatalf("connection %d: %q", i, got)
		}
	}
	// While they keep coming, those who say what they want get in.
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for range 500 {
			select {
			case <-stop:
				return
			default:
				conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
				if err == nil {
					defer conn.Close()
				}
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	for range 20 {
		var sub *Subscriber
		eventually(t, "it gets in", func() (ok bool) {
			var err error
			if sub, err = Subscribe(t.Context(), path, SubscriberOptions{}); err != nil && !errors.Is(err, ErrRefused) {
				t.Fatal(err)
			}
			return err == nil // it was too slow with its hello for so many others
		})
		defer sub.Close()
	}
	close(stop)
	wg.Wait()
	if err := good.Close(); err != nil {
		t.Error(err)
	}
}

// TestRefusedUnheard: a subscriber learns why it is refused also where the publisher hangs up before it has read the hello.
func TestRefusedUnheard(t *testing.T) {
	l, path := listener(t)
	for _, when := range []string{"before it", "unread", "read"} {
		for _, why := range []string{"", "why"} {
			conn := silent(t, path)
			peer, err := l.AcceptUnix()
			if err != nil {
				t.Fatal(err)
			}
			hangUp := func() {
				var err, wrong error
				switch when {
				case "unread":
					err = arrived(peer)
				case "read":
					_, err = peer.Read(make([]byte, 100))
				}
				if why != "" {
					_, wrong = peer.Write(welcome{version: version, refused: true, reason: why}.bytes())
				}
				if err := errors.Join(err, wrong, peer.Close()); err != nil {
					t.Error(err)
				}
			}
			var wg sync.WaitGroup
			if when == "before it" {
				hangUp()
			} else {
				wg.Go(hangUp)
			}
			b := make([]byte, 100)
			n, _, err := greet(conn, hello{version: version}, b)
			if err == nil {
				_, err = parseWelcome(b[:n])
			}
			if want := map[bool]error{true: ErrGone, false: ErrRefused}[why == ""]; !errors.Is(err, want) || !strings.Contains(err.Error(), why) {
				t.Errorf("%s, saying %q: %v", when, why, err)
			}
			wg.Wait()
		}
	}
}

// arrived waits for a message, and leaves it there.
func arrived(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	wrong := raw.Read(func(fd uintptr) bool {
		_, _, err = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return !errors.Is(err, syscall.EAGAIN)
	})
	return errors.Join(err, wrong)
}

// TestSilence: who says nothing is told so after a while.
func TestSilence(t *testing.T) {
	s, _, path := start(t, 4, PublisherOptions{})
	s.mu.Lock()
	s.helloLimit = 10 * time.Millisecond
	s.mu.Unlock()
	if got := answered(t, silent(t, path)); !strings.Contains(got, "it said nothing for 10ms") {
		t.Errorf("%q", got)
	}
}

// fromCStrangers has connections that say nothing to a publisher in C, whose program polls its descriptor and does nothing else.
func fromCStrangers(t *testing.T, c *program) {
	path := c.opened(0, 0, 8)
	var conns []*net.UnixConn
	for range 200 {
		conns = append(conns, silent(t, path))
	}
	subscriber(t, path, SubscriberOptions{})
	slow := 0 // on a machine that stands still for as long as a stranger may be silent
	for i, conn := range conns[:192] {
		switch got := answered(t, conn); {
		case strings.Contains(got, "8 others came, and this one said nothing: try again"):
		case strings.Contains(got, "it said nothing for 2000 ms"):
			slow++
		default:
			t.Fatalf("connection %d: %q", i, got)
		}
	}
	if slow == 192 {
		t.Error("nobody was told that others came")
	}
	c.tell("w") // from here on it counts how often its descriptor wakes it
	for i, conn := range conns[192:] {
		if got := answered(t, conn); !strings.Contains(got, "it said nothing for 2000 ms") && !strings.Contains(got, "others came") {
			t.Fatalf("connection %d: %q", 192+i, got)
		}
	}
	c.tell("s")
	var wakes int
	if _, err := fmt.Sscanf(c.answer(), "woken %d times", &wakes); err != nil || wakes > 50 {
		t.Errorf("its descriptor has woken it %d times for 8 who said nothing, %v", wakes, err)
	}
	if got := c.answer(); !strings.HasSuffix(got, "left 0 misbehaved 0 lent 0 subscribers 1 out 0") {
		t.Error(got)
	}
	c.ask("x 0", "not in the time given")
	c.ask("f", "ok")
}
