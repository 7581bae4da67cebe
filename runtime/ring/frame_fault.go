package ring

import (
	"fmt"
	"runtime/debug"
)

// survive is deferred around what touches a mapped file. Where somebody has truncated that under this program, which the kernel tells by SIGBUS, it
// makes an error of it. before is what debug.SetPanicOnFault returned, which counts for one goroutine.
func (m *frameMap) survive(before bool, err *error) {
	debug.SetPanicOnFault(before)
	if p := recover(); p != nil {
		m.judge(p)
		*err = fmt.Errorf("poolgen: frame ring: %w: the file was truncated while it was mapped: its next writer mends it", ErrCorrupt)
	}
}

// doubt is survive for what has no error, but may be false.
func (m *frameMap) doubt(before bool, ok *bool) {
	debug.SetPanicOnFault(before)
	if p := recover(); p != nil {
		m.judge(p)
		*ok = false
	}
}

// judge goes on with a panic that is no fault in this file.
func (m *frameMap) judge(p any) {
	fault, ok := p.(interface{ Addr() uintptr })
	if base := uintptr(m.guard.region.Base()); !ok || fault.Addr()-base >= uintptr(m.guard.region.Size()) {
		panic(p)
	}
}

// end says that the writer has closed. The guard's mu is held.
func (m *frameMap) end() {
	if m.flags&flagFile != 0 {
		var none error // nobody is there to be told
		defer m.survive(debug.SetPanicOnFault(true), &none)
	}
	m.super.ended.Store(1)
	m.door.rouse(m.door.armed.Load())
}

// oldest is the number of the oldest frame, also where a writer died while it changed a counter.
func (r *FrameReader) oldest() (oldest uint64, err error) {
	if r.m.flags&flagFile != 0 {
		defer r.m.survive(debug.SetPanicOnFault(true), &err)
	}
	r.pos = r.m.super.oldest.settle()
	oldest, _, err = r.look()
	return oldest, err
}
