package natsbus_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// clients are the goroutines that work for a connection, by number: their stacks.
func clients() map[string]string {
	b := make([]byte, 4<<20)
	all := map[string]string{}
	for stack := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(stack, "nats-io/nats%2ego") || strings.Contains(stack, "nats-io/nats.go") {
			number, _, _ := strings.Cut(stack, " [")
			all[number] = stack
		}
	}
	return all
}

// Nothing of a connection works on after Close, whatever was going on.
func TestNothingLeft(t *testing.T) {
	// Put of nats.go 1.55, which other tests use, sometimes leaves one that waits for ever (jetstream/publish.go, resetPendingAcksOnReconnect).
	before := clients()
	server := listening(t, natsbus.ServerOptions{})
	for range 3 {
		c, err := natsbus.Open(patient(t), natsbus.Options{URL: server.URL(), Inline: 1000})
		if err != nil {
			t.Fatal(err)
		}
		var ended []chan error
		for _, o := range []natsbus.SubOptions{{Pool: blocks(t, 2000, 2)}, {Lazy: true}, {Durable: "d", Pool: blocks(t, 100, 2)}} {
			s, err := c.Subscribe(patient(t), "x", o)
			if err != nil {
				t.Fatal(err)
			}
			publish(t, c, "x", "", string(noise(1500)))
			publish(t, c, "x", "", "small")
			done := make(chan error, 1)
			ended = append(ended, done)
			go func() {
				for {
					m, err := s.Next(context.Background())
					switch {
					case errors.Is(err, natsbus.ErrEvent):
					case err != nil:
						done <- err
						return
					default:
						m.Release()
					}
				}
			}()
		}
		go func() {
			for {
				if _, err := c.Publish(context.Background(), "x", nil, noise(1200)); err != nil {
					return
				}
			}
		}()
		time.Sleep(50 * time.Millisecond)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for _, done := range ended {
			if err := <-done; !errors.Is(err, natsbus.ErrClosed) {
				t.Error(err)
			}
		}
	}
	remaining := func() []string {
		left := clients()
		maps.DeleteFunc(left, func(number, _ string) bool { return before[number] != "" })
		return slices.Collect(maps.Values(left))
	}
	left := remaining()
	for end := time.Now().Add(30 * time.Second); len(left) > 0 && time.Now().Before(end); left = remaining() {
		time.Sleep(10 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("%d are left:\n%s", len(left), strings.Join(left, "\n\n"))
	}
}
