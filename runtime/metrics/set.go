package metrics

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/bus"
)

// Set is what is watched. It is a prometheus.Collector, to be registered once. Its methods may be called from any goroutine.
type Set struct {
	pools      table[poolStats]
	allocators table[allocStats]
	readers    table[frameStats]
	rings      table[ringStats]
	others     table[otherBytes]
	publishers table[publisherStats]
	streams    table[streamStats]
	stores     table[storeStats]
	topics     table[bus.TopicStats]
	listeners  table[subscribers]
	process    *process
	history    history
	began      time.Time

	reports sync.Mutex // guards what follows
	rates   map[rateKey]counted

	mu      sync.Mutex // guards what follows
	sources []source
	names   map[string]bool // labels that are taken, by kind
	every   int             // one in how many acquisitions is sampled
}

// source is something with figures.
type source interface {
	// collect sends the figures and returns how many bytes the source has committed outside the Go heap.
	collect(ch chan<- prometheus.Metric) (offHeap int64)
	// sums returns that, and how many buffers of a pool were acquired.
	sums() (offHeap int64, acquired uint64)
}

// NewSet makes an empty set. Its figures of the process need /proc.
func NewSet() *Set {
	return &Set{
		pools: poolTable(), allocators: allocTable(), readers: frameTable(), rings: ringTable(), others: otherTable(), publishers: publisherTable(), streams: streamTable(),
		stores: storeTable(), topics: topicTable(), listeners: subscriberTable(),
		process: newProcess(), names: map[string]bool{}, began: time.Now(),
	}
}

// add makes a source of a table's kind of what on tells by stats. The function removes it; calling it again does nothing.
func add[T any](s *Set, t *table[T], name string, on any, stats func() T) (remove func()) {
	src := &from[T]{table: t, label: name, stats: stats, last: make([]float64, len(t.families)), base: make([]float64, len(t.families)), added: time.Now()}
	src.hot, _ = on.(hotter)
	src.trim, _ = on.(Trimmer)
	return s.join(src, t.label, &src.label)
}

// join adds a source under the label of its kind, which it makes unique among those that are there.
func (s *Set) join(it source, kind string, label *string) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := labelValue(*label)
	*label = name
	for k := 2; s.names[kind+"\x00"+*label]; k++ {
		*label = fmt.Sprintf("%s-%d", name, k) // the second "frames" is "frames-2", unless somebody has chosen that name
	}
	key := kind + "\x00" + *label
	s.names[key] = true
	s.sources = append(s.sources, it)
	if s.every > 0 {
		sampleHolders(it, s.every)
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sources = slices.DeleteFunc(s.sources, func(o source) bool { return o == it })
		delete(s.names, key) // a pool that is closed and made anew goes on under its name
	})
}

// list is a snapshot of the sources.
func (s *Set) list() []source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sources)
}

// all yields the figures of every source of one kind, by label.
func all[T any](s *Set, yield func(label string, st *T)) {
	for _, src := range s.list() {
		if f, ok := src.(*from[T]); ok {
			st := f.stats()
			yield(f.label, &st)
		}
	}
}

// Describe sends every metric that there can be, for prometheus.Collector.
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	s.pools.describe(ch)
	s.allocators.describe(ch)
	s.readers.describe(ch)
	s.rings.describe(ch)
	s.others.describe(ch)
	s.publishers.describe(ch)
	s.streams.describe(ch)
	s.stores.describe(ch)
	s.topics.describe(ch)
	s.listeners.describe(ch)
	s.process.describe(ch)
}

// Collect asks every source for its figures, for prometheus.Collector.
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	var offHeap int64
	for _, src := range s.list() {
		offHeap += src.collect(ch)
	}
	s.process.collect(ch, offHeap)
}

// OffHeap is how many bytes the pools, allocators and rings of the set, and what OffHeapBytes tells of, have committed outside the Go heap.
func (s *Set) OffHeap() int64 {
	n, _ := s.sums()
	return n
}

// sums takes time in proportion to the number of blocks of the pools.
func (s *Set) sums() (offHeap int64, acquired uint64) {
	for _, src := range s.list() {
		bytes, buffers := src.sums()
		offHeap, acquired = offHeap+bytes, acquired+buffers
	}
	return offHeap, acquired
}

// Snapshot hands figures that only one goroutine may ask for, such as those of a ring.FrameReader, to whoever scrapes: the owner calls Store
// now and then, and Stats is what a Set asks. The zero Snapshot holds the zero T. It does not allocate.
type Snapshot[T any] struct {
	mu sync.Mutex
	v  T
}

// Store keeps a copy of v.
func (s *Snapshot[T]) Store(v T) {
	s.mu.Lock()
	s.v = v
	s.mu.Unlock()
}

// Stats is what was stored last.
func (s *Snapshot[T]) Stats() T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.v
}
