package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cut makes a message longer or shorter.
func cut(b []byte, n int) []byte { return append(b, make([]byte, max(0, n-len(b)))...)[:n] }

// askVersions says hello to a publisher as older and newer subscribers may.
func askVersions(t *testing.T, path string) {
	t.Helper()
	for _, k := range []struct {
		hello []byte
		want  string
	}{
		{hello{2, Block, 0}.bytes(), "the subscriber speaks version 2, the publisher 1: use the same version of poolgen on both sides"},
		{cut(hello{2, Block, 0}.bytes(), 8), "the subscriber speaks version 2, the publisher 1: use"},
		{cut(hello{2, 77, 1 << 30}.bytes(), 64), "the subscriber speaks version 2, the publisher 1: use"},
		{cut(hello{3, 0, 0}.bytes(), 4000), "the subscriber speaks version 3, the publisher 1: use"},
		{cut(hello{0, 0, 0}.bytes(), 12), "the subscriber speaks version 0, the publisher 1: use"},
		{cut(hello{1, 0, 0}.bytes(), 16), "the hello has 16 bytes, not the 32 of version 1"},
		{cut(hello{1, 0, 0}.bytes(), 40), "the hello has 40 bytes, not the 32 of version 1"},
		{cut(hello{1, 0, 0}.bytes(), 4), "the first message is no hello of any version, the publisher speaks version 1"},
		{[]byte("GET / HTTP/1.1"), "the first message is no hello of any version, the publisher speaks version 1"},
	} {
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1000)
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err = conn.Write(k.hello); err == nil {
			var n int
			n, err = conn.Read(answer)
			answer = answer[:n]
		}
		if err != nil {
			t.Errorf("%d bytes: %v", len(k.hello), err)
		} else if _, err := parseWelcome(answer); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%.40x, %d bytes, is answered %q, not %q", k.hello, len(k.hello), err, k.want)
		}
		conn.Close()
	}
}

// TestVersions: peers of other versions are told both versions, whatever else is new in their messages. No side waits for the other.
func TestVersions(t *testing.T) {
	s, _, path := start(t, 4, PublisherOptions{})
	askVersions(t, path)
	subscriber(t, path, SubscriberOptions{})
	if st := s.Stats(); len(st.Subscribers) != 1 {
		t.Errorf("Stats = %+v", st)
	}

	l, other := listener(t)
	c := run(t, compilers()[0].build(t, "subscriber.c"))
	memory := sealed(t, 4096, false)
	refusal := welcome{version: 2, refused: true, reason: "no"}.bytes()
	const both = "the publisher speaks version 2, the subscriber 1: use the same version of poolgen on both sides"
	for _, k := range []struct {
		name    string
		welcome []byte
		fds     int
		want    string
	}{
		{"as long", welcome{version: 2}.bytes(), 2, both},
		{"shorter", cut(welcome{version: 2}.bytes(), 8), 0, both},
		{"longer", cut(welcome{version: 2}.bytes(), 3000), 2, both},
		{"more descriptors", welcome{version: 2}.bytes(), 9, both},
		{"refused", refusal, 0, both + ": no"},
		{"refused in few words", cut(refusal, 12), 0, both},
		{"refused in many words", cut(refusal, 3000), 0, both},
		{"of this version, shorter", cut(welcome{version: 1}.bytes(), 16), 0, "the answer has 16 bytes, version 1 has at least 32"},
	} {
		answer := func() {
			conn, err := l.AcceptUnix()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := conn.Read(make([]byte, 100)); err != nil {
				t.Error(err)
			}
			var rights []byte
			if k.fds > 0 {
				fds := make([]int, k.fds)
				for i := range fds {
					fds[i] = memory
				}
				rights = syscall.UnixRights(fds...)
			}
			if _, _, err := conn.WriteMsgUnix(k.welcome, rights, nil); err != nil {
				t.Error(err)
			}
		}
		go answer()
		if _, err := Subscribe(t.Context(), other, SubscriberOptions{}); err == nil || !strings.Contains(err.Error(), k.want) || !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: in Go: %v, not %q", k.name, err, k.want)
		}
		c.tell("s 0 0 0 %s", other)
		answer()
		if got := c.answer(); !strings.Contains(got, k.want) {
			t.Errorf("%s: in C: %q, not %q", k.name, got, k.want)
		}
	}
	c.end()
}

// TestNoAnswer: a publisher that accepts a connection and says nothing does not keep who has no deadline.
func TestNoAnswer(t *testing.T) {
	_, path := listener(t)
	_, err := subscribe(t.Context(), path, SubscriberOptions{}, 30*time.Millisecond)
	if want := fmt.Sprintf("the publisher does not answer in %v", 30*time.Millisecond); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), want) {
		t.Errorf("Subscribe: %v", err)
	}
}

// FuzzVersions reads the first message of peers of other versions.
func FuzzVersions(f *testing.F) {
	f.Add(uint32(2), 9)
	f.Fuzz(func(t *testing.T, v uint32, n int) {
		if v == version || n < 0 || n > 4000 {
			return
		}
		b := cut(hello{v, Block, 4}.bytes(), 8+n)
		if _, err := parseHello(b); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), fmt.Sprintf("version %d", v)) {
			t.Errorf("a hello of version %d: %v", v, err)
		}
		binary.LittleEndian.PutUint32(b, welcomeMagic)
		if _, err := parseWelcome(b); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d", v)) {
			t.Errorf("a welcome of version %d: %v", v, err)
		}
	})
}
