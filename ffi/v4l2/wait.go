package v4l2

import (
	"context"
	"sync/atomic"

	"github.com/poolgen/poolgen/internal/sys"
)

// waiter waits for a descriptor, a context and a wake-up, for one goroutine at a time.
type waiter struct {
	wake   *sys.Event
	closed atomic.Bool
	busy   atomic.Bool

	// Of the goroutine that waits.
	fds     [2]sys.PollFD
	watched <-chan struct{} // Done of the context under watch
	unwatch func() bool
}

func (w *waiter) init() error {
	e, err := sys.NewEvent()
	w.wake = e
	return err
}

// signal wakes whoever waits.
func (w *waiter) signal() {
	if w.wake != nil { // init failed
		w.wake.Signal()
	}
}

// enter makes the caller the one who waits; false if there is one.
func (w *waiter) enter() bool { return w.busy.CompareAndSwap(false, true) }

func (w *waiter) leave() {
	w.busy.Store(false)
	// close may have found somebody waiting and left the event to be freed here.
	if w.closed.Load() {
		w.free()
	}
}

// watch has the end of ctx wake the waiter.
func (w *waiter) watch(ctx context.Context) {
	done := ctx.Done()
	if done == w.watched {
		return
	}
	if w.unwatch != nil {
		w.unwatch()
		w.unwatch = nil
	}
	w.watched = done
	if done != nil {
		w.unwatch = context.AfterFunc(ctx, w.wake.Signal)
	}
}

// wait sleeps until the device d has one of events, somebody signals, or ctx ends. It returns what the device has, 0 for
// a reason to look again; with events 0 it waits for a signal only. The caller has entered.
func (w *waiter) wait(ctx context.Context, d *Device, events int16) (int16, error) {
	w.watch(ctx)
	if err := ctx.Err(); err != nil {
		return 0, context.Cause(ctx)
	}
	d.life.RLock()
	defer d.life.RUnlock()
	if d.fd < 0 || w.closed.Load() {
		return 0, ErrClosed
	}
	w.fds = [2]sys.PollFD{{Fd: int32(w.wake.FD()), Events: sys.PollIn}, {Fd: int32(d.fd), Events: events}}
	fds := w.fds[:]
	if events == 0 {
		fds = fds[:1]
	}
	if _, err := sys.Poll(fds, -1); err != nil {
		return 0, err
	}
	if w.fds[0].Revents != 0 {
		w.wake.Clear()
	}
	if len(fds) == 1 {
		return 0, nil
	}
	return w.fds[1].Revents, nil
}

// close ends the wait of whoever waits, for good.
func (w *waiter) close() {
	w.closed.Store(true)
	w.signal()
	if w.enter() {
		w.leave()
	}
}

// free runs while nobody waits, or races another free.
func (w *waiter) free() {
	if !w.enter() {
		return // whoever waits will see closed
	}
	if w.unwatch != nil {
		w.unwatch()
		w.unwatch, w.watched = nil, nil
	}
	if w.wake != nil {
		_ = w.wake.Close()
	}
	w.busy.Store(false)
}
