package ipc

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSpinOff: on one core nobody spins, for what he waits for cannot happen meanwhile.
func TestSpinOff(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s, _, path := start(t, 4, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	for _, spinner := range []spinner{s.spinner, sub.spinner, s.getter().spinner} {
		spinner.short = true
		for range 4 * spinProbe {
			if spinner.spin(func() bool { t.Error("it looks"); return true }) {
				t.Fatal("it spins on one core")
			}
		}
	}
}

// TestSpinAdapts spins as long as that pays, stops soon when it does not, and never begins again where sleeps are long.
func TestSpinAdapts(t *testing.T) {
	s := spinner{most: spinMost, d: spinMost}
	looks := 0
	never := func() bool { looks++; return false }
	for range 10 {
		s.spin(never)
	}
	if s.d != 0 || looks == 0 {
		t.Errorf("it spins for %v after 10 times that did not pay, with %d looks", s.d, looks)
	}
	looks = 0
	for range 10 * spinProbe {
		s.spin(never)
	}
	if looks != 0 {
		t.Errorf("%d looks where sleeps are long", looks)
	}
	s.short = true
	paid := 0
	for range 3 * spinProbe {
		if s.spin(func() bool { return true }) {
			paid++
		}
	}
	if paid < 2 { // once to find that it pays; a loaded machine may take that back
		t.Errorf("it spun %d times of %d that it would have paid", paid, 3*spinProbe)
	}
	if s.spin(never); s.d > spinMost {
		t.Errorf("it spins for %v", s.d)
	}
}

// TestIdle waits for frames that seldom come, and for room that does not: that takes hardly any time of the processor.
func TestIdle(t *testing.T) {
	s, p, path := start(t, 8, PublisherOptions{Slots: 2})
	slow, full := subscriber(t, path, SubscriberOptions{Policy: Block}), subscriber(t, path, SubscriberOptions{Policy: Block})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			f, err := slow.Receive(ctx)
			if err != nil {
				return
			}
			f.Buf.Release()
		}
	})
	for n := range uint64(2) {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	wg.Go(func() {
		b, err := s.Get(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		defer b.Release()
		if _, err := s.Publish(ctx, b, Meta{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Publish: %v", err)
		}
	})
	eventually(t, "Publish waits", func() bool { return full.c.head.waiting.Load() != 0 })
	cheap(t, 4, 0, "idle", func() { time.Sleep(400 * time.Millisecond) })
	cancel()
	wg.Wait()
	for range 2 {
		receiveAny(t, full).Buf.Release()
	}
	// What nobody waits for is much, too, on a machine that is emulated by a busy one.
	before := cpu()
	for n := range uint64(80) {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
		for _, sub := range []*Subscriber{slow, full} {
			receiveAny(t, sub).Buf.Release()
		}
	}
	work := cpu() - before
	// Frames at a distance that spinning cannot bridge.
	cheap(t, 2, 10*work, "a few frames", func() {
		for _, sub := range []*Subscriber{slow, full} {
			wg.Go(func() {
				for range 80 {
					receiveAny(t, sub).Buf.Release()
				}
			})
		}
		for n := range uint64(80) {
			time.Sleep(5 * time.Millisecond)
			if err := send(s, p, n, 0); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
	})
}

// cheap expects that do takes no more than a part of its time on the processor, or than its work. The least of several counts: other work of this
// process, such as collecting garbage, or of the machine, where that counts as ours, only adds to it.
func cheap(t *testing.T, part, work time.Duration, what string, do func()) {
	t.Helper()
	var took, used time.Duration
	for range 5 {
		began, before := time.Now(), cpu()
		do()
		if took, used = time.Since(began), cpu()-before; used <= max(took/part, work) {
			return
		}
	}
	t.Errorf("%s for %v took %v of the processor", what, took, used)
}

// receiveAny is receive of a frame with any content.
func receiveAny(t testing.TB, s *Subscriber) Frame {
	f, err := s.Receive(context.Background())
	if err != nil {
		t.Error(err)
		runtime.Goexit()
	}
	return f
}

// TestFrozenFutex: a peer that keeps a futex word as it is cannot keep a wait from ending.
func TestFrozenFutex(t *testing.T) {
	s, p, path := start(t, 16, PublisherOptions{Slots: 2})
	sub := subscriber(t, path, SubscriberOptions{Policy: Block})
	other := subscriber(t, path, SubscriberOptions{})
	var stop atomic.Bool
	var hostile sync.WaitGroup
	defer hostile.Wait()
	defer stop.Store(true)
	freeze := func(word *atomic.Uint32) {
		hostile.Go(func() {
			for !stop.Load() {
				word.Store(7)
				runtime.Gosched()
			}
		})
	}
	sub.mu.Lock()
	freeze(&sub.c.head.space)
	freeze(&other.c.head.news)
	sub.c.hold()
	sub.mu.Unlock()
	other.mu.Lock()
	other.c.hold()
	other.mu.Unlock()
	defer func() {
		stop.Store(true)
		hostile.Wait()
		for _, s := range []*Subscriber{sub, other} {
			s.mu.Lock()
			s.c.drop()
			s.mu.Unlock()
		}
	}()
	for n := range uint64(2) {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
		receive(t, other).Buf.Release()
	}
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		if _, err := other.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
	}
	for n := uint64(2); n < 12; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		b, err := s.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		fill(b, n)
		if _, err := s.Publish(ctx, b, Meta{PTS: int64(n) * 1000, Flags: 7}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		b.Release()
		cancel()
		receive(t, other).Buf.Release()
	}
	done := make(chan error, 2)
	go func() { _, err := other.Receive(t.Context()); done <- err }()
	eventually(t, "Receive sleeps", func() bool { return other.sleeper.naps.Load()&1 != 0 })
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Receive: %v", err)
	}
	b, err := s.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, err := s.Publish(t.Context(), b, Meta{}); done <- err }()
	eventually(t, "Publish sleeps", func() bool { return s.sleeper.naps.Load()&1 != 0 })
	closeNow(t, s)
	if err := <-done; !errors.Is(err, ErrClosed) && err != nil { // or it saw the subscriber go
		t.Errorf("Publish: %v", err)
	}
	b.Release()
}

// TestAllocationsAsleep sleeps before every frame, with a context that may end, and allocates nothing.
func TestAllocationsAsleep(t *testing.T) {
	s, _, path := start(t, 8, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			f, err := sub.Receive(ctx)
			if err != nil {
				return
			}
			f.Buf.Release()
		}
	})
	step := func() {
		eventually(t, "Receive sleeps", func() bool { return sub.sleeper.naps.Load()&1 != 0 })
		b, err := s.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		returned := sub.c.head.returned.Load()
		if _, err := s.Publish(ctx, b, Meta{}); err != nil {
			t.Fatal(err)
		}
		b.Release()
		eventually(t, "the frame is back", func() bool { return sub.c.head.returned.Load() != returned })
	}
	step()
	if !checked {
		if n := testing.AllocsPerRun(50, step); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	}
	cancel()
	wg.Wait()
}
