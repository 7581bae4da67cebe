package ipc

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// TestCloseGivesBack: who leaves with a frame in use keeps that one alone, and not what it never received.
func TestCloseGivesBack(t *testing.T) {
	for _, waits := range []bool{false, true} {
		s, p, path := start(t, 4, PublisherOptions{MaxHeld: 4})
		sub := subscriber(t, path, SubscriberOptions{})
		publish(t, s, p, 0, 4)
		f := receive(t, sub)
		got := make(chan error, 1)
		if waits { // for the blocks that Close gives back
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), longWait)
				defer cancel()
				b, err := s.Get(ctx)
				if err == nil {
					b.Release()
				}
				got <- err
			}()
			eventually(t, "Get sleeps", func() bool { return only(s, func(c *channel) bool { return c.head.waiting.Load() != 0 }) })
		}
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		if waits {
			if err := <-got; err != nil {
				t.Error(err)
			}
		}
		if st := s.Stats(); st.Lent != 1 || st.Lost != 0 || st.Given != 4 || p.Stats().Outstanding != 1 {
			t.Errorf("%d blocks are lent, %d out: %+v", st.Lent, p.Stats().Outstanding, st)
		}
		if err := verify(f); err != nil {
			t.Error(err)
		}
		f.Buf.Release()
		eventually(t, "the subscriber is gone", func() bool { return s.Stats().Left == 1 })
		if st := s.Stats(); st.Misbehaved != 0 || st.Lent != 0 || p.Stats().Outstanding != 0 {
			t.Errorf("Stats = %+v, %d blocks are out", st, p.Stats().Outstanding)
		}
	}
}

// inCClears is the same in C.
func inCClears(t *testing.T, c *program) {
	s, p, path := start(t, 4, PublisherOptions{MaxHeld: 4})
	c.ask("s 0 0 0 "+path, "ok")
	publish(t, s, p, 0, 4)
	c.ask("r -1", "frame 0 lost 0 user 0")
	c.ask("x", "ok")
	if st := s.Stats(); st.Lent != 1 || st.Lost != 0 || st.Given != 4 || p.Stats().Outstanding != 1 {
		t.Errorf("%d blocks are lent, %d out: %+v", st.Lent, p.Stats().Outstanding, st)
	}
	c.ask("h", "1 of 1 whole")
	c.ask("f", "ok")
	eventually(t, "it left", func() bool { return s.Stats().Left == 1 })
	if st := s.Stats(); st.Misbehaved != 0 {
		t.Errorf("Stats = %+v", st)
	}
	allBack(t, s, p)
}

// fromCClears has subscribers in Go leave a publisher in C, at any moment.
func fromCClears(t *testing.T, c *program) {
	path := c.opened(4, 8, 8)
	for round := range 20 {
		sub := subscriber(t, path, SubscriberOptions{})
		c.ask("p 1 0 0", "given 1")
		f := receive(t, sub)
		c.tell("p 50 0 0")
		time.Sleep(time.Duration(round*50) * time.Microsecond) // where Close comes does not matter
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		c.answer()
		c.tell("s")
		if got, want := c.answer(), fmt.Sprintf("left %d misbehaved 0 lent 1 subscribers 1 out 1", round); len(got) < len(want) || got[len(got)-len(want):] != want {
			t.Errorf("%q, not %q", got, want)
		}
		f.Buf.Release()
		eventually(t, "the subscriber is gone", func() bool {
			c.tell("s")
			got := c.answer()
			return got[len(got)-len("subscribers 0 out 0"):] == "subscribers 0 out 0"
		})
	}
	c.shut()
}

