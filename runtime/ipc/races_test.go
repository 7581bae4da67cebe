package ipc

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// TestHeadChangesMeanwhile has the other process change how many slots there are after that was checked: what was checked is what is used.
func TestHeadChangesMeanwhile(t *testing.T) {
	c, err := newChannel(4, 8)
	if err != nil {
		t.Fatal(err)
	}
	c.head.slots, c.head.returns = maxSlots, maxReturns
	v := view(c.m, -1, 4, 8)
	if len(v.slots) != 4 || len(v.back) != 8 || v.shift != 2 {
		t.Errorf("%d slots, %d returns, shift %d; 4, 8 and 2 were checked", len(v.slots), len(v.back), v.shift)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

// TestOldestIsBeingTaken stops a subscriber between taking a slot and emptying it. No other slot can make room then: the new frame is lost, and
// none of those that wait.
func TestOldestIsBeingTaken(t *testing.T) {
	s, p, path := start(t, 16, PublisherOptions{Slots: 4})
	sub := subscriber(t, path, SubscriberOptions{})
	for n := range uint64(4) {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	slot, full := sub.c.slot(0)
	slot.word.Store(full&^stateMask | slotTaken)
	if err := send(s, p, 4, 0); err != nil {
		t.Fatal(err)
	}
	if r := s.Stats().Subscribers[0]; r.Given != 4 || r.Lost != 1 || r.Over != 0 || r.Held != 4 {
		t.Errorf("%+v, want 4 given, 1 lost, 0 over, 4 held", r)
	}
	slot.word.Store(full) // here it goes on
	for n := range uint64(4) {
		f := receive(t, sub)
		if f.Sequence != n || f.Lost != 0 {
			t.Errorf("frame %d, %d lost; want %d, 0", f.Sequence, f.Lost, n)
		}
		f.Buf.Release()
	}
}

// TestCloseBesideASilentPeer closes a publisher to which somebody has connected without a word.
func TestCloseBesideASilentPeer(t *testing.T) {
	s, _, path := start(t, 4, PublisherOptions{})
	s.mu.Lock()
	s.helloLimit = time.Hour
	s.mu.Unlock()
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	eventually(t, "it is accepted", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.strangers) == 1
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		closeNow(t, s)
	}()
	select {
	case <-done:
	case <-time.After(longWait):
		conn.Close() // so that the test ends
		t.Fatal("Close waits for a peer that says nothing")
	}
}

// TestCloseBetweenTakingAndHanding closes a subscriber while Receive has taken a frame and not made its Buf.
func TestCloseBetweenTakingAndHanding(t *testing.T) {
	s, p, path := start(t, 4, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	if err := send(s, p, 0, 0); err != nil {
		t.Fatal(err)
	}
	f, l, err := sub.take()
	if err != nil || l == nil {
		t.Fatal(l, err)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	if _, err := sub.hand(f, l); !errors.Is(err, ErrClosed) {
		t.Errorf("Receive during Close: %v, want ErrClosed", err)
	}
	eventually(t, "every block is back", func() bool { return s.Stats().Lent == 0 && p.Stats().Outstanding == 0 })
}

// TestCloseDuringPublish closes a publisher while Publish waits for the first of two subscribers. They were told that nothing follows: the
// second one gets nothing either, and that is counted.
func TestCloseDuringPublish(t *testing.T) {
	s, p, path := start(t, 16, PublisherOptions{Slots: 2})
	first, second := subscriber(t, path, SubscriberOptions{Policy: Block}), subscriber(t, path, SubscriberOptions{})
	for n := range uint64(2) {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
		receive(t, second).Buf.Release()
	}
	done := make(chan error, 1)
	go func() { done <- send(s, p, 2, 0) }()
	eventually(t, "Publish waits", func() bool { return first.c.head.waiting.Load() != 0 })
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Publish during Close: %v", err)
	}
	for i, r := range s.Stats().Subscribers {
		if r.Given != 2 || r.Lost != 1 {
			t.Errorf("subscriber %d: %+v, want 2 given, 1 lost", i, r)
		}
	}
	first.Close()
	second.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestFrameBehindTheEnd has a publisher describe a frame of no bytes right behind the arena.
func TestFrameBehindTheEnd(t *testing.T) {
	s, p, path := start(t, 4, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	if err := send(s, p, 0, 0); err != nil {
		t.Fatal(err)
	}
	f := &sub.c.slots[0]
	f.offset, f.above, f.length = uint32(sub.arena.Size()), uint32(uint64(sub.arena.Size())>>32), 0
	if f, err := sub.Receive(t.Context()); !errors.Is(err, ErrProtocol) {
		t.Errorf("Receive = %+v, %v", f, err)
	}
}
