package pool

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

func testAllocator(t testing.TB, o AllocOptions) *Allocator {
	t.Helper()
	if o.Sizes == nil {
		o.Sizes = ClassSizes(64, 128<<10, 16, 8)
	}
	if o.Budget == 0 {
		o.Budget = 16 << 20
	}
	a, err := NewAllocator(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func closeAllocator(t *testing.T, a *Allocator) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// Internal fragmentation, over every size: an eighth, or what the alignment alone costs.
func TestFragmentation(t *testing.T) {
	for _, align := range []int{8, 16, 64} {
		a := testAllocator(t, AllocOptions{Sizes: ClassSizes(align, 128<<10, align, 8), Align: align})
		if a.geo.buckets != 0 {
			t.Errorf("align %d: the regular spacing needs a lookup table", align)
		}
		for n := 1; n <= 128<<10; n++ {
			size := int(a.list[a.classOf(uint32(n))].size)
			aligned := (n + align - 1) / align * align
			if size < n || size*8 > max(aligned*8, n*9) {
				t.Fatalf("align %d: %d bytes take %d", align, n, size)
			}
			if align == 8 && n >= 64 && size*8 > n*9 {
				t.Fatalf("%d bytes take %d, more than an eighth too much", n, size)
			}
			if c := a.classOf(uint32(n)); c > 0 && int(a.list[c-1].size) >= n {
				t.Fatalf("align %d: %d bytes take %d, %d would do", align, n, size, a.list[c-1].size)
			}
		}
		closeAllocator(t, a)
	}
}

func TestExplicitSizes(t *testing.T) {
	sizes := []int{48, 64, 80, 1920, 3840, 3856, 65536, 921600}
	a := testAllocator(t, AllocOptions{Sizes: sizes})
	defer closeAllocator(t, a)
	k := 0
	for n := 1; n <= 921600; n++ {
		for sizes[k] < n {
			k++
		}
		if c := a.classOf(uint32(n)); int(c) != k {
			t.Fatalf("%d bytes go to class %d, of %d bytes", n, c, sizes[c])
		}
	}
}

func TestAllocOptionsOutOfRange(t *testing.T) {
	for _, o := range []AllocOptions{
		{},
		{Budget: 1 << 20},
		{Budget: 1 << 32, Sizes: []int{64}},
		{Budget: 1 << 20, Sizes: []int{65}},
		{Budget: 1 << 20, Sizes: []int{128, 64}},
		{Budget: 1 << 20, Sizes: []int{64}, Align: 48},
		{Budget: 1 << 20, Sizes: []int{64}, Prealloc: []int{1, 1}},
		{Budget: 1 << 20, Sizes: []int{64}, Prealloc: []int{1 << 20}},
		{Budget: 4096, Sizes: []int{64}},
		{Budget: 1 << 20, Sizes: []int{32 << 20}},
		{Budget: 1 << 20, Sizes: []int{1 << 19, 1<<19 + 16, 1<<19 + 32}},
	} {
		if a, err := NewAllocator(o); err == nil {
			t.Errorf("%+v was taken", o)
			closeAllocator(t, a)
		}
	}
}

// A model: what is allocated does not overlap, keeps its content, is aligned, and what is freed comes back.
func TestAllocatorAgainstModel(t *testing.T) {
	for _, cached := range []bool{false, true} {
		for _, budget := range []int64{1 << 20, 64 << 20} {
			t.Run(fmt.Sprintf("cached=%v/budget=%d", cached, budget), func(t *testing.T) {
				a := testAllocator(t, AllocOptions{Budget: budget})
				defer closeAllocator(t, a)
				malloc, free := a.Malloc, a.Free
				if cached {
					c, err := a.Cache()
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					malloc, free = c.Malloc, c.Free
				}
				r := rand.New(rand.NewPCG(1, 2))
				type block struct {
					mem  []byte
					mark byte
				}
				var live []block
				refused := 0
				for i := range 60000 {
					if len(live) > 0 && (r.IntN(2) == 0 || len(live) > 400) {
						k := r.IntN(len(live))
						for _, at := range []int{0, len(live[k].mem) / 2, len(live[k].mem) - 1} {
							if live[k].mem[at] != live[k].mark {
								t.Fatalf("round %d: byte %d of a block of %d changed", i, at, len(live[k].mem))
							}
						}
						free(unsafe.Pointer(&live[k].mem[0]))
						live[k] = live[len(live)-1]
						live = live[:len(live)-1]
						continue
					}
					n := 1 << r.IntN(19)
					n += r.IntN(n)
					p, err := malloc(n)
					if err != nil {
						if !errors.Is(err, ErrLimit) {
							t.Fatal(err)
						}
						refused++
						continue
					}
					if uintptr(p)%16 != 0 || a.UsableSize(p) < n {
						t.Fatalf("%d bytes at %p, usable %d", n, p, a.UsableSize(p))
					}
					b := block{unsafe.Slice((*byte)(p), a.UsableSize(p)), byte(i)}
					for _, at := range []int{0, len(b.mem) / 2, len(b.mem) - 1} {
						b.mem[at] = b.mark
					}
					live = append(live, b)
				}
				if budget == 1<<20 && refused == 0 {
					t.Error("the budget refused nothing")
				}
				s := a.Stats()
				bytes := uint64(0)
				for _, b := range live {
					bytes += uint64(len(b.mem))
				}
				if s.Live != uint64(len(live)) || s.LiveBytes != bytes || s.Used > s.Budget || s.HighWater > s.Budget || int(s.Refusals) != refused {
					t.Errorf("%d live of %d bytes, %d refused; %+v", len(live), bytes, refused, s)
				}
				for _, b := range live {
					free(unsafe.Pointer(&b.mem[0]))
				}
				if s := a.Stats(); s.Live != 0 || s.Misuses != 0 {
					t.Errorf("%d live, %d misuses", s.Live, s.Misuses)
				}
			})
		}
	}
}

// After one class has used the whole budget and freed it, another can: empty spans go back.
func TestSpansAreReclaimed(t *testing.T) {
	a := testAllocator(t, AllocOptions{Budget: 2 << 20})
	defer closeAllocator(t, a)
	c, err := a.Cache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fill := func(size int, malloc func(int) (unsafe.Pointer, error)) (all []unsafe.Pointer) {
		for {
			p, err := malloc(size)
			if err != nil {
				return all
			}
			all = append(all, p)
		}
	}
	for _, size := range []int{64, 1000, 40000, 200000, 100, 131072} {
		fresh := testAllocator(t, AllocOptions{Budget: 2 << 20})
		want := fill(size, fresh.Malloc)
		for _, p := range want {
			fresh.Free(p)
		}
		closeAllocator(t, fresh)
		all := fill(size, c.Malloc)
		if len(all) != len(want) {
			t.Errorf("%d blocks of %d bytes after others, %d in a fresh allocator", len(all), size, len(want))
		}
		for _, p := range all {
			c.Free(p)
		}
	}
	if s := a.Stats(); s.Reclaims == 0 {
		t.Errorf("%+v", s)
	}
}

func TestFreeOfWhatIsNotAllocated(t *testing.T) {
	a := testAllocator(t, AllocOptions{})
	defer closeAllocator(t, a)
	c, err := a.Cache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	small, _ := a.Malloc(100)
	large, _ := a.Malloc(1 << 20)
	gone, _ := a.Malloc(100)
	a.Free(gone)
	goneLarge, _ := a.Malloc(1 << 20)
	a.Free(goneLarge)
	cached, _ := c.Malloc(200)
	c.Free(cached)
	outside := new([64]byte)
	misuses := uint64(0)
	for _, bad := range []unsafe.Pointer{unsafe.Add(small, 16), unsafe.Add(large, 4096), gone, goneLarge, cached, unsafe.Pointer(outside), unsafe.Add(a.data, a.geo.units<<a.geo.unitShift-16)} {
		for name, free := range map[string]func(unsafe.Pointer){"Allocator": a.Free, "Cache": c.Free} {
			func() {
				defer func() {
					var e *AllocError
					if err, ok := recover().(error); !ok || !errors.As(err, &e) {
						t.Errorf("%s.Free(%p) was taken", name, bad)
					}
				}()
				free(bad)
			}()
			misuses++
		}
	}
	a.Free(nil)
	c.Free(nil)
	if s := a.Stats(); s.Misuses != misuses || s.Live != 2 {
		t.Errorf("%+v", s)
	}
	a.Free(small)
	c.Free(large)
}

func TestRealloc(t *testing.T) {
	a := testAllocator(t, AllocOptions{})
	p, err := a.Realloc(nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := byte(0)
	check := func(n int) {
		t.Helper()
		q, err := a.Realloc(p, n)
		if err != nil {
			t.Fatal(err)
		}
		if got := *(*byte)(q); got != want {
			t.Fatalf("%d bytes: content %d, not %d", n, got, want)
		}
		want++
		*(*byte)(q) = want
		p = q
	}
	*(*byte)(p) = want
	for _, n := range []int{10, 100, 5000, 100 << 10, 300 << 10, 900 << 10, 2 << 20, 1 << 20, 130 << 10, 2000, 1} {
		check(n)
	}
	check(1 << 20)
	// Growing fails where something stands behind, however much room there is before it, and takes nothing then.
	gap, _ := a.Malloc(900 << 10)
	wall, _ := a.Malloc(200 << 10)
	a.Free(gap)
	used := a.Stats().Used
	if at, _ := a.where("", p); a.resizeRun(at>>8, 3<<20) {
		t.Error("a large block grew into another")
	}
	if got := a.Stats().Used; got != used || !a.takeRun(uint32((uintptr(gap)-uintptr(a.data))>>a.geo.unitShift), 900<<10>>a.geo.unitShift) {
		t.Errorf("%d bytes used, then %d, or units lost", used, got)
	}
	a.giveRun(uint32((uintptr(gap)-uintptr(a.data))>>a.geo.unitShift), 900<<10>>a.geo.unitShift)
	a.Free(wall)
	at := p
	check(3 << 20) // nothing behind it is in use
	if p != at {
		t.Error("a large block moved though there was room behind it")
	}
	a.reclaim()
	if s := a.Stats(); s.Used != 3<<20 || s.LiveBytes != 3<<20 {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err == nil {
		t.Error("closed with a block allocated")
	}
	if _, err := a.Realloc(p, 1<<30); !errors.Is(err, ErrClosed) || *(*byte)(p) != want {
		t.Errorf("%v, content %d", err, *(*byte)(p))
	}
	a.Free(p)
	closeAllocator(t, a)
}

func TestAlignedAlloc(t *testing.T) {
	a := testAllocator(t, AllocOptions{})
	defer closeAllocator(t, a)
	for align := 1; align <= 64<<10; align *= 2 {
		var held []unsafe.Pointer
		for _, n := range []int{0, 1, 100, 5000, 200000, 1 << a.geo.unitShift, 1} {
			p, err := a.AlignedAlloc(align, n)
			if err != nil || uintptr(p)%uintptr(align) != 0 || a.UsableSize(p) < n {
				t.Fatalf("align %d, %d bytes: %p, %v", align, n, p, err)
			}
			held = append(held, p)
		}
		for _, p := range held {
			a.Free(p)
		}
	}
	for _, align := range []int{0, -1, 3, 48} {
		if _, err := a.AlignedAlloc(align, 1); err == nil {
			t.Errorf("align %d was taken", align)
		}
	}
	if _, err := a.Calloc(math.MaxInt/2, 3); err == nil {
		t.Error("an overflowing Calloc was taken")
	}
	p, err := a.Calloc(10, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range unsafe.Slice((*byte)(p), 1000) {
		if v != 0 {
			t.Fatalf("byte %d is %d", i, v)
		}
	}
	a.Free(p)
}

// Producers allocate, consumers free, others churn: nothing overlaps and nothing is lost.
func TestAllocatorAcrossGoroutines(t *testing.T) {
	a := testAllocator(t, AllocOptions{Budget: 8 << 20})
	defer closeAllocator(t, a)
	rounds := 40000
	if testing.Short() || raceBuild {
		rounds = 8000
	}
	ring := make(chan unsafe.Pointer, 100)
	var producers, consumers sync.WaitGroup
	for k := range 3 {
		producers.Go(func() {
			c, err := a.Cache()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := rand.New(rand.NewPCG(uint64(k), 3))
			for i := range rounds {
				n := 8 + r.IntN(3000)
				var p unsafe.Pointer
				if i%5 == 0 {
					p, err = a.Malloc(n)
				} else {
					p, err = c.Malloc(n)
				}
				if err != nil {
					continue // the others' caches have it
				}
				*(*uintptr)(p) = uintptr(p)
				ring <- p
			}
		})
		consumers.Go(func() {
			c, err := a.Cache()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			n := 0
			for p := range ring {
				if *(*uintptr)(p) != uintptr(p) {
					t.Errorf("block %p was overwritten with %#x", p, *(*uintptr)(p))
				}
				if n++; n%7 == 0 {
					a.Free(p)
				} else {
					c.Free(p)
				}
			}
		})
	}
	producers.Wait()
	close(ring)
	consumers.Wait()
	if s := a.Stats(); s.Live != 0 || s.Misuses != 0 || s.Caches != 0 {
		t.Errorf("%+v", s)
	}
	a.reclaim()
	if used := a.h.used.Load(); used != 0 {
		t.Errorf("%d units are lost", used)
	}
}

// In a tight budget spans change their class all the time while others claim, give and free: no block is handed out twice, and at the
// end nothing is lost.
func TestReclaimWhileOthersWork(t *testing.T) {
	a := testAllocator(t, AllocOptions{Budget: 768 << 10, Cache: 32 << 10})
	defer closeAllocator(t, a)
	span := 500 * time.Millisecond
	if v := os.Getenv("POOLGEN_SOAK"); v != "" {
		var err error
		if span, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now().Add(span)
	var workers sync.WaitGroup
	var got, refused atomic.Int64
	slots := make([]atomic.Pointer[[2]uintptr], 64)
	for k := range 4 {
		workers.Go(func() {
			malloc, free := a.Malloc, a.Free
			if k%2 == 0 {
				c, err := a.Cache()
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				malloc, free = c.Malloc, c.Free
			}
			r := rand.New(rand.NewPCG(uint64(k), 9))
			// On a slow machine until a span has changed its class at all.
			for i := 0; i%64 != 0 || time.Now().Before(end) || a.Stats().Reclaims == 0 && time.Now().Before(end.Add(time.Minute)); i++ {
				n := 16 << r.IntN(13)
				var block *[2]uintptr
				if p, err := malloc(n); err == nil {
					block = (*[2]uintptr)(p)
					block[0], block[1] = uintptr(p), uintptr(n)
					got.Add(1)
				} else {
					refused.Add(1)
				}
				if old := slots[r.IntN(len(slots))].Swap(block); old != nil {
					if p := unsafe.Pointer(old); old[0] != uintptr(p) || a.UsableSize(p) < int(old[1]) {
						t.Errorf("block %p of %d bytes was overwritten with %x", p, a.UsableSize(p), *old)
						return
					}
					free(unsafe.Pointer(old))
				}
			}
		})
	}
	workers.Wait()
	for i := range slots {
		if p := slots[i].Load(); p != nil {
			a.Free(unsafe.Pointer(p))
		}
	}
	s := a.Stats()
	if s.Live != 0 || s.Misuses != 0 || s.Caches != 0 || s.Reclaims == 0 {
		t.Errorf("%d live, %d misuses, %d caches, %d reclaims", s.Live, s.Misuses, s.Caches, s.Reclaims)
	}
	a.reclaim()
	if used := a.h.used.Load(); used != 0 {
		t.Errorf("%d units are lost", used)
	}
	t.Logf("%d blocks, %d refused, %d spans reclaimed", got.Load(), refused.Load(), s.Reclaims)
}
