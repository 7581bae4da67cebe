package bus_test

import (
	"context"
	"errors"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// An event is valid while the loop's body runs, and is given back when it has: with frames of any size that are not taken over in batches, at once.
func TestLent(t *testing.T) {
	p := newPool(t, 20000, 8)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{})
	for i := range uint32(4) {
		publish(t, topic, p, i)
	}
	topic.Close()
	var kept pool.Buf
	n := 0
	for ev := range s.Events(context.Background()) {
		want := 4 - n
		if n > 1 {
			want++ // kept
		}
		wantHeld(t, p, want)
		if len(ev.Value.Bytes()) != 20000 {
			t.Error("an event is not whole")
		}
		if n == 1 {
			kept = ev.Value.Retain()
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d events", n)
	}
	wantHeld(t, p, 1)
	if kept.User() != 1 {
		t.Error("a retained event changed")
	}
	kept.Release()
}

func TestBreak(t *testing.T) {
	p := newPool(t, 100, 8)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{})
	for i := range uint32(6) {
		publish(t, topic, p, i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var got []int
	for ev := range s.Events(ctx) {
		if got = append(got, int(ev.Value.User())); len(got) == 2 {
			break
		}
	}
	wantHeld(t, p, 4)
	for ev := range s.Events(ctx) {
		got = append(got, int(ev.Value.User()))
		cancel() // ends it though others have been taken over
	}
	wantHeld(t, p, 3)
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next with a context that has ended: %v", err)
	}
	stop := errors.New("stop")
	err := s.Each(context.Background(), func(ev bus.Event[pool.Buf]) error {
		got = append(got, int(ev.Value.User()))
		return stop
	})
	if err != stop {
		t.Errorf("Each: %v", err)
	}
	if err := s.Each(ctx, func(bus.Event[pool.Buf]) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Each with a context that has ended: %v", err)
	}
	got = append(got, receive(s)...)
	wantEvents(t, got, 0, 1, 2, 3, 4, 5)
	topic.Close()
	if err := s.Each(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Each: %v", err)
	}
	if err := s.Each(context.Background(), nil); err != nil {
		t.Errorf("Each after Close: %v", err)
	}
}

// Close in a loop's body, or while it runs, leaves the event at hand valid until the body ends, and nothing comes after it.
func TestCloseInLoop(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		p := newPool(t, 100, 8)
		topic := bus.New[pool.Buf]("frames", bus.Options{})
		s := subscribe(t, topic, bus.SubOptions{})
		for i := range uint32(6) {
			publish(t, topic, p, i)
		}
		n := 0
		for ev := range s.Events(context.Background()) {
			if n++; n == 3 {
				if elsewhere {
					done := make(chan struct{})
					go func() { s.Close(); close(done) }()
					<-done
				} else {
					s.Close()
				}
				if ev.Value.User() != 2 {
					t.Error("the event at hand changed")
				}
			}
		}
		if n != 3 {
			t.Errorf("%d events", n)
		}
		wantHeld(t, p, 0)
		if st := s.Stats(); st.Delivered != 3 || st.Discarded != 3 || st.Offered != 6 {
			t.Errorf("%+v", st)
		}
	}
}

// Whoever waits for an event is woken by one, by its context, and by each Close.
func TestWakes(t *testing.T) {
	type outcome struct {
		ev  bus.Event[int]
		err error
	}
	for _, test := range []struct {
		name string
		do   func(*bus.Topic[int], *bus.Sub[int], func())
		want error
	}{
		{"event", func(topic *bus.Topic[int], _ *bus.Sub[int], _ func()) { topic.Publish(1) }, nil},
		{"context", func(_ *bus.Topic[int], _ *bus.Sub[int], cancel func()) { cancel() }, context.Canceled},
		{"topic", func(topic *bus.Topic[int], _ *bus.Sub[int], _ func()) { topic.Close() }, bus.ErrClosed},
		{"subscriber", func(_ *bus.Topic[int], s *bus.Sub[int], _ func()) { s.Close() }, bus.ErrClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i := range 100 {
				topic := bus.NewPlain[int]("n", bus.Options{})
				s := subscribe(t, topic, bus.SubOptions{})
				ctx, cancel := context.WithCancel(context.Background())
				got := make(chan outcome)
				go func() {
					ev, err := s.Next(ctx)
					got <- outcome{ev, err}
				}()
				if i%2 == 0 {
					until(s.Asleep)
				}
				test.do(topic, s, cancel)
				if o := <-got; !errors.Is(o.err, test.want) || o.err == nil && o.ev.Value != 1 {
					t.Fatalf("%+v", o)
				}
				cancel()
				s.Close()
			}
		})
	}
}

