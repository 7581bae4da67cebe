package pool_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
)

// An allocator that has room never refuses because of Trim.
func TestAllocatorTrimWhileOthersWork(t *testing.T) {
	a, err := pool.NewAllocator(pool.AllocOptions{Budget: 64 << 20, Sizes: []int{64, 128, 4096, 65536}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var done atomic.Bool
	var trimmer sync.WaitGroup
	trimmer.Go(func() {
		defer done.Store(true)
		for range 300 {
			if _, err := a.Trim(); err != nil {
				t.Error(err)
			}
		}
	})
	var wg sync.WaitGroup
	for _, size := range []int{4 << 20, 200 << 10, 64 << 10, 100} {
		wg.Go(func() {
			for !done.Load() {
				p, err := a.Malloc(size)
				if err != nil {
					t.Errorf("%d bytes: %v", size, err)
					return
				}
				b := (*byte)(p)
				*b = 0x5a
				if *b != 0x5a {
					t.Error("a block was trimmed that somebody has")
				}
				a.Free(p)
			}
		})
	}
	wg.Wait()
	trimmer.Wait()
	if s := a.Stats(); s.Refusals != 0 || s.Live != 0 {
		t.Errorf("%+v", s)
	}
}
