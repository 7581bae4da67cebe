package pool_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// reconcile checks what Stats promises.
func reconcile(t *testing.T, p *pool.Pool, outstanding int) pool.Stats {
	t.Helper()
	s := p.Stats()
	if s.Acquired != s.Released+uint64(s.Outstanding) || s.Outstanding != outstanding {
		t.Fatalf("acquired %d, released %d, outstanding %d; want %d outstanding", s.Acquired, s.Released, s.Outstanding, outstanding)
	}
	return s
}

// stride is what a block of size bytes takes in this build.
func stride(size int) int {
	if pool.BuildDebug&pool.DebugCanary != 0 {
		size += 64
	}
	return (size + 63) &^ 63
}

func closePool(t *testing.T, p *pool.Pool) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGetUseRelease(t *testing.T) {
	p := newPool(t, 1000, pool.Options{Name: "cam", Max: 4, Prealloc: 2})
	b := take(t, p)
	if b.Len() != 1000 || b.Cap() != 1000 || len(b.Bytes()) != 1000 || cap(b.Bytes()) != 1000 {
		t.Fatalf("len %d, cap %d, bytes %d of %d", b.Len(), b.Cap(), len(b.Bytes()), cap(b.Bytes()))
	}
	if b.Pointer() == nil || uintptr(b.Pointer())%64 != 0 || b.Pointer() != unsafe.Pointer(&b.Bytes()[0]) {
		t.Fatalf("payload at %p", b.Pointer())
	}
	copy(b.Bytes(), "hello")
	b.SetLen(5)
	b.SetUser(7)
	other := b.Retain()
	if other != b || other.Len() != 5 || string(other.Bytes()) != "hello" || other.User() != 7 {
		t.Fatal("a retained reference sees another buffer")
	}
	v := b.Slice(1, 4)
	if string(v.Bytes()) != "ell" || v.Len() != 3 || cap(v.Bytes()) != 3 || string(v.Slice(1, 2).Bytes()) != "l" || v.Buf() != b {
		t.Fatalf("view is %q", v.Bytes())
	}
	v.Retain().Release()
	b.Release()
	if !other.Valid() {
		t.Fatal("one of two references released, and the buffer is gone")
	}
	other.Release()
	if other.Valid() {
		t.Fatal("valid after the last release")
	}
	s := reconcile(t, p, 0)
	if s.Acquired != 1 || s.Hits != 1 || s.HighWater != 1 || s.Name != "cam" || s.Capacity != 1000 || s.Stride != stride(1000) {
		t.Fatalf("%+v", s)
	}
	closePool(t, p)
}

func TestAlignment(t *testing.T) {
	for _, align := range []int{64, 256, 4096, 1 << 20} {
		p := newPool(t, 100, pool.Options{Max: 3, Align: align})
		for range 3 {
			if b := take(t, p); uintptr(b.Pointer())%uintptr(min(align, 4096)) != 0 {
				t.Errorf("align %d: payload at %p", align, b.Pointer())
			}
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		size int
		o    pool.Options
		want string
	}{
		{"size zero", 0, pool.Options{}, "block size of 0 bytes"},
		{"size negative", -1, pool.Options{}, "block size of -1 bytes"},
		{"size absurd", 1<<30 + 1, pool.Options{}, "it must be from 1 to 1073741824"},
		{"max negative", 64, pool.Options{Max: -1}, "Options.Max of -1"},
		{"max absurd", 64, pool.Options{Max: 1<<24 + 1}, "Options.Max of 16777217"},
		{"prealloc over max", 64, pool.Options{Max: 2, Prealloc: 3}, "Options.Prealloc of 3"},
		{"align odd", 64, pool.Options{Align: 96}, "power of two"},
		{"align small", 64, pool.Options{Align: 32}, "power of two"},
		{"align huge", 64, pool.Options{Align: 2 << 20}, "power of two"},
		{"budget negative", 64, pool.Options{Budget: -1}, "Options.Budget of -1"},
		{"budget too small", 1 << 20, pool.Options{Budget: 1 << 16}, "admits 0 blocks"},
		// Regression: a byte budget was overridden by a minimum number of blocks.
		{"budget below prealloc", 1 << 20, pool.Options{Budget: 3 << 20, Prealloc: 8}, "8 are asked for at least"},
		{"external", 64, pool.Options{External: -1}, "Options.External of -1"},
		{"limit", 64, pool.Options{AtLimit: 9}, "Options.AtLimit of 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := pool.New(c.size, c.o)
			if err == nil {
				t.Fatalf("made %+v", p.Stats())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v; want %q", err, c.want)
			}
		})
	}
	if unsafe.Sizeof(uintptr(0)) == 4 {
		if _, err := pool.New(1<<30, pool.Options{Max: 1 << 20}); err == nil || !strings.Contains(err.Error(), "more than this machine can address") {
			t.Fatalf("2^50 bytes on a 32-bit machine: %v", err)
		}
	}
	t.Setenv(pool.DebugEnv, "poison,typo")
	if _, err := pool.New(64, pool.Options{}); err == nil || !strings.Contains(err.Error(), `names "typo"`) {
		t.Fatalf("unknown debug mode: %v", err)
	}
}

