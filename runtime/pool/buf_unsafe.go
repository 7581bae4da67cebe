package pool

import (
	"math"
	"unsafe"
)

// Handle names a buffer without a pointer, in the layout of poolgen_buf in include/poolgen.h. C takes and gives references with it.
type Handle struct {
	Index      uint32 // number of the block in its pool
	Generation uint32 // generation the reference was taken in
}

// Buf is a reference to a block: a small value, to be passed and compared as such. Copies of it stand for the same
// reference; each Get, Wait and Retain owes exactly one Release. Its methods may be called from any goroutine.
// Using a Buf whose reference was released panics with *MisuseError. The zero Buf is not valid.
type Buf struct {
	p          *Pool
	index      uint32
	generation uint32
}

// Valid reports whether b names a buffer whose references are not all gone.
func (b Buf) Valid() bool {
	return b.p != nil && b.p.header(b.index).holds(b.generation)
}

// Pool is the pool that b came from.
func (b Buf) Pool() *Pool { return b.p }

// Handle is the name under which C knows b. It carries no reference of its own: the C side calls poolgen_retain to keep it.
func (b Buf) Handle() Handle { return Handle{b.index, b.generation} }

// begin makes the header's generation that of the life in word w, whose claim succeeded, and returns it. Only the claimer calls it.
func (h *header) begin(w uint32) uint32 {
	g := ahead(get(&h.generation), w)
	set(&h.generation, g)
	return g
}

// ahead is the full generation of the life in word w, given that of the same life or the one before. 0 is skipped: the word of the
// first life after 2^32-1 is two ahead.
func ahead(g, w uint32) uint32 { return g + (w>>refGenShift-g)&0xffff }

// holds reports whether the block has references in a generation.
func (h *header) holds(generation uint32) bool {
	// In another generation, in none, or in the closing state the difference is out of range.
	return h.ref.Load()-generation<<refGenShift-1 < refClosing-1 && get(&h.generation) == generation
}

// live returns the header of a buffer in use, or panics.
func (b Buf) live(op string) *header {
	if b.p == nil {
		zeroBuf(op)
	}
	h := b.p.header(b.index)
	if !h.holds(b.generation) {
		b.p.misuse(op, b.index, b.generation, "it was released before")
	}
	return h
}

// Pointer is the first byte of the payload. C may keep it as long as the caller keeps its reference. It is never nil.
func (b Buf) Pointer() unsafe.Pointer {
	b.live("use")
	return b.p.address(b.index)
}

// Bytes is the payload up to Len, with capacity Cap. It is valid until the caller's reference is released.
func (b Buf) Bytes() []byte {
	h := b.live("use")
	c := b.p.capacityOf(h, b.index)
	return unsafe.Slice((*byte)(b.p.address(b.index)), c)[:min(get(&h.length), c)]
}

// Len is the number of bytes in use, which is Cap in a fresh buffer until SetLen.
func (b Buf) Len() int {
	h := b.live("use")
	return int(min(get(&h.length), b.p.capacityOf(h, b.index)))
}

// Cap is the number of bytes that fit, at least the size the pool was made with.
func (b Buf) Cap() int { return int(b.p.capacityOf(b.live("use"), b.index)) }

// Exclusive reports whether the caller's reference is the only one. Who writes into a payload makes sure of that first: others read
// what they retained at any time.
func (b Buf) Exclusive() bool {
	return b.live("use").ref.Load()&(refCountMask|refSaturated) == 1
}

// SetLen sets the number of bytes in use. It panics unless 0 <= n <= Cap, and with *MisuseError while others hold references:
// the length is theirs too.
func (b Buf) SetLen(n int) {
	h := b.live("use")
	if !b.Exclusive() {
		b.p.misuse("setting the length", b.index, b.generation, "it is shared, set it before others retain it")
	}
	if n < 0 || uint64(n) > uint64(b.p.capacityOf(h, b.index)) {
		b.p.badRange("SetLen", n, n, b.p.capacityOf(h, b.index))
	}
	set(&h.length, uint32(n))
}

// User is a word that travels with the buffer for the application's own use. It keeps its value over reuse.
func (b Buf) User() uint32 { return get(&b.live("use").user) }

// SetUser sets the word that User returns.
func (b Buf) SetUser(v uint32) { set(&b.live("use").user, v) }

// Slice is a window of the payload from lo to hi, 0 <= lo <= hi <= Cap, that shares b's reference: it is valid as long as b is.
func (b Buf) Slice(lo, hi int) View {
	c := b.p.capacityOf(b.live("slice"), b.index)
	if lo < 0 || hi < lo || uint64(hi) > uint64(c) {
		b.p.badRange("Slice", lo, hi, c)
	}
	return View{b, uint32(lo), uint32(hi - lo)}
}

