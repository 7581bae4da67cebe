package pool

import "sync/atomic"

// Stats is one snapshot of a pool. Acquired is always Released plus Outstanding.
type Stats struct {
	Name     string
	Acquired uint64 // buffers handed out since New, by Go and C
	Released uint64 // of those, the ones whose last reference is gone

	Outstanding int // buffers in use now
	Opened      int // blocks of the arena that were ever handed out
	Max         int // blocks of the arena
	// HighWater is the most blocks of the arena that were in use at once: exact for pools up to 256 blocks, beyond that
	// an upper bound, because a miss then opens a block after 256 probes.
	HighWater         int
	ExternalHighWater int // the same of external, adopted and heap blocks; exact

	Hits          uint64 // acquisitions served by memory that was committed before: prefaulted or used blocks
	Grown         uint64 // acquisitions that committed a block on demand, beyond Options.Prealloc
	Heap          uint64 // acquisitions beyond the limit from the Go heap
	External      uint64 // foreign memory and slices that joined
	ExternalBytes uint64 // of those
	Misses        uint64 // times that Get found every block in use
	Refusals      uint64 // of those, the ones that ended in ErrLimit
	Waits         uint64 // times that Wait slept
	// Stale counts operations refused because the handle was stale: double releases, uses after release.
	Stale     uint64
	Saturated uint64 // blocks given up because they had more references than can be counted

	Capacity       int    // usable bytes of a block
	Stride         int    // bytes from one block to the next
	BytesInUse     int64  // strides of the blocks in use, heap blocks included
	BytesCommitted int64  // memory in use by the pool: bookkeeping, blocks opened or prefaulted and not trimmed since, heap blocks
	HeapBytes      int64  // of those, on the Go heap now
	BytesTrimmed   uint64 // memory that Trim gave back, in all
	Budget         int64  // the arena never commits more
}

// lap is how many acquisitions a block's generation counts before it starts again at 1.
const lap = 1<<32 - 1

// Stats sums over the blocks; it takes time in proportion to their number and disturbs nobody.
func (p *Pool) Stats() Stats {
	p.Reap()
	d := p.desc
	opened := min(d.opened.Load(), p.geo.fixed)
	s := Stats{
		Name: p.name, Opened: int(opened), Max: int(p.geo.fixed), HighWater: int(opened),
		Waits: uint64(p.waits.Load()), Heap: uint64(p.heapGets.Load()), HeapBytes: p.heapBytes.Load(), ExternalBytes: p.joinedBytes.Load(),
		Capacity: int(p.geo.capacity), Stride: int(p.geo.stride), Budget: int64(p.geo.budget),
	}
	released := uint64(d.wraps.Load()) * lap
	var joined uint64
	for i := range p.geo.fixed + p.geo.external {
		if i >= opened && i < p.geo.fixed {
			continue // never handed out
		}
		gen, out := p.life(i)
		released += uint64(gen - 1)
		if out {
			s.Outstanding++
		}
		if i >= p.geo.fixed {
			joined += uint64(gen - 1)
			if out {
				joined++
			}
		} else if out {
			s.BytesInUse += int64(p.geo.stride)
		}
	}
	s.Released = released
	s.Acquired = released + uint64(s.Outstanding)
	s.External = joined - min(joined, s.Heap)
	s.Grown = uint64(max(int(opened)-int(p.geo.prealloc), 0))
	s.Hits = s.Acquired - min(s.Acquired, joined+s.Grown)
	s.BytesInUse += s.HeapBytes
	s.BytesCommitted = int64(p.geo.payloadOffset) + int64(p.geo.stride)*int64(max(opened, p.geo.prealloc)) + s.HeapBytes
	p.mu.Lock()
	s.Misses, s.Refusals = p.counts[0].read(&d.misses), p.counts[1].read(&d.refusals)
	s.Stale, s.Saturated = p.counts[2].read(&d.stale), p.counts[3].read(&d.saturations)
	s.ExternalHighWater = p.extPeak
	s.BytesTrimmed = p.trimmed.bytes
	if s.BytesCommitted -= p.bytesGone(); p.gone {
		s.BytesCommitted = int64(p.geo.payloadOffset) // the bookkeeping lives as long as the pool
	}
	p.mu.Unlock()
	return s
}

// life is the generation of block i and whether it is out, from one moment.
func (p *Pool) life(i uint32) (generation uint32, out bool) {
	h := p.header(i)
	for {
		w := h.ref.Load()
		g := get(&h.generation)
		if h.ref.Load() != w {
			continue
		}
		return ahead(g, w), w&refCountMask != 0
	}
}

// wide is a count of 32 bits, of memory that is shared with C, carried on to 64: as long as somebody asks once in 1<<32 events.
type wide struct {
	last uint32
	laps uint64
}

// read is called with the lock held that guards w, so that no older value comes after a newer one.
func (w *wide) read(from *atomic.Uint32) uint64 {
	now := from.Load()
	if now < w.last {
		w.laps++
	}
	w.last = now
	return w.laps<<32 | uint64(now)
}
