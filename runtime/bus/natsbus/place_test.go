package natsbus_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// The servers lose a subscription's place while it is away, or the whole stream: it goes on behind what it has, loses nothing, and Ack does not wait for
// ever.
func TestPlaceLost(t *testing.T) {
	for _, what := range []string{"place", "place in hand", "durable place", "stream in hand", "durable place and stream", "durable place and stream in hand"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o := natsbus.SubOptions{Pool: blocks(t, 100, 8)}
			if strings.HasPrefix(what, "durable") {
				o.Durable = "d"
			}
			placeLost(t, o, strings.Contains(what, "stream"), strings.HasSuffix(what, "in hand"))
		})
	}
}

func placeLost(t *testing.T, o natsbus.SubOptions, stream, inHand bool) {
	server := listening(t, natsbus.ServerOptions{})
	p := startProxy(t, server.URL())
	c := open(t, natsbus.Options{URL: "nats://" + p.l.Addr().String(), Attempt: 300 * time.Millisecond, Inline: 50})
	direct := open(t, natsbus.Options{URL: server.URL(), Inline: 50})
	_, js := stranger(t, server)
	s := subscribe(t, c, "x", o)
	var m *natsbus.Message
	if inHand {
		publish(t, direct, "x", "", "before")
		next(t, s).Release()
		publish(t, direct, "x", "", "in hand")
		var err error
		if m, err = s.Next(patient(t)); err != nil {
			t.Fatal(err)
		}
	}
	p.setMute(true)
	var err error
	if stream {
		err = errors.Join(js.DeleteStream(patient(t), "poolgen"), js.DeleteStream(patient(t), "OBJ_poolgen_payloads"))
	} else {
		for name := range names(t, js) {
			err = errors.Join(err, js.DeleteConsumer(patient(t), "poolgen", name))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	large := string(noise(90))
	for _, text := range []string{"while away", large} {
		publish(t, direct, "x", "", text)
	}
	p.cut()
	p.setMute(false)
	if inHand {
		if err := m.Ack(patient(t)); err != nil {
			t.Fatal(err)
		}
		m.Release()
	}
	publish(t, direct, "x", "", "after")
	for _, want := range []string{"while away", large, "after"} {
		m := next(t, s)
		if string(m.Buf.Bytes()) != want {
			t.Errorf("got %q, want %q", m.Buf.Bytes(), want)
		}
		m.Release()
	}
	none(t, s)
}

// The streams are gone, and the server cannot make one yet, as while it removes the old one's files: what is published waits for it.
func TestFilesInTheWay(t *testing.T) {
	t.Parallel()
	o := natsbus.ServerOptions{Listen: "127.0.0.1:0", Store: t.TempDir()}
	server, err := natsbus.StartServer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	c := open(t, natsbus.Options{URL: server.URL()})
	_, js := stranger(t, server)
	if err := errors.Join(js.DeleteStream(patient(t), "poolgen"), js.DeleteStream(patient(t), "OBJ_poolgen_payloads")); err != nil {
		t.Fatal(err)
	}
	way := filepath.Join(o.Store, "jetstream", "$G", "streams", "OBJ_poolgen_payloads")
	for deadline := time.Now().Add(time.Minute); ; { // the server may just be at it itself
		err := errors.Join(os.MkdirAll(filepath.Dir(way), 0o700), os.WriteFile(way, nil, 0o600))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	was := c.Stats().Repeated
	publish(t, c, "x", "", "waited")
	if n := c.Stats().Repeated - was; n < 2 { // one to make the streams, and one that found the file, which the server then removes
		t.Errorf("published by attempt %d: nothing was in the way", n+1)
	}
}

// names are those of the stream's consumers.
func names(t *testing.T, js jetstream.JetStream) map[string]bool {
	t.Helper()
	stream, err := js.Stream(patient(t), "poolgen")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for name := range stream.ConsumerNames(patient(t)).Name() {
		all[name] = true
	}
	return all
}
