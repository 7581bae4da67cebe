package top

import "time"

// ages follows how long blocks have been in use.
type ages struct {
	id     uint64
	blocks []life // by place in arenaLook.blocks; those opened later come in between
	opened int
}

// life is what was last seen of a block.
type life struct {
	generation uint32
	kept       bool
	since      time.Time // by then it was in use; only if kept
}

// kept reports whether a block is in use, or released and not finished.
func (b *block) kept() bool { return b.out || b.closing }

// update takes what a look has seen.
func (a *ages) update(l *arenaLook) {
	opened := len(l.blocks) - int(l.external)
	if a.id != l.id || opened < a.opened || len(a.blocks) > len(l.blocks) {
		*a = ages{id: l.id}
	}
	if more := len(l.blocks) - len(a.blocks); more > 0 {
		blocks := make([]life, len(l.blocks))
		copy(blocks, a.blocks[:a.opened])
		copy(blocks[opened:], a.blocks[a.opened:])
		a.blocks = blocks
	}
	a.opened = opened
	for i := range l.blocks {
		b, old := &l.blocks[i], &a.blocks[i]
		switch {
		case !b.kept():
			*old = life{}
		case !old.kept || old.generation != b.generation:
			// It was in use at some time before the end of the look.
			*old = life{b.generation, true, l.to}
		}
	}
}

// of is how old the block at place i is at least.
func (a *ages) of(i int, l *arenaLook) time.Duration {
	if !a.blocks[i].kept {
		return 0
	}
	return max(l.from.Sub(a.blocks[i].since), 0)
}

// rates are changes a second between two looks; nil before the second.
type rates struct {
	at   time.Time
	last [3]uint64
	per  [3]*float64
}

// update takes counters that were read at a time. mask is the largest value of those that wrap.
func (r *rates) update(at time.Time, mask uint64, counters ...uint64) {
	if d := at.Sub(r.at).Seconds(); !r.at.IsZero() && d > 0 {
		for i, n := range counters {
			rate := float64((n-r.last[i])&mask) / d
			r.per[i] = &rate
		}
	}
	r.at = at
	copy(r.last[:], counters)
}
