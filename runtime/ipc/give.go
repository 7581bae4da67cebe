package ipc

import (
	"context"
	"time"

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
		if r.policy == Latest && s.replace(r, f) {
			return s.stays(r, r.c.head.tail.Load()-1), nil
		}
		if r.gone {
			return false, nil
		}
		pos := r.c.head.tail.Load()
		slot, full := r.c.slot(pos)
		word := slot.word.Load()
		if r.held >= s.o.MaxHeld {
			if s.collectFrom(r); r.gone {
				return false, nil
			}
		}
		switch {
		case word&stateMask == slotEmpty && r.held < s.o.MaxHeld:
			s.write(r, slot, full, pos, f)
			return s.stays(r, pos), nil
		case r.c.lapsBetween(full, word) != 1 || word&stateMask > slotTaken:
			s.expel(r, "writes states that cannot be into its queue")
			return false, nil
		case r.policy == DropOldest && word&stateMask != slotTaken && s.drop(r, 1) > 0: // one that is just being taken cannot make room
		case r.policy == Block:
			if err := s.await(ctx, r, slot, word); err != nil {
				r.miss(word)
				return false, err
			}
		default: // full, just being taken, or it has too many
			if !r.gone {
				r.miss(word)
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
	r.givenBytes += uint64(f.length)
	r.held++
	r.stirs = 0
	slot.word.Store(full)
	r.c.head.tail.Store(pos + 1)
	r.c.tell(r.knock)
}

// stays says that the frame at a position is the subscriber's. That one looks through its queue once after it has said that it leaves, and may have
// done so before the frame was there.
func (s *Publisher) stays(r *remote, pos uint32) bool {
	slot, full := r.c.slot(pos)
	return r.c.head.leaving.Load() == 0 || !s.unqueue(r, slot, full, full&^stateMask)
}

// replace puts a frame in the place of the newest, if that still waits. So one that is only ever read of the newest needs two slots, for there is a
// frame in at most one, and perhaps one being taken before it: that keeps no newer one out.
func (s *Publisher) replace(r *remote, f *description) bool {
	pos := r.c.head.tail.Load() - 1
	slot, full := r.c.slot(pos)
	// As before it was written: a subscriber that sees it empty in its lap goes on to the next.
	if !s.unqueue(r, slot, full, full&^stateMask-1<<2) {
		return false
	}
	r.lose()
	s.write(r, slot, full, pos, f)
	return true
}

// drop takes back up to n of the frames that wait, the oldest first, and returns how many.
func (s *Publisher) drop(r *remote, n uint32) (dropped uint32) {
	tail := r.c.head.tail.Load()
	for back := uint32(len(r.c.slots)); back > 0 && dropped < n && !r.gone; back-- {
		if slot, full := r.c.slot(tail - back); s.unqueue(r, slot, full, full&^stateMask) {
			dropped++
			r.lose()
		}
	}
	return dropped
}

// unqueue takes back a frame that waits, and leaves a word in its slot; it returns false if it does not wait any more.
func (s *Publisher) unqueue(r *remote, slot *frameSlot, full, leave uint32) bool {
	if slot.word.Load() != full {
		return false // it was read, or never written
	}
	id := slot.id
	if !slot.word.CompareAndSwap(full, leave) {
		return false // it is being read
	}
	if id >= uint32(len(s.lent)) || s.lent[id].mask&r.bit == 0 {
		s.expel(r, "changes the names of blocks in its queue")
		return false
	}
	r.given--
	r.givenBytes -= uint64(s.lent[id].length)
	if leave == full&^stateMask { // otherwise another follows at the same position
		r.dropped++
		r.c.head.dropped.Store(r.dropped)
	}
	s.settle(id, r)
	return true
}

// lose counts a frame that is dropped for the subscriber.
func (r *remote) lose() {
	r.lost++
	if h := r.c.head; h != nil { // it may have gone while Publish waited
		h.lost.Store(uint32(r.lost))
	}
}

// miss counts the new frame as dropped, with the slot being word: if that is empty, for the subscriber's share is used up.
func (r *remote) miss(word uint32) {
	r.lose()
	if word&stateMask == slotEmpty {
		r.over++
	}
}

// patience is how long Publish sleeps for most of a queue when there may be room for a frame.
const patience = time.Millisecond

// await waits until the slot is another than word, the subscriber gives something back or goes, or ctx ends. It lets go of mu meanwhile.
func (s *Publisher) await(ctx context.Context, r *remote, slot *frameSlot, word uint32) error {
	h, read := r.c.head, r.read
	half, _ := r.c.slot(h.tail.Load() + uint32(len(r.c.slots))/2)
	ready := func() bool { return slot.word.Load() != word || h.leaving.Load() != 0 }
	// So that not every frame waits, wait for half of the queue first, and be content with less later.
	plenty := func() bool { return half.word.Load()&stateMask == slotEmpty || h.leaving.Load() != 0 }
	many := word&stateMask != slotEmpty
	if !many { // it has too many blocks
		ready = func() bool { return h.returned.Load() != read || h.leaving.Load() != 0 }
		plenty = ready
	}
	r.c.hold()
	s.roomOf = r
	s.mu.Unlock()
	slept := false
	for s.spinner.spin(plenty); !ready() && ctx.Err() == nil && s.doze(ctx, r, ready, many); many = false {
		slept = true
	}
	s.mu.Lock()
	s.roomOf = nil
	if !slept && ctx.Err() == nil {
		s.stir(r, r.woken)
	}
	r.c.drop()
	switch {
	case s.closed:
		return ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

// doze sleeps until it is ready, until most of the queue is empty if there are many frames to come, or for nothing. It returns false when the
// subscriber is gone, or Close was called, and takes what was given back.
func (s *Publisher) doze(ctx context.Context, r *remote, ready func() bool, many bool) bool {
	h := r.c.head
	s.mu.Lock()
	if r.gone || s.closed {
		s.mu.Unlock()
		return false
	}
	s.sleeper.attend(ctx)
	seq, woken := h.space.Load(), r.woken
	s.sleeper.naps.Add(1)
	s.mu.Unlock()
	if many {
		h.waiting.CompareAndSwap(0, waitingForMost)
		s.enough.Reset(patience)
		defer s.enough.Stop()
	} else {
		h.waiting.Store(1)
	}
	if !ready() && ctx.Err() == nil {
		s.spinner.nap(&h.space, seq)
	}
	s.sleeper.naps.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil {
		s.stir(r, woken)
	}
	return !r.gone && !s.closed
}

// wakePublish wakes who waits for room.
func (s *Publisher) wakePublish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roomOf != nil {
		s.wake(s.roomOf)
	}
}

// wake ends await. mu is held.
func (s *Publisher) wake(r *remote) {
	if h := r.c.head; h != nil {
		r.woken++
		h.space.Add(1)
		sys.FutexWakeAll(&h.space)
	}
}
