package pool

import (
	"fmt"
	"runtime"
	"unsafe"
)

// externalBlock is what Go knows of a block whose payload is not in the arena.
type externalBlock struct {
	ptr  unsafe.Pointer
	pin  runtime.Pinner
	done func()
	heap int // bytes taken from the Go heap for a block beyond the limit
}

// Adopt makes a buffer of the caller's slice, without a copy. The slice is pinned until the last reference is released, so
// that C may keep pointers into it; then done, if not nil, runs on the releasing goroutine, outside any lock. Len and Cap are len(b).
// When C releases the last reference, done runs at the next Reap.
func (p *Pool) Adopt(b []byte, done func()) (Buf, error) {
	if len(b) == 0 || len(b) > maxSize {
		return Buf{}, fmt.Errorf("poolgen: adopting a slice of %d bytes into pool %q: it must have from 1 to %d", len(b), p.name, maxSize)
	}
	return p.joinExternal(unsafe.Pointer(unsafe.SliceData(b)), len(b), done, 0, true)
}

// External makes a buffer of size bytes of foreign memory at ptr, such as a driver's mapping. The memory must stay as it is
// until done runs, after the last release, as in Adopt.
func (p *Pool) External(ptr unsafe.Pointer, size int, done func()) (Buf, error) {
	if ptr == nil || size <= 0 || size > maxSize {
		return Buf{}, fmt.Errorf("poolgen: joining %d bytes at %p to pool %q: the address must not be nil and the size from 1 to %d", size, ptr, p.name, maxSize)
	}
	return p.joinExternal(ptr, size, done, 0, false)
}

// heapBlock is a block beyond the limit.
func (p *Pool) heapBlock() (Buf, error) {
	align := uintptr(payloadUnit)
	for uintptr(p.geo.payloadOffset)%(align*2) == 0 && p.stride%(align*2) == 0 && align < maxAlign {
		align *= 2
	}
	mem := make([]byte, uintptr(p.geo.capacity)+align-1)
	off := -uintptr(unsafe.Pointer(&mem[0])) & (align - 1)
	b, err := p.joinExternal(unsafe.Pointer(&mem[off]), int(p.geo.capacity), nil, len(mem), true)
	if err == nil {
		p.heapGets.Add(1)
		p.heapBytes.Add(int64(len(mem)))
	}
	return b, err
}

func (p *Pool) joinExternal(ptr unsafe.Pointer, size int, done func(), heap int, pin bool) (Buf, error) {
	p.Reap()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return Buf{}, fmt.Errorf("poolgen: pool %q: %w", p.name, ErrClosed)
	}
	i, ok := p.claimExternal()
	p.mu.Unlock()
	if !ok {
		return Buf{}, fmt.Errorf("poolgen: pool %q has %d slots for external blocks, raise Options.External: %w", p.name, p.geo.external, ErrLimit)
	}
	e := &p.external[i-p.geo.fixed]
	e.ptr, e.done, e.heap = ptr, done, heap
	if pin {
		e.pin.Pin(ptr)
	}
	if heap == 0 {
		p.joinedBytes.Add(uint64(size))
	}
	h := p.header(i)
	h.flags = blockExternal
	if heap > 0 {
		h.flags |= blockHeap
	}
	set(&h.capacity, uint32(size))
	set(&h.length, uint32(size))
	addr := uint64(uintptr(ptr))
	set(&h.external, uint32(addr))
	set(&h.externalHi, uint32(addr>>32))
	b := Buf{p, i, h.begin(h.ref.Load())}
	p.record(i, b.generation, "acquired")
	return b, nil
}

// claimExternal takes a free header slot. The caller holds mu.
func (p *Pool) claimExternal() (uint32, bool) {
	for range p.geo.external {
		i := p.geo.fixed + p.extCursor%max(p.geo.external, 1)
		p.extCursor++
		h := p.header(i)
		if w := h.ref.Load(); w&0xffff == 0 && h.ref.CompareAndSwap(w, w|1) {
			p.extInUse++
			p.extPeak = max(p.extPeak, p.extInUse)
			return i, true
		}
	}
	return 0, false
}

func (p *Pool) completeExternal(i uint32) {
	e := &p.external[i-p.geo.fixed]
	done := e.done
	p.heapBytes.Add(-int64(e.heap))
	e.pin.Unpin()
	e.ptr, e.done, e.heap = nil, nil, 0
	p.mu.Lock()
	p.extInUse--
	p.mu.Unlock()
	p.header(i).ref.And(^uint32(refClosing | refSaturated))
	if done != nil {
		done()
	}
}
