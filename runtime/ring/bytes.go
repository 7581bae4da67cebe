package ring

import "fmt"

// Content is all that the producer has published and the consumer has not consumed. It is valid until the consumer's next Consume of
// those bytes, or Close. It is empty after Close and when Err tells why.
//
//go:noinline
func (r *Ring) Content() []byte {
	if r.alone {
		return r.at(r.cons.pos, r.prod.pos-r.cons.pos)
	}
	return r.slice(r.cons.pos, r.used())
}

// Unused is all the room. What is written there is published by Advance. It is valid until the producer's next Advance over those bytes,
// or Close. It is empty after Close and when Err tells why.
//
//go:noinline
func (r *Ring) Unused() []byte {
	if r.alone {
		return r.slice(r.prod.pos, r.cons.pos+r.size-r.prod.pos)
	}
	return r.slice(r.prod.pos, r.free())
}

// Len is len(Content()), for the consumer.
func (r *Ring) Len() int { return int(r.used()) }

// used is how many bytes the consumer may read.
func (r *Ring) used() uint32 {
	c := &r.cons
	if r.alone {
		return r.prod.pos - c.pos
	}
	if r.state.Load() != 0 || r.side == Producer {
		return 0
	}
	if tail := r.ctl.tail.Load(); tail != c.seen {
		used := distance(c.pos, tail, r.size)
		if tail >= 2*r.size || used > r.size || used < c.avail {
			r.fail("the producer's counter went from %d to %d, with the consumer at %d and %d bytes", c.seen, tail, c.pos, r.size)
			return 0
		}
		c.seen, c.avail = tail, used
	}
	r.published.acquire()
	return c.avail
}

// free is how many bytes the producer may write.
func (r *Ring) free() uint32 {
	p := &r.prod
	if r.alone {
		return r.cons.pos + r.size - p.pos
	}
	if r.state.Load() != 0 || r.side == Consumer {
		return 0
	}
	if head := r.ctl.head.Load(); head != p.seen {
		used := distance(head, p.pos, r.size)
		if head >= 2*r.size || used > r.size || r.size-used < p.avail {
			r.fail("the consumer's counter went from %d to %d, with the producer at %d and %d bytes", p.seen, head, p.pos, r.size)
			return 0
		}
		p.seen, p.avail = head, r.size-used
	}
	r.consumed.acquire()
	return p.avail
}

// Advance publishes the first n bytes of Unused. It panics unless 0 <= n <= len of what Unused returned last. After Close it does
// nothing.
func (r *Ring) Advance(n int) {
	p := &r.prod
	if r.alone {
		if room := r.cons.pos + r.size - p.pos; uint(n) > uint(room) {
			r.outOfRange("Advance", n, room)
		}
		p.pos += uint32(n)
		return
	}
	if r.state.Load() != 0 {
		return
	}
	if uint(n) > uint(p.avail) || r.side == Consumer {
		r.outOfRange("Advance", n, p.avail)
	}
	p.avail -= uint32(n)
	p.pos = r.forward(p.pos, uint32(n))
	r.published.release()
	r.ctl.tail.Store(p.pos)
	if r.ctl.content.armed.Load() != 0 {
		r.ctl.content.due(r.size - p.avail) // may count bytes that were consumed since: a wake-up too many, never one too few
	}
}

// Consume gives the first n bytes of Content back to the producer. It panics unless 0 <= n <= len of what Content returned last. After
// Close it does nothing.
func (r *Ring) Consume(n int) {
	c := &r.cons
	if r.alone {
		if used := r.prod.pos - c.pos; uint(n) > uint(used) {
			r.outOfRange("Consume", n, used)
		}
		if c.pos += uint32(n); c.pos >= r.size {
			c.pos -= r.size
			r.prod.pos -= r.size
		}
		return
	}
	if r.state.Load() != 0 {
		return
	}
	if uint(n) > uint(c.avail) || r.side == Producer {
		r.outOfRange("Consume", n, c.avail)
	}
	c.avail -= uint32(n)
	c.pos = r.forward(c.pos, uint32(n))
	r.consumed.release()
	r.ctl.head.Store(c.pos)
	if r.ctl.unused.armed.Load() != 0 {
		r.ctl.unused.due(r.size - c.avail)
	}
}

func (r *Ring) forward(pos, n uint32) uint32 {
	if pos += n; pos >= 2*r.size {
		pos -= 2 * r.size
	}
	return pos
}

func (r *Ring) outOfRange(op string, n int, limit uint32) {
	if op == "Advance" && r.side == Consumer || op == "Consume" && r.side == Producer {
		panic(fmt.Sprintf("poolgen: %s of ring %q: %v", op, r.name, ErrSide))
	}
	panic(fmt.Sprintf("poolgen: %s(%d) of ring %q: at most %d bytes are there", op, n, r.name, limit))
}

// Reset empties the ring and takes End and Gone back. It fails with ErrBusy while a call of either side is in progress, and with ErrSide
// where the other side is in another process; it must not be called while either side works with a slice, or may begin a call.
func (r *Ring) Reset() error {
	unclaim, err := r.claim("resetting")
	if err != nil {
		return err
	}
	defer unclaim()
	r.mu.Lock() // for Stats
	defer r.mu.Unlock()
	r.empty()
	return nil
}

func (r *Ring) empty() {
	r.place(0, 0)
	r.ctl.tail.Store(0)
	r.ctl.head.Store(0)
	r.ctl.content.ended.Store(0)
	r.ctl.unused.ended.Store(0)
}

// claim keeps both sides from entering a call.
func (r *Ring) claim(doing string) (unclaim func(), err error) {
	switch {
	case r.side != Both || r.opened:
		return nil, fmt.Errorf("poolgen: %s ring %q: %w", doing, r.name, ErrSide)
	case !r.prod.inside.CompareAndSwap(0, 1):
		return nil, fmt.Errorf("poolgen: %s ring %q: the producer: %w", doing, r.name, ErrBusy)
	case !r.cons.inside.CompareAndSwap(0, 1):
		r.leave(&r.prod)
		return nil, fmt.Errorf("poolgen: %s ring %q: the consumer: %w", doing, r.name, ErrBusy)
	}
	unclaim = func() {
		r.leave(&r.cons)
		r.leave(&r.prod)
	}
	if r.state.Load() != 0 {
		unclaim()
		return nil, r.Err()
	}
	return unclaim, nil
}
