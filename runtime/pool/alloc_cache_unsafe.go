package pool

import (
	"fmt"
	"math/bits"
	"unsafe"
)

// entry is a free block: its offset from the data, and the index of its state.
type entry struct{ offset, state uint32 }

// magazine holds the free blocks of one class that a cache has, the last freed on top.
type magazine struct {
	list       []entry // of fixed length
	n          uint32
	size       uint32
	reciprocal uint32
}

// Cache is a stock of free blocks for one goroutine at a time: with it Malloc and Free touch no word that others touch, most of the
// time. Blocks from it may be freed without it, and by C, and the reverse. Its owner closes it.
type Cache struct {
	a        *Allocator
	data     unsafe.Pointer
	states   unsafe.Pointer
	units    unsafe.Pointer
	dataSize uintptr
	bytes    uint32
	limit    uint32
	turn     uint32
	unit     uint8
	block    uint8
	magazine [unitRun + 1]magazine // that of class k - 1; 0 and the last stand for no class
}

// Cache makes a cache, which keeps at most AllocOptions.Cache bytes. The caller closes it.
func (a *Allocator) Cache() (*Cache, error) {
	if a.closed.Load() {
		return nil, fmt.Errorf("poolgen: allocator %q: %w", a.name, ErrClosed)
	}
	g := &a.geo
	t := &Cache{
		a: a, data: a.data, states: unsafe.Add(a.base, g.stateOffset), units: unsafe.Add(a.base, g.unitOffset),
		dataSize: uintptr(g.units) << g.unitShift, limit: g.cacheLimit, unit: uint8(g.unitShift), block: uint8(g.blockShift),
	}
	for i, c := range a.list {
		t.magazine[i+1] = magazine{make([]entry, c.cap), 0, c.size, c.reciprocal}
	}
	a.h.caches.Add(1)
	return t, nil
}

// Flush gives the cache's blocks back to everybody. The cache stays open.
func (t *Cache) Flush() {
	for k := range uint32(len(t.a.list)) {
		t.flush(k+1, 0)
	}
}

// Close flushes the cache and ends it: using it afterwards panics. Closing again does nothing.
func (t *Cache) Close() {
	if t.a == nil {
		return
	}
	t.Flush()
	t.a.h.caches.Add(^uint32(0))
	t.a, t.dataSize, t.magazine = nil, 0, [unitRun + 1]magazine{}
}

// flush leaves keep blocks in magazine k: those that were freed first go back to everybody.
func (t *Cache) flush(k, keep uint32) {
	m := &t.magazine[k]
	if m.n <= keep {
		return
	}
	n := m.n - keep
	word, mask, first := uint32(0), uint32(0), uint32(0)
	for _, e := range m.list[:n] {
		if mask != 0 && e.state/32 != word {
			t.a.give(k-1, first, word, mask)
			mask = 0
		}
		word, mask, first = e.state/32, mask|1<<(e.state&31), t.a.unit(e.offset>>t.unit)>>8
	}
	t.a.give(k-1, first, word, mask)
	copy(m.list, m.list[n:m.n])
	m.n -= n
	t.bytes -= n * m.size
}

// Malloc is Allocator.Malloc by way of the cache.
func (t *Cache) Malloc(n int) (unsafe.Pointer, error) {
	a := t.a
	if a == nil {
		panic("poolgen: Malloc from a closed cache")
	}
	if n <= 0 || uint(n) > uint(a.geo.maxSize) {
		return a.odd(t, n)
	}
	k := a.classOf(uint32(n)) + 1
	m := &t.magazine[k]
	if i := m.n - 1; i < uint32(len(m.list)) {
		e := m.list[i]
		m.n = i
		t.bytes -= m.size
		s := (*uint8)(unsafe.Add(t.states, e.state))
		if *s == blockFree {
			*s = blockLive
			return unsafe.Add(t.data, e.offset), nil
		}
		a.h.misuses.Add(1) // freed twice at the same moment: it is somebody's still
	}
	return a.fetch(t, k-1)
}

