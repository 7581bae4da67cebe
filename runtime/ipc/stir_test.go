package ipc

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// restless are ways for a subscriber to have a publisher run for ever that waits for it: each is done again and again.
func restless() map[string]func(head *channelHead, word *atomic.Uint32) {
	return map[string]func(head *channelHead, word *atomic.Uint32){
		"wakes":                  func(h *channelHead, _ *atomic.Uint32) { sys.FutexWakeAll(&h.space) },
		"changes the futex word": func(h *channelHead, _ *atomic.Uint32) { h.space.Add(1); sys.FutexWakeAll(&h.space) },
		"sets the word back":     func(h *channelHead, _ *atomic.Uint32) { h.space.Store(1); sys.FutexWakeAll(&h.space); h.space.Store(0) },
		"takes its frame forever": func(h *channelHead, w *atomic.Uint32) {
			w.Store(w.Load() ^ slotFull ^ slotTaken)
			sys.FutexWakeAll(&h.space)
		},
	}
}

// oldKernel says that this kernel, or emulator, cannot sleep on several words at once.
func oldKernel() bool {
	var set sys.FutexSet
	var word atomic.Uint32
	set.Add(&word, 1)
	_, ok := set.Wait()
	return !ok
}

// strict has a publisher throw out who wakes it 50 times for nothing, however slow the machine is. apart is Get as on an old kernel.
func strict(s *Publisher, apart bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stirMost, s.stirEach, s.oldKernel = 50, time.Minute, apart
}

// TestRestlessSubscriber: one that keeps waking a publisher for nothing is thrown out, and the wait ends, though its context never does.
func TestRestlessSubscriber(t *testing.T) {
	testutil.OpenFDs(t)
	for name, annoy := range restless() {
		for _, what := range []string{"Publish", "Get", "Get apart"} {
			apart := what == "Get apart" // as on an old kernel
			// Get does not wait for the queue, and where nobody knows whose word it was, it only sleeps a little before it looks again.
			if what != "Publish" && name != "changes the futex word" && (name != "wakes" || apart || oldKernel()) {
				continue
			}
			t.Run(what+" "+name, func(t *testing.T) {
				s, p, path := start(t, 8, PublisherOptions{Slots: 2, MaxHeld: 4})
				strict(s, apart)
				bad := subscriber(t, path, SubscriberOptions{Policy: Block})
				publish(t, s, p, 0, 2)
				for range 6 { // the rest of the pool is this process's
					if what == "Publish" {
						break
					}
					b, err := p.Get()
					if err != nil {
						t.Fatal(err)
					}
					defer b.Release()
				}
				c := bad.c
				bad.mu.Lock()
				c.hold()
				bad.mu.Unlock()
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					slot, _ := c.slot(0)
					for {
						select {
						case <-stop:
							return
						default:
							annoy(c.head, &slot.word)
							time.Sleep(10 * time.Microsecond)
						}
					}
				}()
				ctx, cancel := context.WithTimeout(t.Context(), longWait)
				defer cancel()
				if what == "Publish" {
					b, err := p.Get()
					if err != nil {
						t.Fatal(err)
					}
					if n, err := s.Publish(ctx, b, Meta{}); n != 0 || err != nil {
						t.Errorf("Publish = %d, %v", n, err)
					}
					b.Release()
				} else if b, err := s.Get(ctx); err != nil {
					t.Errorf("Get: %v", err)
				} else {
					b.Release()
				}
				close(stop)
				<-stopped
				bad.mu.Lock()
				c.drop()
				bad.mu.Unlock()
				if st := s.Stats(); st.Misbehaved != 1 || !strings.Contains(st.Reason, "wakes the publisher for nothing") || st.Lent != 0 {
					t.Errorf("Stats = %+v", st)
				}
				// Others come and are served.
				good := subscriber(t, path, SubscriberOptions{})
				if what == "Publish" {
					publish(t, s, p, 3, 4)
					receive(t, good).Buf.Release()
				}
			})
		}
	}
}

