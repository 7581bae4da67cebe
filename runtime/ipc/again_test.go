package ipc

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestSameBlockAgain publishes one block more often than there are blocks, to subscribers that are well-behaved.
func TestSameBlockAgain(t *testing.T) {
	for _, policy := range []Policy{DropOldest, DropNewest, Latest, Block} {
		t.Run(policy.String(), func(t *testing.T) {
			s, p, path := start(t, 2, PublisherOptions{Slots: 16})
			sub := subscriber(t, path, SubscriberOptions{Policy: policy})
			b, err := p.Get()
			if err != nil {
				t.Fatal(err)
			}
			defer b.Release()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			for n := range uint64(10) {
				if _, err := s.Publish(ctx, b, Meta{User: uint32(n)}); policy == Block && errors.Is(err, context.DeadlineExceeded) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			st := s.Stats()
			r := st.Subscribers[0]
			if policy != Block && r.Given+r.Lost != 10 || r.Held > len(sub.c.back) {
				t.Errorf("Stats = %+v, the list has %d", r, len(sub.c.back))
			}
			var lost, got uint64
			for range r.Held {
				f, err := sub.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got, lost = got+1, lost+f.Lost
				f.Buf.Release()
			}
			if policy == DropOldest && lost != 10-got {
				t.Errorf("%d received, %d lost", got, lost)
			}
			for range 100 {
				if n, err := s.Publish(t.Context(), b, Meta{}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
				f, err := sub.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				f.Buf.Release()
			}
			if st := s.Stats(); st.Misbehaved != 0 || st.Lent != 0 {
				t.Errorf("Stats = %+v", st)
			}
		})
	}
}

// TestSleepAfterTheEnd: what was announced before a sleeper said that it sleeps is not announced again.
func TestSleepAfterTheEnd(t *testing.T) {
	s, p, path := start(t, 4, PublisherOptions{Slots: 1})
	sub := subscriber(t, path, SubscriberOptions{Policy: Block})
	ctx, cancel := context.WithTimeout(t.Context(), longWait)
	defer cancel()
	sub.c.head.closed.Store(1)
	if err := sub.sleep(ctx); err != nil {
		t.Errorf("a subscriber sleeps after its publisher's end: %v", err)
	}
	sub.c.head.closed.Store(0)

	if err := send(s, p, 0, 0); err != nil {
		t.Fatal(err)
	}
	f := receive(t, sub)
	if err := send(s, p, 1, 0); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.subs[0]
	var slot frameSlot
	r.read = r.c.head.returned.Load()
	r.c.head.leaving.Store(1)
	if err := s.await(ctx, r, &slot, 0); err != nil {
		t.Errorf("a publisher waits for a subscriber that leaves: %v", err)
	}
	f.Buf.Release()
}

// TestPositionsGoRound publishes across the end of the 32-bit positions, to one that keeps up and to one that falls behind.
func TestPositionsGoRound(t *testing.T) {
	for _, slots := range []int{1, 2, 4, 16, 256} {
		s, p, path := start(t, 2*slots+8, PublisherOptions{Slots: slots})
		quick, slow := subscriber(t, path, SubscriberOptions{Policy: Block}), subscriber(t, path, SubscriberOptions{})
		from := -uint32(slots + slots/2)
		for _, sub := range []*Subscriber{quick, slow} {
			sub.pos = from
		}
		s.mu.Lock()
		for _, r := range s.subs {
			r.c.setPosition(from)
		}
		s.mu.Unlock()
		n := uint64(0)
		for range 3 * slots {
			if err := send(s, p, n, 0); err != nil {
				t.Fatal(err)
			}
			f := receive(t, quick)
			if f.Sequence != n || f.Lost != 0 {
				t.Fatalf("%d slots: frame %d, %d lost; %d was published", slots, f.Sequence, f.Lost, n)
			}
			f.Buf.Release()
			n++
		}
		for want := n - uint64(slots); want < n; want++ {
			f := receive(t, slow)
			if f.Sequence != want {
				t.Fatalf("%d slots: frame %d, want %d", slots, f.Sequence, want)
			}
			f.Buf.Release()
		}
		if st := s.Stats(); st.Misbehaved != 0 || st.Lent != 0 {
			t.Errorf("Stats = %+v", st)
		}
	}
}
