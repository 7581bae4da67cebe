//go:build cgo

package cstress_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/poolgen/poolgen/internal/ctest/cstress"
	"github.com/poolgen/poolgen/runtime/pool"
)

func newAllocator(t *testing.T, budget int64) *pool.Allocator {
	t.Helper()
	a, err := pool.NewAllocator(pool.AllocOptions{Sizes: pool.ClassSizes(64, 32<<10, 16, 8), Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Go and C compute one layout from one configuration.
func TestAllocatorLayoutOfGoAndC(t *testing.T) {
	for _, sizes := range [][]int{pool.ClassSizes(64, 128<<10, 16, 8), pool.ClassSizes(16, 4096, 16, 4), {48, 64, 80, 1920, 3840, 921600}, {4096}} {
		for _, budget := range []int64{4 << 20, 64<<20 + 12345} {
			a, err := pool.NewAllocator(pool.AllocOptions{Sizes: sizes, Budget: budget})
			if err != nil {
				t.Fatal(err)
			}
			if err := cstress.AllocCheck(a.Arena(), a.ArenaSize()); err != 0 {
				t.Errorf("C refuses what Go made of %d classes and %d bytes: %d", len(sizes), budget, err)
			}
			list := make([]uint32, len(sizes))
			for i, n := range sizes {
				list[i] = uint32(n)
			}
			mem := make([]byte, a.ArenaSize()+4096)
			at := unsafe.Add(unsafe.Pointer(&mem[0]), -uintptr(unsafe.Pointer(&mem[0]))&4095)
			if err := cstress.AllocInit(at, a.ArenaSize(), uint64(budget), list, 16); err != 0 {
				t.Fatalf("C cannot make what Go made of %d classes and %d bytes: %d", len(sizes), budget, err)
			}
			head := 256 + 32*len(sizes)
			goBytes, cBytes := unsafe.Slice((*byte)(a.Arena()), head), unsafe.Slice((*byte)(at), head)
			for i := range head {
				if (i < 16 || i >= 24) && goBytes[i] != cBytes[i] { // all but the id
					t.Fatalf("%d classes, %d bytes: byte %d is %#x in Go and %#x in C", len(sizes), budget, i, goBytes[i], cBytes[i])
				}
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// C frees what Go allocated and the reverse, in several threads, with caches of both.
func TestAllocatorBetweenGoAndC(t *testing.T) {
	a := newAllocator(t, 8<<20)
	arena := a.Arena()
	rounds := 60000
	if testing.Short() {
		rounds = 6000
	}
	toC, toGo := make(chan unsafe.Pointer, 64), make(chan unsafe.Pointer, 64)
	var workers, done sync.WaitGroup
	for k := range 2 {
		workers.Go(func() {
			cache := cstress.AllocCache(arena)
			defer cstress.CloseCache(cache)
			r := rand.New(rand.NewPCG(uint64(k), 1))
			for range rounds {
				if p := cstress.AllocTake(arena, cache, 16+r.IntN(2000)); p != nil {
					toGo <- p
				}
			}
		})
		workers.Go(func() {
			cache, err := a.Cache()
			if err != nil {
				t.Error(err)
				return
			}
			defer cache.Close()
			r := rand.New(rand.NewPCG(uint64(k), 2))
			for range rounds {
				n := 16 + r.IntN(2000)
				if p, err := cache.Malloc(n); err == nil {
					w := (*[2]uintptr)(p)
					w[0], w[1] = uintptr(p), uintptr(n)
					toC <- p
				}
			}
		})
	}
	done.Go(func() {
		cache := cstress.AllocCache(arena)
		defer cstress.CloseCache(cache)
		for p := range toC {
			if err := cstress.AllocGive(arena, cache, p); err != 0 {
				t.Errorf("C frees what Go allocated: %d", err)
			}
		}
	})
	done.Go(func() {
		cache, err := a.Cache()
		if err != nil {
			t.Error(err)
			return
		}
		defer cache.Close()
		for p := range toGo {
			if w := (*[2]uintptr)(p); w[0] != uintptr(p) || int(w[1]) > a.UsableSize(p) {
				t.Errorf("C wrote %x into %p", *w, p)
			}
			cache.Free(p)
		}
	})
	workers.Wait()
	close(toC)
	close(toGo)
	done.Wait()
	if s := a.Stats(); s.Live != 0 || s.Misuses != 0 || s.Caches != 0 {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
