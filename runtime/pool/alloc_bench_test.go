package pool_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
	"modernc.org/memory"
)

// mutexed is what a user would write to share modernc.org/memory between goroutines.
type mutexed struct {
	mu sync.Mutex
	a  memory.Allocator
}

func (m *mutexed) malloc(n int) (unsafe.Pointer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.a.UnsafeMalloc(n)
}

func (m *mutexed) free(p unsafe.Pointer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.a.UnsafeFree(p)
}

// BenchmarkMallocFree replaces random blocks among a thousand by others of 32 B to 1 KiB: one malloc and one free a round. What a
// round costs without either is measured beside it.
func BenchmarkMallocFree(b *testing.B) {
	b.Run("atomic-add", func(b *testing.B) {
		var n atomic.Uint32
		for range b.N {
			n.Add(1)
		}
	})
	fake := [1]byte{}
	b.Run("nothing", func(b *testing.B) {
		churn(b, func(int) (unsafe.Pointer, error) { return unsafe.Pointer(&fake), nil }, func(unsafe.Pointer) {})
	})
	a, err := pool.NewAllocator(pool.AllocOptions{Sizes: pool.ClassSizes(32, 128<<10, 16, 8), Budget: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("poolgen/cache", func(b *testing.B) {
		c, err := a.Cache()
		if err != nil {
			b.Fatal(err)
		}
		churn(b, c.Malloc, c.Free)
		c.Close()
	})
	b.Run("poolgen/shared", func(b *testing.B) { churn(b, a.Malloc, a.Free) })
	if err := a.Close(); err != nil {
		b.Error(err)
	}
	m := &mutexed{}
	b.Run("modernc+mutex", func(b *testing.B) { churn(b, m.malloc, m.free) })
	_ = m.a.Close()
	if cgoMalloc != nil {
		b.Run("cgo-malloc", func(b *testing.B) { churn(b, cgoMalloc, cgoFree) })
	}
	b.Run("make", func(b *testing.B) {
		var live [1000][]byte
		s := uint32(1)
		for range b.N {
			r := random(&s)
			live[r%1000] = make([]byte, 32+(r>>10)%992)
		}
	})
}

func random(s *uint32) uint32 {
	*s ^= *s << 13
	*s ^= *s >> 17
	*s ^= *s << 5
	return *s
}

func churn(b *testing.B, malloc func(int) (unsafe.Pointer, error), free func(unsafe.Pointer)) {
	var live [1000]unsafe.Pointer
	s := uint32(1)
	b.ReportAllocs()
	for range b.N {
		r := random(&s)
		k := r % 1000
		if live[k] != nil {
			free(live[k])
		}
		var err error
		if live[k], err = malloc(int(32 + (r>>10)%992)); err != nil {
			b.Fatal(err)
		}
		*(*byte)(live[k]) = 1
	}
	for _, p := range live {
		if p != nil {
			free(p)
		}
	}
}
