//go:build cgo

package cstress

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// rounds is less under an emulator, which GOARCH tells well enough.
func rounds() int {
	if runtime.GOARCH == "arm" {
		return 10000
	}
	return 100000
}

// TestMixedStress lets C and goroutines of one process work on a pool that is too small for all of them and pass references both
// ways. In the end every acquisition is accounted for, and nothing was stale.
func TestMixedStress(t *testing.T) {
	for name, o := range map[string]pool.Options{
		"anonymous": {Max: 12},
		"shared":    {Max: 12, Shared: true},
		"debug":     {Max: 12, Debug: pool.DebugPoison | pool.DebugCanary},
		"heap":      {Max: 4, External: 8, AtLimit: pool.LimitHeap},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := pool.New(256, o)
			if err != nil {
				t.Fatal(err)
			}
			n := rounds()
			if name == "debug" {
				n /= 4
			}
			var got atomic.Int64
			var wg sync.WaitGroup
			toC := make(chan pool.Handle, 4)
			for g := range uint32(2) {
				wg.Go(func() { got.Add(Work(p.Arena(), n, g<<24)) })
				wg.Go(func() { got.Add(work(t, p, n, g<<24|1<<31)) })
			}
			wg.Go(func() {
				defer close(toC)
				for i := range n / 4 {
					if b, err := p.Get(); err == nil {
						got.Add(1)
						fill(b, 0x70000000+uint32(i))
						toC <- b.Handle()
					}
				}
			})
			wg.Go(func() {
				for h := range toC {
					Take(p.Arena(), Handle(h))
				}
			})
			wg.Go(func() {
				for i := range n / 4 {
					h := pool.Handle(Give(p.Arena(), 0x60000000+uint32(i)))
					if h == (pool.Handle{}) {
						continue
					}
					got.Add(1)
					b, err := p.Buf(h)
					if err == nil {
						err = verify(b)
						b.Release()
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
			wg.Wait()
			s := p.Stats()
			if s.Acquired != uint64(got.Load()) || got.Load() < int64(n) {
				t.Errorf("Go and C took %d: %+v", got.Load(), s)
			}
			if s.Outstanding != 0 || s.Stale != 0 || s.Saturated != 0 {
				t.Errorf("%+v", s)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// work is peer_work of testdata/peers.h.
func work(t *testing.T, p *pool.Pool, n int, seed uint32) (got int64) {
	for i := range n {
		b, err := p.Get()
		if err != nil {
			if !errors.Is(err, pool.ErrLimit) {
				t.Error(err)
			}
			continue
		}
		got++
		fill(b, seed+uint32(i))
		b.Retain()
		if err := verify(b); err != nil {
			t.Error(err)
		}
		b.Release()
		b.Release()
	}
	return got
}

// TestOneReferenceIsReleasedOnce lets C and Go release the same reference at the same moment: one of them may, the other is told.
func TestOneReferenceIsReleasedOnce(t *testing.T) {
	p, err := pool.New(64, pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	n := rounds() / 5
	bufs, answers := make(chan pool.Buf), make(chan int)
	go func() {
		for b := range bufs {
			answers <- Release(p.Arena(), Handle(b.Handle()))
		}
		close(answers)
	}()
	byC := 0
	for i := range n {
		b, err := p.Get()
		if err != nil {
			t.Fatalf("after %d rounds: %v", i, err)
		}
		bufs <- b
		inGo := release(b)
		switch inC := <-answers; {
		case inC == 0 && !inGo:
			byC++
		case inC != Stale || !inGo:
			t.Fatalf("round %d: C was answered %d, Go's release succeeded: %t", i, inC, inGo)
		}
	}
	close(bufs)
	if s := p.Stats(); s.Acquired != uint64(n) || s.Stale != uint64(n) || s.Outstanding != 0 {
		t.Errorf("%d rounds, C released in %d of them: %+v", n, byC, s)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// release reports whether the reference was there; a *MisuseError says that it was not.
func release(b pool.Buf) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, is := r.(*pool.MisuseError); !is {
				panic(r)
			}
		}
	}()
	b.Release()
	return true
}

// TestWaitWokenByC: a goroutine that waits is woken by a thread of its own process, too.
func TestWaitWokenByC(t *testing.T) {
	p, err := pool.New(64, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		h := Give(p.Arena(), 1)
		if h == (Handle{}) {
			t.Fatal("no block")
		}
		woken := make(chan error, 1)
		before := p.Stats().Waits
		go func() {
			b, err := p.Wait(t.Context())
			if err == nil {
				b.Release()
			}
			woken <- err
		}()
		for p.Stats().Waits == before {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * time.Millisecond) // asleep by now, most of the time
		if r := Release(p.Arena(), h); r != 0 {
			t.Fatalf("C was answered %d", r)
		}
		select {
		case err := <-woken:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(2 * time.Minute):
			t.Fatal("still asleep")
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestExternalBlocksInC: C reads a slice that Go adopted at its own address, and the callback runs once after C's release.
func TestExternalBlocksInC(t *testing.T) {
	p, err := pool.New(64, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	slice, done := []byte(strings.Repeat("adopted ", 100)), 0
	b, err := p.Adopt(slice, func() { done++ })
	if err != nil {
		t.Fatal(err)
	}
	h := Handle(b.Handle())
	for _, n := range []int{800, 100, 0} {
		b.SetLen(n)
		if length, capacity, payload := Look(p.Arena(), h); length != n || capacity != 800 || payload != b.Pointer() {
			t.Errorf("C sees %d of %d bytes at %p, Go %d of 800 at %p", length, capacity, payload, n, b.Pointer())
		}
	}
	if first, second := Release(p.Arena(), h), Release(p.Arena(), h); first != 0 || second != Stale {
		t.Errorf("two releases answered %d, %d", first, second)
	}
	if p.Reap(); done != 1 {
		t.Errorf("the callback ran %d times", done)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestWaitReapWokenByC: Go sleeps until C has released a block that only Go can finish.
func TestWaitReapWokenByC(t *testing.T) {
	p, err := pool.New(64, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for range 50 {
		done := false
		b, err := p.Adopt(make([]byte, 100), func() { done = true })
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Millisecond)
			Release(p.Arena(), Handle(b.Handle()))
		}()
		if n, err := p.WaitReap(ctx); n != 1 || err != nil || !done {
			t.Fatalf("WaitReap = %d, %v; the callback ran: %v", n, err, done)
		}
	}
	cause := errors.New("enough")
	stopped, stop := context.WithCancelCause(ctx)
	time.AfterFunc(20*time.Millisecond, func() { stop(cause) })
	if n, err := p.WaitReap(stopped); n != 0 || !errors.Is(err, cause) {
		t.Errorf("WaitReap with a context that ends = %d, %v", n, err)
	}
	time.AfterFunc(20*time.Millisecond, func() { p.Close() })
	if n, err := p.WaitReap(ctx); n != 0 || !errors.Is(err, pool.ErrClosed) {
		t.Errorf("WaitReap over Close = %d, %v", n, err)
	}
}

func fill(b pool.Buf, seed uint32) {
	p := b.Bytes()
	for i := 0; i < len(p); i += 4 {
		binary.NativeEndian.PutUint32(p[i:], seed+uint32(i/4))
	}
}

func verify(b pool.Buf) error {
	p := b.Bytes()
	first := binary.NativeEndian.Uint32(p)
	for i := 0; i < len(p); i += 4 {
		if w := binary.NativeEndian.Uint32(p[i:]); w != first+uint32(i/4) {
			return fmt.Errorf("block %d has %#x at %d, after %#x at 0: somebody else wrote", b.Handle().Index, w, i, first)
		}
	}
	return nil
}
