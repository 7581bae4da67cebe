package pool_test

import (
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// wantMisuse runs f and wants it to panic with a MisuseError that says want.
func wantMisuse(t *testing.T, want string, f func()) *pool.MisuseError {
	t.Helper()
	var got *pool.MisuseError
	func() {
		defer func() {
			if e, ok := recover().(error); ok {
				errors.As(e, &got)
			}
		}()
		f()
	}()
	if got == nil {
		t.Fatal("misuse was not caught")
	}
	if !strings.Contains(got.Error(), want) {
		t.Fatalf("%v; want %q", got, want)
	}
	return got
}

// Regression: double release to -1, and a release that frees somebody else's block.
func TestDoubleRelease(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 1})
	a := take(t, p)
	a.Release()
	wantMisuse(t, "release of block 0", func() { a.Release() })
	b := take(t, p) // the same block
	wantMisuse(t, "handle's generation 1, block's generation 2", func() { a.Release() })
	if !b.Valid() || b.Len() != 64 {
		t.Fatal("a stale release took the new owner's block")
	}
	b.Release()
	if s := reconcile(t, p, 0); s.Stale != 2 || s.Acquired != 2 {
		t.Fatalf("%+v", s)
	}
}

// Regression: a retain that resurrects a block from 0 references.
func TestRetainFromZero(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 1})
	a := take(t, p)
	a.Release()
	wantMisuse(t, "retain", func() { a.Retain() })
	b := take(t, p)
	wantMisuse(t, "retain", func() { a.Retain() })
	b.Release()
	reconcile(t, p, 0)
}

func TestUseAfterRelease(t *testing.T) {
	p := newPool(t, 64, pool.Options{})
	b := take(t, p)
	v := b.Slice(0, 8)
	b.Release()
	for name, f := range map[string]func(){
		"Bytes": func() { b.Bytes() }, "Len": func() { b.Len() }, "Cap": func() { b.Cap() }, "SetLen": func() { b.SetLen(1) },
		"Pointer": func() { b.Pointer() }, "Slice": func() { b.Slice(0, 1) }, "User": func() { b.User() }, "SetUser": func() { b.SetUser(1) },
		"View.Bytes": func() { v.Bytes() }, "View.Pointer": func() { v.Pointer() }, "View.Slice": func() { v.Slice(0, 1) },
		"View.Retain": func() { v.Retain() }, "View.Release": func() { v.Release() },
	} {
		t.Run(name, func(t *testing.T) { wantMisuse(t, "released before", f) })
	}
	var zero pool.Buf
	for _, f := range []func(){func() { zero.Release() }, func() { zero.Retain() }, func() { zero.Bytes() }} {
		wantMisuse(t, "zero Buf", f)
	}
}

func TestRangesAreChecked(t *testing.T) {
	b := take(t, newPool(t, 64, pool.Options{}))
	v := b.Slice(8, 16)
	for name, f := range map[string]func(){
		"negative": func() { b.SetLen(-1) }, "over cap": func() { b.SetLen(65) }, "slice over": func() { b.Slice(0, 65) },
		"slice crossed": func() { b.Slice(5, 4) }, "slice negative": func() { b.Slice(-1, 4) }, "view over": func() { v.Slice(0, 9) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("accepted")
				}
			}()
			f()
		})
	}
}

// Regression: writes while shared.
func TestLengthOfASharedBufferIsFixed(t *testing.T) {
	b := take(t, newPool(t, 64, pool.Options{}))
	b.SetLen(5)
	other := b.Retain()
	if b.Exclusive() {
		t.Fatal("exclusive with two references")
	}
	wantMisuse(t, "it is shared", func() { b.SetLen(6) })
	if other.Len() != 5 {
		t.Fatal("another holder's length changed")
	}
	other.Release()
	if !b.Exclusive() {
		t.Fatal("shared with one reference")
	}
	b.SetLen(6)
	b.Release()
}

