package store

import "cmp"

// Stats is one snapshot of a store.
type Stats struct {
	Puts    uint64 // frames that Put took
	Refused uint64 // frames that Put refused with ErrFull, or because their block is too large
	Dropped uint64 // frames that were never on disk, dropped because the hot tier was full; see FullDrop
	Misses  uint64 // frames that Get did not find
	Broken  uint64 // frames that could not be read: damaged ones, errors of the disk, and where Options.Pool had no buffer

	Hot, Warm, Cold Tier
	HotBytes        uint64 // of the frames that Get and Range found hot, and did not have to copy

	Remote Tier // what of Cold is in Options.Bucket; its Hits are reads from there
	Unsent int  // compressed segments that are to go there and have not yet

	Unsynced int    // frames that are not on disk
	Failures uint64 // times that writing frames failed
	Damaged  uint64 // frames found damaged when they were to be compressed
	Rebuilt  uint64 // indexes that were found damaged, and made anew in memory
	Err      error  // why writing, compressing, sending or removing failed the last time, nil if it did not
}

// Tier is what a store has in one tier.
type Tier struct {
	Frames int    // frames that are there now; hot ones may be warm or cold too
	Bytes  int64  // what they take: of blocks in the hot tier, of files in the others
	Budget int64  // what Bytes may be; 0 where there is no limit
	Hits   uint64 // frames that Get and Range found there
	Left   uint64 // frames that left it for the next tier since Open; of Cold those whose retention ended, in whichever tier
}

// HitRates are the parts of the frames asked for that each tier had, of those that no tier before it had: 0 to 1, and 0 if there were none.
func (s Stats) HitRates() (hot, warm, cold float64) {
	left := s.Misses + s.Broken
	rate := func(t Tier) float64 {
		if left += t.Hits; left == 0 {
			return 0
		}
		return float64(t.Hits) / float64(left)
	}
	cold = rate(s.Cold)
	warm = rate(s.Warm)
	return rate(s.Hot), warm, cold
}

// Stats takes time in proportion to the number of segments.
func (s *Store) Stats() Stats {
	h := &s.hot
	h.mu.Lock()
	st := Stats{
		Puts: h.puts, HotBytes: h.hitBytes, Refused: h.refused, Dropped: h.dropped, Misses: h.misses, Broken: h.broken, Failures: h.failures, Err: h.err,
		Unsynced: int(h.next-max(h.flight, h.tail)) + len(h.batch),
		Hot:      Tier{Frames: int(h.next-h.tail) + len(h.loaded.by), Bytes: h.used, Budget: h.budget, Hits: h.hits, Left: h.evicted},
		Warm:     Tier{Budget: s.mover.warm, Hits: h.warmHits},
		Cold:     Tier{Hits: h.coldHits},
		Remote:   Tier{Hits: h.remoteHits},
	}
	if len(h.batch) > 0 && h.tail > h.batch[0].id {
		st.Hot.Frames += int(min(h.tail-h.batch[0].id, ID(len(h.batch))))
	}
	h.mu.Unlock()
	if d := s.disk; d != nil {
		d.mu.RLock()
		for _, g := range d.list {
			t := &st.Cold
			if g.raw() {
				t = &st.Warm
			}
			t.Frames += g.count
			t.Bytes += g.total()
			switch {
			case g.remote:
				st.Remote.Frames += g.count
				st.Remote.Bytes += g.total()
			case d.bucket != nil && !g.raw():
				st.Unsent++
			}
		}
		st.Err = cmp.Or(st.Err, d.err, d.sendErr)
		d.mu.RUnlock()
		st.Cold.Left, st.Warm.Left = d.counts.expired.Load(), d.counts.compressed.Load()
		st.Damaged, st.Rebuilt = d.counts.damaged.Load(), d.counts.indexes.Load()
	}
	return st
}
