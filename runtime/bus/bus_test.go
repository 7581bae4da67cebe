package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// newPool makes a pool that is asked at the end of the test whether every buffer came back.
func newPool(t testing.TB, size, blocks int) *pool.Pool {
	t.Helper()
	p, err := pool.New(size, pool.Options{Max: blocks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if s := p.Stats(); s.Outstanding != 0 || s.Stale != 0 {
			t.Errorf("%d buffers are out, %d operations were on stale handles", s.Outstanding, s.Stale)
		}
	})
	return p
}

// publish publishes a buffer with a number in it.
func publish(t testing.TB, topic *bus.Topic[pool.Buf], p *pool.Pool, number uint32) {
	t.Helper()
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	b.SetUser(number)
	if err := topic.Publish(b); err != nil {
		t.Fatal(err)
	}
}

func subscribe[T any](t testing.TB, topic *bus.Topic[T], o bus.SubOptions) *bus.Sub[T] {
	t.Helper()
	s, err := topic.Subscribe(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// receive returns the numbers of what waits, a number of lost events before one as minus it.
func receive(s *bus.Sub[pool.Buf]) (got []int) {
	for {
		ev, ok := s.TryNext()
		if !ok {
			return got
		}
		if ev.Lagged > 0 {
			got = append(got, -int(ev.Lagged))
		}
		got = append(got, int(ev.Value.User()))
	}
}

func wantEvents(t testing.TB, got []int, want ...int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// wantHeld checks how many buffers are out.
func wantHeld(t testing.TB, p *pool.Pool, want int) {
	t.Helper()
	if got := p.Stats().Outstanding; got != want {
		t.Errorf("%d buffers are out, want %d", got, want)
	}
}

// until waits for what another goroutine is about to do.
func until(is func() bool) {
	for !is() {
		time.Sleep(50 * time.Microsecond)
	}
}

func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		o    bus.SubOptions
		want []int
		held int // buffers after the 10th event
	}{
		{bus.SubOptions{Events: 4}, []int{-6, 6, 7, 8, 9}, 4},
		{bus.SubOptions{Events: 4, Batch: 1}, []int{-6, 6, 7, 8, 9}, 4},
		{bus.SubOptions{Events: 4, Policy: bus.DropNewest}, []int{0, 1, 2, 3}, 4},
		{bus.SubOptions{Policy: bus.Latest}, []int{-9, 9}, 1},
		{bus.SubOptions{Policy: bus.Latest, Events: 5}, []int{-9, 9}, 1},
		{bus.SubOptions{Events: 4, Policy: bus.Block}, []int{-6, 6, 7, 8, 9}, 4},
		{bus.SubOptions{Bytes: 3*100 + 99}, []int{-7, 7, 8, 9}, 3},
		{bus.SubOptions{Bytes: 3 * 100, Policy: bus.DropNewest}, []int{0, 1, 2}, 3},
		{bus.SubOptions{Events: 2, Bytes: 3 * 100}, []int{-8, 8, 9}, 2},
		{bus.SubOptions{Bytes: 99}, nil, 0},
		{bus.SubOptions{Bytes: 99, Policy: bus.Block}, nil, 0},
		{bus.SubOptions{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 10},
	} {
		t.Run(fmt.Sprintf("%+v", test.o), func(t *testing.T) {
			p := newPool(t, 100, 16)
			topic := bus.New[pool.Buf]("frames", bus.Options{})
			s := subscribe(t, topic, test.o)
			for i := range uint32(10) {
				publish(t, topic, p, i)
			}
			wantHeld(t, p, test.held)
			st := s.Stats()
			if st.Offered != 10 || st.Waiting != test.held || st.BytesWaiting != int64(test.held*100) || st.Lagged != uint64(10-test.held) {
				t.Errorf("before: %+v", st)
			}
			wantEvents(t, receive(s), test.want...)
			wantHeld(t, p, 0)
			st = s.Stats()
			if st.Delivered != uint64(test.held) || st.Lagged != uint64(10-test.held) || st.Waiting != 0 || st.BytesHeld != 0 {
				t.Errorf("after: %+v", st)
			}
			if ts := topic.Stats(); ts.Published != 10 || ts.Delivered != st.Delivered || ts.Lagged != st.Lagged || ts.Held != 0 || ts.BytesHeld != 0 {
				t.Errorf("topic: %+v", ts)
			}
			// What was lost after the last is told before the next.
			publish(t, topic, p, 10)
			want := []int{10}
			if lost := 9 - lastOf(test.want); test.o.Bytes == 99 {
				want = nil
			} else if lost > 0 {
				want = []int{-lost, 10}
			}
			wantEvents(t, receive(s), want...)
			s.Close()
			topic.Close()
		})
	}
}

func lastOf(s []int) int {
	if len(s) == 0 {
		return -1
	}
	return s[len(s)-1]
}

// A publisher that failed with no subscriber was a fault of a camera design.
func TestNobodyListens(t *testing.T) {
	p := newPool(t, 100, 1)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	for i := range uint32(10) {
		publish(t, topic, p, i)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	if err := topic.PublishContext(context.Background(), b); err != nil {
		t.Error(err)
	}
	b.Release()
	if s := topic.Stats(); s.Published != 11 || s.Held != 0 {
		t.Errorf("%+v", s)
	}
	topic.Close()
}

// A subscriber that joins or leaves changes nothing for the others, and sees the sequence numbers of the topic.
func TestJoinAndLeave(t *testing.T) {
	p := newPool(t, 100, 16)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	a := subscribe(t, topic, bus.SubOptions{})
	publish(t, topic, p, 0)
	b := subscribe(t, topic, bus.SubOptions{})
	publish(t, topic, p, 1)
	a.Close()
	a.Close()
	publish(t, topic, p, 2)
	ev, ok := b.TryNext()
	if !ok || ev.Sequence != 1 || ev.Value.User() != 1 || ev.Topic != "frames" {
		t.Errorf("got %+v", ev)
	}
	wantHeld(t, p, 2)
	if _, err := a.Next(context.Background()); err != bus.ErrClosed {
		t.Errorf("Next after Close: %v", err)
	}
	if s := a.Stats(); s.Offered != 2 || s.Discarded != 2 {
		t.Errorf("%+v", s)
	}
	b.Close()
	wantHeld(t, p, 0)
}

func TestHistory(t *testing.T) {
	for _, test := range []struct {
		o    bus.Options
		last int
		want []int
		held int
	}{
		{bus.Options{}, 3, nil, 0},
		{bus.Options{History: 4}, 0, nil, 4},
		{bus.Options{History: 4}, 3, []int{7, 8, 9}, 4},
		{bus.Options{History: 4}, 9, []int{6, 7, 8, 9}, 4},
		{bus.Options{HistoryBytes: 299}, 9, []int{8, 9}, 2},
		{bus.Options{History: 1, HistoryBytes: 300}, 9, []int{9}, 1},
		{bus.Options{History: 5, HistoryBytes: 99}, 9, nil, 0},
	} {
		t.Run(fmt.Sprintf("%+v/%d", test.o, test.last), func(t *testing.T) {
			p := newPool(t, 100, 16)
			topic := bus.New[pool.Buf]("frames", test.o)
			for i := range uint32(10) {
				publish(t, topic, p, i)
			}
			wantHeld(t, p, test.held)
			s := subscribe(t, topic, bus.SubOptions{Last: test.last})
			wantEvents(t, receive(s), test.want...)
			small := subscribe(t, topic, bus.SubOptions{Last: test.last, Events: 2})
			got := receive(small)
			if n := len(test.want); n > 2 {
				wantEvents(t, got, -(n - 2), 8, 9)
			} else {
				wantEvents(t, got, test.want...)
			}
			wantHeld(t, p, test.held)
			topic.Close()
			wantHeld(t, p, 0)
		})
	}
}

func TestSubOptions(t *testing.T) {
	topic := bus.NewPlain[int]("n", bus.Options{})
	for _, o := range []bus.SubOptions{{Policy: 9}, {Events: -1}, {Events: 1 << 25}, {Bytes: -1}, {Last: -1}, {Batch: -1}} {
		if _, err := topic.Subscribe(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	for p := range bus.Block + 2 {
		if p.String() == "" {
			t.Errorf("policy %d has no name", p)
		}
	}
}

func TestCloseAndDrain(t *testing.T) {
	p := newPool(t, 100, 16)
	topic := bus.New[pool.Buf]("frames", bus.Options{History: 2})
	s := subscribe(t, topic, bus.SubOptions{})
	for i := range uint32(3) {
		publish(t, topic, p, i)
	}
	topic.Close()
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{topic.Publish(b), topic.PublishContext(context.Background(), b)} {
		if !errors.Is(err, bus.ErrClosed) {
			t.Errorf("publishing after Close: %v", err)
		}
	}
	if !b.Exclusive() {
		t.Error("a publish that was refused kept a reference")
	}
	b.Release()
	if _, err := topic.Subscribe(bus.SubOptions{}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("subscribing after Close: %v", err)
	}
	drained := make(chan error)
	go func() { drained <- topic.Drain(context.Background()) }()
	until(topic.Draining)
	for i := range uint32(3) {
		ev, err := s.Next(context.Background())
		if err != nil || ev.Value.User() != i {
			t.Fatalf("event %d after Close: %v", i, err)
		}
		select {
		case err := <-drained:
			t.Fatalf("drained before the subscriber was done: %v", err)
		default:
		}
	}
	if _, err := s.Next(context.Background()); err != bus.ErrClosed {
		t.Errorf("Next after the last: %v", err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	wantHeld(t, p, 0)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := topic.Drain(ended); err != nil {
		t.Errorf("draining what is drained: %v", err)
	}
	topic.Close()
}

// Misuse is caught, and leaves the topic usable for others.
func TestMisuse(t *testing.T) {
	misuse := func(f func()) (err *pool.MisuseError) {
		defer func() { err, _ = recover().(*pool.MisuseError) }()
		f()
		return nil
	}
	p, err := pool.New(100, pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{})
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if misuse(func() { topic.Publish(b) }) == nil {
		t.Error("publishing a buffer that was released was not caught")
	}
	publish(t, topic, p, 7)
	ev, _ := s.TryNext()
	ev.Value.Release() // it was lent
	if misuse(func() { s.TryNext() }) == nil {
		t.Error("a double release was not caught")
	}
	publish(t, topic, p, 8)
	wantEvents(t, receive(s), 8)
	if err := topic.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// A release may run a callback, which may use the bus.
func TestReleaseCallback(t *testing.T) {
	p := newPool(t, 100, 1)
	topic := bus.New[pool.Buf]("frames", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{Events: 1})
	said := bus.NewPlain[string]("said", bus.Options{})
	heard := subscribe(t, said, bus.SubOptions{})
	for i := range 3 {
		b, err := p.Adopt(make([]byte, 10), func() {
			topic.Stats()
			said.Publish(fmt.Sprint(i))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := topic.Publish(b); err != nil {
			t.Error(err)
		}
		b.Release()
	}
	s.Close()
	for i := range 3 {
		if ev, ok := heard.TryNext(); !ok || ev.Value != fmt.Sprint(i) {
			t.Errorf("callback %d: %v", i, ev)
		}
	}
}
