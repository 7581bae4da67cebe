package ring

import (
	"sync/atomic"

	"github.com/poolgen/poolgen/internal/sys"
)

// Stats is a snapshot of a ring of bytes, of words that it keeps anyway.
type Stats struct {
	Name      string
	Size      int   // bytes that fit now
	Max       int   // bytes that Resize may make it fit
	Used      int   // bytes published and not consumed
	Committed int64 // memory in bytes, with the control area; 0 after Close
	// Times since New that the consumer was woken because there was something to read, and the producer because there was room. A side that does not
	// sleep is not woken, but for End, Gone, Close, Open and a context that ends, which count too.
	ConsumerWakes, ProducerWakes uint64
	Ended                        bool // the producer has called End or Close: what is used is all that comes
	Gone                         bool // the consumer has called Gone or Close
}

// Stats may be called from any goroutine, also after Close, but that of a Local ring only from its own. It costs the two sides nothing.
func (r *Ring) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Name: r.name, Size: int(r.size), Max: int(r.mem.most)}
	s.ConsumerWakes, s.ProducerWakes = r.wakes[0].count(), r.wakes[1].count()
	if r.mapped {
		c := r.ctl
		s.ConsumerWakes, s.ProducerWakes = r.wakes[0].read(&c.content.seq), r.wakes[1].read(&c.unused.seq)
		s.Ended, s.Gone = c.content.ended.Load() != 0, c.unused.ended.Load() != 0
	}
	closed := r.state.Load()&stateClosed != 0
	if closed || !r.mapped {
		s.Ended, s.Gone = s.Ended || r.side != Consumer, s.Gone || r.side != Producer
	}
	if closed && r.revoked {
		return s
	}
	s.Committed = int64(r.size) + int64(sys.PageSize())
	if r.local {
		s.Used = int(distance(r.cons.pos, r.prod.pos, r.size))
		return s
	}
	// The consumer's first: what was consumed was published before. Another process may have written anything.
	head := r.ctl.head.Load()
	if tail := r.ctl.tail.Load(); head < 2*r.size && tail < 2*r.size {
		s.Used = int(min(distance(head, tail, r.size), r.size))
	}
	return s
}

// wide carries a word of 32 bits on to 64, as long as it is read once in 1<<32 changes.
type wide struct {
	last uint32
	laps uint64
}

func (w *wide) count() uint64 { return w.laps<<32 | uint64(w.last) }

// read is called with mu held.
func (w *wide) read(from *atomic.Uint32) uint64 {
	now := from.Load()
	if now < w.last {
		w.laps++
	}
	w.last = now
	return w.count()
}
