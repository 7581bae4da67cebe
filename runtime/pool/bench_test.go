package pool_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
	"google.golang.org/grpc/mem"
)

// The benchmarks stand beside what a user would pick instead. "atomic-add" is the yardstick: one uncontended atomic addition.

var (
	sinkBytes []byte
)

func newPool(tb testing.TB, size int, o pool.Options) *pool.Pool {
	tb.Helper()
	p, err := pool.New(size, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func take(tb testing.TB, p *pool.Pool) pool.Buf {
	tb.Helper()
	b, err := p.Get()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkGetRelease(b *testing.B) {
	b.Run("atomic-add", func(b *testing.B) {
		var n atomic.Uint32
		for range b.N {
			n.Add(1)
		}
	})
	for _, size := range []int{64, 4096, 900 << 10} {
		b.Run(fmt.Sprintf("poolgen/size=%d", size), func(b *testing.B) { benchGetRelease(b, size, 16, 0) })
	}
	b.Run("poolgen/held=8", func(b *testing.B) { benchGetRelease(b, 4096, 64, 8) })
	b.Run("poolgen/full=90%", func(b *testing.B) { benchGetRelease(b, 4096, 100, 90) })
	b.Run("poolgen/queue=8", func(b *testing.B) {
		p := newPool(b, 4096, pool.Options{Max: 64, Prealloc: 64})
		var q [8]pool.Buf
		for i := range q {
			q[i] = take(b, p)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			q[i&7].Release()
			q[i&7], _ = p.Get()
		}
	})
	b.Run("poolgen/batch=8", func(b *testing.B) {
		p := newPool(b, 4096, pool.Options{Max: 64, Prealloc: 64})
		var q [8]pool.Buf
		b.ReportAllocs()
		for i := 0; i < b.N; i += len(q) {
			for k := range q {
				q[k], _ = p.Get()
			}
			for k := range q {
				q[k].Release()
			}
		}
	})
	b.Run("sync.Pool", func(b *testing.B) {
		p := sync.Pool{New: func() any { s := make([]byte, 4096); return &s }}
		b.ReportAllocs()
		for range b.N {
			p.Put(p.Get())
		}
	})
	b.Run("grpc-mem", func(b *testing.B) {
		p := mem.DefaultBufferPool()
		b.ReportAllocs()
		for range b.N {
			mem.NewBuffer(p.Get(4096), p).Free()
		}
	})
	b.Run("channel", func(b *testing.B) {
		p := make(chan []byte, 64)
		for range 64 {
			p <- make([]byte, 4096)
		}
		b.ReportAllocs()
		for range b.N {
			p <- <-p
		}
	})
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			sinkBytes = make([]byte, 4096)
		}
	})
}

func benchGetRelease(b *testing.B, size, blocks, held int) {
	p := newPool(b, size, pool.Options{Max: blocks, Prealloc: blocks})
	for range held {
		take(b, p)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		x, err := p.Get()
		if err != nil {
			b.Fatal(err)
		}
		x.Release()
	}
}

func BenchmarkGetReleaseTwoCores(b *testing.B) {
	two := func(b *testing.B, f func(*testing.PB)) {
		b.SetParallelism(1)
		b.ReportAllocs()
		b.RunParallel(f)
	}
	b.Run("atomic-add-private", func(b *testing.B) {
		two(b, func(pb *testing.PB) {
			n := new([16]atomic.Uint64)
			for pb.Next() {
				n[8].Add(1)
			}
		})
	})
	b.Run("poolgen", func(b *testing.B) {
		p := newPool(b, 4096, pool.Options{Max: 64, Prealloc: 64})
		two(b, func(pb *testing.PB) {
			for pb.Next() {
				x, _ := p.Get()
				x.Release()
			}
		})
	})
	b.Run("sync.Pool", func(b *testing.B) {
		p := sync.Pool{New: func() any { s := make([]byte, 4096); return &s }}
		two(b, func(pb *testing.PB) {
			for pb.Next() {
				p.Put(p.Get())
			}
		})
	})
	b.Run("grpc-mem", func(b *testing.B) {
		p := mem.DefaultBufferPool()
		two(b, func(pb *testing.PB) {
			for pb.Next() {
				mem.NewBuffer(p.Get(4096), p).Free()
			}
		})
	})
	b.Run("channel", func(b *testing.B) {
		p := make(chan []byte, 64)
		for range 64 {
			p <- make([]byte, 4096)
		}
		two(b, func(pb *testing.PB) {
			for pb.Next() {
				p <- <-p
			}
		})
	})
	b.Run("make", func(b *testing.B) {
		two(b, func(pb *testing.PB) {
			for pb.Next() {
				s := make([]byte, 4096)
				s[0] = 1
				_ = append(s, 1)
			}
		})
	})
}

func BenchmarkRetainRelease(b *testing.B) {
	b.Run("atomic-add", func(b *testing.B) {
		var n atomic.Uint32
		for range b.N {
			n.Add(1)
		}
	})
	b.Run("poolgen", func(b *testing.B) {
		x := take(b, newPool(b, 4096, pool.Options{}))
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			x.Retain().Release()
		}
	})
	b.Run("grpc-mem", func(b *testing.B) {
		p := mem.DefaultBufferPool()
		x := mem.NewBuffer(p.Get(4096), p)
		b.ReportAllocs()
		for range b.N {
			x.Ref()
			x.Free()
		}
	})
}
