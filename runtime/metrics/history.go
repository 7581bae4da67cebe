package metrics

import (
	"slices"
	"sync"
	"time"
)

// historySize is how many samples a report's charts have at most.
const historySize = 240

// sample is the state of the program at one moment.
type sample struct {
	at       time.Time
	memory   Memory
	acquired uint64 // by all pools
}

// history are the last samples, oldest first.
type history struct {
	mu   sync.Mutex // guards what follows
	list []sample
}

// sample adds one to the history, unless the last one is younger than half a second.
func (s *Set) sample(now time.Time) {
	h := &s.history
	h.mu.Lock()
	recent := len(h.list) > 0 && now.Sub(h.list[len(h.list)-1].at) < 500*time.Millisecond
	h.mu.Unlock()
	if recent {
		return
	}
	one := sample{at: now, memory: s.Memory()}
	all(s, func(_ string, st *poolStats) { one.acquired += st.Acquired })
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) == historySize {
		copy(h.list, h.list[1:])
		h.list = h.list[:historySize-1]
	}
	h.list = append(h.list, one)
}

// samples is a copy of the history.
func (s *Set) samples() []sample {
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	return slices.Clone(s.history.list)
}
