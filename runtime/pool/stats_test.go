package pool_test

import (
	"math"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
)

// The counts that C shares have 32 bits; what Stats says goes on behind those.
func TestCountsGoOnPast32Bits(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 1})
	b := take(t, p)
	defer b.Release()
	const before = math.MaxUint32 - 1
	pool.SetCounts(p, before)
	if s := p.Stats(); s.Misses != before || s.Refusals != before || s.Stale != before || s.Saturated != before {
		t.Fatalf("%+v", s)
	}
	for range 5 {
		if _, err := p.Get(); err == nil {
			t.Fatal("a full pool has a block")
		}
	}
	if s := p.Stats(); s.Misses != before+5 || s.Refusals != before+5 || s.Stale != before {
		t.Errorf("5 misses later: %+v", s)
	}
	pool.SetCounts(p, 0)
	if s := p.Stats(); s.Misses != 1<<33 || s.Stale != 1<<32 {
		t.Errorf("a lap later: %+v", s)
	}
}

// A pool that is closed and has nothing out has given its blocks back.
func TestClosedPoolHasCommittedNothing(t *testing.T) {
	for _, o := range []pool.Options{{Max: 8, Prealloc: 8}, {Max: 8, Shared: true}} {
		p, err := pool.New(64<<10, o)
		if err != nil {
			t.Fatal(err)
		}
		b := take(t, p)
		if err := p.Close(); err == nil {
			t.Error("a block is out, and Close does not say so")
		}
		if s := p.Stats(); s.BytesCommitted < 64<<10 {
			t.Errorf("a block is out: %+v", s)
		}
		b.Release()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if s := p.Stats(); s.BytesCommitted >= 64<<10 || s.BytesCommitted < 0 || s.Acquired != 1 {
			t.Errorf("closed: %+v", s)
		}
	}
}

func TestBytesOfMemoryThatJoins(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 1, External: 4, AtLimit: pool.LimitHeap})
	for range 3 {
		b, err := p.Adopt(make([]byte, 1000), nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	a, b := take(t, p), take(t, p) // the second is from the heap, which is nobody's copy
	if s := p.Stats(); s.External != 3 || s.ExternalBytes != 3000 || s.Heap != 1 {
		t.Errorf("%+v", s)
	}
	a.Release()
	b.Release()
}
