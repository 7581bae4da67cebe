package ipc

import (
	"context"

	"github.com/poolgen/poolgen/internal/sys"
)

// description is a frame as a slot has it.
type description struct {
	id       uint32
	offset   uint64
	length   uint32
	sequence uint64
	meta     Meta
}

// give queues a frame for a subscriber, as its policy says. mu is held.
func (s *Publisher) give(ctx context.Context, r *remote, f *description) (bool, error) {
	for {
		if r.gone || r.c.head.leaving.Load() != 0 {
			return false, nil
		}
		if r.policy == Latest {
			s.drop(r, uint32(len(r.c.slots)))
		}
		pos := r.c.head.tail.Load()
		slot, full := r.c.slot(pos)
		word := slot.word.Load()
		switch {
		case word&stateMask == slotEmpty && r.held < s.o.MaxHeld:
			s.write(r, slot, full, pos, f)
			return true, nil
		case r.c.lapsBetween(full, word) != 1 || word&stateMask > slotTaken:
			s.remove(r, true) // it wrote what it must not
			return false, nil
		case r.policy == DropOldest && s.drop(r, 1) > 0:
		case r.policy == Block:
			if err := s.await(ctx, r, slot, word); err != nil {
				r.lose()
				return false, err
			}
			if !r.gone {
				s.collectFrom(r)
			}
		default: // full, just being taken, or it has too many
			if !r.gone {
				r.lose()
				if word&stateMask == slotEmpty {
					r.over++
				}
			}
			return false, nil
		}
	}
}

// write fills the slot.
func (s *Publisher) write(r *remote, slot *frameSlot, full, pos uint32, f *description) {
	slot.id = f.id
	slot.offset, slot.above = uint32(f.offset), uint32(f.offset>>32)
	slot.length, slot.flags, slot.user = f.length, f.meta.Flags, f.meta.User
	slot.sequence, slot.seq2 = uint32(f.sequence), uint32(f.sequence>>32)
	slot.pts, slot.pts2 = uint32(f.meta.PTS), uint32(f.meta.PTS>>32)
	s.lent[f.id].mask |= r.bit
	r.given++
	r.held++
	slot.word.Store(full)
	r.c.head.tail.Store(pos + 1)
	r.c.tell(r.knock)
}

// drop takes back up to n of the frames that wait, the oldest first, and returns how many.
func (s *Publisher) drop(r *remote, n uint32) (dropped uint32) {
	tail := r.c.head.tail.Load()
	for back := uint32(len(r.c.slots)); back > 0 && dropped < n; back-- {
		slot, full := r.c.slot(tail - back)
		if slot.word.Load() != full {
			continue // it was read, or never written
		}
		id := slot.id
		if !slot.word.CompareAndSwap(full, full&^stateMask) {
			continue // it is being read
		}
		if id >= uint32(len(s.lent)) || s.lent[id].mask&r.bit == 0 {
			s.remove(r, true)
			return dropped
		}
		dropped++
		r.lose()
		r.given--
		r.dropped++
		r.c.head.dropped.Store(r.dropped)
		s.settle(id, r)
	}
	return dropped
}

// lose counts a frame that is dropped for the subscriber.
func (r *remote) lose() {
	r.lost++
	if h := r.c.head; h != nil { // it may have gone while Publish waited
		h.lost.Store(uint32(r.lost))
	}
}

// await sleeps until the slot is another than word, the subscriber gives something back or goes, or ctx ends. It lets go of mu meanwhile.
func (s *Publisher) await(ctx context.Context, r *remote, slot *frameSlot, word uint32) error {
	h := r.c.head
	seq := h.space.Load()
	h.waiting.Store(1)
	if slot.word.Load() != word || h.returned.Load() != r.read || h.leaving.Load() != 0 {
		return nil
	}
	r.c.hold()
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wake(r)
	})
	if ctx.Err() == nil {
		sys.FutexWait(&h.space, seq)
	}
	stop()
	s.mu.Lock()
	r.c.drop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.closed {
		return ErrClosed
	}
	return nil
}

// wake ends await. mu is held.
func (s *Publisher) wake(r *remote) {
	if h := r.c.head; h != nil {
		h.space.Add(1)
		sys.FutexWakeAll(&h.space)
	}
}
