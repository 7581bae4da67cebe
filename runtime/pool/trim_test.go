package pool_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// resident is how many bytes of the arena the kernel has in memory (mincore(2)).
func resident(t *testing.T, p *pool.Pool) int {
	t.Helper()
	page := os.Getpagesize()
	size := (p.ArenaSize() + page - 1) / page
	vec := make([]byte, size)
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(p.Arena()), uintptr(p.ArenaSize()), uintptr(unsafe.Pointer(&vec[0])))
	if errno != 0 {
		t.Skipf("mincore: %v; the test needs to know which pages are resident", errno)
	}
	n := 0
	for _, v := range vec {
		n += int(v & 1)
	}
	return n * page
}

func TestTrimGivesFreeBlocksBack(t *testing.T) {
	if pool.RaceBuild || pool.BuildDebug != 0 {
		t.Skip("blocks on the Go heap, or with guards, lie elsewhere")
	}
	page := os.Getpagesize()
	for _, shared := range []bool{false, true} {
		for _, size := range []int{64, 960, page, 3*page - 64, 900 << 10} {
			t.Run(fmt.Sprintf("%d,shared=%v", size, shared), func(t *testing.T) {
				n := max(8, 16*page/size)
				p := newPool(t, size, pool.Options{Max: n, Prealloc: n, Shared: shared})
				var bufs []pool.Buf
				for range n {
					b := take(t, p)
					fill(b, byte(b.Handle().Index))
					bufs = append(bufs, b)
				}
				if freed, err := p.Trim(); freed != 0 || err != nil {
					t.Errorf("Trim of a pool in use: %d, %v", freed, err)
				}
				before := resident(t, p)
				full := p.Stats()
				// Every fourth block stays in use and keeps its content.
				for i, b := range bufs {
					if i%4 != 0 {
						b.Release()
					}
				}
				acquired := p.Stats().Acquired
				freed, err := p.Trim()
				if err != nil {
					t.Fatal(err)
				}
				want := int64(before - resident(t, p))
				if freed != want && !underQemu() {
					t.Errorf("Trim says %d bytes, the kernel %d", freed, want)
				}
				if stride := p.Stats().Stride; stride >= page && freed < int64(stride-page)*int64(n*3/4) {
					t.Errorf("Trim gave back %d bytes of %d free blocks of %d", freed, n*3/4, stride)
				}
				s := p.Stats()
				if s.BytesCommitted != full.BytesCommitted-freed || s.BytesTrimmed != uint64(freed) || s.Acquired != acquired || s.HighWater != full.HighWater {
					t.Errorf("after %d bytes: %+v", freed, s)
				}
				if again, err := p.Trim(); again != 0 || err != nil {
					t.Errorf("trimmed twice: %d, %v", again, err)
				}
				for i := 0; i < n; i += 4 {
					for k, v := range bufs[i].Bytes() {
						if v != byte(bufs[i].Handle().Index) {
							t.Fatalf("byte %d of a block in use is %d", k, v)
						}
					}
				}
				// In use again, they count again, and can be trimmed again.
				for i := range bufs {
					if i%4 != 0 {
						bufs[i] = take(t, p)
						fill(bufs[i], 1)
					}
				}
				if s := p.Stats(); s.BytesCommitted != full.BytesCommitted || s.Outstanding != n {
					t.Errorf("all in use again: %+v", s)
				}
				if got := resident(t, p); got != before {
					t.Errorf("%d bytes are resident, were %d", got, before)
				}
				for _, b := range bufs {
					b.Release()
				}
				if again, err := p.Trim(); again < freed || err != nil {
					t.Errorf("trimmed when all are free: %d, %v; before %d", again, err, freed)
				}
			})
		}
	}
}

func fill(b pool.Buf, v byte) {
	bytes := b.Bytes()
	for i := range bytes {
		bytes[i] = v
	}
}

