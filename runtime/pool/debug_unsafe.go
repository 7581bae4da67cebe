package pool

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

const (
	poisonByte       = 0xdb
	guardByte        = 0xa5
	quarantineBlocks = 16 // released blocks that stay inaccessible
	traceEvents      = 8  // events kept a block
	traceDepth       = 16 // frames kept an event
)

// event is one step in a block's life.
type event struct {
	what       string
	generation uint32
	pcs        []uintptr
}

// whole is the memory of a fixed block from its payload to the next one's.
func (p *Pool) whole(i uint32) []byte {
	return unsafe.Slice((*byte)(p.address(i)), p.stride)
}

// arm prepares a block for a pool in a debug mode.
func (p *Pool) arm(b Buf) {
	if p.debug&DebugCanary != 0 && b.index < p.geo.fixed {
		guard := p.whole(b.index)[p.geo.capacity:]
		for k := range guard {
			guard[k] = guardByte
		}
	}
	p.record(b.index, b.generation, "acquired")
}

// checkGuard reports a write behind the payload of block i. It only reads, so it harms nobody if the block is not the caller's.
func (p *Pool) checkGuard(i, generation uint32) {
	if i >= p.geo.fixed || p.debug&DebugCanary == 0 {
		return
	}
	for k, v := range p.whole(i)[p.geo.capacity:] {
		if v != guardByte {
			p.misuse("release", i, generation, fmt.Sprintf("its payload overflowed: guard byte %d behind the %d bytes is %#x, not %#x",
				k, p.geo.capacity, v, guardByte))
		}
	}
}

// poison fills the payload of block i, which is in the closing state and the caller's to finish.
func (p *Pool) poison(i uint32) {
	if i >= p.geo.fixed || p.debug&DebugPoison == 0 {
		return
	}
	payload := p.whole(i)[:p.geo.capacity]
	for k := range payload {
		payload[k] = poisonByte
	}
}

func (p *Pool) setAccess(i uint32, accessible bool) {
	if !p.arena.mapped {
		return
	}
	// Where the kernel refuses, for lack of memory for another mapping, the block is only not watched.
	_ = p.arena.region.Protect(int(p.geo.payloadOffset)+int(i)*int(p.stride), int(p.stride), accessible)
}

// record adds a step to the history of block i.
func (p *Pool) record(i, generation uint32, what string) {
	if p.trace == nil {
		return
	}
	pcs := make([]uintptr, traceDepth)
	pcs = pcs[:runtime.Callers(3, pcs)]
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.trace[i]
	if len(list) == traceEvents {
		list = append(list[:0], list[1:]...)
	}
	p.trace[i] = append(list, event{what, generation, pcs})
}

// history is the text of block i's last events, oldest first.
func (p *Pool) history(i uint32) string {
	if p.trace == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.historyLocked(i)
}

func (p *Pool) historyLocked(i uint32) string {
	var b strings.Builder
	for _, e := range p.trace[i] {
		fmt.Fprintf(&b, "block %d, generation %d %s at:\n", i, e.generation, e.what)
		frames := runtime.CallersFrames(e.pcs)
		for {
			f, more := frames.Next()
			if f.Function != "" && !strings.Contains(f.Function, "runtime/pool.(*Pool)") && !strings.Contains(f.Function, "runtime/pool.Buf.") {
				fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
			}
			if !more {
				break
			}
		}
	}
	return b.String()
}

// outstandingHistory is the history of every block that is out. The caller holds mu.
func (p *Pool) outstandingHistory() string {
	if p.trace == nil {
		return ""
	}
	var b strings.Builder
	for i := range p.geo.fixed + p.geo.external {
		if p.header(i).ref.Load()&refCountMask != 0 {
			b.WriteString(p.historyLocked(i))
		}
	}
	return b.String()
}
