package pool

import (
	"errors"
	"fmt"
)

// probeBound is how many headers a miss looks at before it opens a new block instead.
const probeBound = 256

// nextGeneration skips 0, which no handle carries.
func nextGeneration(g uint32) uint32 {
	if g == ^uint32(0) {
		return 1
	}
	return g + 1
}

// getSlow takes a block without a hint. Only counted misses and refusals move the counters: Wait looks many times.
func (p *Pool) getSlow(counted bool) (Buf, error) {
	b, err := p.getArena()
	if b.p != nil || !errors.Is(err, ErrLimit) {
		return b, err
	}
	if counted {
		p.desc.misses.Add(1)
	}
	if p.atLimit == LimitHeap {
		if b, err := p.heapBlock(); err == nil {
			return b, nil
		}
	}
	if counted {
		p.desc.refusals.Add(1)
	}
	return Buf{}, p.errLimit
}

// getArena takes a block of the arena; p.errLimit says that none is free.
func (p *Pool) getArena() (Buf, error) {
	for {
		if p.slow.Load()&slowClosed != 0 {
			return Buf{}, fmt.Errorf("poolgen: pool %q: %w", p.name, ErrClosed)
		}
		trims := p.trims.Load()
		if p.desc.pending.Load() != 0 {
			p.Reap()
		}
		if i, ok := p.nearby(); ok {
			return p.handOut(i)
		}
		if i, ok := p.probe(); ok {
			return p.handOut(i)
		}
		if p.debug&DebugQuarantine != 0 && p.freeQuarantined(0) {
			continue
		}
		if p.trims.Load() == trims && trims&1 == 0 {
			return Buf{}, p.errLimit
		}
		p.afterTrim() // which had free blocks meanwhile
	}
}

// nearby claims a block from the hints of this goroutine's group.
func (p *Pool) nearby() (uint32, bool) {
	own := p.slot()
	for k := range 4 {
		s := p.sibling(own, k)
		t := get(&s.top) - 1
		if t >= hintDepth {
			continue
		}
		set(&s.top, t)
		if i := get(&s.entry[t]); i < p.geo.fixed {
			h := p.header(i)
			if w := h.ref.Load(); w&0xffff == 0 && h.ref.CompareAndSwap(w, w|1) {
				return i, true
			}
		}
	}
	return 0, false
}

// probe claims a free block among those opened, or opens one more.
func (p *Pool) probe() (uint32, bool) {
	limit := p.geo.fixed
	opened := min(p.desc.opened.Load(), limit)
	for {
		n := opened
		if opened < limit {
			n = min(n, probeBound)
		}
		i := p.desc.cursor.Load()
		for range n {
			if i >= opened {
				i = 0
			}
			h := p.header(i)
			if w := h.ref.Load(); w&0xffff == 0 && h.ref.CompareAndSwap(w, w|1) {
				p.desc.cursor.Store(i + 1)
				return i, true
			}
			i++
		}
		if opened >= limit {
			return 0, false
		}
		if p.desc.opened.CompareAndSwap(opened, opened+1) {
			h := p.header(opened)
			if w := h.ref.Load(); w&0xffff == 0 && h.ref.CompareAndSwap(w, w|1) {
				return opened, true
			}
		}
		opened = min(p.desc.opened.Load(), limit)
	}
}

// handOut makes a Buf of the block that the caller has claimed.
func (p *Pool) handOut(i uint32) (Buf, error) {
	h := p.header(i)
	b := Buf{p, i, h.begin(h.ref.Load())}
	set(&h.length, p.geo.capacity)
	slow := p.slow.Load()
	if slow&slowClosed != 0 {
		// Its payload may be gone, which Release looks at in a debug mode.
		if !p.last(i, b.generation, b.generation<<refGenShift|1, false) {
			b.Release() // a stale handle has it for a moment
		}
		return Buf{}, fmt.Errorf("poolgen: pool %q: %w", p.name, ErrClosed)
	}
	if slow&slowDebug != 0 {
		p.arm(b)
	}
	if slow&slowSample != 0 {
		p.sampleHolder(b)
	}
	return b, nil
}

func (p *Pool) retainSlow(i, generation uint32) {
	h := p.header(i)
	for {
		w := h.ref.Load()
		switch {
		case w>>refGenShift != generation&0xffff || w&refCountMask == 0 || w&refClosing != 0 || get(&h.generation) != generation:
			p.misuse("retain", i, generation, "it was released before")
		case w&refSaturated != 0:
			return
		case w&refCountMask == refMax:
			if h.ref.CompareAndSwap(w, w|refSaturated) {
				p.desc.saturations.Add(1)
				return
			}
		case h.ref.CompareAndSwap(w, w+1):
			if get(&h.generation) != generation {
				p.retainUndo(i, generation)
			}
			p.record(i, generation, "retained")
			return
		}
	}
}

