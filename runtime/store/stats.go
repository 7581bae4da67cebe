package store

// Stats is one snapshot of a store.
type Stats struct {
	Puts    uint64 // frames that Put took
	Refused uint64 // frames that Put refused with ErrFull, or because their block is too large
	Dropped uint64 // frames that were never on disk, dropped because the hot tier was full; see FullDrop
	Hot     Tier
}

// Tier is what a store has in one tier.
type Tier struct {
	Frames int    // frames that are there now
	Bytes  int64  // what they take: of blocks in the hot tier, of files in the others
	Budget int64  // Bytes are at most that
	Hits   uint64 // frames that Get and Range found there
	Left   uint64 // frames that left it for the next tier, or because their retention ended
}

// Stats takes the same time however many frames there are.
func (s *Store) Stats() Stats {
	h := &s.hot
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{
		Puts: h.puts, Refused: h.refused, Dropped: h.dropped,
		Hot: Tier{Frames: int(h.next - h.tail), Bytes: h.used, Budget: h.budget, Hits: h.hits, Left: h.evicted},
	}
}
