package pool

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// noUnit says that there is none.
const noUnit = ^uint32(0)

func (a *Allocator) word(offset, i uint32) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Add(a.base, uintptr(offset)+uintptr(i)*4))
}

func (a *Allocator) plain(offset, i uint32) *uint32 {
	return (*uint32)(unsafe.Add(a.base, uintptr(offset)+uintptr(i)*4))
}

func (a *Allocator) state(j uint32) *uint8 {
	return (*uint8)(unsafe.Add(a.base, uintptr(a.geo.stateOffset)+uintptr(j)))
}

// unit is the word of unit u.
func (a *Allocator) unit(u uint32) uint32 { return get(a.plain(a.geo.unitOffset, u)) }

func (a *Allocator) bits(w uint32) *atomic.Uint32 { return a.word(a.geo.bitsOffset, w) }

// hint is the word number + 1 at which row's goroutines look first for class c.
func (a *Allocator) hint(row, c uint32) *uint32 {
	return a.plain(a.geo.hintOffset, row*((a.geo.classes+15)&^15)+c)
}

// ownRow is a hash of where this goroutine's stack is.
func (a *Allocator) ownRow() uint32 {
	var here byte
	return uint32(uintptr(unsafe.Pointer(&here))>>13) * 2654435769 >> 29
}

// mark notes that the span at unit u may have free blocks of class c.
func (a *Allocator) mark(c, u uint32) {
	words := (a.geo.units + 31) / 32
	maybe := a.word(a.geo.maybeOffset, c*words+u/32)
	if maybe.Load()>>(u&31)&1 == 0 && maybe.Or(1<<(u&31)) == 0 {
		a.word(a.geo.summaryOffset, c*((words+31)/32)+u/1024).Or(1 << (u / 32 & 31))
	}
}

// give makes the blocks in mask of word w free for everybody. All belong to the span at unit first.
func (a *Allocator) give(c, first, w, mask uint32) {
	old := a.bits(w).Or(mask)
	set(a.hint(a.ownRow(), c), w+1)
	if old == 0 {
		a.mark(c, first)
	}
}

// claim takes at most want blocks from word w if they are of class c, and says which and of which span.
func (a *Allocator) claim(c, w, want uint32) (mask, first uint32) {
	word := a.bits(w)
	for {
		old := word.Load()
		mask = old
		if int(want) < bits.OnesCount32(mask) { // the lowest ones
			rest := mask
			for range want {
				rest &= rest - 1
			}
			mask &^= rest
		}
		if mask == 0 {
			return 0, 0
		}
		if word.CompareAndSwap(old, old&^mask) {
			break
		}
	}
	// While a block is ours its span stays. Only now is it known whose the word is: it may have changed hands before.
	u := a.unit(w >> (a.geo.blockShift - 5))
	if u&255 != c+1 {
		a.give(u&255-1, u>>8, w, mask)
		return 0, 0
	}
	return mask, u >> 8
}

// found is what was claimed of a word.
type found struct{ word, mask, first uint32 }

// find takes blocks of class c from wherever there are any.
func (a *Allocator) find(c, want uint32) found {
	g := &a.geo
	own, words := a.ownRow(), (g.units+31)/32
	sums, all := (words+31)/32, g.units<<(g.blockShift-5)
	for k := range uint32(hintRows) {
		if w := get(a.hint(own^k, c)) - 1; w < all && a.bits(w).Load() != 0 {
			if mask, first := a.claim(c, w, want); mask != 0 {
				return found{w, mask, first}
			}
		}
	}
	n := (a.list[c].spanBlocks + 31) / 32
	for s := range sums {
		sum := a.word(g.summaryOffset, c*sums+s)
		for high := sum.Load(); high != 0; high &= high - 1 {
			m := s*32 + uint32(bits.TrailingZeros32(high))
			if m >= words {
				break
			}
			maybe := a.word(g.maybeOffset, c*words+m)
			for low := maybe.Load(); low != 0; low &= low - 1 {
				u := m*32 + uint32(bits.TrailingZeros32(low))
				if u >= g.units {
					break
				}
				base := u << (g.blockShift - 5)
				for w := base; w < min(base+n, all); w++ {
					if a.bits(w).Load() != 0 {
						if mask, first := a.claim(c, w, want); mask != 0 {
							set(a.hint(own, c), w+1)
							return found{w, mask, first}
						}
					}
				}
				// Nothing there: take the mark away, and put it back if a block came in between.
				maybe.And(^uint32(1 << (u & 31)))
				for w := base; w < min(base+n, all); w++ {
					if a.bits(w).Load() != 0 {
						a.mark(c, u)
						break
					}
				}
			}
			if maybe.Load() == 0 {
				sum.And(^uint32(1 << (m & 31)))
				if maybe.Load() != 0 {
					sum.Or(1 << (m & 31))
				}
			}
		}
	}
	return found{}
}

// giveRun makes n units from u on free.
func (a *Allocator) giveRun(u, n uint32) {
	for end := u + n; u < end; {
		k := min(32-u&31, end-u)
		a.word(a.geo.freeOffset, u/32).Or(uint32(1<<k-1) << (u & 31))
		u += k
	}
}

