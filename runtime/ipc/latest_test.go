package ipc

import (
	"fmt"
	"testing"
)

// TestLatest: the newest frame is what is received next, also while an older one is just being taken, and however few slots were asked for.
func TestLatest(t *testing.T) {
	for _, slots := range []int{1, 2, 4} {
		for _, publisher := range []int{1, 16} {
			t.Run(fmt.Sprint(slots, " of ", publisher), func(t *testing.T) {
				s, p, path := start(t, 8, PublisherOptions{Slots: publisher})
				sub := subscriber(t, path, SubscriberOptions{Policy: Latest, Slots: slots})
				next, lost := uint64(0), uint64(0)
				for round := range uint64(5) {
					publish(t, s, p, next, next+1)
					// The subscriber stops where it has taken a frame, and not read it yet.
					slot, full := sub.c.slot(sub.pos)
					if !slot.word.CompareAndSwap(full, full&^stateMask|slotTaken) {
						t.Fatalf("frame %d does not wait", next)
					}
					publish(t, s, p, next+1, next+6)
					slot.word.Store(full)
					if f := receive(t, sub); f.Sequence != next {
						t.Errorf("round %d: frame %d, which it was taking, is frame %d", round, next, f.Sequence)
					} else {
						f.Buf.Release()
					}
					f := receive(t, sub)
					if lost += 4; f.Sequence != next+5 || f.Lost != 4 {
						t.Errorf("round %d: frame %d after %d, %d lost, is not the newest, %d", round, f.Sequence, next, f.Lost, next+5)
					}
					f.Buf.Release()
					next += 6
					if st := s.Stats(); st.Lost != lost || st.Given != next-lost || st.Misbehaved != 0 {
						t.Errorf("Stats = %+v", st)
					}
				}
				allBack(t, s, p)
			})
		}
	}
}

// fromCLatest is the same with a publisher in C.
func fromCLatest(t *testing.T, c *program) {
	for _, slots := range []int{1, 2, 4} {
		path := c.opened(4/slots, 0, 8)
		sub := subscriber(t, path, SubscriberOptions{Policy: Latest, Slots: slots})
		for round := range uint64(3) {
			c.ask("p 1 0 0", "given 1")
			slot, full := sub.c.slot(sub.pos)
			if !slot.word.CompareAndSwap(full, full&^stateMask|slotTaken) {
				t.Fatal("no frame waits")
			}
			c.ask("p 5 0 0", "given 1")
			slot.word.Store(full)
			for i, want := range []uint64{6 * round, 6*round + 5} {
				f := receive(t, sub)
				if f.Sequence != want || f.Lost != uint64(4*i) {
					t.Errorf("frame %d, %d lost, not frame %d", f.Sequence, f.Lost, want)
				}
				f.Buf.Release()
			}
			c.ask("s", fmt.Sprintf("frames %d given %d lost %d left 0 misbehaved 0 lent 0 subscribers 1 out 0", 6*round+6, 2*round+2, 4*round+4))
		}
		sub.Close()
		c.becomes("s", "frames 18 given 6 lost 12 left 1")
		c.shut()
	}
}
