package pool

import (
	"errors"
	"testing"
)

// A snapshot that falls between the two stores of a last release counts the buffer as still out.
func TestLifeInTheMiddleOfARelease(t *testing.T) {
	p, err := New(64, Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name             string
		word, generation uint32
		want             uint32
		out              bool
	}{
		{"free", 7 << refGenShift, 7, 7, false},
		{"out", 7<<refGenShift | 2, 7, 7, true},
		{"being released", 7<<refGenShift | 1, 8, 7, true},
		{"being released at the wrap", 0xffff<<refGenShift | 1, 1, ^uint32(0), true},
		{"waiting for Go", 8<<refGenShift | refClosing, 8, 8, false},
	} {
		h := p.header(0)
		h.ref.Store(c.word)
		set(&h.generation, c.generation)
		if g, out := p.life(0); g != c.want || out != c.out {
			t.Errorf("%s: generation %d, out %v; want %d, %v", c.name, g, out, c.want, c.out)
		}
	}
}

// Generations skip 0, which no handle carries, and the lap is counted.
func TestGenerationWraps(t *testing.T) {
	p, err := New(64, Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	h := p.header(0)
	set(&h.generation, ^uint32(0))
	h.ref.Store(0xffff << refGenShift)
	before := p.Stats().Acquired
	if b, err = p.Get(); err != nil || b.generation != ^uint32(0) {
		t.Fatalf("generation %d, %v", b.generation, err)
	}
	b.Release()
	if c, err := p.Get(); err != nil || c.generation != 1 {
		t.Fatalf("generation %d, %v", c.generation, err)
	}
	if s := p.Stats(); s.Acquired != before+2 || s.Outstanding != 1 {
		t.Fatalf("acquired %d, was %d", s.Acquired, before)
	}
}

// A reference that was taken by mistake and turns out to be the last one ends the block's life with a new generation.
func TestUndoOfTheLastReference(t *testing.T) {
	p, err := New(64, Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			var misuse *MisuseError
			if e, ok := recover().(error); !ok || !errors.As(e, &misuse) {
				t.Error("no misuse was reported")
			}
		}()
		p.retainUndo(0, b.generation+1<<16) // as if b's owner had released between
	}()
	if b.Valid() {
		t.Error("the handle outlives the last reference")
	}
	if s := p.Stats(); s.Acquired != 1 || s.Released != 1 {
		t.Errorf("%+v", s)
	}
}

// A stale handle whose short generation fits does not saturate the block of another.
func TestStaleHandleDoesNotSaturate(t *testing.T) {
	p, err := New(64, Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	for range refMax - 1 {
		b.Retain()
	}
	stale := Buf{p, b.index, b.generation + 1<<16}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a stale handle was retained")
			}
		}()
		stale.Retain()
	}()
	if s := p.Stats(); s.Saturated != 0 {
		t.Fatal("the block was given up")
	}
	for range refMax {
		b.Release()
	}
	if s := p.Stats(); s.Outstanding != 0 {
		t.Fatalf("%+v", s)
	}
}
