package metrics

import (
	"github.com/poolgen/poolgen/runtime/ring"
)

type (
	ringStats  struct{ ring.Stats }
	otherBytes struct{ bytes int64 }
)

// offHeap counts the memory that both ends share, as if it were this process's alone.
func (s *ringStats) offHeap() int64 { return s.Committed }

func (s *otherBytes) offHeap() int64 { return s.bytes }

// Ring adds a ring of bytes. One that is Local answers only its own goroutine: let that Store its Stats in a Snapshot and give that here.
// The function removes it.
func (s *Set) Ring(name string, r interface{ Stats() ring.Stats }) (remove func()) {
	return add(s, &s.rings, name, nil, func() ringStats { return ringStats{r.Stats()} })
}

// OffHeapBytes adds memory outside the Go heap that nothing else here knows of, such as a ring of frames in memory or what a C library has: bytes says
// how much that is now, from any goroutine. It counts for Go's memory limit, as that of pools does. The function removes it.
func (s *Set) OffHeapBytes(name string, bytes func() int64) (remove func()) {
	return add(s, &s.others, name, nil, func() otherBytes { return otherBytes{max(bytes(), 0)} })
}

func ringTable() table[ringStats] {
	type row = column[ringStats]
	yes := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	return newTable("byte_ring", "ring", []row{
		{"consumer_wakes_total", "Times that the consumer slept and was woken.", func(s *ringStats) float64 { return float64(s.ConsumerWakes) }},
		{"producer_wakes_total", "Times that the producer slept, for want of room, and was woken.", func(s *ringStats) float64 { return float64(s.ProducerWakes) }},
	}, []row{
		{"used_bytes", "Bytes that wait for the consumer.", func(s *ringStats) float64 { return float64(s.Used) }},
		{"size_bytes", "Bytes that fit.", func(s *ringStats) float64 { return float64(s.Size) }},
		{"max_bytes", "Bytes that the ring may be made to fit.", func(s *ringStats) float64 { return float64(s.Max) }},
		{"committed_bytes", "Memory that the ring has, 0 once it is closed.", func(s *ringStats) float64 { return float64(s.Committed) }},
		{"ended", "Whether the producer will write no more.", func(s *ringStats) float64 { return yes(s.Ended) }},
		{"gone", "Whether the consumer will read no more.", func(s *ringStats) float64 { return yes(s.Gone) }},
	})
}

func otherTable() table[otherBytes] {
	return newTable("other", "memory", nil, []column[otherBytes]{
		{"off_heap_bytes", "Memory outside the Go heap that the program tells of.", func(s *otherBytes) float64 { return float64(s.bytes) }},
	})
}
