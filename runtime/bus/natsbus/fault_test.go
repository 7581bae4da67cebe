package natsbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/bus/natsbus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// listening is a server that others than this package's code can reach, too.
func listening(t *testing.T, o natsbus.ServerOptions) *natsbus.Server {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.Store = t.TempDir()
	server, err := natsbus.StartServer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// stranger speaks to a server as any program may.
func stranger(t *testing.T, server *natsbus.Server) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// Whatever is in the stream: it is told, does not come again, and holds nothing up, of subscriptions and of imports.
func TestHostileMessages(t *testing.T) {
	server := listening(t, natsbus.ServerOptions{})
	o := natsbus.Options{URL: server.URL(), Inline: 100, Event: func(string) {}}
	c := open(t, o)
	_, js := stranger(t, server)
	store, err := js.ObjectStore(patient(t), "poolgen_payloads")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"short", "long"} {
		if _, err := store.PutBytes(patient(t), name, make([]byte, map[string]int{"short": 10, "long": 1000}[name])); err != nil {
			t.Fatal(err)
		}
	}
	bad := []nats.Header{
		{"Poolgen-Head": {"no base64!"}},
		{"Poolgen-Object": {"short"}, "Poolgen-Size": {"-1"}},
		{"Poolgen-Object": {"short"}, "Poolgen-Size": {"99999999999999999999"}},
		{"Poolgen-Object": {"short"}, "Poolgen-Size": {"4294967297"}},
		{"Poolgen-Object": {"short"}, "Poolgen-Size": {"x"}},
		{"Poolgen-Object": {"short"}},
		{"Poolgen-Object": {"short"}, "Poolgen-Size": {"2147483647"}},
		{"Poolgen-Object": {"short"}, "Poolgen-Size": {"100"}},
		{"Poolgen-Object": {"long"}, "Poolgen-Size": {"100"}},
		{"Poolgen-Object": {"none"}, "Poolgen-Size": {"100"}},
		{"Poolgen-Object": {"a.>"}, "Poolgen-Size": {"100"}},
		{"Poolgen-Object": {"*"}, "Poolgen-Size": {"100"}},
	}
	p := blocks(t, 500, 4)
	s := subscribe(t, c, "x", natsbus.SubOptions{Pool: p})
	imported := subscribe(t, c, "x", natsbus.SubOptions{Pool: p})
	for _, h := range bad {
		if _, err := js.PublishMsg(patient(t), &nats.Msg{Subject: "poolgen.x", Header: h, Data: []byte("data")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.PublishMsg(patient(t), &nats.Msg{Subject: "poolgen.x", Data: make([]byte, 501)}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(patient(t), "poolgen.x", []byte("good")); err != nil {
		t.Fatal(err)
	}
	for i := range len(bad) + 1 {
		m, err := s.Next(patient(t))
		if !errors.Is(err, natsbus.ErrEvent) {
			t.Errorf("message %d: %+v, %v", i, m, err)
		}
	}
	m := next(t, s)
	if string(m.Buf.Bytes()) != "good" {
		t.Errorf("%q", m.Buf.Bytes())
	}
	m.Release()
	none(t, s)

	topic := bus.New[pool.Buf]("x", bus.Options{})
	listener, err := topic.Subscribe(bus.SubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- natsbus.Import(ctx, imported, func(string) (*bus.Topic[pool.Buf], error) { return topic, nil }, natsbus.Buffers())
	}()
	if ev, err := listener.Next(patient(t)); err != nil || string(ev.Value.Bytes()) != "good" {
		t.Error(ev, err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	topic.Close()
	listener.Close()
}

// Payloads beside the stream make room for newer ones, as events do, and who comes too late for one is told so at once.
func TestPayloadsMakeRoom(t *testing.T) {
	for _, memory := range []bool{false, true} {
		o := natsbus.Options{MaxBytes: 1 << 20, Inline: 1000}
		if !memory {
			o.Server.Store = t.TempDir()
		}
		c := open(t, o)
		p := blocks(t, 600_000, 2)
		s := subscribe(t, c, "x", natsbus.SubOptions{Pool: p})
		const n = 6
		for i := range n {
			publish(t, c, "x", fmt.Sprint(i), string(noise(400_000+i)))
		}
		for i := range n {
			m, err := s.Next(patient(t))
			switch {
			case i < n-2 && errors.Is(err, natsbus.ErrExpired) && errors.Is(err, natsbus.ErrEvent):
			case i >= n-2 && err == nil && bytes.Equal(m.Buf.Bytes(), noise(400_000+i)):
				if err := m.Ack(patient(t)); err != nil {
					t.Error(err)
				}
				m.Release()
			default:
				t.Errorf("event %d: %v", i, err)
			}
		}
		none(t, s)
		if _, err := c.Publish(patient(t), "x", nil, noise(1<<20)); err == nil || !strings.Contains(err.Error(), "MaxBytes") {
			t.Errorf("a payload larger than all the room: %v", err)
		}
	}
}

// What is kept beside the stream is an object store that others can read.
func TestObjects(t *testing.T) {
	server := listening(t, natsbus.ServerOptions{})
	c := open(t, natsbus.Options{URL: server.URL()})
	_, js := stranger(t, server)
	for _, n := range []int{200_000, 256 << 10, 3_000_001} {
		publish(t, c, "x", "", string(noise(n)))
	}
	store, err := js.ObjectStore(patient(t), "poolgen_payloads")
	if err != nil {
		t.Fatal(err)
	}
	all, err := store.List(patient(t))
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for _, info := range all {
		b, err := store.GetBytes(patient(t), info.Name)
		if err != nil || !bytes.Equal(b, noise(int(info.Size))) {
			t.Errorf("%+v: %d bytes, %v", info, len(b), err)
		}
	}
}

// A program that releases an event and does not acknowledge it gets it again; one that holds it does not.
func TestReleasedComesAgain(t *testing.T) {
	c := open(t, natsbus.Options{})
	s := subscribe(t, c, "x", natsbus.SubOptions{Pool: blocks(t, 100, 4), AckWait: 300 * time.Millisecond})
	publish(t, c, "x", "held", "a")
	publish(t, c, "x", "released", "b")
	publish(t, c, "x", "released, without payload", "")
	got := map[string]int{}
	var held *natsbus.Message
	for got["released"] < 2 || got["released, without payload"] < 2 {
		m, err := s.Next(patient(t))
		if err != nil {
			t.Fatal(err)
		}
		got[string(m.Head)]++
		if string(m.Head) == "held" {
			held = m
		} else {
			m.Release()
		}
	}
	if got["held"] != 1 {
		t.Errorf("what is held came %d times", got["held"])
	}
	if err := held.Ack(patient(t)); err != nil {
		t.Error(err)
	}
	held.Release()
	held.Release()
}

// Close ends a Next that waits for a free block.
func TestCloseWakesPoolWait(t *testing.T) {
	for _, of := range []string{"subscription", "connection"} {
		c := open(t, natsbus.Options{})
		p := blocks(t, 100, 1)
		s := subscribe(t, c, "x", natsbus.SubOptions{Pool: p})
		b, err := p.Get()
		if err != nil {
			t.Fatal(err)
		}
		publish(t, c, "x", "", "waits for a block")
		none(t, s) // it is here, and has no block
		ended := make(chan error)
		go func() {
			_, err := s.Next(context.Background())
			ended <- err
		}()
		time.Sleep(20 * time.Millisecond)
		if of == "subscription" {
			_ = s.Close()
		} else {
			_ = c.Close()
		}
		select {
		case err := <-ended:
			if !errors.Is(err, natsbus.ErrClosed) {
				t.Errorf("closing the %s: %v", of, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("closing the %s does not end Next", of)
		}
		b.Release()
	}
}

// A name so long that servers hang up is refused here.
func TestLongNames(t *testing.T) {
	c := open(t, natsbus.Options{})
	for _, name := range []string{strings.Repeat("a", 5000), strings.Repeat("a.", 2500) + "a"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := c.Publish(ctx, name, nil, nil); !errors.Is(err, natsbus.ErrTopic) {
			t.Errorf("publishing: %.200s", fmt.Sprint(err))
		}
		if _, err := c.Subscribe(ctx, name, natsbus.SubOptions{}); !errors.Is(err, natsbus.ErrTopic) {
			t.Errorf("subscribing: %.200s", fmt.Sprint(err))
		}
		cancel()
	}
	longest := strings.Repeat("a", 512)
	s := subscribe(t, c, longest, natsbus.SubOptions{})
	publish(t, c, longest, strings.Repeat("h", 4096), "")
	if m := next(t, s); m.Topic != longest {
		t.Errorf("%+v", m)
	}
}
