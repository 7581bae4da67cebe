package bus

import (
	"context"
	"iter"
	"runtime"
	"slices"
)

// Next waits for an event, which is lent to the caller until the next call of a method that receives, or Close. It returns ctx's cause when ctx ends, and
// ErrClosed when no event will come. Loops over Events cost less.
func (s *Sub[T]) Next(ctx context.Context) (Event[T], error) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	return s.next(ctx)
}

func (s *Sub[T]) next(ctx context.Context) (Event[T], error) {
	for {
		if ctx.Err() == nil {
			if ev, ok := s.claim(); ok {
				return ev, nil
			}
		}
		if err := s.await(ctx); err != nil {
			return Event[T]{}, err
		}
	}
}

// await waits until there is something in the batch. It gives back what the receiver has been through also if it fails.
func (s *Sub[T]) await(ctx context.Context) error {
	for yielded := false; ; {
		if ctx.Err() != nil {
			s.refill(false, false)
			return context.Cause(ctx)
		}
		// Publishers on this processor get their turn before the price of a sleep is paid.
		switch s.refill(yielded, true) {
		case full:
			return nil
		case ended:
			return ErrClosed
		}
		if !yielded {
			yielded = true
			runtime.Gosched()
			continue
		}
		yielded = false
		if ctx.Done() == nil {
			<-s.wake
			continue
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			s.core.mu.Lock()
			token := !s.asleep
			s.asleep = false
			s.core.mu.Unlock()
			if token {
				<-s.wake // a publisher is about to send it
			}
		}
	}
}

// TryNext is Next without waiting; it returns false if no event waits.
func (s *Sub[T]) TryNext() (Event[T], bool) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if ev, ok := s.claim(); ok {
		return ev, true
	}
	s.refill(false, true)
	return s.claim()
}

// claim lends the receiver the next event of the batch.
func (s *Sub[T]) claim() (ev Event[T], ok bool) {
	batch := s.batch[:s.filled]
	if s.over.Load() || s.seen >= len(batch) {
		return ev, false
	}
	e := &batch[s.seen]
	s.seen++
	n := e.node
	return Event[T]{n.value, n.topic.name, n.sequence, e.lagged}, true
}

type supply uint8

const (
	none  supply = iota // no event waits
	full                // there is something in the batch
	ended               // no event will come
)

// refill gives back what the receiver has been through and, if that was the whole batch, fills it from the queue. With sleep, a
// token comes after it returns none. Without take it only gives back.
func (s *Sub[T]) refill(sleep, take bool) supply {
	var d dead[T]
	s.core.mu.Lock()
	got := s.fill(take, &d)
	if got == none && sleep {
		s.asleep = true
	}
	s.core.mu.Unlock()
	d.dispose()
	return got
}

func (s *Sub[T]) fill(take bool, d *dead[T]) supply {
	if s.closed {
		s.discardBatch(d)
		return ended
	}
	s.giveBack(s.seen, d)
	if !take {
		return none
	}
	if s.seen == s.filled {
		s.take()
	}
	switch {
	case s.filled > 0:
		return full
	case s.topic != nil && s.topic.closed, s.topic == nil && s.bus.closed && len(s.topics) == 0: // topics that are closed leave it
		return ended
	}
	return none
}

// Events yields events until ctx ends, or the topic or s is closed and none waits any more. Each is lent to the loop's body. After a break
// another loop goes on where it stood.
func (s *Sub[T]) Events(ctx context.Context) iter.Seq[Event[T]] {
	return func(yield func(Event[T]) bool) {
		if !s.begin() {
			return
		}
		defer s.end()
		// What Next does, with the batch at hand.
		for done := ctx.Done(); ; {
			for s.seen < s.filled && !s.over.Load() && (done == nil || ctx.Err() == nil) {
				e := &s.batch[s.seen]
				s.seen++
				n := e.node
				if !yield(Event[T]{n.value, n.topic.name, n.sequence, e.lagged}) {
					return
				}
			}
			if s.await(ctx) != nil {
				return
			}
		}
	}
}

// begin notes that a loop begins, and with it that the work on the last event has ended. It returns false if s is closed: then the batch is for
// Close alone to look at.
func (s *Sub[T]) begin() bool {
	var d dead[T]
	s.core.mu.Lock()
	open := !s.closed
	if open {
		s.loops++
		s.giveBack(s.seen, &d)
	}
	s.core.mu.Unlock()
	d.dispose()
	return open
}

// end notes that a loop has ended, and with it the work on its last event.
func (s *Sub[T]) end() {
	var d dead[T]
	s.core.mu.Lock()
	s.loops--
	if s.closed {
		s.discardBatch(&d)
	} else {
		s.giveBack(s.seen, &d)
	}
	s.core.mu.Unlock()
	d.dispose()
}

// Each calls f, on the caller's goroutine, with each event, which is lent to it, until f returns an error, which Each returns, or ctx ends, whose
// cause it returns, or no event will come, which is no error.
func (s *Sub[T]) Each(ctx context.Context, f func(Event[T]) error) error {
	if !s.begin() {
		return nil
	}
	defer s.end()
	for {
		ev, err := s.next(ctx)
		if err == ErrClosed { //nolint:errorlint // a context's cause may wrap it
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(ev); err != nil {
			return err
		}
	}
}

// Channel passes the events on to a channel, from one goroutine, until ctx ends or no event will come, and closes it. The receiver owns the events and
// releases each.
func (s *Sub[T]) Channel(ctx context.Context) <-chan Event[T] {
	ch := make(chan Event[T])
	go func() {
		defer close(ch)
		for ev := range s.Events(ctx) {
			// Held by s until the loop goes on.
			t := s.batch[s.seen-1].node.topic
			if t.retain != nil {
				ev.Value = t.retain(ev.Value)
			}
			select {
			case ch <- ev:
				continue
			case <-ctx.Done():
			case <-s.gone:
			}
			s.seen-- // nobody has had it: it is the next one's, or is discarded
			t.drop(ev.Value)
			return
		}
	}()
	return ch
}

// Close ends the subscriber and discards what waits for it; receiving returns ErrClosed. An event from Next is given back too, so Close is
// called after the last use of it. A loop that another goroutine is in keeps its event until its body ends. Closing again does nothing.
func (s *Sub[T]) Close() {
	var d dead[T]
	s.core.mu.Lock()
	if s.closed {
		s.core.mu.Unlock()
		return
	}
	s.closed = true
	s.over.Store(true)
	s.discardQueue(&d)
	for _, t := range s.topics {
		t.subs = slices.DeleteFunc(t.subs, func(x *Sub[T]) bool { return x == s })
	}
	if s.bus != nil {
		leave(s.bus, s)
	}
	s.wakeWaiters()
	looping, token := s.loops > 0, s.asleep
	s.asleep = false
	s.core.mu.Unlock()
	close(s.gone)
	if token {
		s.wake <- struct{}{}
	}
	if !looping {
		defer func() { // also when a release panics
			s.receiving.Lock() // a Next that waits returns now
			defer s.receiving.Unlock()
			s.refill(false, false)
		}()
	}
	d.dispose()
}
