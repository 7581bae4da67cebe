package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// rude is an event whose release panics when it says so, as one does that somebody else released before.
type rude struct {
	pool.Buf
	panics bool
}

var errRude = errors.New("rude")

func (r rude) Retain() rude { r.Buf.Retain(); return r }

func (r rude) Release() {
	r.Buf.Release()
	if r.panics {
		panic(errRude)
	}
}

// survives reports whether f panics with errRude.
func survives(f func()) (panicked bool) {
	defer func() {
		if v := recover(); v != nil {
			if panicked = v == errRude; !panicked {
				panic(v)
			}
		}
	}()
	f()
	return false
}

func publishRude(t *testing.T, topic *bus.Topic[rude], p *pool.Pool, panics bool) {
	t.Helper()
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	if err := topic.Publish(rude{b, panics}); err != nil {
		t.Error(err)
	}
	b.Release()
}

// A release that panics keeps no other event's buffer back, of its topic or another, whoever gives them back; and nobody waits for ever for what it
// was about.
func TestReleasePanics(t *testing.T) {
	for what, end := range map[string]func(*bus.Bus, *bus.Topic[rude], *bus.Sub[rude]){
		"the next": func(_ *bus.Bus, _ *bus.Topic[rude], s *bus.Sub[rude]) {
			for range 6 {
				s.TryNext()
			}
			s.TryNext()
		},
		"subscriber's close":        func(_ *bus.Bus, _ *bus.Topic[rude], s *bus.Sub[rude]) { s.Close() },
		"subscriber's close within": func(_ *bus.Bus, _ *bus.Topic[rude], s *bus.Sub[rude]) { s.TryNext(); s.Close() },
		"loop": func(_ *bus.Bus, _ *bus.Topic[rude], s *bus.Sub[rude]) {
			for range s.Events(context.Background()) {
				s.Close()
			}
		},
		"topic's close": func(_ *bus.Bus, topic *bus.Topic[rude], s *bus.Sub[rude]) {
			defer topic.Close()
			s.Close()
		},
		"bus's close": func(b *bus.Bus, _ *bus.Topic[rude], s *bus.Sub[rude]) {
			defer b.Close()
			s.Close()
		},
	} {
		for _, history := range []int{0, 6} {
			t.Run(fmt.Sprint(what, history), func(t *testing.T) {
				p := newPool(t, 100, 16)
				var b bus.Bus
				var topics []*bus.Topic[rude]
				for _, name := range []string{"a", "b"} {
					topic, err := bus.Open[rude](&b, name, bus.Options{History: history})
					if err != nil {
						t.Fatal(err)
					}
					topics = append(topics, topic)
				}
				s, err := bus.Match[rude](&b, "*", bus.SubOptions{})
				if err != nil {
					t.Fatal(err)
				}
				for i := range 6 {
					publishRude(t, topics[i/3], p, i == 1 || i == 2)
				}
				panicked := survives(func() { end(&b, topics[0], s) })
				if !panicked && history == 0 {
					t.Error("nothing was tried")
				}
				survives(s.Close)
				survives(b.Close)
				for _, topic := range topics {
					survives(topic.Close)
					if err := topic.Drain(context.Background()); err != nil {
						t.Error(err)
					}
				}
				wantHeld(t, p, 0)
			})
		}
	}
}

// What a channel's goroutine has at hand when its context ends is not lost: the next receiver gets it, or it counts as discarded.
func TestChannelLosesNothing(t *testing.T) {
	p := newPool(t, 100, 8)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{})
	for i := range uint32(6) {
		publish(t, topic, p, i)
	}
	var got []int
	for len(got) < 3 {
		ctx, cancel := context.WithCancel(context.Background())
		ch := s.Channel(ctx)
		ev := <-ch
		got = append(got, int(ev.Value.User()))
		ev.Value.Release()
		cancel()
		for ev := range ch { // what it was about to send, if that was sooner than the end
			got = append(got, int(ev.Value.User()))
			ev.Value.Release()
		}
	}
	n := len(got)
	want := []int{0, 1, 2, 3, 4, 5}[:n]
	wantEvents(t, got, want...)
	ch := s.Channel(context.Background())
	s.Close()
	for ev := range ch {
		n++
		ev.Value.Release()
	}
	if st := s.Stats(); st.Delivered != uint64(n) || st.Delivered+st.Discarded != st.Offered || st.BytesHeld != 0 {
		t.Errorf("%d were received: %+v", n, st)
	}
	topic.Close()
	wantHeld(t, p, 0)
}

// A loop within a loop: when the inner one has ended, the outer one still is one, whose event Close leaves alone.
func TestLoopWithinLoop(t *testing.T) {
	p := newPool(t, 100, 8)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{})
	for i := range uint32(6) {
		publish(t, topic, p, i)
	}
	var got []int
	for range s.Events(context.Background()) {
		for range s.Events(context.Background()) {
			break
		}
		for ev := range s.Events(context.Background()) {
			got = append(got, int(ev.Value.User()))
			break
		}
		break
	}
	wantEvents(t, got, 2)
	got = nil
	for outer := range s.Events(context.Background()) {
		if got = append(got, int(outer.Value.User())); len(got) > 1 {
			closed := make(chan struct{})
			go func() { s.Close(); close(closed) }()
			<-closed
			got = append(got, int(outer.Value.User())) // panics if it was given back
			continue
		}
		for range s.Events(context.Background()) {
			break
		}
	}
	wantEvents(t, got, 3, 5, 5)
	wantHeld(t, p, 0)
	topic.Close()
}

// Draining a bus waits for topics that were closed before as well.
func TestDrainAfterClose(t *testing.T) {
	p := newPool(t, 100, 8)
	var b bus.Bus
	var subs []*bus.Sub[pool.Buf]
	for _, name := range []string{"a", "b"} {
		topic, err := bus.Open[pool.Buf](&b, name, bus.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := subscribe(t, topic, bus.SubOptions{})
		subs = append(subs, s)
		publish(t, topic, p, 1)
		if name == "a" {
			topic.Close()
		}
	}
	b.Close()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for i, s := range subs {
		if err := b.Drain(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("with %d left: %v", 2-i, err)
		}
		if _, err := s.Next(context.Background()); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	if err := b.Drain(ended); err != nil {
		t.Error(err)
	}
}

// Events without size are bounded where only bytes are.
func TestNoSize(t *testing.T) {
	topic := bus.NewPlain[struct{}]("tick", bus.Options{HistoryBytes: 10})
	s := subscribe(t, topic, bus.SubOptions{Bytes: 5})
	for range 100 {
		if err := topic.Publish(struct{}{}); err != nil {
			t.Fatal(err)
		}
	}
	if st, ss := topic.Stats(), s.Stats(); st.History != 10 || ss.Waiting != 5 || ss.Lagged != 95 {
		t.Errorf("%+v, %+v", st, ss)
	}
	s.Close()
	topic.Close()
}