// Free is Allocator.Free by way of the cache.
func (t *Cache) Free(p unsafe.Pointer) {
	offset := uintptr(p) - uintptr(t.data)
	if offset >= t.dataSize {
		t.freeSlow(p)
		return
	}
	name := get((*uint32)(unsafe.Add(t.units, offset>>t.unit<<2)))
	m := &t.magazine[name&255]
	rest := uint32(offset) - name>>8<<t.unit
	i := uint32(uint64(rest) * uint64(m.reciprocal) >> 32)
	j, total := name>>8<<t.block+i, t.bytes+m.size
	s := (*uint8)(unsafe.Add(t.states, j))
	if n := m.n; n < uint32(len(m.list)) && total <= t.limit && i*m.size == rest && *s == blockLive {
		*s = blockFree
		m.list[n] = entry{uint32(offset), j}
		m.n = n + 1
		t.bytes = total
		return
	}
	t.freeSlow(p)
}

// freeSlow is Free where the block does not simply go on top of the cache.
func (t *Cache) freeSlow(p unsafe.Pointer) {
	if t.a == nil {
		panic("poolgen: Free to a closed cache")
	}
	if p == nil {
		return
	}
	k, j, direct := t.a.unlink(p)
	if direct {
		return
	}
	m := &t.magazine[k]
	if m.n == uint32(len(m.list)) {
		t.flush(k, m.n/2)
	}
	m.list[m.n] = entry{uint32(uintptr(p) - uintptr(t.data)), j}
	m.n++
	t.bytes += m.size
	// Too much in all: one magazine after the other gives half of what it has, beginning where this ended the last time.
	for t.bytes > t.limit {
		if t.turn++; t.turn > uint32(len(t.a.list)) {
			t.turn = 1
		}
		t.flush(t.turn, t.magazine[t.turn].n/2)
	}
}

// more finds blocks of class c where there are any and makes new ones otherwise.
func (a *Allocator) more(t *Cache, c, want uint32) found {
	f := a.search(t, c, want)
	if f.mask == 0 && a.trims.Load() {
		a.mu.Lock() // Trim holds it as long as it has anything
		defer a.mu.Unlock()
		f = a.search(t, c, want)
	}
	return f
}

func (a *Allocator) search(t *Cache, c, want uint32) found {
	for attempt := 0; ; attempt++ {
		if f := a.find(c, want); f.mask != 0 {
			return f
		}
		if u := a.run(a.list[c].spanUnits, 1); u != noUnit {
			return a.makeSpan(c, u, want)
		}
		if attempt == 0 && t != nil {
			t.Flush()
		}
		if attempt > 1 || a.reclaim() == 0 && attempt > 0 {
			return found{}
		}
	}
}

// fetch is Malloc from class c where the cache has no block, or where there is none: it fetches some.
func (a *Allocator) fetch(t *Cache, c uint32) (unsafe.Pointer, error) {
	size, want := a.list[c].size, uint32(1)
	var m *magazine
	if t != nil {
		m = &t.magazine[c+1]
		want = max(uint32(len(m.list))/2, 1)
		if room := (t.limit - min(t.bytes, t.limit)) / size; room < want {
			want = max(room, 1)
		}
		if m.n > 0 {
			want = 1
		}
	}
	var result unsafe.Pointer
	var f found
	for got, pair := uint32(0), false; got < want && !pair; {
		if pair = got > 0; pair {
			// The word beside the first one, whose states share its cache line, had better be this cache's too.
			if f.word ^= 1; f.word >= a.geo.units<<(a.geo.blockShift-5) {
				break
			}
			f.mask, f.first = a.claim(c, f.word, want-got)
		} else {
			f = a.more(t, c, want-got)
		}
		if f.mask == 0 {
			break
		}
		for rest := f.mask; rest != 0; rest &= rest - 1 {
			j := f.word*32 + uint32(bits.TrailingZeros32(rest))
			offset := f.first<<a.geo.unitShift + (j-f.first<<a.geo.blockShift)*size
			s := a.state(j)
			if *s != blockFree {
				a.h.misuses.Add(1) // freed twice at the same moment: it is somebody's still
				continue
			}
			got++
			if result == nil {
				*s = blockLive
				result = unsafe.Add(a.data, offset)
			} else {
				m.list[m.n] = entry{offset, j}
				m.n++
				t.bytes += size
			}
		}
	}
	if result == nil {
		a.h.refusals.Add(1)
		return nil, a.errLimit
	}
	return result, nil
}