// Regression: a byte budget that was not enforced, or overridden by a count.
func TestBudgetIsExact(t *testing.T) {
	for budget := int64(64 << 10); budget < 2<<20; budget += 12_345 {
		p := newPool(t, 5000, pool.Options{Max: 1000, Budget: budget})
		var got []pool.Buf
		for {
			b, err := p.Get()
			if err != nil {
				break
			}
			got = append(got, b)
			b.Bytes()[b.Len()-1] = 1
		}
		s := reconcile(t, p, len(got))
		if s.BytesCommitted > budget || int64(p.ArenaSize()) > budget {
			t.Fatalf("budget %d: committed %d, arena %d", budget, s.BytesCommitted, p.ArenaSize())
		}
		if slack := budget - int64(p.ArenaSize()); slack > int64(s.Stride)+2*4096 && len(got) < 1000 {
			t.Fatalf("budget %d: %d bytes unused, a block has %d", budget, slack, s.Stride)
		}
		for _, b := range got {
			b.Release()
		}
		closePool(t, p)
	}
}

// Regression: counters that never move, and a guard that never fires.
func TestTiersAndCounters(t *testing.T) {
	p := newPool(t, 4096, pool.Options{Max: 4, Prealloc: 2})
	var held []pool.Buf
	for range 4 {
		held = append(held, take(t, p))
	}
	if _, err := p.Get(); !errors.Is(err, pool.ErrLimit) || !strings.Contains(err.Error(), "4 blocks of 4096 bytes") {
		t.Fatalf("at the limit: %v", err)
	}
	s := reconcile(t, p, 4)
	if s.Hits != 2 || s.Grown != 2 || s.Misses != 1 || s.Refusals != 1 || s.HighWater != 4 || s.BytesInUse != int64(4*stride(4096)) {
		t.Fatalf("%+v", s)
	}
	for _, b := range held {
		b.Release()
	}
	take(t, p).Release()
	s = reconcile(t, p, 0)
	if s.Hits != 3 || s.Grown != 2 || s.HighWater != 4 || s.BytesInUse != 0 || s.Acquired != 5 {
		t.Fatalf("%+v", s)
	}
	closePool(t, p)
}

func TestHighWaterIsThePeak(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 200})
	for _, n := range []int{5, 3, 17, 9} {
		var held []pool.Buf
		for range n {
			held = append(held, take(t, p))
		}
		for _, b := range held {
			b.Release()
		}
	}
	if s := reconcile(t, p, 0); s.HighWater != 17 || s.Acquired != 34 {
		t.Fatalf("high water %d, acquired %d", s.HighWater, s.Acquired)
	}
}

func TestLimitHeap(t *testing.T) {
	p := newPool(t, 3000, pool.Options{Max: 1, AtLimit: pool.LimitHeap, External: 2})
	first := take(t, p)
	a, b := take(t, p), take(t, p)
	if a.Pointer() == b.Pointer() || a.Cap() != 3000 || uintptr(a.Pointer())%64 != 0 {
		t.Fatalf("heap blocks at %p and %p", a.Pointer(), b.Pointer())
	}
	copy(a.Bytes(), bytes.Repeat([]byte{1}, 3000))
	copy(b.Bytes(), bytes.Repeat([]byte{2}, 3000))
	runtime.GC() // regression: blocks that the collector frees because only an integer refers to them
	if a.Bytes()[2999] != 1 || b.Bytes()[0] != 2 {
		t.Fatal("heap blocks changed")
	}
	if _, err := p.Get(); !errors.Is(err, pool.ErrLimit) {
		t.Fatalf("beyond the header slots: %v", err)
	}
	s := reconcile(t, p, 3)
	if s.Heap != 2 || s.HeapBytes < 6000 || s.External != 0 || s.ExternalHighWater != 2 {
		t.Fatalf("%+v", s)
	}
	for _, x := range []pool.Buf{first, a, b} {
		x.Release()
	}
	if s := reconcile(t, p, 0); s.HeapBytes != 0 {
		t.Fatalf("%d heap bytes left", s.HeapBytes)
	}
	closePool(t, p)
}

