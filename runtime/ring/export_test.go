package ring

import (
	"context"

	"github.com/poolgen/poolgen/internal/sys"
)

// Arm does what a reader does before it sleeps, and returns what is in the word then.
func (w *FrameWriter) Arm(seq uint32) uint32 {
	w.m.door.arm(seq)
	return w.m.door.armed.Load()
}

// Abandon is the end of a writer that is killed: its lock is free, and nothing else happens.
func (w *FrameWriter) Abandon() error {
	w.m.guard.mu.Lock()
	defer w.m.guard.mu.Unlock()
	lock := w.m.guard.lock
	w.m.guard.lock = -1
	return sys.Close(lock)
}

// WaitUnusedWith is WaitUnused, and meanwhile happens before each look at the other side's counter, after that at whether it has ended.
func (r *Ring) WaitUnusedWith(ctx context.Context, n int, meanwhile func()) (int, error) {
	return r.waitWith(ctx, n, &r.prod, &r.ctl.unused, r.free, meanwhile)
}

// WaitContentWith is WaitContent in the same way.
func (r *Ring) WaitContentWith(ctx context.Context, n int, meanwhile func()) (int, error) {
	return r.waitWith(ctx, n, &r.cons, &r.ctl.content, r.used, meanwhile)
}

func (r *Ring) waitWith(ctx context.Context, n int, e *end, w *waiting, look func() uint32, meanwhile func()) (int, error) {
	if err := r.enter(e, "side"); err != nil {
		return 0, err
	}
	defer r.leave(e)
	return r.wait(ctx, n, w, func() uint32 {
		meanwhile()
		return look()
	}, "bytes")
}

// Moving calls f while a call of a side moves its counter.
func (r *Ring) Moving(side Side, f func()) {
	e := &r.prod
	if side == Consumer {
		e = &r.cons
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// CloseWithin is Write, within which Close is called, and then meanwhile.
func (w *FrameWriter) CloseWithin(b []byte, meanwhile func()) error {
	if err := w.m.enter(); err != nil {
		return err
	}
	defer w.m.leave()
	to := w.reserve(len(b))
	if err := w.Close(); err != nil {
		return err
	}
	meanwhile()
	copy(to, b)
	w.publish(len(b), 0)
	return nil
}

// BeginClose is the first thing that Close does.
func (r *Ring) BeginClose()        { r.over() }
func (w *FrameWriter) BeginClose() { w.m.guard.state.Store(stateClosed) }
func (r *FrameReader) BeginClose() { r.m.guard.state.Store(stateClosed) }