// takeRun takes n units from u on if all are free.
func (a *Allocator) takeRun(u, n uint32) bool {
	for at, end := u, u+n; at < end; {
		k := min(32-at&31, end-at)
		mask, word := uint32(1<<k-1)<<(at&31), a.word(a.geo.freeOffset, at/32)
		for {
			old := word.Load()
			if old&mask != mask {
				a.giveRun(u, at-u)
				return false
			}
			if word.CompareAndSwap(old, old&^mask) {
				break
			}
		}
		at += k
	}
	return true
}

// isFree reports whether unit u belongs to nothing.
func (a *Allocator) isFree(u uint32) bool {
	return a.word(a.geo.freeOffset, u/32).Load()>>(u&31)&1 != 0
}

// freeUnits is how many units belong to nothing.
func (a *Allocator) freeUnits() uint32 {
	n := 0
	for w := range (a.geo.units + 31) / 32 {
		n += bits.OnesCount32(a.word(a.geo.freeOffset, w).Load())
	}
	return uint32(n)
}

// findRun takes n free units of which the first, plus skew, is a multiple of step, from unit from up to unit to.
func (a *Allocator) findRun(n, skew, step, from, to uint32) uint32 {
	for u := from; u < to && n <= a.geo.units-u; {
		if a.word(a.geo.freeOffset, u/32).Load() == 0 {
			u = u | 31 + 1
			continue
		}
		if (u+skew)&(step-1) != 0 {
			u++
			continue
		}
		k := uint32(0)
		for k < n && a.isFree(u+k) {
			k++
		}
		if k == n && a.takeRun(u, n) {
			return u
		}
		u += min(k+1, n)
	}
	return noUnit
}

// run takes n units of which the first's address is a multiple of align bytes.
func (a *Allocator) run(n uint32, align uintptr) uint32 {
	g := &a.geo
	addr := uintptr(a.data)
	if n > g.units || addr&(1<<g.unitShift-1)&(align-1) != 0 {
		return noUnit
	}
	step, skew, from := uint32(max(align>>g.unitShift, 1)), uint32(addr>>g.unitShift), a.h.cursor.Load()
	if from >= g.units {
		from = 0
	}
	u := a.findRun(n, skew, step, from, g.units)
	if u == noUnit {
		u = a.findRun(n, skew, step, 0, from)
	}
	if u == noUnit {
		return u
	}
	if n == 1 || u == from {
		a.h.cursor.Store(u + n)
	}
	a.using(n)
	return u
}

// using counts n more units in use.
func (a *Allocator) using(n uint32) {
	used := a.h.used.Add(n)
	for high := a.h.high.Load(); used > high && !a.h.high.CompareAndSwap(high, used); high = a.h.high.Load() {
	}
}

// freeRun gives n units back whose words say unitNone by now.
func (a *Allocator) freeRun(u, n uint32) {
	a.h.used.Add(-n)
	a.giveRun(u, n)
	if u < a.h.cursor.Load() {
		a.h.cursor.Store(u)
	}
}

// nameUnits writes the words of n units from u on.
func (a *Allocator) nameUnits(u, n, name uint32) {
	for k := range n {
		set(a.plain(a.geo.unitOffset, u+k), name)
	}
}

// makeSpan makes blocks of class c of the units from u on, keeps want of them and gives everybody the others.
func (a *Allocator) makeSpan(c, u, want uint32) found {
	k := &a.list[c]
	base := u << (a.geo.blockShift - 5)
	a.nameUnits(u, k.spanUnits, u<<8|(c+1))
	clear(unsafe.Slice(a.state(u<<a.geo.blockShift), k.spanBlocks))
	own := lowBits(min(want, k.spanBlocks))
	for i := uint32(0); i < k.spanBlocks; i += 32 {
		mask := lowBits(k.spanBlocks - i)
		if i == 0 {
			mask &^= own
		}
		if mask != 0 {
			a.give(c, u, base+i/32, mask)
		}
	}
	return found{base, own, u}
}

func lowBits(n uint32) uint32 { return uint32(uint64(1)<<min(n, 32) - 1) }

// reclaim gives the spans back of which every block is free, and returns how many units those had.
func (a *Allocator) reclaim() uint32 {
	got := uint32(0)
	for u := uint32(0); u < a.geo.units; {
		name := a.unit(u)
		c, n := name&255-1, uint32(1)
		if name>>8 == u && c < a.geo.classes {
			k := &a.list[c]
			n = k.spanUnits
			if a.reclaimSpan(u, name, k) {
				got += n
			}
		}
		u += n
	}
	return got
}

func (a *Allocator) reclaimSpan(u, name uint32, k *class) bool {
	base, words, w := u<<(a.geo.blockShift-5), (k.spanBlocks+31)/32, uint32(0)
	for w < words && a.bits(base+w).CompareAndSwap(lowBits(k.spanBlocks-w*32), 0) {
		w++
	}
	// Ours, so the span cannot change now: is it still the one that was looked at?
	if w == words && a.unit(u) == name {
		a.nameUnits(u, k.spanUnits, unitNone)
		a.freeRun(u, k.spanUnits)
		a.h.reclaims.Add(1)
		return true
	}
	for v := range w {
		now := a.unit((base + v) >> (a.geo.blockShift - 5))
		a.give(now&255-1, now>>8, base+v, lowBits(k.spanBlocks-v*32))
	}
	return false
}
