package pool_test

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
)

func TestHolders(t *testing.T) {
	p := newPool(t, 1000, pool.Options{Max: 8})
	before := take(t, p)
	if h := p.Holders(); len(h) != 0 {
		t.Errorf("before sampling: %v", h)
	}
	p.SampleHolders(1)
	a, b := take(t, p), take(t, p)
	c, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	list := p.Holders()
	if len(list) != 2 || list[0].Handle != a.Handle() && list[1].Handle != a.Handle() {
		t.Fatalf("a and c are held: %+v", list)
	}
	for _, h := range list {
		if h.Bytes != 1000 || h.Weight != 1 || h.Since.IsZero() || !strings.Contains(text(h.Stack), "TestHolders") {
			t.Errorf("%+v at %s", h, text(h.Stack))
		}
	}
	// A new life of a block whose last one was sampled.
	p.SampleHolders(math.MaxInt32)
	again := take(t, p)
	if h := p.Holders(); len(h) != 0 {
		t.Errorf("one in 2^31 was sampled at once: %v", h)
	}
	again.Release()
	p.SampleHolders(0)
	take(t, p).Release()
	if h := p.Holders(); len(h) != 0 {
		t.Errorf("after sampling: %v", h)
	}
	for _, b := range []pool.Buf{before, a, c} {
		b.Release()
	}
	reconcile(t, p, 0)
}

func text(pcs []uintptr) string {
	var b strings.Builder
	for frames := runtime.CallersFrames(pcs); ; {
		f, more := frames.Next()
		b.WriteString(f.Function + "\n")
		if !more {
			return b.String()
		}
	}
}

// Sampling that is on costs no allocation where it is not this one's turn, and none after it has ended.
func TestSamplingAllocatesNothing(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 2})
	for _, every := range []int{math.MaxInt32, 0} {
		p.SampleHolders(every)
		if n := testing.AllocsPerRun(1000, func() {
			b, _ := p.Get()
			b.Release()
		}); n != 0 && pool.BuildDebug == 0 {
			t.Errorf("one in %d: %v allocations", every, n)
		}
	}
}

func BenchmarkGetSampled(b *testing.B) {
	p, err := pool.New(4096, pool.Options{Max: 8, Prealloc: 8})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	p.SampleHolders(1000)
	for b.Loop() {
		buf, _ := p.Get()
		buf.Release()
	}
}
