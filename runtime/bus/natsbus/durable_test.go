package natsbus_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// recorder is a program that comes and goes, and what it owes its servers.
type recorder struct {
	t       testing.TB
	o       natsbus.SubOptions
	missing map[string]bool // published, and not acknowledged
}

func (r *recorder) publish(c *natsbus.Conn, texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		publish(r.t, c, "x", "", text)
		r.missing[text] = true
	}
}

// next is the next event. What comes first may be any: a server that sent one to a subscription that was just closed sends it again later.
func (r *recorder) next(s *natsbus.Sub, acknowledge bool) string {
	r.t.Helper()
	m, err := s.Next(patient(r.t))
	if err == nil && acknowledge {
		err = m.Ack(patient(r.t))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer m.Release()
	return string(m.Buf.Bytes())
}

// visit acknowledges one event, is lent another, and goes.
func (r *recorder) visit(c *natsbus.Conn) {
	r.t.Helper()
	s := subscribe(r.t, c, "x", r.o)
	done := r.next(s, true)
	if !r.missing[done] {
		r.t.Errorf("%.9q came again", done)
	}
	delete(r.missing, done)
	r.next(s, false)
	if err := s.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// all receives what is missing, and returns what else came.
func (r *recorder) all(s *natsbus.Sub) (again []string) {
	r.t.Helper()
	for len(r.missing) > 0 {
		text := r.next(s, true)
		if r.missing[text] {
			delete(r.missing, text)
		} else {
			again = append(again, text)
		}
	}
	return again
}

// A durable subscription goes on where it was. While its server lives it gets all that was not acknowledged, and only that; after a restart of the
// server it gets all of that as well, and may get again what was acknowledged last.
func TestDurable(t *testing.T) {
	o := natsbus.Options{Server: natsbus.ServerOptions{Store: t.TempDir()}, Inline: 50}
	r := recorder{t, natsbus.SubOptions{Pool: blocks(t, 1000, 8), Durable: "recorder", From: natsbus.All, AckWait: time.Second}, map[string]bool{}}
	c := open(t, o)
	r.publish(c, "one", "two", string(noise(900)), "four")
	r.visit(c)
	if _, err := c.Subscribe(patient(t), "y", r.o); !errors.Is(err, natsbus.ErrTopic) {
		t.Errorf("another pattern under one name: %v", err)
	}
	s := subscribe(t, c, "x", r.o)
	if again := r.all(s); again != nil {
		t.Errorf("%.9q came again", again)
	}
	none(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r.publish(c, "five", "six", "seven")
	r.visit(c)
	left := fmt.Sprint(slices.Sorted(maps.Keys(r.missing)))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	c = open(t, o)
	r.publish(c, "eight")
	again := r.all(subscribe(t, c, "x", r.o))
	seen := map[string]bool{}
	for _, text := range again {
		if seen[text] {
			t.Errorf("%.9q came twice to one subscription", text)
		}
		seen[text] = true
	}
	t.Logf("left were %s; over the restart came again %.9q", left, again)
}