// Regression: a release that goes to a global pool, a Put that ignores outstanding references.
func TestBlocksGoBackToTheirOwnPool(t *testing.T) {
	p, q := newPool(t, 64, pool.Options{Max: 1}), newPool(t, 64, pool.Options{Max: 1})
	a, b := take(t, p), take(t, q)
	a.Retain()
	a.Release()
	if _, err := p.Get(); !errors.Is(err, pool.ErrLimit) {
		t.Fatalf("a block with a reference left was handed out: %v", err)
	}
	a.Release()
	if _, err := q.Get(); !errors.Is(err, pool.ErrLimit) {
		t.Fatalf("a release went to another pool: %v", err)
	}
	if c := take(t, p); c.Pool() != p || c.Pointer() == b.Pointer() {
		t.Fatal("blocks of two pools were mixed up")
	}
	b.Release()
}

// A raw pointer into memory in quarantine, or into a pool that is closed, faults; it never meets foreign memory.
func TestStalePointersFault(t *testing.T) {
	if pool.RaceBuild {
		t.Skip("race builds keep the arena on the Go heap, where stale pointers see the old memory")
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	faults := func(mem []byte) (fault bool) {
		defer func() { fault = recover() != nil }()
		mem[0] = 1
		return false
	}
	p := newPool(t, 4096, pool.Options{Debug: pool.DebugQuarantine})
	b := take(t, p)
	mem := b.Bytes()
	if faults(mem) {
		t.Fatal("a live buffer faults")
	}
	b.Release()
	if !faults(mem) {
		t.Error("a buffer in quarantine can be written")
	}
	q := newPool(t, 4096, pool.Options{})
	b = take(t, q)
	mem = b.Bytes()
	b.Release()
	closePool(t, q)
	if !faults(mem) {
		t.Error("a closed pool's memory can be written")
	}
	wantMisuse(t, "released before", func() { b.Release() })
}

// The short generation comes round after 65,536 reuses; the full one still tells.
func TestStaleHandleAfterShortGenerationWraps(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 1})
	old := take(t, p)
	old.Release()
	for range 1<<16 - 1 {
		take(t, p).Release()
	}
	now := take(t, p)
	if uint16(now.Handle().Generation) != uint16(old.Handle().Generation) {
		t.Fatalf("generations %d and %d: the test does not meet the wrap", old.Handle().Generation, now.Handle().Generation)
	}
	wantMisuse(t, "retain", func() { old.Retain() })
	wantMisuse(t, "release", func() { old.Release() })
	wantMisuse(t, "use", func() { old.Bytes() })
	now.Retain()
	wantMisuse(t, "release", func() { old.Release() }) // with two references another path counts down
	now.Release()
	if _, err := p.Buf(old.Handle()); !errors.Is(err, pool.ErrStale) {
		t.Fatal(err)
	}
	now.Release()
	if s := reconcile(t, p, 0); s.Acquired != 1<<16+1 {
		t.Fatalf("acquired %d", s.Acquired)
	}
}

func TestCountSaturates(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 2})
	b := take(t, p)
	for range 20_000 {
		b.Retain()
	}
	for range 30_000 {
		b.Release() // never frees a block whose count is not known any more
	}
	if !b.Valid() {
		t.Fatal("a saturated block was freed")
	}
	if s := reconcile(t, p, 1); s.Saturated != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestTraceShowsBothStacks(t *testing.T) {
	p := newPool(t, 64, pool.Options{Debug: pool.DebugTrace})
	b := acquireHere(t, p)
	releaseHere(b)
	e := wantMisuse(t, "released before", func() { b.Release() })
	for _, want := range []string{"acquired at", "acquireHere", "released for the last time at", "releaseHere", "misuse_test.go:"} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("no %q in:\n%v", want, e)
		}
	}
}

//go:noinline
func acquireHere(t *testing.T, p *pool.Pool) pool.Buf { return take(t, p) }

//go:noinline
func releaseHere(b pool.Buf) { b.Release() }

func TestCanaryCatchesOverflow(t *testing.T) {
	p := newPool(t, 100, pool.Options{Debug: pool.DebugCanary})
	b := take(t, p)
	unsafe.Slice((*byte)(b.Pointer()), 101)[100] = 1
	wantMisuse(t, "overflowed", func() { b.Release() })
	c := take(t, p)
	c.Bytes()[99] = 1
	c.Release()
}

