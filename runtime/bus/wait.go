package bus

import (
	"context"
	"slices"
)

// waiter is a publisher that waits until every subscriber that was full has had room: so it is woken once for all of them. It looks again then.
type waiter struct {
	wake    chan struct{}
	missing int     // subscribers that have it in their waiters
	next    *waiter // of those to be used again
}

// stall adds a waiter to each subscriber that has the policy Block and no room, and returns it, or nil if there is none. Its caller holds core.mu.
func (t *Topic[T]) stall(size int64) (w *waiter) {
	for _, s := range t.subs {
		// What never fits is lost without a wait.
		if s.policy != Block || s.fits(size) || size > s.maxBytes {
			continue
		}
		if w == nil {
			if w = t.spare; w != nil {
				t.spare = w.next
			} else {
				w = &waiter{wake: make(chan struct{}, 1)}
			}
		}
		w.missing++
		s.waiters = append(s.waiters, w)
	}
	return w
}

// await sleeps until w is woken, or ctx ends, and then returns its cause. It is called, and returns, with core.mu held.
func (t *Topic[T]) await(ctx context.Context, w *waiter) (err error) {
	t.core.mu.Unlock()
	select {
	case <-w.wake:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	t.core.mu.Lock()
	switch {
	case err == nil:
	case w.missing == 0:
		<-w.wake
	default:
		for _, s := range t.subs {
			s.waiters = slices.DeleteFunc(s.waiters, func(x *waiter) bool { return x == w })
		}
		w.missing = 0
	}
	w.next, t.spare = t.spare, w
	return err
}

// wakeWaiters says that s has room, or is gone. Its caller holds core.mu.
func (s *Sub[T]) wakeWaiters() {
	for _, w := range s.waiters {
		if w.missing--; w.missing == 0 {
			w.wake <- struct{}{} // never full: it is sent once for each stall
		}
	}
	clear(s.waiters)
	s.waiters = s.waiters[:0]
}
