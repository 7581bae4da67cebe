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
	if s.history.due(now) {
		offHeap, acquired := s.sums()
		s.history.add(sample{now, s.process.memory(offHeap), acquired})
	}
}

// due reports whether the last sample is old enough.
func (h *history) due(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.list) == 0 || now.Sub(h.list[len(h.list)-1].at) >= 500*time.Millisecond
}

func (h *history) add(one sample) {
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
