package ring

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// yields is how often a side lets other goroutines run before it sleeps: the other side is often one of them, or a process that answers at
// once from another processor. Where there is one processor alone it cannot, and each time more only keeps it from running.
func yields() int {
	if runtime.NumCPU() == 1 {
		return 1
	}
	return 4
}

func wake(w *waiting) {
	w.seq.Add(1)
	sys.FutexWakeAll(&w.seq)
}

// token is what a sleeper puts into armed.
func token(seq uint32) uint32 { return seq<<1 | 1 }

// rouse wakes who said armed, once. It takes that back only after the wake-up, so that a process killed in between leaves a wake-up too
// many; and not if the sleeper has said it anew meanwhile, which it does with another value.
func (w *waiting) rouse(armed uint32) {
	wake(w)
	w.armed.CompareAndSwap(armed, 0)
}

// due wakes who sleeps for as many bytes as there are now.
func (w *waiting) due(bytes uint32) {
	if a := w.armed.Load(); bytes >= w.bytes.Load() {
		w.rouse(a)
	}
}

// insist calls wake until the sleepers have left: a hostile peer may set the futex word back, so that one wake-up comes to nothing.
func insist(wake func(), left func() bool) {
	for d := time.Millisecond; !left(); d = min(2*d, 100*time.Millisecond) {
		wake()
		time.Sleep(d)
	}
}

// WaitContent returns how many bytes Content has once there are n or more, 1 <= n <= Size. Sooner it returns with what is there and
// ctx's cause, ErrClosed, or, when the producer has ended, io.EOF (nothing is left) or io.ErrUnexpectedEOF (fewer than n are).
// In a Local ring it does not wait and returns as if the producer had ended.
func (r *Ring) WaitContent(ctx context.Context, n int) (int, error) {
	if err := r.check("content", n, Producer); err != nil {
		return 0, err
	}
	if got := r.used(); got >= uint32(n) {
		return int(got), nil
	}
	if err := r.enter(&r.cons, "consumer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.cons)
	return r.wait(ctx, n, &r.ctl.content, r.used, "content")
}

// WaitUnused returns how many bytes Unused has once there are n or more, 1 <= n <= Size. Sooner it returns with what is there and
// ctx's cause, ErrClosed, or io.ErrClosedPipe when the consumer is gone. In a Local ring it does not wait and returns ErrFull.
func (r *Ring) WaitUnused(ctx context.Context, n int) (int, error) {
	if err := r.check("room", n, Consumer); err != nil {
		return 0, err
	}
	if got := r.free(); got >= uint32(n) && r.ctl.unused.ended.Load() == 0 {
		return int(got), nil
	}
	if err := r.enter(&r.prod, "producer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.prod)
	return r.wait(ctx, n, &r.ctl.unused, r.free, "room")
}

func (r *Ring) check(what string, n int, not Side) error {
	if err := r.Err(); err != nil {
		return err
	}
	if r.side == not {
		return fmt.Errorf("poolgen: ring %q: waiting for %s: %w", r.name, what, ErrSide)
	}
	if n < 1 || n > int(r.size) {
		return fmt.Errorf("poolgen: ring %q: waiting for %d bytes of %s: it is from 1 to %d", r.name, n, what, r.size)
	}
	return nil
}

// wait sleeps at w until look has n. The side has entered.
func (r *Ring) wait(ctx context.Context, n int, w *waiting, look func() uint32, what string) (int, error) {
	if r.local {
		got := look()
		if got < uint32(n) {
			return int(got), r.atEnd(w, got)
		}
		return int(got), nil
	}
	if ctx.Done() != nil {
		var left atomic.Bool
		stop := context.AfterFunc(ctx, func() { insist(r.wakeAll, left.Load) })
		defer func() {
			left.Store(true)
			stop()
		}()
	}
	defer w.armed.Store(0)
	w.bytes.Store(uint32(n))
	for i, yields := 0, yields(); ; i++ {
		seq := w.seq.Load()
		if i >= yields {
			w.armed.Store(token(seq))
		}
		ended := w.ended.Load() != 0 // before the look: what was published before the end counts
		got := look()
		met := got >= uint32(n) && (!ended || w == &r.ctl.content) // a consumer that has gone takes its room along
		switch {
		case r.state.Load() != 0:
			return 0, r.Err()
		case met:
			return int(got), nil
		case ended && w.seq.Load() == seq: // else somebody has taken the other side over, or woken once more
			return int(got), r.atEnd(w, got)
		case ctx.Err() != nil:
			return int(got), fmt.Errorf("poolgen: ring %q: waiting for %d bytes of %s: %w", r.name, n, what, context.Cause(ctx))
		case i < yields:
			runtime.Gosched()
		default:
			sys.FutexWait(&w.seq, seq)
		}
	}
}

// atEnd is what a wait returns that can no longer be met: the other side has ended, or the ring is Local.
func (r *Ring) atEnd(w *waiting, got uint32) error {
	switch {
	case w == &r.ctl.content && got > 0:
		return io.ErrUnexpectedEOF
	case w == &r.ctl.content:
		return io.EOF
	case !r.local || w.ended.Load() != 0:
		return fmt.Errorf("poolgen: ring %q: the consumer is gone: %w", r.name, io.ErrClosedPipe)
	}
	return fmt.Errorf("poolgen: ring %q: %w", r.name, ErrFull)
}

// End says that the producer will publish no more: once the ring is empty the consumer gets io.EOF. Reset takes it back.
func (r *Ring) End() { r.end(Consumer, &r.ctl.content) }

// Gone says that the consumer will read no more: the producer gets io.ErrClosedPipe. Reset takes it back.
func (r *Ring) Gone() { r.end(Producer, &r.ctl.unused) }

func (r *Ring) end(not Side, w *waiting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mapped && r.side != not {
		w.ended.Store(1)
		wake(w)
	}
}
