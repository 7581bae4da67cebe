package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus"
)

func TestPatterns(t *testing.T) {
	names := []string{"camera", "camera.front", "camera.front.frame", "camera.back.frame", "camera.back.sound", "sound", "x.camera.front.frame"}
	for _, test := range []struct{ pattern, want string }{
		{"camera.*.frame", "camera.front.frame camera.back.frame"},
		{"camera.>", "camera.front camera.front.frame camera.back.frame camera.back.sound"},
		{"*", "camera sound"},
		{">", strings.Join(names, " ")},
		{"*.*", "camera.front"},
		{"camera", "camera"},
		{"camera.front.frame", "camera.front.frame"},
		{"camera.*.*", "camera.front.frame camera.back.frame camera.back.sound"},
		{"*.back.>", "camera.back.frame camera.back.sound"},
		{"camera.front.frame.>", ""},
		{"camera.front.frame.*", ""},
		{"nobody.>", ""},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", test.pattern, late), func(t *testing.T) {
				var b bus.Bus
				topics := make([]*bus.Topic[string], len(names))
				open := func() {
					for i, name := range names {
						var err error
						if topics[i], err = bus.OpenPlain[string](&b, name, bus.Options{}); err != nil {
							t.Fatal(err)
						}
					}
				}
				if !late {
					open()
				}
				s, err := bus.Match[string](&b, test.pattern, bus.SubOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if late {
					open()
				}
				for i, topic := range topics {
					if err := topic.Publish(names[i]); err != nil {
						t.Error(err)
					}
				}
				b.Close()
				var got []string
				for ev := range s.Events(context.Background()) {
					if ev.Topic != ev.Value {
						t.Errorf("%q came from topic %q", ev.Value, ev.Topic)
					}
					got = append(got, ev.Value)
				}
				if strings.Join(got, " ") != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		}
	}
}

func TestBadNames(t *testing.T) {
	var b bus.Bus
	for _, name := range []string{"", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", "a\n"} {
		if _, err := bus.OpenPlain[int](&b, name, bus.Options{}); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
	for _, pattern := range []string{"", ".", "a.", ".a", "a..b", "a.>.b", ">.a", "a*", "a.b>", "a b.>"} {
		if _, err := bus.Match[int](&b, pattern, bus.SubOptions{}); err == nil {
			t.Errorf("pattern %q was accepted", pattern)
		}
	}
	if _, err := bus.Match[int](&b, "a", bus.SubOptions{Events: -1}); err == nil {
		t.Error("-1 events were accepted")
	}
}

// One subscriber by a pattern has one order and one limit, also over what the histories hold.
func TestPatternHistory(t *testing.T) {
	var b bus.Bus
	open := func(name string) *bus.Topic[int] {
		topic, err := bus.OpenPlain[int](&b, name, bus.Options{History: 5})
		if err != nil {
			t.Fatal(err)
		}
		return topic
	}
	x, y := open("n.x"), open("n.y")
	if open("n.x") != x {
		t.Error("opening a topic twice made two")
	}
	if _, err := bus.OpenPlain[string](&b, "n.x", bus.Options{}); err == nil || !strings.Contains(err.Error(), "n.x") {
		t.Errorf("opening it with another type: %v", err)
	}
	for i := range 12 {
		topic := x
		if i%3 == 0 {
			topic = y
		}
		if err := topic.Publish(i); err != nil {
			t.Fatal(err)
		}
	}
	match := func(o bus.SubOptions) *bus.Sub[int] {
		s, err := bus.Match[int](&b, "n.*", o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := match(bus.SubOptions{Last: 7, Events: 6})
	var got []int
	for {
		ev, ok := s.TryNext()
		if !ok {
			break
		}
		if ev.Lagged > 0 {
			got = append(got, -int(ev.Lagged))
		}
		got = append(got, ev.Value)
	}
	// The last seven of what is kept: 0 3 6 9 and 5 7 8 10 11. The first of them does not fit.
	wantEvents(t, got, -1, 6, 7, 8, 9, 10, 11)
	other, err := bus.Match[string](&b, "n.*", bus.SubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// A topic that closes leaves the subscriber, and its name is free.
	x.Close()
	z, err := bus.OpenPlain[string](&b, "n.x", bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Publish("of another type"); err != nil {
		t.Error(err)
	}
	if err := y.Publish(12); err != nil {
		t.Error(err)
	}
	if ev, ok := other.TryNext(); !ok || ev.Value != "of another type" {
		t.Errorf("got %+v", ev)
	}
	other.Close()
	if ev, ok := s.TryNext(); !ok || ev.Value != 12 || ev.Topic != "n.y" {
		t.Errorf("got %+v", ev)
	}
	if ev, ok := s.TryNext(); ok {
		t.Errorf("got %+v", ev)
	}
	stats := b.Stats()
	if len(stats) != 2 || stats[0].Name != "n.x" || stats[1].Name != "n.y" || stats[1].Published != 5 || stats[1].Delivered != 3 {
		t.Errorf("%+v", stats)
	}
	s.Close()
	if st := y.Stats(); st.Subscribers != 0 {
		t.Errorf("%d subscribers after Close", st.Subscribers)
	}
	if err := b.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := bus.OpenPlain[int](&b, "n.z", bus.Options{}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("opening after Close: %v", err)
	}
	if _, err := bus.Match[int](&b, ">", bus.SubOptions{}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("subscribing after Close: %v", err)
	}
}

func TestBusDrain(t *testing.T) {
	var b bus.Bus
	topic, err := bus.OpenPlain[int](&b, "n", bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := bus.Match[int](&b, ">", bus.SubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := topic.Publish(1); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Drain(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
	n := 0
	for range s.Events(context.Background()) {
		n++
	}
	if n != 1 {
		t.Errorf("%d events", n)
	}
	if err := topic.Drain(ended); err != nil {
		t.Error(err)
	}
}

// What is published while the bus closes is either refused or got: nothing stays behind in a queue that nobody reads any more.
func TestPublishAgainstClose(t *testing.T) {
	var b bus.Bus
	topic, err := bus.OpenPlain[int](&b, "n", bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := bus.Match[int](&b, ">", bus.SubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.BeginClose()
	got := make(chan int, 2)
	go func() {
		defer close(got)
		for ev := range s.Events(context.Background()) {
			got <- ev.Value
		}
	}()
	until(func() bool {
		select {
		case <-got:
			t.Error("the subscriber has ended before its topic")
			return true
		default:
			return s.Asleep()
		}
	})
	if err := topic.Publish(7); err != nil {
		t.Error(err)
	}
	b.Close()
	if v := <-got; v != 7 {
		t.Errorf("got %d", v)
	}
	if _, more := <-got; more {
		t.Error("it got more than there was")
	}
}
