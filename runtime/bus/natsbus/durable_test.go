package natsbus_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// name is what an event of TestDurable says.
func name(m *natsbus.Message) string {
	if m.Buf.Len() > 100 {
		return fmt.Sprint(m.Buf.Len())
	}
	return string(m.Buf.Bytes())
}

// A durable subscription goes on where it was. While its server lives it gets all that was not acknowledged, and only that; after a restart of the
// server it gets all of that as well, and may get again what was acknowledged last.
func TestDurable(t *testing.T) {
	o := natsbus.Options{Server: natsbus.ServerOptions{Store: t.TempDir()}, Inline: 50}
	so := natsbus.SubOptions{Pool: blocks(t, 1000, 8), Durable: "recorder", From: natsbus.All, AckWait: time.Second}
	c := open(t, o)
	for _, text := range []string{"one", "two", string(noise(900)), "four"} {
		publish(t, c, "x", "", text)
	}
	// leave acknowledges one event, is lent another, and goes.
	leave := func(first, second string) {
		t.Helper()
		s := subscribe(t, c, "x", so)
		m := next(t, s)
		if name(m) != first {
			t.Fatalf("got %s, want %s", name(m), first)
		}
		m.Release()
		m, err := s.Next(patient(t))
		if err != nil || name(m) != second {
			t.Fatal(m, err)
		}
		m.Release()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	leave("one", "two")
	if _, err := c.Subscribe(patient(t), "y", so); !errors.Is(err, natsbus.ErrTopic) {
		t.Errorf("another pattern under one name: %v", err)
	}
	s := subscribe(t, c, "x", so)
	got := []string{}
	for range 3 {
		m := next(t, s)
		got = append(got, name(m))
		m.Release()
	}
	slices.Sort(got) // what comes again may come later
	if !slices.Equal(got, []string{"900", "four", "two"}) {
		t.Fatalf("got %q", got)
	}
	none(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"five", "six", "seven"} {
		publish(t, c, "x", "", text)
	}
	leave("five", "six")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	c = open(t, o)
	publish(t, c, "x", "", "eight")
	s = subscribe(t, c, "x", so)
	missing := []string{"six", "seven", "eight"}
	for len(missing) > 0 {
		m := next(t, s)
		got := name(m)
		m.Release()
		if i := slices.Index(missing, got); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
		} else if slices.Contains([]string{"six", "seven", "eight"}, got) {
			t.Errorf("%s came twice to one subscription", got)
		} else {
			t.Logf("%s came again over the restart", got)
		}
	}
}