// A context that ends at the moment of an event loses neither the event nor a wake-up.
func TestContextAgainstEvent(t *testing.T) {
	topic := bus.NewPlain[int]("n", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{})
	next := 0
	for i := range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		go topic.Publish(i)
		for {
			ev, err := s.Next(ctx)
			if err == nil {
				if ev.Value != next || ev.Lagged != 0 {
					t.Fatalf("got %+v, want %d", ev, next)
				}
				next++
				break
			}
			ctx = context.Background()
		}
	}
	s.Close()
}

func TestChannel(t *testing.T) {
	p := newPool(t, 100, 8)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{})
	for i := range uint32(6) {
		publish(t, topic, p, i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ch := s.Channel(ctx)
	var got []int
	var kept []pool.Buf
	for range 3 {
		ev := <-ch
		got = append(got, int(ev.Value.User()))
		kept = append(kept, ev.Value)
	}
	for _, b := range kept {
		b.Release()
	}
	cancel()
	for ev := range ch { // at most one, that it was about to send
		got = append(got, int(ev.Value.User()))
		ev.Value.Release()
	}
	for i, v := range got {
		if v != i {
			t.Errorf("got %v", got)
		}
	}
	ch = s.Channel(context.Background())
	ev := <-ch
	ev.Value.Release()
	s.Close()
	for ev := range ch {
		ev.Value.Release()
	}
	topic.Close()
	wantHeld(t, p, 0)
}

// A publisher waits for a subscriber that wants it to, and for no other.
func TestBlock(t *testing.T) {
	p := newPool(t, 100, 16)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{Policy: bus.Block, Events: 2, Batch: 1})
	slow := subscribe(t, topic, bus.SubOptions{Events: 1})
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	for range 2 {
		if err := topic.PublishContext(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	published := make(chan error)
	go func() { published <- topic.PublishContext(ctx, b) }()
	until(s.Waits)
	cancel()
	if err := <-published; !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	if err := topic.PublishContext(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if st := topic.Stats(); st.Published != 2 || slow.Stats().Offered != 2 {
		t.Errorf("what failed was offered: %+v", st)
	}
	go func() { published <- topic.PublishContext(context.Background(), b) }()
	until(s.Waits)
	s.TryNext()
	if err := <-published; err != nil {
		t.Errorf("after the subscriber has received: %v", err)
	}
	go func() { published <- topic.PublishContext(context.Background(), b) }()
	until(s.Waits)
	s.Close()
	if err := <-published; err != nil {
		t.Errorf("after the subscriber has closed: %v", err)
	}
	s = subscribe(t, topic, bus.SubOptions{Policy: bus.Block, Events: 1})
	if err := topic.PublishContext(context.Background(), b); err != nil {
		t.Error(err)
	}
	go func() { published <- topic.PublishContext(context.Background(), b) }()
	until(s.Waits)
	topic.Close()
	if err := <-published; !errors.Is(err, bus.ErrClosed) {
		t.Errorf("after the topic has closed: %v", err)
	}
	b.Release()
	s.Close()
	slow.Close()
}

func TestNoAllocations(t *testing.T) {
	if checked {
		t.Skip("this build (-tags poolgen_debug) records stacks on the hot path, which allocates")
	}
	p := newPool(t, 100, 64)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	topic := bus.New[pool.Buf]("frames", bus.Options{History: 3})
	plain := bus.NewPlain[[4]int]("n", bus.Options{})
	var subs []*bus.Sub[pool.Buf]
	for _, o := range []bus.SubOptions{{}, {Policy: bus.DropNewest}, {Policy: bus.Latest}, {Policy: bus.Block, Events: 4}, {Events: 4}} {
		subs = append(subs, subscribe(t, topic, o))
	}
	number := subscribe(t, plain, bus.SubOptions{})
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(1000, func() {
		for range 3 {
			if topic.Publish(b) != nil || topic.PublishContext(ctx, b) != nil || plain.Publish([4]int{1}) != nil {
				t.Error("publishing failed")
			}
			subs[3].TryNext()
		}
		for _, s := range subs {
			if _, err := s.Next(ctx); err != nil {
				t.Error(err)
			}
			for {
				if _, ok := s.TryNext(); !ok {
					break
				}
			}
		}
		if _, err := number.Next(ctx); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	for _, s := range subs {
		s.Close()
	}
	// And while both sides sleep.
	s := subscribe(t, topic, bus.SubOptions{Policy: bus.Block, Events: 1})
	done := make(chan int)
	go func() {
		n := 0
		for range s.Events(ctx) {
			n++
		}
		done <- n
	}()
	const runs = 500
	allocs = testing.AllocsPerRun(runs, func() {
		for range 10 {
			if err := topic.PublishContext(ctx, b); err != nil {
				t.Error(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations with waits", allocs)
	}
	b.Release()
	topic.Close()
	if n := <-done; n != 10*(runs+1) {
		t.Errorf("%d events, want %d", n, 10*(runs+1))
	}
}
