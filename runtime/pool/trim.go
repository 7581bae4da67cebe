package pool

import (
	"errors"

	"github.com/poolgen/poolgen/internal/sys"
)

// trimRun is how many bytes of blocks Trim takes out of circulation at once, a single larger block excepted.
const trimRun = 1 << 20

// trimmed remembers what Trim gave back.
type trimmed struct {
	generation []uint32 // by block: that in which it was trimmed; 0 if it never was
	page       []bool   // by page of the payloads
	bytes      uint64   // in all
}

// Trim gives the memory of free blocks back to the kernel, as far as it makes up whole pages, and returns how many bytes that is.
// Addresses stay valid; the memory is committed again, and zero, when the block is next used, which then costs page faults.
//
// It takes at most half of the free blocks out of circulation at a time, and a last one never. Get and Wait of this process wait for that moment
// rather than be refused. C, and other processes, may open a block or be refused as if those blocks were in use. Pools from Open,
// closed pools, and race builds, whose blocks are on the Go heap, have nothing to give back.
func (p *Pool) Trim() (int64, error) {
	if p.attached || !p.arena.mapped {
		return 0, nil
	}
	p.Reap()
	n := max(min(p.desc.opened.Load(), p.geo.fixed), p.geo.prealloc)
	free := uint32(0)
	for i := range n {
		if p.header(i).ref.Load()&0xffff == 0 {
			free++
		}
	}
	most := min(free/2, max(trimRun/p.geo.stride, 1))
	if most == 0 {
		return 0, nil
	}
	var freed int64
	var errs error
	for i := uint32(0); i < n; {
		next, bytes, err := p.trimFrom(i, n, most)
		freed, errs = freed+bytes, errors.Join(errs, err)
		if next == i || err != nil {
			break // closed meanwhile, or the kernel does not want it
		}
		i = next
	}
	return freed, errs
}

// trimFrom trims the first run of free blocks from block i on, of at most that many, and returns the block behind it.
func (p *Pool) trimFrom(i, n, most uint32) (next uint32, freed int64, err error) {
	for i < n && p.header(i).ref.Load()&0xffff != 0 {
		i++
	}
	// Close counts blocks in the closing state as in use, so it must not look in between.
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return i, 0, nil
	}
	p.trims.Add(1) // odd
	end := i
	for end < n && end-i < most {
		h := p.header(end)
		// The state of a block that is being finished: nobody may take it, and its generation stays.
		if w := h.ref.Load(); w&0xffff != 0 || !h.ref.CompareAndSwap(w, w|refClosing|refSaturated) {
			break
		}
		end++
	}
	if end > i {
		freed, err = p.discard(i, end)
	}
	for k := i; k < end; k++ {
		p.header(k).ref.And(^uint32(refClosing | refSaturated))
	}
	p.trims.Add(1) // even
	if p.desc.attention.Load()&attentionWaiters != 0 {
		// In other processes too, where somebody found no block meanwhile.
		p.desc.wakeSeq.Add(1)
		sys.FutexWakeAll(&p.desc.wakeSeq)
	}
	return max(end, i+1), freed, err
}

// afterTrim waits until Trim has no block.
func (p *Pool) afterTrim() {
	p.mu.Lock() // Trim holds it as long
	defer p.mu.Unlock()
}

// discard gives the whole pages of blocks from to end back, which are the caller's. mu is held.
func (p *Pool) discard(from, end uint32) (freed int64, err error) {
	t := &p.trimmed
	if t.generation == nil {
		t.generation = make([]uint32, p.geo.fixed)
		t.page = make([]bool, (p.geo.arenaSize-p.geo.payloadOffset)/uint64(sys.PageSize()))
	}
	stride, page := uint64(p.geo.stride), uint64(sys.PageSize())
	first, last := (uint64(from)*stride+page-1)/page, min(uint64(end)*stride/page, uint64(len(t.page)))
	// A page that is gone still counts only once; but one that is shared with a neighbour may have come back.
	for k := first; k < last; k++ {
		if !p.pageGone(k) {
			freed += int64(page)
		}
	}
	if freed == 0 {
		return 0, nil
	}
	if err := p.arena.region.Discard(int(p.geo.payloadOffset+first*page), int((last-first)*page), p.arena.fd); err != nil {
		return 0, err
	}
	for i := from; i < end; i++ {
		generation, _ := p.life(i)
		if t.generation[i] != generation {
			t.generation[i] = generation
			p.forgetPages(i)
		}
	}
	for k := first; k < last; k++ {
		t.page[k] = true
	}
	t.bytes += uint64(freed)
	return freed, nil
}

// forgetPages marks the pages that block i lies on as committed: it was used since they were given back.
func (p *Pool) forgetPages(i uint32) {
	stride, page := uint64(p.geo.stride), uint64(sys.PageSize())
	for k := uint64(i) * stride / page; k <= (uint64(i+1)*stride-1)/page && k < uint64(len(p.trimmed.page)); k++ {
		p.trimmed.page[k] = false
	}
}

// pageGone reports whether page k of the payloads was given back and none of the blocks on it was used since. mu is held.
func (p *Pool) pageGone(k uint64) bool {
	t := &p.trimmed
	if !t.page[k] {
		return false
	}
	stride, page := uint64(p.geo.stride), uint64(sys.PageSize())
	last := min((k*page+page-1)/stride, uint64(p.geo.fixed)-1)
	for i := k * page / stride; i <= last; i++ {
		generation, out := p.life(uint32(i))
		if out || generation != t.generation[i] {
			return false
		}
	}
	return true
}

// gone is how many bytes that were given back were not used since. mu is held.
func (p *Pool) bytesGone() (n int64) {
	for k := range p.trimmed.page {
		if p.pageGone(uint64(k)) {
			n += int64(sys.PageSize())
		}
	}
	return n
}
