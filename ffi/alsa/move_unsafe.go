package alsa

import "unsafe"

// kind says which of alsa-lib's functions moves frames.
type kind int32

const (
	moveReadI kind = iota
	moveWriteI
	moveReadN
	moveWriteN
	moveMmapReadI
	moveMmapWriteI
	moveMmapReadN
	moveMmapWriteN
	moveCommit
)

// kindOf is the function for an access and a direction.
func kindOf(a Access, d Direction) kind {
	k := moveReadI
	if a.planar() {
		k = moveReadN
	}
	if a.MMap() {
		k += moveMmapReadI
	}
	if d == Playback {
		k++
	}
	return k
}

// moveBytes moves frames from or to b, which is not empty: len(b) bytes in the layout of the access, from frame skip of it on.
// It returns frames, 0 or a negative code. C has forgotten b when it returns.
func (p *PCM) moveBytes(b []byte, skip, frames int) int {
	if p.planes == nil {
		return p.lib.move(p.kind, p.h, unsafe.Pointer(&b[skip*p.frame]), frames, 0, p.c)
	}
	// C takes an array of addresses. The memory of b stays where it is: it is C's, or on the heap, where base keeps it alive.
	p.base = unsafe.Pointer(&b[0])
	plane, sample := uintptr(len(b)/len(p.planes)), uintptr(p.frame/len(p.planes))
	for i := range p.planes {
		p.planes[i] = uintptr(p.base) + uintptr(i)*plane + uintptr(skip)*sample
	}
	n := p.lib.move(p.kind, p.h, unsafe.Pointer(&p.planes[0]), frames, 0, p.c)
	p.base = nil
	return n
}
