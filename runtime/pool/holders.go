package pool

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// Holder is who acquired a block that is in use.
type Holder struct {
	Handle Handle
	Bytes  int       // of the block
	Since  time.Time // when it was acquired
	Stack  []uintptr // of the acquisition, for runtime.CallersFrames
	// Weight is how many acquisitions this one stands for.
	Weight int
}

// SampleHolders makes the pool remember the stack of one in every acquisitions by Get and Wait, chosen at random, from now on; 0 ends
// that and forgets them. While it is on, an acquisition takes a slower path, and a sampled one a walk of the stack and a lock.
// Release costs nothing more. It panics if every is negative.
func (p *Pool) SampleHolders(every int) {
	if every < 0 || uint64(every) > 1<<31 {
		panic("poolgen: SampleHolders of one in a negative number, or of one in more than 1<<31")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holders = nil
	p.every.Store(uint32(every))
	if every == 0 {
		p.slow.And(^uint32(slowSample))
		return
	}
	p.holders = map[uint32]Holder{}
	p.slow.Or(slowSample)
}

// sampleHolder remembers who acquired b, if it is b's turn.
func (p *Pool) sampleHolder(b Buf) {
	every := p.every.Load()
	if every == 0 || every > 1 && rand.Uint32N(every) != 0 {
		return
	}
	var pcs [traceDepth]uintptr
	n := runtime.Callers(3, pcs[:]) // the caller of handOut: Get, or what stands below it
	h := Holder{b.Handle(), int(p.geo.capacity), time.Now(), slices.Clone(pcs[:n]), int(every)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders != nil { // not ended meanwhile
		p.holders[b.index] = h
	}
}

// Holders are the sampled acquisitions of blocks that are still in use, by block. The slices are the caller's to read.
func (p *Pool) Holders() []Holder {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Holder
	for i, h := range p.holders {
		if p.header(i).holds(h.Handle.Generation) {
			list = append(list, h)
		} else {
			delete(p.holders, i)
		}
	}
	slices.SortFunc(list, func(a, b Holder) int { return int(a.Handle.Index) - int(b.Handle.Index) })
	return list
}
