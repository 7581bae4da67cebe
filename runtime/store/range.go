package store

import (
	"context"
	"errors"
	"iter"
)

// Range gives the frames with from <= Time < to, in the order in which they were put, up to the newest at the time of the call. Each has a
// reference that the caller releases. A frame that cannot be read comes as an error, and the next follows; after ctx's end and ErrClosed
// none does. Frames whose retention ends meanwhile are left out.
func (s *Store) Range(ctx context.Context, from, to int64) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		h := &s.hot
		h.mu.Lock()
		end := h.next
		h.mu.Unlock()
		for id := ID(0); id < end; id++ {
			if ctx.Err() != nil {
				yield(Frame{}, context.Cause(ctx))
				return
			}
			var f Frame
			var err error
			if id, err = s.seek(id, end, from, to); err == nil && id < end {
				f, err = s.Get(ctx, id)
			}
			switch {
			case err == nil && id == end:
				return
			case errors.Is(err, ErrNotFound):
				continue
			case !yield(f, err), errors.Is(err, ErrClosed):
				return
			}
		}
	}
}

// seek returns the ID of the first frame at or after id, and before end, with a time in the range; end if there is none. After an error it is
// the last of the frames that could not be looked at.
func (s *Store) seek(id, end ID, from, to int64) (ID, error) {
	h := &s.hot
	for {
		h.mu.Lock()
		durable := h.durable
		h.mu.Unlock()
		if s.disk != nil && id < durable {
			found, ok, err := s.disk.seek(id, from, to)
			if ok || err != nil {
				return min(found, end), err
			}
			id = durable
		}
		h.mu.Lock()
		if s.disk == nil || h.durable == durable || h.closed { // else frames may have left memory meanwhile
			defer h.mu.Unlock()
			break
		}
		h.mu.Unlock()
	}
	if h.closed {
		return end, ErrClosed
	}
	for id = max(id, min(h.tail, h.durable)); id < end; id++ {
		if t, ok := h.time(id); ok && t >= from && t < to {
			return id, nil
		}
	}
	return end, nil
}

// time is that of a frame in the ring or in the batch.
func (h *hot) time(id ID) (int64, bool) {
	if id-h.tail < h.next-h.tail {
		return h.slots[id&h.mask].time, true
	}
	if len(h.batch) > 0 && id-h.batch[0].id < ID(len(h.batch)) {
		return h.batch[id-h.batch[0].id].time, true
	}
	return 0, false
}