// TestCloseWhilePublished has subscribers leave while frames come.
func TestCloseWhilePublished(t *testing.T) {
	s, p, path := start(t, 16, PublisherOptions{Slots: 4, MaxHeld: 8})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for n := uint64(0); ctx.Err() == nil; n++ {
			b, err := s.Get(ctx)
			if err != nil {
				break
			}
			fill(b, n)
			_, err = s.Publish(ctx, b, Meta{PTS: int64(n) * 1000, Flags: 7})
			b.Release()
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var held []pool.Buf
	for round := range 60 {
		sub := subscriber(t, path, SubscriberOptions{Policy: []Policy{DropOldest, DropNewest, Latest}[round%3]})
		f := receive(t, sub)
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		if round%15 == 0 && len(held) < 4 {
			held = append(held, f.Buf)
		} else {
			f.Buf.Release()
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	eventually(t, "the others are gone", func() bool { return len(s.Stats().Subscribers) == len(held) })
	if st := s.Stats(); st.Lent > len(held) || p.Stats().Outstanding > len(held) || st.Misbehaved != 0 {
		t.Errorf("%d blocks are lent, %d out, for %d frames in use: %+v", st.Lent, p.Stats().Outstanding, len(held), st)
	}
	for _, b := range held {
		b.Release()
	}
	allBack(t, s, p)
}

// clearModel is one slot, through which two frames go to a subscriber that says that it leaves, and then gives back what is in it once.
type clearState struct {
	leaving, full, taken bool
	block, in            uint8 // in the slot; what the subscriber has read there
	lent                 [2]bool
	pub, frame, sub      uint8
}

func clearSteps(mistake string) func(s clearState) []clearState {
	return func(s clearState) (next []clearState) {
		add := func(change func(*clearState)) {
			n := s
			change(&n)
			next = append(next, n)
		}
		switch s.pub { // the publisher
		case 0:
			if s.frame < 2 {
				add(func(n *clearState) {
					if n.pub = 1; s.leaving {
						n.pub, n.frame = 0, s.frame+1
					}
				})
			}
		case 1: // the slot is empty, or it misses the frame
			add(func(n *clearState) {
				if s.full || s.taken {
					n.pub, n.frame = 0, s.frame+1
					return
				}
				n.pub, n.block, n.lent[s.frame] = 2, s.frame, true
			})
		case 2:
			add(func(n *clearState) {
				if n.full, n.pub = true, 3; mistake == "who gave a frame does not look again" {
					n.pub, n.frame = 0, s.frame+1
				}
			})
		case 3:
			add(func(n *clearState) {
				if n.pub = 4; !s.leaving {
					n.pub, n.frame = 0, s.frame+1
				}
			})
		case 4:
			add(func(n *clearState) {
				if s.full {
					n.full, n.lent[s.block] = false, false
				}
				n.pub, n.frame = 0, s.frame+1
			})
		}
		switch s.sub { // the subscriber
		case 0:
			add(func(n *clearState) {
				if n.sub = 1; mistake == "who leaves says so afterwards" {
					n.sub = 2
					return
				}
				n.leaving = true
			})
		case 1, 2:
			add(func(n *clearState) {
				if !s.full {
					n.sub = 5
					return
				}
				n.sub, n.full, n.taken = 3, false, true
			})
		case 3:
			add(func(n *clearState) { n.in, n.sub = s.block, 4 })
		case 4:
			add(func(n *clearState) { n.taken, n.lent[s.in], n.sub = false, false, 5 })
		case 5:
			add(func(n *clearState) { n.leaving, n.sub = true, 6 })
		}
		return next
	}
}

// TestClearModel goes through every interleaving of one that leaves and one that publishes, and through those of mistakes.
func TestClearModel(t *testing.T) {
	for _, mistake := range []string{"", "who gave a frame does not look again", "who leaves says so afterwards"} {
		n, fault := testutil.Explore(clearState{}, clearSteps(mistake), func(s clearState, final bool) string {
			if final && (s.lent[0] || s.lent[1]) {
				return "a block stays lent that nobody will receive"
			}
			return ""
		})
		if (fault != "") != (mistake != "") {
			t.Errorf("%q: in %d states is found %q", mistake, n, fault)
		}
	}
}
