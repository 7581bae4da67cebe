package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/poolgen/poolgen/internal/sys"
)

// frameEntry is a private copy of an entry.
type frameEntry struct {
	seq         uint64
	off, length uint32
	time        int64
	sum         uint32 // of the payload, in a file
}

// sums computes CRC-32C.
func sums() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (e frameEntry) words() [entrySize / 4]uint32 {
	return [...]uint32{uint32(e.seq), uint32(e.seq >> 32), e.off, e.length, uint32(e.time), uint32(uint64(e.time) >> 32), e.sum, 0}
}

// entrySum is the checksum of the words before it, in little-endian order on every machine.
func entrySum(t *crc32.Table, w []uint32) uint32 {
	crc := uint32(0) // so that the sum of zeros is all ones: a hole is no entry
	for _, v := range w {
		for range 4 {
			crc = t[byte(crc)^byte(v)] ^ crc>>8
			v >>= 8
		}
	}
	return ^crc
}

func (m *frameMap) putEntry(t *crc32.Table, e frameEntry) {
	w := e.words()
	if m.flags&flagFile != 0 {
		w[7] = entrySum(t, w[:7])
	}
	m.entry(e.seq).word = w
}

// getEntry reads the entry of frame seq. It is false if that is another frame's, or if it is damaged: an entry that is accepted lies
// within the data, whatever a hostile writer does.
func (m *frameMap) getEntry(t *crc32.Table, seq uint64) (frameEntry, bool) {
	w := m.entry(seq).load()
	e := frameEntry{uint64(w[1])<<32 | uint64(w[0]), w[2], w[3], int64(uint64(w[5])<<32 | uint64(w[4])), w[6]}
	switch {
	case e.seq != seq,
		m.flags&flagFile != 0 && w[7] != entrySum(t, w[:7]),
		e.length > m.largest || m.flags&flagFixed != 0 && e.length != m.largest,
		e.off%frameUnit != 0 || e.off > m.frameGeometry.bytes || m.frameGeometry.bytes-e.off < e.length:
		return e, false
	}
	return e, true
}

// span is how many bytes of data a frame takes. An empty one takes some too, so that frames are in order by place.
func (e frameEntry) span() uint32 { return max(roundTo(e.length, frameUnit), frameUnit) }

// static makes the words of the superblock that do not change.
func (g frameGeometry) static(id uint64) (w [staticWords]uint32) {
	return [...]uint32{frameMagic, frameVersion, endianTag, g.frames, g.largest, g.flags, g.bytes, g.data, uint32(id), uint32(id >> 32), 0}
}

// parseStatic checks a superblock that came from elsewhere. b is a copy of the file's first bytes.
func parseStatic(b []byte) (g frameGeometry, err error) {
	if len(b) < (staticWords+1)*4 {
		return g, fmt.Errorf("a file of %d bytes holds no frame ring", len(b))
	}
	var w [staticWords + 1]uint32
	for i := range w {
		w[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	g = frameGeometry{frames: w[3], largest: w[4], flags: w[5], bytes: w[6], data: w[7]}
	switch {
	case w[0] != frameMagic:
		return g, fmt.Errorf("magic is %#x, not %#x", w[0], uint32(frameMagic))
	case w[2] != endianTag:
		return g, fmt.Errorf("byte order tag is %#x: written by a machine of the other byte order", w[2])
	case w[1] != frameVersion:
		return g, fmt.Errorf("layout version is %d, this program speaks %d: build both sides with the same poolgen", w[1], frameVersion)
	case w[staticWords] != entrySum(sums(), w[:staticWords]):
		return g, fmt.Errorf("checksum of the superblock is %#x, not %#x", w[staticWords], entrySum(sums(), w[:staticWords]))
	}
	return g, g.check()
}

// guard is the life of a mapping: it stays while its owner is in a call, and its addresses until Unmap.
type guard struct {
	state  atomic.Uint32
	inside atomic.Uint32

	mu              sync.Mutex
	region          sys.Map
	fd              int
	lock            int    // -1, or what a writer has locked: never handed out, because whoever has a copy has the lock
	keep            int    // bytes at the start that stay until unmap
	last            func() // nil, or what the end of a writer is told by, once it is in no call
	mapped, revoked bool
}

func (g *guard) enter() error {
	if g.inside.Swap(1) != 0 {
		panic("poolgen: two goroutines use one end of a frame ring at once")
	}
	if g.state.Load() != 0 {
		g.leave()
		return fmt.Errorf("poolgen: frame %w", ErrClosed)
	}
	return nil
}

func (g *guard) leave() {
	g.inside.Store(0)
	if g.state.Load() != 0 {
		_ = g.revoke()
	}
}

func (g *guard) revoke() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.revoked || g.inside.Load() != 0 {
		return nil
	}
	g.revoked = true
	if g.last != nil {
		g.last()
	}
	err := g.region.Revoke(g.keep, g.region.Size()-g.keep)
	err = errors.Join(err, sys.Close(g.fd))
	if g.lock >= 0 {
		err = errors.Join(err, sys.Unlock(g.lock))
	}
	g.fd, g.lock = -1, -1
	return err
}

func (g *guard) unmap() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.mapped {
		return nil
	}
	if !g.revoked || g.inside.Load() != 0 {
		return fmt.Errorf("poolgen: unmapping a frame ring: %w", ErrBusy)
	}
	g.mapped = false
	return g.region.Unmap()
}

// wakeReaders wakes all readers, of any process.
func (m *frameMap) wakeReaders() {
	m.guard.mu.Lock()
	defer m.guard.mu.Unlock()
	if m.flags&flagFile != 0 {
		var none error // who sleeps in a file that was truncated wakes by itself
		defer m.survive(debug.SetPanicOnFault(true), &none)
	}
	if m.guard.mapped && m.canWake {
		m.door.rouse(m.door.armed.Load())
	}
}

// arm says that a reader sleeps, or is about to, since the word was seq. It leaves a newer one in place: who wakes for the old one would take that
// back with it, and if this reader were killed now, nobody would wake the other.
func (d *door) arm(seq uint32) {
	t := token(seq)
	for range 100 { // a hostile peer may change it for ever
		a := d.armed.Load()
		if a != 0 && int32(a-t) >= 0 || d.armed.CompareAndSwap(a, t) {
			return
		}
	}
	d.armed.Store(t)
}

// rouse wakes all readers; see waiting.rouse.
func (d *door) rouse(armed uint32) {
	d.seq.Add(1)
	sys.FutexWakeAll(&d.seq)
	d.armed.CompareAndSwap(armed, 0)
}
