package ipc

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inCHostile has the publisher describe frames that cannot be.
func inCHostile(t *testing.T, c *program) {
	for name, k := range map[string]struct {
		harm func(*channel)
		want string
	}{
		"behind the end":   {func(h *channel) { h.slots[1].offset = 1 << 31 }, "frame 1 lies at 2147483648, 4000 bytes, in an arena of "},
		"far above":        {func(h *channel) { h.slots[1].above = 1 << 31 }, "frame 1 lies at 9223"},
		"too long":         {func(h *channel) { h.slots[1].length = 1<<32 - 1 }, "4294967295 bytes, in an arena of "},
		"one byte too far": {func(h *channel) { h.slots[1].length = 1 << 20; h.slots[1].offset = 1 }, "1048576 bytes, in an arena of "},
		"at the start":     {func(h *channel) { h.slots[1].offset = 0 }, "frame 1 lies at 0"},
		"an old number":    {func(h *channel) { h.slots[1].sequence = 0 }, "frame 0 lies at"},
	} {
		s, p, path := start(t, 16, PublisherOptions{})
		c.ask("s 0 0 0 "+path, "ok")
		publish(t, s, p, 0, 1)
		c.ask("r -1", "frame 0 lost 0 user 0")
		publish(t, s, p, 1, 2)
		only(s, func(c *channel) bool { k.harm(c); return true })
		c.tell("r -1")
		if got := c.answer(); !strings.HasPrefix(got, "the peer breaks the protocol: ") || !strings.Contains(got, k.want) {
			t.Errorf("%s: it says %q", name, got)
		}
		c.ask("f", "ok")
		c.ask("x", "ok")
		allBack(t, s, p)
	}
}

// TestWordsFromTheFuture has a publisher write laps that nobody could have reached: a receiver's time-out counts all the same.
func TestWordsFromTheFuture(t *testing.T) {
	s, _, path := start(t, 16, PublisherOptions{Slots: 64})
	sub := subscriber(t, path, SubscriberOptions{})
	c := run(t, compilers()[0].build(t, "subscriber.c"))
	c.ask("s 0 0 0 "+path, "ok")
	s.mu.Lock()
	for _, r := range s.subs {
		for i := range r.c.slots {
			r.c.slots[i].word.Store(1<<28<<2 | slotFull)
		}
	}
	s.mu.Unlock()
	c.ask("r 50", "not in the time given")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if f, err := sub.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Receive = %+v, %v", f, err)
	}
	c.ask("x", "ok")
	c.end()
}

// sealed makes a memfd of a size; shorter says that it can be shortened.
func sealed(t *testing.T, size int, shorter bool) int {
	t.Helper()
	fd, err := unix.MemfdCreate("hostile", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		err = unix.Ftruncate(fd, int64(size))
	}
	if err == nil && !shorter {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// TestHostileWelcome answers subscribers in Go and in C with memory that must not be trusted.
func TestHostileWelcome(t *testing.T) {
	const arena = 1 << 16
	l, path := listener(t)
	good := sealed(t, arena, false)
	damaged := func(harm func(h *channelHead)) []int {
		c, err := newChannel(4, 8)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.close() })
		harm(c.head)
		return []int{good, c.fd}
	}
	c := run(t, compilers()[0].build(t, "subscriber.c"))
	for _, k := range []struct {
		fds        []int
		want, inGo string
	}{
		{damaged(func(h *channelHead) { h.version = 2 }), "the channel has version 2, this program knows 1: use the same version of poolgen on both sides", ""},
		{damaged(func(h *channelHead) { h.magic = 1 }), "the channel begins with 0x1", ""},
		{damaged(func(h *channelHead) { h.slots = 8 }), "the channel has 8 slots and 8 returns in 800 bytes", ""},
		{damaged(func(h *channelHead) { h.slots = 1 << 31 }), "the channel has 2147483648 slots and 8 returns in 800 bytes", ""},
		{damaged(func(h *channelHead) { h.returns = 0 }), "the channel has 4 slots and 0 returns in 800 bytes", ""},
		{[]int{good, sealed(t, 100, false)}, "the channel has 100 bytes", ""},
		{[]int{good, sealed(t, 800, true)}, "the channel has -1 bytes (-1: they could be cut off under us)", "the channel's memory could be cut off under us"},
		{[]int{sealed(t, arena, true), good}, "the arena has -1 bytes (-1: they could be cut off under us)", "the arena could be cut off under us"},
		{[]int{sealed(t, arena/2, false), good}, "the arena has 32768 bytes", ""},
		{[]int{good}, "1 descriptors came, not 2", ""},
		{[]int{good, good, good}, "3 descriptors came, not 2", ""},
		{[]int{good, good, good, good, good, good}, "", ""}, // cut off, which not every emulator says,
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
			if _, _, err := conn.WriteMsgUnix(welcome{version: version, arena: arena}.bytes(), syscall.UnixRights(k.fds...), nil); err != nil {
				t.Error(err)
			}
		}
		c.tell("s 0 0 0 %s", path)
		answer()
		if got := c.answer(); !strings.HasPrefix(got, "the peer breaks the protocol: ") || !strings.Contains(got, k.want) {
			t.Errorf("in C: %q, not %q", got, k.want)
		}
		if k.inGo == "" {
			k.inGo = k.want
		}
		go answer()
		if _, err := Subscribe(t.Context(), path, SubscriberOptions{}); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), k.inGo) {
			t.Errorf("in Go: %v, not %q", err, k.inGo)
		}
	}
	c.end()
}