func TestPoison(t *testing.T) {
	t.Setenv(pool.DebugEnv, "poison")
	p := newPool(t, 100, pool.Options{})
	b := take(t, p)
	mem := b.Bytes()
	clear(mem)
	b.Release()
	for i, v := range mem {
		if v != 0xdb {
			t.Fatalf("byte %d is %#x after the release", i, v)
		}
	}
}

func TestQuarantine(t *testing.T) {
	p := newPool(t, 100, pool.Options{Max: 20, Debug: pool.DebugQuarantine})
	b := take(t, p)
	first := b.Pointer()
	b.Release()
	for range 10 {
		b := take(t, p)
		if b.Pointer() == first {
			t.Fatal("a block in quarantine was handed out")
		}
		b.Release()
	}
	var all []pool.Buf
	for range 20 { // takes from quarantine rather than fail
		b := take(t, p)
		b.Bytes()[99] = 1
		all = append(all, b)
	}
	for _, b := range all {
		b.Release()
	}
	reconcile(t, p, 0)
	closePool(t, p)
}

// Regression: the ABA of a linked free list, and ownership violated by two to four goroutines.
func TestStress(t *testing.T) {
	const workers, rounds = 4, 20_000
	for _, debug := range []pool.Debug{0, pool.DebugPoison | pool.DebugCanary} {
		p := newPool(t, 256, pool.Options{Max: 6, Debug: debug})
		var started, refused atomic.Int64
		pass := make(chan pool.Buf, 8)
		stop := make(chan struct{})
		var watcher sync.WaitGroup
		watcher.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := p.Stats()
				if n := uint64(started.Load()); s.Acquired > n || s.Acquired != s.Released+uint64(s.Outstanding) {
					t.Errorf("acquired %d of %d tries, released %d, outstanding %d", s.Acquired, n, s.Released, s.Outstanding)
					return
				}
				runtime.Gosched()
			}
		})
		var wg sync.WaitGroup
		n := rounds
		if debug != 0 || testing.Short() {
			n /= 10
		}
		for id := range workers {
			wg.Go(func() {
				for k := range n {
					started.Add(1)
					b, err := p.Get()
					if err != nil {
						refused.Add(1)
						select {
						case b := <-pass:
							b.Release()
						default:
						}
						continue
					}
					mem := b.Bytes()
					for i := range mem {
						mem[i] = byte(id)
					}
					other := b.Retain()
					for i := range mem {
						if mem[i] != byte(id) {
							t.Errorf("block %d belongs to two", b.Handle().Index)
							return
						}
					}
					b.Release()
					if k%3 == 0 {
						select {
						case pass <- other:
							continue
						default:
						}
					}
					other.Release()
				}
			})
		}
		wg.Wait()
		close(stop)
		watcher.Wait()
		close(pass)
		for b := range pass {
			b.Release()
		}
		s := reconcile(t, p, 0)
		if s.Refusals != uint64(refused.Load()) || s.Acquired+s.Refusals != uint64(workers*n) || s.Stale != 0 {
			t.Fatalf("%+v, refused %d", s, refused.Load())
		}
		closePool(t, p)
	}
}

// Concurrent double releases of one handle: exactly one wins, every other is told.
func TestConcurrentDoubleRelease(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 1})
	for range 2000 {
		b := take(t, p)
		var caught atomic.Int32
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				defer func() {
					if recover() != nil {
						caught.Add(1)
					}
				}()
				b.Release()
			})
		}
		wg.Wait()
		if caught.Load() != 2 {
			t.Fatalf("%d of 2 double releases caught", caught.Load())
		}
	}
	reconcile(t, p, 0)
}

func TestHotPathAllocatesNothing(t *testing.T) {
	if pool.BuildDebug != 0 {
		t.Skip("this build (-tags poolgen_debug) records stacks on the hot path, which allocates")
	}
	p := newPool(t, 4096, pool.Options{Max: 1})
	sink := 0
	if n := testing.AllocsPerRun(1000, func() {
		b, _ := p.Get()
		if _, err := p.Get(); err == nil {
			t.Error("two of one")
		}
		v := b.Slice(1, 9).Retain()
		sink += len(v.Bytes()) + len(b.Bytes())
		b.Release()
		v.Release()
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
