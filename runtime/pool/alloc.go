package pool

import (
	"errors"
	"fmt"
)

// The size-class allocator, for Go and C on one piece of memory at the same time; include/poolgen_alloc.h is its other half.
//
// The data is cut into units, the units into spans: a span's blocks have one size. A large block is a run of units. Nothing is
// linked: one bit a block says whether it is free for everybody, one bit a unit whether it belongs to nothing. To claim is to clear
// bits with a compare-and-swap, to give is to set them, so neither is ever half done: a thread that dies keeps what it held
// and harms nobody, and there is no lock.
//
// Who claims a block from a word of bits may have read an old word's address: the span there may have been given back and its units
// used anew. So the unit's word is read after the claim. While one block of a span is claimed nobody can give the span back, because
// that takes all its blocks; what is read then stays true. If the class is another, the bits are set again: they are the new span's.
//
// Where to look is only a hint, as in a pool: rows of word numbers a class, and per class a bitmap of the spans that may have free
// blocks, with a summary. A mark is taken away before the span is looked at once more, so no free block is hidden for good.
//
// A cache holds blocks whose bits are clear though nobody uses them; most mallocs and frees end there. One byte a block, its state,
// tells a live block from a free one: that, and the block's address, is what Free checks. The byte is written without
// atomics: two threads that free one block at the same instant may both succeed. The block is then in two caches, and the second of
// them to hand it out sees that it is live, drops it and counts a misuse.

// AllocError is what a Free of something that is no allocated block panics with.
type AllocError struct {
	Allocator string
	Op        string
	Address   uintptr
	Reason    string
}

func (e *AllocError) Error() string {
	return fmt.Sprintf("poolgen: %s of %#x in allocator %q: %s", e.Op, e.Address, e.Allocator, e.Reason)
}

// AllocStats is a snapshot of an allocator.
type AllocStats struct {
	Name      string
	Live      uint64 // blocks that are allocated
	LiveBytes uint64 // and their sizes
	Used      int64  // bytes of units in use: spans, also their free blocks, and large blocks
	HighWater int64  // the most bytes of units that were in use
	Budget    int64  // bytes of units in all
	Overhead  int64  // bytes of bookkeeping beside them
	Refusals  uint64 // requests that did not fit
	Misuses   uint64 // frees of what was not allocated
	Reclaims  uint64 // spans that went back because all their blocks were free
	Caches    int    // open caches, of Go and C
	Classes   []ClassStats
}

// ClassStats are the figures of one size class.
type ClassStats struct {
	Size  int    // bytes of a block
	Spans int    // made
	Live  uint64 // blocks that are allocated
	Free  uint64 // blocks that are not, in caches or outside
}

// Stats looks at every block: exact while nobody allocates or frees.
func (a *Allocator) Stats() AllocStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	h, g := a.h, &a.geo
	s := AllocStats{
		Name: a.name, Used: int64(h.used.Load()) << g.unitShift, HighWater: int64(h.high.Load()) << g.unitShift,
		Budget: int64(g.units) << g.unitShift, Overhead: int64(g.data), Refusals: a.counts[0].read(&h.refusals),
		Misuses: a.counts[1].read(&h.misuses), Reclaims: a.counts[2].read(&h.reclaims), Caches: int(h.caches.Load()),
		Classes: make([]ClassStats, len(a.list)),
	}
	for i, c := range a.list {
		s.Classes[i].Size = int(c.size)
	}
	for u := uint32(0); u < g.units; u++ {
		name := a.unit(u)
		c := name&255 - 1
		switch {
		case name>>8 != u || name&255 == unitNone:
		case c < g.classes:
			live := a.countLive(u, a.list[c].spanBlocks)
			s.Classes[c].Spans++
			s.Classes[c].Live += live
			s.Classes[c].Free += uint64(a.list[c].spanBlocks) - live
			s.Live += live
			s.LiveBytes += live * uint64(a.list[c].size)
		case a.countLive(u, 1) == 1:
			s.Live++
			s.LiveBytes += uint64(get(a.plain(g.runOffset, u))) << g.unitShift
		}
	}
	return s
}

// Trim gives the memory of what is free for everybody back to the kernel, all of it that makes up whole units, and returns how many
// bytes that is. Addresses stay valid; the memory is committed again, and zero, when it is next used.
//
// It takes at most half of what is free out of circulation at a time, and little more than a MiB. Requests of this process wait for that
// moment rather than be refused. C, and other processes, may be refused as if that memory were in use.
func (a *Allocator) Trim() (int64, error) {
	a.mu.Lock()
	if a.gone {
		a.mu.Unlock()
		return 0, nil
	}
	a.trims.Store(true)
	a.reclaim()
	most := min(a.freeUnits()/2, uint32(trimRun>>a.geo.unitShift))
	a.mu.Unlock()
	var freed int64
	var errs error
	for u := uint32(0); u < a.geo.units; {
		next, bytes, err := a.trimFrom(u, max(most, 1))
		freed, errs = freed+bytes, errors.Join(errs, err)
		u = next
	}
	return freed, errs
}

// trimFrom trims the first run of free units from unit u on, of at most that many, and returns the unit behind it.
func (a *Allocator) trimFrom(u, most uint32) (next uint32, freed int64, err error) {
	for u < a.geo.units && !a.isFree(u) {
		u++
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || u == a.geo.units {
		return a.geo.units, 0, nil
	}
	n := uint32(0)
	for n < most && u+n < a.geo.units && a.takeRun(u+n, 1) {
		n++
	}
	if n > 0 {
		freed, err = a.discard(u, n)
		a.giveRun(u, n)
	}
	return u + max(n, 1), freed, err
}

// Close ends the allocator once no block is allocated and no cache open; until then it returns an error that says what is left, and
// refuses further requests. Afterwards the addresses of its blocks fault. Closing again does nothing.
func (a *Allocator) Close() error {
	a.closed.Store(true)
	s := a.Stats()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return nil
	}
	if s.Live > 0 || s.Caches > 0 {
		return fmt.Errorf("poolgen: allocator %q has %d blocks of %d bytes allocated and %d caches open: its memory stays until they are freed and it is closed again",
			a.name, s.Live, s.LiveBytes, s.Caches)
	}
	a.gone = true
	return a.revoke()
}