// Retain takes one more reference and returns b. The caller must hold a reference already; it panics otherwise.
func (b Buf) Retain() Buf {
	if b.p == nil {
		zeroBuf("retain")
	}
	h := b.p.header(b.index)
	w := h.ref.Load()
	// In the generation of the handle the difference is the count; in any other, or with a flag set, it is out of range.
	if n := w - b.generation<<refGenShift; n-1 >= refMax-1 || b.p.debug != 0 || !h.ref.CompareAndSwap(w, w+1) {
		b.p.retainSlow(b.index, b.generation)
		return b
	}
	if get(&h.generation) != b.generation {
		b.p.retainUndo(b.index, b.generation)
	}
	return b
}

// Release gives the reference back; with the last one the block returns to its pool. It panics with *MisuseError when the
// reference was released before.
func (b Buf) Release() {
	p := b.p
	if p == nil {
		zeroBuf("release")
	}
	h := p.header(b.index)
	w := h.ref.Load()
	n, next := w-b.generation<<refGenShift, b.generation+1
	if n-2 < refMax-1 && get(&h.generation) == b.generation && p.debug == 0 && h.ref.CompareAndSwap(w, w-1) {
		return
	}
	if n != 1 || get(&h.generation) != b.generation || p.debug != 0 || b.index >= p.geo.fixed || next == 0 ||
		!h.ref.CompareAndSwap(w, next<<refGenShift) {
		p.releaseSlow(b.index, b.generation)
		return
	}
	s := p.slot()
	if t := get(&s.top); t < hintDepth {
		set(&s.entry[t], b.index)
		set(&s.top, t+1)
	} else {
		set(&s.entry[hintDepth-1], b.index)
	}
	if p.desc.attention.Load() != 0 {
		p.released()
	}
}

// View is a window of a Buf that shares its reference.
type View struct {
	b      Buf
	off, n uint32
}

// Buf is the buffer that v looks into.
func (v View) Buf() Buf { return v.b }

// Len is the number of bytes of v.
func (v View) Len() int { return int(v.n) }

// Pointer is the first byte of v; see Buf.Pointer.
func (v View) Pointer() unsafe.Pointer {
	v.b.live("use")
	return unsafe.Add(v.b.p.address(v.b.index), v.off)
}

// Bytes is v's part of the payload, valid as Buf.Bytes is. Its capacity is its length.
func (v View) Bytes() []byte { return unsafe.Slice((*byte)(v.Pointer()), v.n) }

// Slice is a window of v, 0 <= lo <= hi <= Len, that shares the same reference.
func (v View) Slice(lo, hi int) View {
	v.b.live("slice")
	if lo < 0 || hi < lo || uint64(hi) > uint64(v.n) {
		v.b.p.badRange("Slice", lo, hi, v.n)
	}
	return View{v.b, v.off + uint32(lo), uint32(hi - lo)}
}

// Retain takes one more reference to the buffer, which the caller releases through the view or the Buf.
func (v View) Retain() View {
	v.b.Retain()
	return v
}

// Release gives a reference to the buffer back.
func (v View) Release() { v.b.Release() }

// header is the bookkeeping of block i, which is always in range: handles come from this pool or are checked by Pool.Buf.
func (p *Pool) header(i uint32) *header {
	return (*header)(unsafe.Add(p.headers, uintptr(i)*headerSize))
}

// address is where the payload of block i is.
func (p *Pool) address(i uint32) unsafe.Pointer {
	if i < p.geo.fixed {
		return unsafe.Add(p.payload, uintptr(i)*p.stride)
	}
	return p.external[i-p.geo.fixed].ptr
}

// capacityOf does not trust the header of a fixed block: a peer can write there.
func (p *Pool) capacityOf(h *header, i uint32) uint32 {
	if i < p.geo.fixed {
		return p.geo.capacity
	}
	return h.capacity
}

// slot is where this goroutine looks for a block first. The address of its stack names it: the 8 KiB it is in by a hash, which
// picks a group of four slots, and the 2 KiB within, because small stacks share 8 KiB. A wrong answer costs time only.
func (p *Pool) slot() *hintSlot {
	var here byte
	const golden = 2654435769 // 2^32 / golden ratio: spreads neighbouring stacks
	a := uintptr(unsafe.Pointer(&here)) >> 11
	return (*hintSlot)(unsafe.Add(p.hints, uintptr(uint32(a>>2)*golden>>28<<2|uint32(a)&3)*slotSize))
}

// The hash yields exactly the slots there are.
var _ = [1]struct{}{}[(math.MaxUint32>>28+1)*4-hintSlots]

// sibling is slot k, 0 to 3, of the group that s is in: the same goroutine may have been there at another depth of its stack.
func (p *Pool) sibling(s *hintSlot, k int) *hintSlot {
	off := uintptr(unsafe.Pointer(s)) - uintptr(p.hints)
	return (*hintSlot)(unsafe.Add(p.hints, off&^(4*slotSize-1)+uintptr(k)*slotSize))
}

func (p *Pool) bind() {
	p.headers = unsafe.Add(p.arena.base, headersOffset)
	p.payload = unsafe.Add(p.arena.base, uintptr(p.geo.payloadOffset))
	p.hints = unsafe.Add(p.arena.base, hintsOffset)
}
