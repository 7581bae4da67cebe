package ipc

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// insist calls wake until whoever slept has left: a hostile peer may set the futex word back, so that one wake-up comes to nothing.
func insist(wake func(), left func() bool) {
	for d := time.Millisecond; !left(); d = min(2*d, 100*time.Millisecond) {
		wake()
		time.Sleep(d)
	}
}

// getter is one Get that waits. It sleeps on the word of the pool, where releases in this process and the end of its context show, on the
// publisher's own word, and on one of each subscriber, so that none of them can keep the others' from being seen.
type getter struct {
	s    *Publisher
	look func() error
	nap  func(word *atomic.Uint32, value uint32)

	armed   bool      // not at the first look, so that who finds a block wakes nobody
	changes uint32    // of the publisher's own word
	on      []*remote // whose words it sleeps on
	seqs    []uint32  // their values
	set     sys.FutexSet
}

// Get takes a block of the publisher's pool, first what subscribers gave back, and sleeps until one is free. The caller owes one
// Release. It returns ctx's cause when ctx ends first, and ErrClosed after Close. When several wait, who is first is not said.
func (s *Publisher) Get(ctx context.Context) (pool.Buf, error) {
	g := s.getter()
	b, err := s.pool.WaitWith(ctx, g.look, g.nap)
	s.mu.Lock()
	s.getters = append(s.getters, g)
	s.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("ipc: getting a block to publish on %s: %w", s.path, err)
	}
	return b, err
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
	g := &getter{s: s}
	g.look, g.nap = g.lookAround, g.sleep
	return g
}

func (g *getter) forget() {
	clear(g.on)
	g.armed = false
	g.on, g.seqs = g.on[:0], g.seqs[:0]
}

// lookAround takes what was given back. From the second time on it first asks for a wake-up by what is given back later.
func (g *getter) lookAround() error {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	arm := g.armed
	g.forget()
	g.armed = true
	g.changes = s.changes.Load()
	for _, r := range s.subs {
		if !arm {
			break
		}
		g.on, g.seqs = append(g.on, r), append(g.seqs, r.c.head.space.Load())
		r.c.head.waiting.Store(1)
	}
	s.collect()
	return nil
}

// sleep is until one of the words is another.
func (g *getter) sleep(word *atomic.Uint32, value uint32) {
	s := g.s
	s.mu.Lock()
	for _, r := range g.on {
		if r.gone {
			s.mu.Unlock()
			return // look again, without it
		}
	}
	g.set.Reset()
	g.set.Add(word, value)
	g.set.Add(&s.changes, g.changes)
	for i, r := range g.on {
		g.set.Add(&r.c.head.space, g.seqs[i])
		r.c.hold()
	}
	old := s.oldKernel
	s.mu.Unlock()
	if !old && !g.set.Wait() {
		old = true
	}
	if old {
		g.sleepApart(word, value)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldKernel = old
	for _, r := range g.on {
		r.c.drop()
	}
}

// sleepApart does it where the kernel knows no set of words: a goroutine for each of the others, which passes the wake-up on.
func (g *getter) sleepApart(word *atomic.Uint32, value uint32) {
	var left atomic.Int32
	apart := func(other *atomic.Uint32, value uint32) {
		left.Add(1)
		go func() {
			sys.FutexWait(other, value)
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
	insist(func() {
		g.s.change()
		for _, r := range g.on {
			r.c.head.space.Add(1)
			sys.FutexWakeAll(&r.c.head.space)
		}
	}, func() bool { return left.Load() == 0 })
}

// change wakes every getter.
func (s *Publisher) change() {
	s.changes.Add(1)
	sys.FutexWakeAll(&s.changes)
}
