package ipc

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// getter is one Get that waits. It sleeps on the word of the pool, where releases in this process and the end of its context show, on the
// publisher's own word, and on one of each subscriber, so that none of them can keep the others' from being seen.
type getter struct {
	s    *Publisher
	look func() error
	nap  func(word *atomic.Uint32, value uint32)

	changes uint32    // the publisher's own word
	on      []*remote // the subscribers
	reads   []uint32  // how many returns of each were looked at
	woken   []uint32  // of each
	seqs    []uint32  // the word of each
	set     sys.FutexSet
	spinner spinner
	idle    int // sleeps that ended at once, and nobody knows why
}

// Get takes a block of the publisher's pool, and sleeps until subscribers or this process give one back when none is free. The caller owes one
// Release. It returns ctx's cause when ctx ends first, and ErrClosed after Close. When several wait, who is first is not said.
func (s *Publisher) Get(ctx context.Context) (pool.Buf, error) {
	err := ErrClosed
	if !s.ended.Load() {
		b, ok := s.pool.Take()
		if ok {
			return b, nil
		}
		g := s.getter()
		b, err = s.pool.WaitWith(ctx, g.look, g.nap)
		s.mu.Lock()
		s.getters = append(s.getters, g)
		s.mu.Unlock()
		if err == nil {
			return b, nil
		}
	}
	return pool.Buf{}, fmt.Errorf("ipc: getting a block to publish on %s: %w", s.path, err)
}

// getter is a free one.
func (s *Publisher) getter() *getter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.getters); n > 0 {
		g := s.getters[n-1]
		s.getters = s.getters[:n-1]
		g.forget()
		return g
	}
	g := &getter{s: s, spinner: newSpinner()}
	g.look, g.nap = g.lookAround, g.sleep
	return g
}

func (g *getter) forget() {
	clear(g.on)
	g.on, g.reads, g.woken, g.seqs = g.on[:0], g.reads[:0], g.woken[:0], g.seqs[:0]
}

// lookAround takes what was given back.
func (g *getter) lookAround() error {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.collect()
	g.forget()
	g.changes = s.changes.Load()
	for _, r := range s.subs {
		g.on, g.reads = append(g.on, r), append(g.reads, r.read)
	}
	return nil
}

// sleep is until one of the words is another than at the last look, or a subscriber has given something back since.
func (g *getter) sleep(word *atomic.Uint32, value uint32) {
	s := g.s
	s.mu.Lock()
	if s.changes.Load() != g.changes {
		s.mu.Unlock()
		return // look again: all in on are there from here on
	}
	for _, r := range g.on {
		r.c.hold()
		g.woken = append(g.woken, r.woken)
	}
	old := s.oldKernel
	s.mu.Unlock()
	var nap time.Duration // which is at the end, without the lock
	known := false
	defer func() { time.Sleep(nap) }()
	ready := func() bool {
		for i, r := range g.on {
			if r.c.head.returned.Load() != g.reads[i] {
				return true
			}
		}
		return word.Load() != value
	}
	began, woken := time.Now(), -1
	if !g.spinner.spin(ready) {
		g.set.Reset()
		g.set.Add(word, value)
		g.set.Add(&s.changes, g.changes)
		for _, r := range g.on {
			g.seqs = append(g.seqs, r.c.head.space.Load())
			g.set.Add(&r.c.head.space, g.seqs[len(g.seqs)-1])
			r.c.head.waiting.Store(1)
		}
		if !ready() {
			slept := time.Now()
			if !old {
				var ok bool
				woken, ok = g.set.Wait()
				old = !ok
			}
			if old {
				known = g.sleepApart(word, value)
			}
			g.spinner.short = time.Since(slept) < sleepShort
		}
	}
	known = known || !old && (word.Load() != value || s.changes.Load() != g.changes) // an old kernel's sleep changes words itself
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldKernel = old
	for i, r := range g.on {
		// The first two words of the set are not of subscribers.
		changed := i < len(g.seqs) && r.c.head.space.Load() != g.seqs[i] && (!old || r.woken == g.woken[i])
		if woken == 2+i || r.c.head.returned.Load() != g.reads[i] || changed {
			known = true
			s.stir(r, g.woken[i])
		}
		r.c.drop()
	}
	if known || time.Since(began) >= s.stirEach {
		g.idle = 0
	} else if g.idle++; g.idle > s.stirMost { // a peer that sets its words back before anybody sees it
		nap = patience
	}
}

// sleepApart does it where the kernel knows no set of words: a goroutine for each of the others, which passes the wake-up on. It returns whether
// this process woke it.
func (g *getter) sleepApart(word *atomic.Uint32, value uint32) bool {
	var left, passed atomic.Int32
	apart := func(other *atomic.Uint32, value uint32) {
		left.Add(1)
		go func() {
			sys.FutexWait(other, value)
			passed.Add(1)
			word.Add(1)
			sys.FutexWakeAll(word)
			left.Add(-1)
		}()
	}
	apart(&g.s.changes, g.changes)
	for i, r := range g.on {
		apart(&r.c.head.space, g.seqs[i])
	}
	sys.FutexWait(word, value)
	known := int32(word.Load()-value) > passed.Load() || g.s.changes.Load() != g.changes
	insist(func() {
		g.s.change()
		g.s.mu.Lock()
		defer g.s.mu.Unlock()
		for i, r := range g.on {
			if r.c.head.space.Load() != g.seqs[i] {
				g.woken[i]++ // by the subscriber, and what follows is no excuse for it
			}
			g.s.wake(r)
		}
	}, func() bool { return left.Load() == 0 })
	return known
}

// change wakes every getter.
func (s *Publisher) change() {
	s.changes.Add(1)
	sys.FutexWakeAll(&s.changes)
}
