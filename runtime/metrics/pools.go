package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/pool"
)

type (
	poolStats  struct{ pool.Stats }
	allocStats struct{ pool.AllocStats }
)

// offHeap is what the pool has committed outside the Go heap, in bytes.
func (s *poolStats) offHeap() int64 { return s.BytesCommitted - s.HeapBytes }

// offHeap counts the units in use and the bookkeeping.
func (s *allocStats) offHeap() int64 { return s.Used + s.Overhead }

// Trimmer gives memory that nobody uses back to the kernel and says how many bytes that were. Pools and allocators do.
type Trimmer interface {
	Trim() (int64, error)
}

// Pool adds a pool, by its own name: a pool.Pool, pool.Typed or pool.Heap. The function removes it.
func (s *Set) Pool(p interface{ Stats() pool.Stats }) (remove func()) {
	var on any = p
	if typed, ok := p.(interface{ Pool() *pool.Pool }); ok {
		on = typed.Pool()
	}
	return add(s, &s.pools, p.Stats().Name, on, func() poolStats { return poolStats{p.Stats()} })
}

// Allocator adds an allocator, by its own name. The function removes it.
func (s *Set) Allocator(a *pool.Allocator) (remove func()) {
	return add(s, &s.allocators, a.Stats().Name, a, func() allocStats { return allocStats{a.Stats()} })
}

func poolTable() table[poolStats] {
	type row = column[poolStats]
	return newTable("pool", "pool", []row{
		{"acquired_buffers_total", "Buffers handed out.", func(s *poolStats) float64 { return float64(s.Acquired) }},
		{"released_buffers_total", "Buffers whose last reference is gone.", func(s *poolStats) float64 { return float64(s.Released) }},
		{"hits_total", "Acquisitions served by memory that was committed before.", func(s *poolStats) float64 { return float64(s.Hits) }},
		{"grown_blocks_total", "Acquisitions that committed a block on demand.", func(s *poolStats) float64 { return float64(s.Grown) }},
		{"heap_buffers_total", "Acquisitions beyond the limit, from the Go heap.", func(s *poolStats) float64 { return float64(s.Heap) }},
		{"external_buffers_total", "Foreign memory and slices that joined the pool.", func(s *poolStats) float64 { return float64(s.External) }},
		{"external_bytes_total", "Bytes of foreign memory and slices that joined, which nobody copied.", func(s *poolStats) float64 { return float64(s.ExternalBytes) }},
		{"misses_total", "Times that every block was in use.", func(s *poolStats) float64 { return float64(s.Misses) }},
		{"refusals_total", "Misses that ended in an error.", func(s *poolStats) float64 { return float64(s.Refusals) }},
		{"waits_total", "Times that somebody slept until a block was free.", func(s *poolStats) float64 { return float64(s.Waits) }},
		{"stale_handles_total", "Operations refused because the buffer was released before.", func(s *poolStats) float64 { return float64(s.Stale) }},
		{"saturated_blocks_total", "Blocks given up because of too many references.", func(s *poolStats) float64 { return float64(s.Saturated) }},
		{"trimmed_bytes_total", "Memory of free blocks that was given back to the kernel.", func(s *poolStats) float64 { return float64(s.BytesTrimmed) }},
	}, []row{
		{"outstanding_buffers", "Buffers in use.", func(s *poolStats) float64 { return float64(s.Outstanding) }},
		{"opened_blocks", "Blocks of the arena that were ever handed out.", func(s *poolStats) float64 { return float64(s.Opened) }},
		{"max_blocks", "Blocks of the arena.", func(s *poolStats) float64 { return float64(s.Max) }},
		{"high_water_blocks", "The most blocks of the arena that were in use at once.", func(s *poolStats) float64 { return float64(s.HighWater) }},
		{"external_high_water_blocks", "The most blocks outside the arena that were in use at once.", func(s *poolStats) float64 { return float64(s.ExternalHighWater) }},
		{"block_capacity_bytes", "Usable size of a block.", func(s *poolStats) float64 { return float64(s.Capacity) }},
		{"block_stride_bytes", "Distance from one block to the next.", func(s *poolStats) float64 { return float64(s.Stride) }},
		{"in_use_bytes", "Memory of the blocks in use.", func(s *poolStats) float64 { return float64(s.BytesInUse) }},
		{"committed_bytes", "Memory that the pool has, bookkeeping included, without what was trimmed.", func(s *poolStats) float64 { return float64(s.BytesCommitted) }},
		{"heap_bytes", "Memory of blocks beyond the limit, on the Go heap.", func(s *poolStats) float64 { return float64(s.HeapBytes) }},
		{"budget_bytes", "The most memory that the arena can commit.", func(s *poolStats) float64 { return float64(s.Budget) }},
	})
}

func allocTable() table[allocStats] {
	type row = column[allocStats]
	t := newTable("allocator", "allocator", []row{
		{"refusals_total", "Requests that did not fit the budget.", func(s *allocStats) float64 { return float64(s.Refusals) }},
		{"misuses_total", "Frees of what was not allocated.", func(s *allocStats) float64 { return float64(s.Misuses) }},
		{"reclaimed_spans_total", "Spans that went back because all their blocks were free.", func(s *allocStats) float64 { return float64(s.Reclaims) }},
	}, []row{
		{"live_blocks", "Blocks that are allocated.", func(s *allocStats) float64 { return float64(s.Live) }},
		{"live_bytes", "Sizes of the blocks that are allocated.", func(s *allocStats) float64 { return float64(s.LiveBytes) }},
		{"used_bytes", "Memory of spans, free blocks included, and of large blocks.", func(s *allocStats) float64 { return float64(s.Used) }},
		{"high_water_bytes", "The most memory of spans and large blocks at once.", func(s *allocStats) float64 { return float64(s.HighWater) }},
		{"budget_bytes", "Memory for spans and large blocks in all.", func(s *allocStats) float64 { return float64(s.Budget) }},
		{"overhead_bytes", "Memory of the bookkeeping beside them.", func(s *allocStats) float64 { return float64(s.Overhead) }},
		{"open_caches", "Caches that are open, of Go and C.", func(s *allocStats) float64 { return float64(s.Caches) }},
	})
	spans := t.further("allocator", "class_spans", "Spans of a size class.", "size")
	live := t.further("allocator", "class_live_blocks", "Allocated blocks of a size class.", "size")
	free := t.further("allocator", "class_free_blocks", "Free blocks of a size class, in caches or outside.", "size")
	t.extra = func(ch chan<- prometheus.Metric, label string, st *allocStats) {
		for _, c := range st.Classes {
			if c.Spans == 0 {
				continue // most classes of most programs
			}
			size := strconv.Itoa(c.Size)
			ch <- prometheus.MustNewConstMetric(spans, prometheus.GaugeValue, float64(c.Spans), label, size)
			ch <- prometheus.MustNewConstMetric(live, prometheus.GaugeValue, float64(c.Live), label, size)
			ch <- prometheus.MustNewConstMetric(free, prometheus.GaugeValue, float64(c.Free), label, size)
		}
	}
	return t
}
