package bus

import (
	"context"
	"fmt"
	"slices"
)

// Close ends the topic: Publish returns ErrClosed from now on, and subscribers do so once they have got what waits for them. The history is let go of. Closing
// again does nothing. A Bus forgets the topic, so that another can have its name.
func (t *Topic[T]) Close() {
	var d dead[T]
	var wake *Sub[T]
	t.core.mu.Lock()
	if !t.closed {
		t.closed = true
		t.ended.Store(true)
		for t.history.len() > 0 {
			d.done(t.history.pop().node)
		}
		for _, s := range t.subs {
			s.wakeWaiters()
			s.topics = slices.DeleteFunc(s.topics, func(x *Topic[T]) bool { return x == t })
			if s.topic == t && s.asleep {
				s.asleep = false
				s.nextAwake, wake = wake, s
			}
		}
		t.subs = nil
		if t.bus != nil {
			delete(t.bus.topics, t.name)
			t.bus.closing = append(t.bus.leaving(), t)
		}
	}
	t.core.mu.Unlock()
	wakeAll(wake)
	d.dispose()
}

// drained is called with core.mu held.
func (t *Topic[T]) drained() bool { return t.left() == 0 }

// Drain closes the topic and waits until its subscribers are done with every event and all are released. When ctx ends before, it returns an error that wraps
// ctx's cause and says how many are left; those stay with their subscribers.
func (t *Topic[T]) Drain(ctx context.Context) error {
	t.Close()
	t.core.mu.Lock()
	left := t.left()
	if left == 0 {
		t.core.mu.Unlock()
		return nil
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	// One that was disposed of before idle was set has not looked at it.
	t.checkIdle()
	t.core.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		t.core.mu.Lock()
		left = t.left()
		t.core.mu.Unlock()
		if left == 0 {
			return nil
		}
		return fmt.Errorf("draining topic %q: %d events are still with its subscribers: %w", t.name, left, context.Cause(ctx))
	}
}