func TestWait(t *testing.T) {
	for _, debug := range []pool.Debug{0, pool.DebugPoison, pool.DebugQuarantine} {
		testWait(t, newPool(t, 64, pool.Options{Max: 1, Debug: debug}))
	}
}

func testWait(t *testing.T, p *pool.Pool) {
	t.Helper()
	held := take(t, p)
	done := make(chan pool.Buf)
	go func() {
		b, err := p.Wait(context.Background())
		if err != nil {
			t.Error(err)
		}
		done <- b
	}()
	for p.Stats().Waits == 0 {
		time.Sleep(time.Millisecond)
	}
	held.Release()
	(<-done).Release()

	held = take(t, p)
	cause := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if _, err := p.Wait(ctx); !errors.Is(err, cause) {
		t.Fatalf("cancelled: %v", err)
	}
	if _, err := p.Wait(ctx); !errors.Is(err, cause) {
		t.Fatalf("cancelled before: %v", err)
	}
	closed := make(chan error)
	go func() {
		_, err := p.Wait(context.Background())
		closed <- err
	}()
	for p.Stats().Waits < 3 {
		time.Sleep(time.Millisecond)
	}
	var leak *pool.LeakError
	if err := p.Close(); !errors.As(err, &leak) || leak.Outstanding != 1 {
		t.Fatalf("close with one buffer out: %v", err)
	}
	if err := <-closed; !errors.Is(err, pool.ErrClosed) {
		t.Fatalf("waiting while it closes: %v", err)
	}
	held.Release()
	closePool(t, p)
}

// Many waiters for few blocks: a lost wake-up hangs here.
func TestWaitersAreAllServed(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 2})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				b, err := p.Wait(ctx)
				if err != nil {
					t.Error(err)
				} else {
					runtime.Gosched()
					b.Release()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if s := reconcile(t, p, 0); s.Acquired != 2400 {
		t.Fatalf("%d served", s.Acquired)
	}
	closePool(t, p)
}

func TestCloseKeepsMemoryUntilTheLastRelease(t *testing.T) {
	p := newPool(t, 4096, pool.Options{Debug: pool.DebugTrace})
	b := take(t, p)
	mem := b.Bytes()
	mem[0] = 42
	var leak *pool.LeakError
	for range 2 {
		if err := p.Close(); !errors.As(err, &leak) || leak.Outstanding != 1 {
			t.Fatalf("close: %v", err)
		}
	}
	if !strings.Contains(leak.Error(), "TestCloseKeepsMemoryUntilTheLastRelease") {
		t.Fatalf("no acquisition stack in %v", leak)
	}
	if _, err := p.Get(); !errors.Is(err, pool.ErrClosed) {
		t.Fatalf("get after close: %v", err)
	}
	if mem[0] != 42 || b.Retain().Bytes()[0] != 42 {
		t.Fatal("memory changed by Close")
	}
	b.Release()
	b.Release()
	closePool(t, p)
	closePool(t, p)
	wantMisuse(t, "released before", func() { b.Release() })
	wantMisuse(t, "released before", func() { _ = b.Bytes() })
	if _, err := p.Adopt(make([]byte, 8), nil); !errors.Is(err, pool.ErrClosed) {
		t.Fatalf("adopt after close: %v", err)
	}
}

