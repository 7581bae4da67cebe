package bus_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus"
)

// A context that ends at the moment of room: the event is not published, and no wake-up is left over for the next publisher that waits.
func TestContextAgainstRoom(t *testing.T) {
	topic := bus.NewPlain[int]("n", bus.Options{})
	s := subscribe(t, topic, bus.SubOptions{Policy: bus.Block, Events: 1, Batch: 1})
	result := make(chan error)
	for i := range 100 {
		if err := topic.PublishContext(context.Background(), i); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() { result <- topic.PublishContext(ctx, -1) }()
		until(s.Waits)
		s.RoomAfter(func() {
			cancel()
			for range i {
				runtime.Gosched() // the publisher may see the end before the room, or both
			}
		})
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Fatalf("publishing without room: %v", err)
		}
		if n := topic.Tokens(); n != 0 {
			t.Fatalf("%d wake-ups are left over", n)
		}
		if ev, ok := s.TryNext(); !ok || ev.Value != i || ev.Lagged != 0 {
			t.Fatalf("got %+v, want %d", ev, i)
		}
	}
	s.Close()
}

// A publisher that waits for several subscribers goes on when all have room, or are gone, whatever the order.
func TestBlockSeveral(t *testing.T) {
	topic := bus.NewPlain[int]("n", bus.Options{})
	var subs []*bus.Sub[int]
	for range 3 {
		subs = append(subs, subscribe(t, topic, bus.SubOptions{Policy: bus.Block, Events: 1, Batch: 1}))
	}
	if err := topic.Publish(0); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	for range 2 {
		go func() { result <- topic.PublishContext(context.Background(), 1) }()
	}
	until(func() bool { return subs[0].Waits() && subs[1].Waits() && subs[2].Waits() })
	subs[1].TryNext()
	subs[2].Close()
	if topic.Stats().Published != 1 {
		t.Error("it did not wait for all")
	}
	subs[0].TryNext()
	if err := <-result; err != nil {
		t.Error(err)
	}
	until(func() bool { return subs[0].Waits() && subs[1].Waits() })
	subs[0].Close()
	subs[1].Close()
	if err := <-result; err != nil {
		t.Error(err)
	}
}
