package natsbus_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/bus/natsbus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// picture is an event with a buffer and more.
type picture struct {
	pool.Buf
	number uint32
}

func (p picture) Retain() picture { p.Buf.Retain(); return p }

func pictures() natsbus.Codec[picture] {
	return natsbus.Codec[picture]{
		Encode: func(p picture) ([]byte, []byte, error) {
			return binary.LittleEndian.AppendUint32(nil, p.number), p.Bytes(), nil
		},
		Decode: func(head []byte, payload pool.Buf) (picture, error) {
			if len(head) != 4 || payload.Pool() == nil {
				if payload.Pool() != nil {
					payload.Release()
				}
				return picture{}, errors.New("no picture")
			}
			return picture{payload, binary.LittleEndian.Uint32(head)}, nil
		},
	}
}

// Events of one machine's topics come out of another's, under the same names.
func TestExportImport(t *testing.T) {
	server, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0", Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var mu sync.Mutex
	var told []string
	o := natsbus.Options{URL: server.URL(), Inline: 1000, Event: func(s string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, s)
	}}
	here, there := open(t, o), open(t, o)
	sent, received := blocks(t, 5000, 32), blocks(t, 5000, 64)

	var a, b bus.Bus
	from, err := bus.Open[picture](&a, "node1.picture", bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	leaving, err := from.Subscribe(bus.SubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	arriving, err := bus.Match[picture](&b, "*.picture", bus.SubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	exported, imported := make(chan error, 1), make(chan error, 2)
	go func() { exported <- natsbus.Export(ctx, here, leaving, pictures()) }()
	for _, c := range []*natsbus.Conn{there, here} { // what is one's own is left out
		s := subscribe(t, c, "*.picture", natsbus.SubOptions{Pool: received})
		on := &b
		if c == here {
			on = &a
		}
		go func() {
			imported <- natsbus.Import(ctx, s, func(name string) (*bus.Topic[picture], error) { return bus.Open[picture](on, name, bus.Options{}) }, pictures())
		}()
	}
	if _, err := here.Publish(patient(t), "node1.picture", []byte("nonsense"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	const n = 20
	for i := range n {
		f, err := sent.Wait(patient(t))
		if err != nil {
			t.Fatal(err)
		}
		f.SetLen(copy(f.Bytes(), noise(i*200+1)))
		if err := from.Publish(picture{f, uint32(i)}); err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	for i := range n {
		ev, err := arriving.Next(patient(t))
		if err != nil {
			t.Fatal(err)
		}
		if ev.Topic != "node1.picture" || ev.Value.number != uint32(i) || !bytes.Equal(ev.Value.Bytes(), noise(i*200+1)) {
			t.Fatalf("event %d: %s, number %d, %d bytes", i, ev.Topic, ev.Value.number, ev.Value.Len())
		}
	}
	a.Close()
	if err := <-exported; err != nil {
		t.Errorf("the topic was closed: %v", err)
	}
	cancel()
	for range 2 {
		if err := <-imported; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	b.Close()
	arriving.Close()
	if st := from.Stats(); st.Published != n {
		t.Errorf("%d events on the exporting side: its own came back", st.Published)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) == 0 {
		t.Error("nothing was told of the event that is no picture")
	}
}
