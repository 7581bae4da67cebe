package ring

import (
	"context"
	"errors"
	"fmt"
	"io"
)

var (
	_ io.ReadWriter = (*Ring)(nil)
	_ io.ReaderFrom = (*Ring)(nil)
	_ io.WriterTo   = (*Ring)(nil)
)

// WriteFunc waits for n or more bytes of room, as WaitUnused does, calls f with all of it, and publishes as many bytes as f returns.
// f's slice is valid until f returns, also when Close is called meanwhile. Nothing is published when f returns an error, which is
// WriteFunc's then, or panics, or when Close was called meanwhile, which is ErrClosed.
func (r *Ring) WriteFunc(ctx context.Context, n int, f func(room []byte) (int, error)) (int, error) {
	if err := r.check("room", n, Consumer); err != nil {
		return 0, err
	}
	if err := r.enter(&r.prod, "producer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.prod)
	return r.write(ctx, n, f)
}

// write is WriteFunc within the producer's call.
func (r *Ring) write(ctx context.Context, n int, f func(room []byte) (int, error)) (int, error) {
	got := r.free()
	if got < uint32(n) || r.ctl.unused.ended.Load() != 0 {
		g, err := r.wait(ctx, n, &r.ctl.unused, r.free, "room")
		if err != nil {
			return 0, err
		}
		got = uint32(g)
	}
	did, err := f(r.window(r.prod.pos, got))
	if err != nil {
		return 0, err
	}
	if did < 0 || did > int(got) {
		return 0, fmt.Errorf("poolgen: ring %q: a callback says that it wrote %d of %d bytes", r.name, did, got)
	}
	return r.move(&r.prod, (*Ring).Advance, did)
}

// move ends what a call does, with Advance or Consume, unless Close was faster: then nothing of it reaches the other side, which may have been
// told of the end.
func (r *Ring) move(e *end, by func(*Ring, int), n int) (int, error) {
	if r.alone {
		by(r, n)
		return n, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.state.Load() != 0 {
		return 0, r.Err()
	}
	by(r, n)
	return n, nil
}

// over closes the ring, tells the other side and wakes all sleepers, if it was not closed: what a call in progress has not moved by now it does not
// move any more.
func (r *Ring) over() bool {
	r.prod.mu.Lock()
	defer r.prod.mu.Unlock()
	r.cons.mu.Lock()
	defer r.cons.mu.Unlock()
	if r.state.Or(stateClosed)&stateClosed != 0 {
		return false
	}
	if r.side != Consumer {
		r.ctl.content.ended.Store(1)
	}
	if r.side != Producer {
		r.ctl.unused.ended.Store(1)
	}
	wake(&r.ctl.content) // here, because Unmap in another goroutine waits for this function only
	wake(&r.ctl.unused)
	return true
}

// ReadFunc waits for n or more bytes, as WaitContent does, calls f with all that is there, and consumes as many bytes as f returns.
// f's slice is valid until f returns, also when Close is called meanwhile. Nothing is consumed when f returns an error, which is
// ReadFunc's then, or panics, or when Close was called meanwhile, which is ErrClosed.
func (r *Ring) ReadFunc(ctx context.Context, n int, f func(content []byte) (int, error)) (int, error) {
	if err := r.check("content", n, Producer); err != nil {
		return 0, err
	}
	if err := r.enter(&r.cons, "consumer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.cons)
	return r.read(ctx, n, f)
}

// read is ReadFunc within the consumer's call.
func (r *Ring) read(ctx context.Context, n int, f func(content []byte) (int, error)) (int, error) {
	got := r.used()
	if got < uint32(n) {
		g, err := r.wait(ctx, n, &r.ctl.content, r.used, "content")
		if err != nil {
			return 0, err
		}
		got = uint32(g)
	}
	did, err := f(r.window(r.cons.pos, got))
	if err != nil {
		return 0, err
	}
	if did < 0 || did > int(got) {
		return 0, fmt.Errorf("poolgen: ring %q: a callback says that it used %d of %d bytes", r.name, did, got)
	}
	return r.move(&r.cons, (*Ring).Consume, did)
}

// Write copies all of b into the ring and waits for room as long as it takes. A Local ring takes what fits, and returns ErrFull if that
// is not all.
func (r *Ring) Write(b []byte) (int, error) {
	if err := r.check("room", 1, Consumer); err != nil {
		return 0, err
	}
	if err := r.enter(&r.prod, "producer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.prod)
	done := 0
	for done < len(b) {
		got := r.free()
		if got == 0 || r.ctl.unused.ended.Load() != 0 {
			g, err := r.wait(context.Background(), 1, &r.ctl.unused, r.free, "room")
			if err != nil {
				return done, err
			}
			got = uint32(g)
		}
		n, err := r.move(&r.prod, (*Ring).Advance, copy(r.window(r.prod.pos, got), b[done:]))
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Read copies what is there into b, and waits if nothing is. It returns io.EOF when nothing is left and the producer has ended; in a
// Local ring, when nothing is left.
func (r *Ring) Read(b []byte) (int, error) {
	if err := r.check("content", 1, Producer); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	if err := r.enter(&r.cons, "consumer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.cons)
	got := r.used()
	if got == 0 {
		g, err := r.wait(context.Background(), 1, &r.ctl.content, r.used, "content")
		if err != nil {
			return 0, err
		}
		got = uint32(g)
	}
	return r.move(&r.cons, (*Ring).Consume, copy(b, r.window(r.cons.pos, got)))
}

// ReadFrom reads from src right into the ring, without a copy, until src's io.EOF, and returns how many bytes that were. It does not
// call End.
func (r *Ring) ReadFrom(src io.Reader) (int64, error) {
	if err := r.check("room", 1, Consumer); err != nil {
		return 0, err
	}
	if err := r.enter(&r.prod, "producer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.prod)
	var total int64
	var end error
	fill := func(room []byte) (int, error) {
		n, err := src.Read(room)
		end = err // with n bytes, which come first
		return n, nil
	}
	for empty := 0; end == nil; {
		n, err := r.write(context.Background(), 1, fill)
		if err != nil {
			return total, err
		}
		if total += int64(n); n > 0 {
			empty = 0
		} else if empty++; empty == 100 && end == nil {
			return total, io.ErrNoProgress
		}
	}
	if end == io.EOF {
		return total, nil
	}
	return total, end
}

// WriteTo writes to dst right from the ring, without a copy, until the producer has ended and nothing is left (in a Local ring until
// nothing is left), and returns how many bytes that were. Bytes that dst did not take stay in the ring, and those too that it was given while Close
// was called: then the error is ErrClosed.
func (r *Ring) WriteTo(dst io.Writer) (int64, error) {
	if err := r.check("content", 1, Producer); err != nil {
		return 0, err
	}
	if err := r.enter(&r.cons, "consumer"); err != nil {
		return 0, err
	}
	defer r.leave(&r.cons)
	var total int64
	var took int
	var failed error
	drain := func(content []byte) (int, error) {
		n, err := dst.Write(content)
		if err == nil && n < len(content) {
			err = io.ErrShortWrite
		}
		failed = err // n bytes are gone all the same
		took = n
		return n, nil
	}
	for failed == nil {
		took = 0
		n, err := r.read(context.Background(), 1, drain)
		switch {
		case errors.Is(err, io.EOF):
			return total, nil
		case errors.Is(err, ErrClosed):
			return total + int64(took), err
		case err != nil:
			return total, err
		}
		total += int64(n)
	}
	return total, failed
}
