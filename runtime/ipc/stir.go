package ipc

import (
	"fmt"
	"time"
)

// expel ends a subscriber that breaks the protocol, and says why. mu is held.
func (s *Publisher) expel(r *remote, what string) {
	if r.gone {
		return
	}
	s.stats.Misbehaved++
	s.stats.Reason = fmt.Sprintf("process %d %s", r.peer.PID, what)
	s.remove(r)
}

// stir counts a wake-up that a subscriber may have caused. One that gave something back, or took a frame, may do so as often as it likes: that ends by
// itself. One that changes its words, or wakes the publisher, again and again for nothing would have it run until its context ends, and is
// thrown out. woken is what r.woken was before the sleep: where this process woke it too, nobody is to blame. mu is held, and the channel mapped.
func (s *Publisher) stir(r *remote, woken uint32) {
	if r.gone {
		return
	}
	if s.collectFrom(r); r.gone || r.woken != woken {
		return
	}
	if r.stirs == 0 {
		r.since = time.Now()
	}
	// Whoever takes frames, and gives nothing back yet, may wake it for each.
	if r.stirs++; r.stirs < s.stirMost+4*len(r.c.slots) {
		return
	}
	if n, d := r.stirs, time.Since(r.since); d < time.Duration(n)*s.stirEach {
		s.expel(r, fmt.Sprintf("wakes the publisher for nothing, %d times in %v", n, d))
		return
	}
	r.stirs = 0
}