// retainUndo gives a reference back that was taken from a block whose short generation has come round to the handle's. It may
// be the last one by now, if the block's owners released theirs meanwhile, and then ends the block's life like any other.
func (p *Pool) retainUndo(i, generation uint32) {
	h := p.header(i)
	for {
		w := h.ref.Load()
		if w&refCountMask == 1 {
			// Alone: whoever claimed the block has stored its generation before releasing it.
			p.releaseSlow(i, get(&h.generation))
			break
		}
		if w&refSaturated != 0 || h.ref.CompareAndSwap(w, w-1) {
			break
		}
	}
	p.misuse("retain", i, generation, "it was released before")
}

func (p *Pool) releaseSlow(i, generation uint32) {
	h := p.header(i)
	for {
		w := h.ref.Load()
		if w>>refGenShift != generation&0xffff || w&refCountMask == 0 || get(&h.generation) != generation {
			p.misuse("release", i, generation, "it was released before")
		}
		if w&refSaturated != 0 {
			return
		}
		if w&refCountMask > 1 {
			if h.ref.CompareAndSwap(w, w-1) {
				p.record(i, generation, "released")
				return
			}
			continue
		}
		held := p.debug != 0 || i >= p.geo.fixed
		if held {
			p.checkGuard(i, generation)
		}
		if p.last(i, generation, w, held) {
			return
		}
	}
}

// last tries to end the life of a block whose reference word w holds one reference, and reports whether w was still that. held says that more must
// be done before somebody else may have the block.
func (p *Pool) last(i, generation, w uint32, held bool) bool {
	next := nextGeneration(generation)
	word := next << refGenShift
	if held {
		word |= refClosing | refSaturated
	}
	if !p.header(i).ref.CompareAndSwap(w, word) {
		return false
	}
	if next == 1 {
		p.desc.wraps.Add(1)
	}
	if held {
		// Not before the swap: until then another release of this reference may give the block to somebody else.
		p.poison(i)
		p.record(i, generation, "released for the last time")
		p.complete(i)
	} else {
		p.hint(i)
	}
	if p.desc.attention.Load() != 0 {
		p.released()
	}
	return true
}

// hint remembers block i as the one to look at first.
func (p *Pool) hint(i uint32) {
	s := p.slot()
	t := min(get(&s.top), hintDepth-1)
	set(&s.entry[t], i)
	set(&s.top, t+1)
}

// complete frees a block whose last reference is gone and whose closing state this thread owns.
func (p *Pool) complete(i uint32) {
	switch {
	case i >= p.geo.fixed:
		p.completeExternal(i)
	case p.debug&DebugQuarantine != 0:
		p.mu.Lock()
		p.setAccess(i, false)
		p.quarantine = append(p.quarantine, i)
		p.mu.Unlock()
		p.freeQuarantined(quarantineBlocks)
	default:
		p.free(i)
	}
}

// free ends the closing state of a fixed block.
func (p *Pool) free(i uint32) {
	if p.debug&DebugQuarantine != 0 {
		p.setAccess(i, true)
	}
	p.header(i).ref.And(^uint32(refClosing | refSaturated))
	p.hint(i)
}

// freeQuarantined frees the oldest block in quarantine if there are more than keep.
func (p *Pool) freeQuarantined(keep int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.quarantine) <= keep {
		return false
	}
	p.free(p.quarantine[0])
	p.quarantine = p.quarantine[1:]
	return true
}

// Reap finishes blocks whose last reference C released and that C could not free itself: external, adopted and heap blocks,
// and every block in a debug mode. It runs their callbacks and returns how many there were. Get, Adopt, External, Stats
// and Close reap too; a program whose C side releases external blocks calls it where prompt callbacks matter.
func (p *Pool) Reap() int {
	if p.desc.pending.Load() == 0 || p.attached {
		return 0
	}
	n := 0
	for i := range p.geo.fixed + p.geo.external {
		h := p.header(i)
		w := h.ref.Load()
		if w&(refClosing|refSaturated) != refClosing || !h.ref.CompareAndSwap(w, w|refSaturated) {
			continue
		}
		p.desc.pending.Add(^uint32(0))
		p.checkGuard(i, get(&h.generation))
		p.poison(i)
		p.record(i, get(&h.generation), "released for the last time by C")
		p.complete(i)
		n++
	}
	if n > 0 && p.desc.attention.Load() != 0 {
		p.released()
	}
	return n
}

func (p *Pool) misuse(op string, i, generation uint32, reason string) {
	p.desc.stale.Add(1)
	w := p.header(i).ref.Load()
	panic(&MisuseError{
		Pool: p.name, Op: op, Reason: reason, Block: i, Handle: generation,
		Generation: ahead(get(&p.header(i).generation), w), References: w & refCountMask,
		History: p.history(i), tracingAvailable: p.trace == nil,
	})
}

func zeroBuf(op string) {
	panic(&MisuseError{Op: op, Reason: "the zero Buf names no buffer"})
}

func (p *Pool) badRange(op string, lo, hi int, c uint32) {
	panic(fmt.Sprintf("poolgen: %s(%d, %d) of a buffer of pool %q that holds %d bytes", op, lo, hi, p.name, c))
}