// TestBusySubscriber: one that does what it should, however often, is not thrown out.
func TestBusySubscriber(t *testing.T) {
	s, p, path := start(t, 64, PublisherOptions{Slots: 4, MaxHeld: 32})
	strict(s, false)
	sub := subscriber(t, path, SubscriberOptions{Policy: Block})
	done := make(chan error, 1)
	go func() {
		var err error
		for n := uint64(0); n < 5000 && err == nil; n++ {
			err = send(s, p, n, 0)
		}
		done <- err
	}()
	var held []Frame
	for n := uint64(0); n < 5000; n++ {
		f := receive(t, sub)
		if held = append(held, f); len(held) == 30 {
			for _, f := range held {
				f.Buf.Release()
			}
			held = held[:0]
		}
	}
	for _, f := range held {
		f.Buf.Release()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Misbehaved != 0 || st.Lost != 0 {
		t.Errorf("Stats = %+v", st)
	}
}

// TestShortWaits: the wake-ups of this process, when contexts end, are not the subscriber's, who only is slow: neither those of Publish, nor
// when they wake a Get, nor those of a Get where a goroutine sleeps on each word.
func TestShortWaits(t *testing.T) {
	for _, old := range []bool{false, true} {
		s, p, path := start(t, 8, PublisherOptions{Slots: 2, MaxHeld: 4})
		strict(s, old)
		slow := subscriber(t, path, SubscriberOptions{Policy: Block})
		publish(t, s, p, 0, 2)
		var taken []pool.Buf
		for range 6 {
			b, err := p.Get()
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, b)
		}
		wait := func(d time.Duration, wait func(context.Context) error) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("old kernel %v, a wait of %v: %v; Stats = %+v", old, d, err, s.Stats())
			}
		}
		get := func(ctx context.Context) error {
			_, err := s.Get(ctx)
			return err
		}
		send := func(ctx context.Context) error {
			_, err := s.Publish(ctx, taken[0], Meta{})
			return err
		}
		const times = 200
		for range times {
			wait(0, send)
		}
		for range times {
			wait(50*time.Microsecond, send)
		}
		long, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() { got <- get(long) }()
		for range times {
			wait(50*time.Microsecond, send)
		}
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("old kernel %v: Get: %v", old, err)
		}
		long, cancel = context.WithCancel(t.Context())
		go func() { got <- send(long) }()
		for range times {
			wait(50*time.Microsecond, get)
		}
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("old kernel %v: Publish: %v", old, err)
		}
		if st := s.Stats(); st.Misbehaved != 0 || st.Lost != 3*times+1 {
			t.Errorf("old kernel %v: Stats = %+v", old, st)
		}
		for _, b := range taken {
			b.Release()
		}
		for range 2 {
			receive(t, slow).Buf.Release()
		}
	}
}

// fromCRestless has subscribers wake a publisher in C again and again while it waits for room.
func fromCRestless(t *testing.T, c *program) {
	for name, annoy := range restless() {
		path := c.opened(2, 4, 8)
		c.ask("e 60000", "ok") // so that a slow machine makes no difference
		bad := subscriber(t, path, SubscriberOptions{Policy: Block})
		c.ask("p 2 0 0", "given 1")
		c.tell("p 1 120000 0")
		stop, stopped := make(chan struct{}), make(chan struct{})
		bad.mu.Lock()
		bad.c.hold()
		bad.mu.Unlock()
		go func() {
			defer close(stopped)
			slot, _ := bad.c.slot(0)
			for {
				select {
				case <-stop:
					return
				default:
					annoy(bad.c.head, &slot.word)
					time.Sleep(10 * time.Microsecond)
				}
			}
		}()
		if got := c.answer(); got != "given 0" {
			t.Errorf("one that %s: %s", name, got)
		}
		close(stop)
		<-stopped
		bad.mu.Lock()
		bad.c.drop()
		bad.mu.Unlock()
		c.ask("s", "frames 3 given 2 lost 0 left 1 misbehaved 1 lent 0 subscribers 0 out 0")
		c.tell("y")
		if got := c.answer(); !strings.Contains(got, "wakes the publisher for nothing") {
			t.Errorf("one that %s: %s", name, got)
		}
		c.shut()
	}
}
