package pool

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// The word tells the life that a block is in: the header still has the one before until a claimer has stored its own.
func TestLifeIsTheWords(t *testing.T) {
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
		{"released", 8 << refGenShift, 7, 8, false},
		{"being claimed", 8<<refGenShift | 1, 7, 8, true},
		{"short generation wrapped", 0, 0x1ffff, 0x20000, false},
		{"released at the wrap", 1 << refGenShift, ^uint32(0), 1, false},
		{"being claimed at the wrap", 1<<refGenShift | 1, ^uint32(0), 1, true},
		{"waiting for Go", 8<<refGenShift | refClosing, 7, 8, false},
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

// An owner gets and releases blocks; a thief releases the handle that it sees once more, at the same moment. Whoever comes second is
// told so; generations only ever rise, no block is lost to others, and none is poisoned while it is somebody's.
func TestDoubleReleaseHarmsNobody(t *testing.T) {
	for name, debug := range map[string]Debug{"plain": 0, "poison": DebugPoison} {
		t.Run(name, func(t *testing.T) { raceReleases(t, debug) })
	}
}

func raceReleases(t *testing.T, debug Debug) {
	p, err := New(64, Options{Max: 2, Debug: debug})
	if err != nil {
		t.Fatal(err)
	}
	release := func(b Buf) (ok bool) {
		defer func() { ok = recover() == nil }()
		b.Release()
		return true
	}
	var seen atomic.Uint64
	var stop atomic.Bool
	stolen := make(chan int)
	go func() {
		n := 0
		for !stop.Load() {
			s := seen.Load()
			// Valid first: a panic is slow, and what is meant is to be just too late.
			if b := (Buf{p, uint32(s), uint32(s >> 32)}); b.Valid() && release(b) {
				n++
			}
		}
		stolen <- n
	}()
	last, told := [2]uint32{}, 0
	for i, end := 0, time.Now().Add(500*time.Millisecond); i%1024 != 0 || time.Now().Before(end); i++ {
		b, err := p.Get()
		if err != nil {
			t.Errorf("round %d: a block is lost: %v", i, err)
			break
		}
		if b.generation <= last[b.index] {
			t.Errorf("round %d: block %d is in generation %d, after %d", i, b.index, b.generation, last[b.index])
			break
		}
		last[b.index] = b.generation
		mem := b.Bytes()
		seen.Store(uint64(b.generation)<<32 | uint64(b.index))
		whole := true
		if !raceBuild { // the detector would see the thief's own poison
			mem[63] = byte(i)
			stop.Load() // an atomic, so that the next line does read
			whole = mem[63] == byte(i)
		}
		if !release(b) {
			told++
		} else if !whole {
			t.Errorf("round %d: block %d was written while it was out", i, b.index)
			break
		}
	}
	stop.Store(true)
	if n := <-stolen; n != told {
		t.Errorf("the thief released %d references, the owner was told of %d", n, told)
	}
	if s := p.Stats(); s.Outstanding != 0 && !t.Failed() {
		t.Errorf("%+v", s)
	}
}