// A block that is claimed after Close is given back without a look at its memory, which is gone.
func TestGetAfterClose(t *testing.T) {
	for _, debug := range []pool.Debug{0, pool.DebugCanary, pool.DebugPoison, pool.DebugQuarantine, pool.DebugTrace, pool.DebugCanary | pool.DebugPoison | pool.DebugTrace} {
		for _, shared := range []bool{false, true} {
			p := newPool(t, 50, pool.Options{Debug: debug, Shared: shared})
			take(t, p).Release() // so that a hint leads to it
			closePool(t, p)
			if _, err := p.Get(); !errors.Is(err, pool.ErrClosed) {
				t.Errorf("debug %v: get after close: %v", debug, err)
			}
			reconcile(t, p, 0)
		}
	}
}

func TestAdoptAndExternal(t *testing.T) {
	p := newPool(t, 64, pool.Options{External: 1})
	mem := make([]byte, 300, 500)
	mem[299] = 9
	calls := 0
	b, err := p.Adopt(mem, func() { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() != 300 || b.Cap() != 300 || b.Pointer() != unsafe.Pointer(&mem[0]) || b.Bytes()[299] != 9 {
		t.Fatal("not the slice that was adopted") // regression: a cap passed where a len was meant
	}
	if _, err := p.External(unsafe.Pointer(&mem[0]), 10, nil); !errors.Is(err, pool.ErrLimit) || !strings.Contains(err.Error(), "Options.External") {
		t.Fatalf("slots exhausted: %v", err)
	}
	b.Retain().Release()
	if calls != 0 {
		t.Fatal("callback before the last release")
	}
	b.Release()
	if calls != 1 {
		t.Fatalf("%d callbacks", calls)
	}
	wantMisuse(t, "released before", func() { b.Release() })
	wantMisuse(t, "released before", func() { b.Pointer() })
	// The callback may use the pool: a driver's buffer is queued again and joins again.
	var again pool.Buf
	b, err = p.External(unsafe.Pointer(&mem[0]), 10, func() { again, err = p.External(unsafe.Pointer(&mem[1]), 5, nil) })
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if err != nil || again.Len() != 5 {
		t.Fatalf("joining from the callback: %v", err)
	}
	again.Release()
	for _, f := range []func() (pool.Buf, error){
		func() (pool.Buf, error) { return p.Adopt(nil, nil) },
		func() (pool.Buf, error) { return p.External(nil, 5, nil) },
		func() (pool.Buf, error) { return p.External(unsafe.Pointer(&mem[0]), -1, nil) },
	} {
		if _, err := f(); err == nil {
			t.Error("nothing was taken for memory")
		}
	}
	if s := reconcile(t, p, 0); s.External != 3 || s.Hits != 0 {
		t.Fatalf("%+v", s)
	}
	closePool(t, p)
}

type sample struct {
	PTS int64
	PCM [960]int16
}

func TestTyped(t *testing.T) {
	p, err := pool.NewTyped[sample](pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	r.Value().PTS = 5
	r.Value().PCM[959] = 7
	q, err := p.Ref(r.Retain().Handle())
	if err != nil || q.Value() != r.Value() || q.Value().PTS != 5 || q.Buf().Len() != int(unsafe.Sizeof(sample{})) {
		t.Fatalf("%v %v", q, err)
	}
	q.Release()
	r.Release()
	wantMisuse(t, "released before", func() { r.Value() })
	if _, err := p.Ref(r.Handle()); !errors.Is(err, pool.ErrStale) {
		t.Fatalf("stale handle: %v", err)
	}
	if _, err := p.Ref(pool.Handle{Index: 1 << 31, Generation: 1}); !errors.Is(err, pool.ErrStale) {
		t.Fatalf("handle out of range: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	type inner struct{ Name string }
	if _, err := pool.NewTyped[struct{ A [2]inner }](pool.Options{}); err == nil || !strings.Contains(err.Error(), "A[].Name holds a Go pointer") {
		t.Fatalf("a string was accepted: %v", err)
	}
}

func TestHeapPool(t *testing.T) {
	type packet struct {
		Name string
		Next *packet
	}
	p, err := pool.NewHeap[packet](pool.Options{Max: 1, AtLimit: pool.LimitHeap})
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	a.Value().Name, b.Value().Next = "a", a.Value()
	runtime.GC()
	if b.Value().Next.Name != "a" || a.Value() == b.Value() {
		t.Fatal("values changed")
	}
	b.Release()
	a.Retain().Release()
	a.Release()
	wantMisuse(t, "released before", func() { a.Value() })
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
