package pool

import (
	"errors"
	"testing"
	"unsafe"
)

// Two mappings of one allocator: what one side allocates the other sees and frees.
func TestSharedAllocator(t *testing.T) {
	a := testAllocator(t, AllocOptions{Name: "frames", Budget: 4 << 20, Shared: true})
	b, err := OpenAllocator(a.FD())
	if err != nil {
		t.Fatal(err)
	}
	if a.base == b.base {
		t.Fatal("one mapping")
	}
	cache, err := b.Cache()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		n := 1 + i*37%200000
		p, err := a.Malloc(n)
		if err != nil {
			t.Fatal(err)
		}
		*(*byte)(p) = byte(i)
		there := unsafe.Add(b.data, uintptr(p)-uintptr(a.data))
		if *(*byte)(there) != byte(i) {
			t.Fatalf("round %d: the other mapping holds something else", i)
		}
		if i%2 == 0 {
			cache.Free(there)
		} else {
			b.Free(there)
		}
	}
	if s := a.Stats(); s.Live != 0 || s.Misuses != 0 || s.Caches != 1 {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err == nil {
		t.Error("closed while a cache of the other side is open")
	}
	cache.Close()
	closeAllocator(t, a)
	if _, err := a.Malloc(1); !errors.Is(err, ErrClosed) {
		t.Errorf("Malloc after Close: %v", err)
	}
	if _, err := a.Cache(); !errors.Is(err, ErrClosed) {
		t.Errorf("Cache after Close: %v", err)
	}
	closeAllocator(t, b)
	closeAllocator(t, b)
}

// Every word of the header that addresses are computed from is checked.
func TestDamagedAllocator(t *testing.T) {
	a := testAllocator(t, AllocOptions{Sizes: []int{64, 96, 1920, 3840}, Budget: 1 << 20, Shared: true})
	defer closeAllocator(t, a)
	open := func() error {
		b, err := OpenAllocator(a.FD())
		if err == nil {
			closeAllocator(t, b)
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	mem := unsafe.Slice((*byte)(a.base), 4096)
	classes := allocHeaderSize
	for at := range classes + 4*classSize {
		switch {
		case at >= 16 && at < 24, at >= 84 && at < 88, at >= 128 && at < classes: // the id, the caches' limit, what changes
			continue
		case at >= classes && (at-classes)%classSize >= 20 && (at-classes)%classSize < 24: // how many blocks were made at the start
			continue
		}
		for bit := range 8 {
			mem[at] ^= 1 << bit
			if err := open(); !errors.Is(err, ErrCorrupt) {
				t.Errorf("byte %d, bit %d: %v", at, bit, err)
			}
			mem[at] ^= 1 << bit
		}
	}
	p := testPool(t)
	if _, err := OpenAllocator(p.FD()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a pool's arena: %v", err)
	}
	if _, err := OpenAllocator(-1); err == nil {
		t.Error("descriptor -1 was taken")
	}
}

func testPool(t *testing.T) *Pool {
	t.Helper()
	p, err := New(64, Options{Max: 1, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// Trim gives memory back that nobody uses; it reads as zero when it is used again.
func TestTrim(t *testing.T) {
	for _, shared := range []bool{false, true} {
		a := testAllocator(t, AllocOptions{Budget: 4 << 20, Shared: shared})
		small, err := a.Malloc(100)
		if err != nil {
			t.Fatal(err)
		}
		*(*byte)(small) = 7
		large, err := a.Malloc(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		clear(unsafe.Slice((*byte)(large), 1<<20))
		*(*byte)(large) = 9
		a.Free(large)
		freed, err := a.Trim()
		if err != nil || !a.arena.mapped && freed != 0 || a.arena.mapped && freed < 3<<20 {
			t.Errorf("shared %v: %d bytes, %v", shared, freed, err)
		}
		if *(*byte)(small) != 7 {
			t.Error("a live block lost its content")
		}
		again, err := a.Malloc(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if a.arena.mapped && again == large && *(*byte)(again) != 0 {
			t.Error("the memory was not given back")
		}
		a.Free(again)
		a.Free(small)
		closeAllocator(t, a)
	}
}

// A hot pair allocates nothing of Go's.
func TestAllocatorAllocatesNothing(t *testing.T) {
	a := testAllocator(t, AllocOptions{})
	defer closeAllocator(t, a)
	c, err := a.Cache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := testing.AllocsPerRun(1000, func() {
		p, _ := c.Malloc(1000)
		q, _ := a.Malloc(5000)
		r, _ := a.Malloc(300000)
		_, refused := a.Malloc(1 << 30)
		a.Free(p)
		c.Free(q)
		c.Free(r)
		if refused == nil {
			t.Error("1 GiB fits")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
