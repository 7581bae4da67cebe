package ipc

import (
	"context"
	"errors"

	"github.com/poolgen/poolgen/internal/sys"
)

// sleep waits for news.
func (s *Subscriber) sleep(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	h := s.c.head
	if h == nil {
		s.mu.Unlock()
		return nil
	}
	s.c.hold()
	slot, full := s.c.slot(s.pos)
	s.mu.Unlock()
	ready := func() bool { return s.c.lapsBetween(slot.word.Load(), full) >= 0 || s.gone.Load() }
	if !s.spinner.spin(ready) {
		s.mu.Lock()
		if !s.closed {
			s.sleeper.attend(ctx)
		}
		over := s.closed
		seq := h.news.Load()
		s.sleeper.naps.Add(1)
		s.mu.Unlock()
		h.asleep.Store(1)
		if !over && !ready() && h.closed.Load() == 0 && ctx.Err() == nil {
			s.spinner.nap(&h.news, seq)
		}
		s.sleeper.naps.Add(1)
		h.asleep.Store(0) // or the next frame costs its publisher a wake-up
	}
	s.mu.Lock()
	s.c.drop()
	s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// finish ends the connection and the mappings when the program has no frame any more. Not before: the publisher takes back what one had whose
// connection ends. mu is held.
func (s *Subscriber) finish() error {
	if !s.closed && !s.drained || s.held > 0 || s.c.closed {
		return nil
	}
	err := errors.Join(s.conn.Close(), s.c.close(), s.arena.Unmap())
	s.arena = sys.Map{}
	return err
}

// giveBack gives a reference back to the publisher. mu is held, and the channel mapped.
func (s *Subscriber) giveBack(id uint32) {
	s.c.back[s.returned&uint32(len(s.c.back)-1)].Store(id)
	s.returned++
	s.c.head.returned.Store(s.returned)
}

// clear gives back what waits and will not be received. What is queued after it, the publisher takes back, because it sees that this side leaves.
func (s *Subscriber) clear() {
	for i := range s.c.slots {
		slot := &s.c.slots[i]
		word := slot.word.Load()
		if word&stateMask != slotFull || !slot.word.CompareAndSwap(word, word&^stateMask|slotTaken) {
			continue
		}
		id := slot.id
		slot.word.Store(word &^ stateMask)
		s.giveBack(id)
	}
}

// Close ends the subscription, and gives back what waits. Frames that are held stay readable, and their blocks taken, until they are released.
// The second call does nothing.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.sleeper.end()
	if h := s.c.head; h != nil {
		h.leaving.Store(1)
		s.clear()
		h.waiting.Store(1)
		s.c.look()
		h.news.Add(1)
		sys.FutexWakeAll(&h.news)
	}
	err := s.finish()
	s.mu.Unlock()
	_ = s.joins.Close() // complains of frames that are held, which is allowed here
	return err
}
