package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Store keeps frames in up to three tiers. Its methods may be called from any goroutine.
type Store struct {
	hot hot
}

// Frame is a frame that Get or Range found: a reference to its block, which the caller releases.
type Frame struct {
	Buf  pool.Buf // Len bytes of it are the frame; read-only, because others may have it too
	ID   ID
	Time int64 // as it was given to Put
}

// Bytes is the frame, valid until Release. It is read-only.
func (f Frame) Bytes() []byte { return f.Buf.Bytes() }

// Release gives the caller's reference back.
func (f Frame) Release() { f.Buf.Release() }

// Open makes a store. The caller owns it and calls Close.
func Open(o Options) (*Store, error) {
	o, err := o.normal()
	if err != nil {
		return nil, err
	}
	s := &Store{}
	s.hot.init(o, 1)
	return s, nil
}

// Close gives back what the store holds. Closing again does nothing.
func (s *Store) Close() error {
	h := &s.hot
	h.mu.Lock()
	h.closed = true
	var left []pool.Buf
	for h.tail != h.next {
		left = append(left, h.pop())
	}
	h.mu.Unlock()
	for _, b := range left {
		b.Release()
	}
	return nil
}

// Get returns a frame with a reference that the caller releases. A hot one comes at once; ctx ends the wait for one that must be read. The
// error wraps ErrNotFound, ErrCorrupt or ErrClosed, or is ctx's cause, the pool's, or the disk's.
func (s *Store) Get(ctx context.Context, id ID) (Frame, error) {
	h := &s.hot
	h.mu.Lock()
	f, ok := h.lookup(id)
	if ok {
		h.hits++
		h.mu.Unlock()
		return f, nil
	}
	closed := h.closed
	h.mu.Unlock()
	if closed {
		return Frame{}, ErrClosed
	}
	return Frame{}, fmt.Errorf("getting frame %d: %w", id, ErrNotFound)
}

// Range gives the frames with from <= Time < to, in the order in which they were put, up to the newest at the time of the call. Each has a
// reference that the caller releases. A frame that cannot be read comes as an error, with its ID, and the next follows; after ctx's end
// and ErrClosed there is none. Frames whose retention ends meanwhile are left out.
func (s *Store) Range(ctx context.Context, from, to int64) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		h := &s.hot
		h.mu.Lock()
		end := h.next
		h.mu.Unlock()
		for id := ID(0); ; id++ {
			if ctx.Err() != nil {
				yield(Frame{}, context.Cause(ctx))
				return
			}
			f, ok, err := s.seek(id, end, from, to)
			switch {
			case err != nil:
				yield(Frame{}, err)
				return
			case !ok:
				return
			}
			id = f.ID
			if !yield(f, nil) {
				return
			}
		}
	}
}

// seek finds the first hot frame at or after id, and before end, with a time in the range.
func (s *Store) seek(id, end ID, from, to int64) (Frame, bool, error) {
	h := &s.hot
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return Frame{}, false, ErrClosed
	}
	for id = max(id, h.tail); id < end; id++ {
		if t := h.slots[id&h.mask].time; t >= from && t < to {
			f, ok := h.lookup(id)
			h.hits++
			return f, ok, nil
		}
	}
	return Frame{}, false, nil
}
