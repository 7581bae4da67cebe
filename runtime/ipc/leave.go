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
	seq := h.news.Load()
	h.asleep.Store(1)
	if slot, full := s.c.slot(s.pos); s.c.lapsBetween(slot.word.Load(), full) >= 0 || s.gone.Load() || h.closed.Load() != 0 {
		s.mu.Unlock()
		return nil
	}
	s.c.hold()
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, s.wake)
	if ctx.Err() == nil {
		sys.FutexWait(&h.news, seq)
	}
	stop()
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

// Close ends the subscription. Frames that are held stay readable, and the publisher's blocks stay taken, until they are released. The second
// call does nothing.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	if h := s.c.head; h != nil {
		h.leaving.Store(1)
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