// underQemu: user-mode emulation answers mincore from the host's mapping, and may keep pages of its own.
func underQemu() bool { return runtime.GOARCH == "arm" || runtime.GOARCH == "arm64" }

// A pool that has room never refuses because of Trim, and no block is trimmed that somebody has.
func TestTrimWhileOthersWork(t *testing.T) {
	const workers, batch = 4, 8
	rounds := 3000
	if pool.BuildDebug != 0 {
		rounds = 50 // every step records a stack
	}
	p := newPool(t, 64<<10, pool.Options{Max: workers * batch, Prealloc: workers * batch})
	var stop atomic.Bool
	var trimmer, wg sync.WaitGroup
	trimmer.Go(func() {
		for !stop.Load() {
			if _, err := p.Trim(); err != nil {
				t.Error(err)
			}
		}
	})
	for w := range workers {
		wg.Go(func() {
			var bufs [batch]pool.Buf
			for i := range rounds {
				for k := range bufs {
					get := p.Get
					if k%2 == 0 {
						get = func() (pool.Buf, error) { return p.Wait(context.Background()) }
					}
					b, err := get()
					if err != nil {
						t.Errorf("worker %d, round %d: %v", w, i, err)
						return
					}
					b.Bytes()[0], b.Bytes()[b.Len()-1] = byte(w+1), byte(i)
					bufs[k] = b
				}
				if i%4 == 0 {
					runtime.Gosched()
				}
				for _, b := range bufs {
					if data := b.Bytes(); data[0] != byte(w+1) || data[len(data)-1] != byte(i) {
						t.Errorf("worker %d, round %d: the block holds %d and %d", w, i, data[0], data[len(data)-1])
					}
					b.Release()
				}
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	trimmer.Wait()
	if s := p.Stats(); s.Refusals != 0 || s.Outstanding != 0 || s.Acquired != uint64(workers*batch*rounds) {
		t.Errorf("%+v", s)
	}
}

// Close during Trim is neither a leak nor a crash, and closed pools have nothing to give.
func TestTrimAndClose(t *testing.T) {
	for range 50 {
		p, err := pool.New(64<<10, pool.Options{Max: 8, Prealloc: 8})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.Trim(); err != nil {
				t.Error(err)
			}
		})
		runtime.Gosched()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
	p, err := pool.New(64<<10, pool.Options{Max: 8, Prealloc: 8})
	if err != nil {
		t.Fatal(err)
	}
	closePool(t, p)
	if n, err := p.Trim(); n != 0 || err != nil {
		t.Errorf("Trim after Close: %d, %v", n, err)
	}
}

// What Trim has at the moment is free: nobody is refused because of it, nor given it.
func TestGetWaitsForTrim(t *testing.T) {
	p := newPool(t, 64, pool.Options{Max: 4, Prealloc: 4})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, get := range []func() (pool.Buf, error){p.Get, func() (pool.Buf, error) { return p.Wait(ctx) }} {
		giveBack := pool.TakeForTrim(p)
		got := make(chan error)
		go func() {
			b, err := get()
			if err == nil {
				b.Release()
			}
			got <- err
		}()
		for range 100 {
			runtime.Gosched()
		}
		giveBack()
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	if s := p.Stats(); s.Refusals != 0 || s.Misses != 0 || s.Acquired != 2 {
		t.Errorf("%+v", s)
	}
}

func TestTrimOfAnotherProcessesPool(t *testing.T) {
	p := newPool(t, 8192, pool.Options{Max: 4, Prealloc: 4, Shared: true})
	other, err := pool.Open(p.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, other)
	if n, err := other.Trim(); n != 0 || err != nil {
		t.Errorf("%d, %v: the maker's memory is the maker's", n, err)
	}
}

func BenchmarkTrim(b *testing.B) {
	p, err := pool.New(64<<10, pool.Options{Max: 64, Prealloc: 64})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() {
		if _, err := p.Trim(); err != nil {
			b.Fatal(err)
		}
	}
}
