package ipc

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestMaxHeld has a subscriber that keeps what it receives: it gets no more than its share, and another one every frame.
func TestMaxHeld(t *testing.T) {
	const most = 4
	for _, policy := range []Policy{DropOldest, DropNewest, Latest} {
		t.Run(policy.String(), func(t *testing.T) {
			s, p, path := start(t, 8, PublisherOptions{MaxHeld: most})
			stuck, good := subscriber(t, path, SubscriberOptions{Policy: policy}), subscriber(t, path, SubscriberOptions{Policy: Block})
			next := uint64(0)
			publish := func(n int) {
				t.Helper()
				for range n {
					if err := send(s, p, next, 0); err != nil {
						t.Fatal(err)
					}
					f := receive(t, good)
					if f.Sequence != next || f.Lost != 0 {
						t.Fatalf("the other has frame %d, %d lost; %d was published", f.Sequence, f.Lost, next)
					}
					f.Buf.Release()
					next++
				}
			}
			counts := func(what string, given, lost, over uint64, held int) {
				t.Helper()
				st := s.Stats()
				if r := st.Subscribers[0]; r.Given != given || r.Lost != lost || r.Over != over || r.Held != held {
					t.Errorf("%s: %+v, want %d given, %d lost, %d over, %d held", what, r, given, lost, over, held)
				}
				if st.Lent > most {
					t.Errorf("%s: %d blocks are lent", what, st.Lent)
				}
			}
			publish(10)
			switch policy {
			case DropOldest:
				counts("4 wait", 4, 6, 0, 4)
			case DropNewest:
				counts("4 wait", 4, 6, 6, 4)
			case Latest:
				counts("1 waits", 1, 9, 0, 1)
			}
			var kept []Frame
			for range most {
				if policy == Latest && len(kept) > 0 {
					publish(1)
				}
				kept = append(kept, receive(t, stuck))
			}
			was := s.Stats().Subscribers[0]
			publish(5)
			counts("4 are in use", was.Given, was.Lost+5, was.Over+5, most)

			kept[0].Buf.Release()
			publish(1)
			counts("one was given back", was.Given+1, was.Lost+5, was.Over+5, most)
			f := receive(t, stuck)
			missed := next - 1 - kept[most-1].Sequence - 1
			if f.Sequence != next-1 || f.Lost != missed {
				t.Errorf("frame %d, %d lost; want %d, %d", f.Sequence, f.Lost, next-1, missed)
			}
			f.Buf.Release()
			for _, f := range kept[1:] {
				f.Buf.Release()
			}
		})
	}
}

// TestMaxHeldBlock has Publish wait for one that keeps its share.
func TestMaxHeldBlock(t *testing.T) {
	s, p, path := start(t, 8, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{Policy: Block})
	for n := range uint64(4) { // half of the pool
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	f := receive(t, sub)
	publish := func(ctx context.Context, n uint64) (int, error) {
		b, err := s.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
		fill(b, n)
		return s.Publish(ctx, b, Meta{PTS: int64(n) * 1000, Flags: 7})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if n, err := publish(ctx, 4); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish = %d, %v", n, err)
	}
	if r := s.Stats().Subscribers[0]; r.Lost != 1 || r.Over != 1 {
		t.Errorf("%+v, want 1 lost, for it has its share", r)
	}
	done := make(chan error, 1)
	go func() {
		_, err := publish(t.Context(), 5)
		done <- err
	}()
	eventually(t, "Publish waits", func() bool { return sub.c.head.waiting.Load() != 0 })
	f.Buf.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, want := range []uint64{1, 2, 3, 5} {
		f := receive(t, sub)
		if f.Sequence != want {
			t.Errorf("frame %d, want %d", f.Sequence, want)
		}
		f.Buf.Release()
	}
	for _, n := range []int{-1, 9} {
		if _, err := Listen(path+"2", p, PublisherOptions{MaxHeld: n}); err == nil {
			t.Errorf("Listen takes MaxHeld %d of 8 blocks", n)
		}
	}
}
