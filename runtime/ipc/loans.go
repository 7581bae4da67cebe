package ipc

import "github.com/poolgen/poolgen/runtime/pool"

// loan is a block that subscribers have.
type loan struct {
	buf    pool.Buf
	mask   uint32
	length uint32 // of the frame
}

// ownBit keeps a loan while it is being given.
const ownBit = 1 << maxSubscribers

func (s *Publisher) lend(b pool.Buf) uint32 {
	if len(s.free) == 0 {
		s.free = append(s.free, uint32(len(s.lent)))
		s.lent = append(s.lent, loan{})
	}
	id := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.lent[id] = loan{b, ownBit, uint32(b.Len())}
	return id
}

func (s *Publisher) settleOwn(id uint32) {
	l := &s.lent[id]
	l.mask &^= ownBit
	if l.mask == 0 {
		l.buf.Release()
		l.buf = pool.Buf{}
		s.free = append(s.free, id)
	}
}

// settle takes one subscriber's share of a loan back. mu is held.
func (s *Publisher) settle(id uint32, r *remote) {
	l := &s.lent[id]
	if l.mask&r.bit == 0 {
		return
	}
	l.mask &^= r.bit
	r.held--
	if l.mask == 0 {
		l.buf.Release()
		l.buf = pool.Buf{}
		s.free = append(s.free, id)
	}
}

// collect takes what subscribers gave back. mu is held.
func (s *Publisher) collect() {
	s.uncollected = 0
	for i := len(s.subs) - 1; i >= 0; i-- {
		s.collectFrom(s.subs[i])
	}
}

func (s *Publisher) collectFrom(r *remote) {
	returned := r.c.head.returned.Load()
	if returned-r.read > uint32(len(r.c.back)) {
		s.expel(r, "gives back more than it has")
		return
	}
	if r.read != returned {
		r.stirs = 0
	}
	for ; r.read != returned; r.read++ {
		id := r.c.back[r.read&uint32(len(r.c.back)-1)].Load()
		if id >= uint32(len(s.lent)) || s.lent[id].mask&r.bit == 0 {
			s.expel(r, "gives back what it does not have")
			return
		}
		s.settle(id, r)
	}
}

// Collect gives the blocks back to the pool that subscribers have released. Get does so when the pool has none, and Publish now and then.
func (s *Publisher) Collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.collect()
	}
}
