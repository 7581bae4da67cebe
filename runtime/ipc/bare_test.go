package ipc

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// bare subscribes without a Subscriber: the test speaks the protocol itself.
func bare(t *testing.T, path string) (*net.UnixConn, *channel) {
	t.Helper()
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(longWait)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(hello{version: version}.bytes()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, welcomeSize+textMax)
	n, fds, err := receiveFDs(conn, b, 4)
	if err != nil || len(fds) != 2 {
		t.Fatal(len(fds), err)
	}
	defer sys.Close(fds[0])
	if _, err := parseWelcome(b[:n]); err != nil {
		t.Fatal(err)
	}
	c, err := openChannel(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return conn, c
}

// TestSleepOnSocket asks to be woken by a message on the socket. One that never reads them harms nobody.
func TestSleepOnSocket(t *testing.T) {
	s, p, path := start(t, 8, PublisherOptions{Slots: 2})
	conn, c := bare(t, path)
	said := func() int {
		var b [8]byte
		n, err := conn.Read(b[:])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for n := range uint64(3) {
		c.head.asleep.Store(asleepOnSocket)
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
		if n := said(); n != 1 || c.head.asleep.Load() != 0 {
			t.Fatalf("a message of %d bytes, asleep is %d", n, c.head.asleep.Load())
		}
	}
	for n := uint64(3); n < 3000; n++ { // more than the socket holds
		c.head.asleep.Store(asleepOnSocket)
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	c.head.asleep.Store(asleepOnSocket)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if c.head.closed.Load() != 1 || said() != 1 {
		t.Error("the end is not told")
	}
}
