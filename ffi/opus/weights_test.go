package opus

import (
	"errors"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
)

// The weights that a state points to are held by each copy of the state, until it is closed or made that of another.
func TestCopiesHoldWeights(t *testing.T) {
	blocks, err := pool.New(64, pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	with := func() *Encoder {
		e, err := NewEncoder(EncoderConfig{SampleRate: 48000, Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		// As SetDNNBlob does where libopus takes weights.
		b, err := blocks.Get()
		if err != nil {
			t.Fatal(err)
		}
		hold(&e.core.weights, b)
		b.Release()
		return e
	}
	out := func(want int) {
		t.Helper()
		if n := blocks.Stats().Outstanding; n != want {
			t.Fatalf("%d weights are held, not %d", n, want)
		}
	}
	a, b := with(), with()
	out(2)
	c, err := a.Clone(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	out(2) // the clone's, and those of b
	if err := c.CopyFrom(b); err != nil {
		t.Fatal(err)
	}
	out(1)
	if err := errors.Join(c.CopyFrom(c), b.Close()); err != nil {
		t.Fatal(err)
	}
	out(1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	out(0)
	if err := blocks.Close(); err != nil {
		t.Error(err)
	}
}
