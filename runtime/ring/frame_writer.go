package ring

import (
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"

	"github.com/poolgen/poolgen/internal/sys"
)

// FrameOptions say what a frame ring is made from.
type FrameOptions struct {
	Name     string // in errors, and in /proc/self/maps
	Frames   int    // frames that it remembers at most, 2 to 1<<20; 0 means 64
	MaxFrame int    // bytes of the largest frame, 1 to 1 GiB
	Bytes    int    // of all frames together, up to 1 GiB; 0 means Frames of MaxFrame. Each frame takes a multiple of 64, at least 64
	Fixed    bool   // every frame has exactly MaxFrame bytes
}

func (o FrameOptions) geometry(flags uint32) (g frameGeometry, err error) {
	if o.Frames == 0 {
		o.Frames = 64
	}
	if o.Frames < 2 || o.Frames > maxFrames || o.MaxFrame < 1 || o.MaxFrame > maxSize || o.Bytes < 0 || o.Bytes > maxSize {
		return g, fmt.Errorf("%d frames of up to %d bytes in %d: frames are from 2 to %d, their sizes from 1 to %d", o.Frames, o.MaxFrame, o.Bytes, maxFrames, maxSize)
	}
	each := roundTo(uint32(o.MaxFrame), frameUnit)
	all := max(uint64(o.Bytes), uint64(each))
	if o.Bytes == 0 {
		all = uint64(o.Frames) * uint64(each)
	}
	if all > maxSize {
		return g, fmt.Errorf("%d frames of up to %d bytes take %d bytes, more than %d: set Bytes", o.Frames, o.MaxFrame, all, maxSize)
	}
	if o.Fixed {
		flags |= flagFixed
	}
	g = frameGeometry{uint32(o.Frames), uint32(o.MaxFrame), flags, roundTo(uint32(all), frameUnit), entryOffset + roundTo(uint32(o.Frames)*entrySize, area)}
	return g, g.check()
}

// FrameWriter publishes frames to any number of readers. It never waits for them: it overwrites the oldest frames. One goroutine at a
// time uses Reserve, Publish, Write, Next and Sync; the other methods may be called from any.
type FrameWriter struct {
	m      *frameMap
	name   string
	table  *crc32.Table
	live   []frameEntry // of the frames that are not overwritten, by number modulo frames
	next   uint64
	oldest uint64
	cursor uint32 // where the next frame goes, if it fits there
	room   uint32 // bytes at cursor that Reserve gave out
	given  bool
}

// NewFrameWriter makes a frame ring in a sealed memfd, whose memory is committed at once. Readers get it by FD and OpenFrameReader, in this
// process or another. The caller owns it and calls Close.
func NewFrameWriter(o FrameOptions) (*FrameWriter, error) {
	g, err := o.geometry(0)
	if err != nil {
		return nil, fmt.Errorf("poolgen: making frame ring %q: %w", o.Name, err)
	}
	fd, err := sys.Memfd(o.Name, int(g.size()))
	if err != nil {
		return nil, fmt.Errorf("poolgen: making frame ring %q: %w", o.Name, err)
	}
	w, err := (*FrameWriter)(nil), g.format(fd)
	if err == nil {
		w, err = takeOver(fd, o.Name, false)
	}
	if err = errors.Join(err, sys.Close(fd)); err != nil {
		return nil, fmt.Errorf("poolgen: making frame ring %q: %w", o.Name, err)
	}
	return w, nil
}

// OpenFrameWriter takes over the writing of the frame ring behind fd, which stays the caller's, from a writer that has ended, however it
// did. Frames that it had published are kept, one that it had not is not. The error wraps ErrBusy while a writer has the ring,
// and ErrCorrupt if it is none or could be truncated, as every file could: CreateFrameFile takes those over.
func OpenFrameWriter(fd int) (*FrameWriter, error) {
	w, err := takeOver(fd, fmt.Sprint("descriptor ", fd), false)
	if err != nil {
		return nil, fmt.Errorf("poolgen: opening a frame ring to write: %w", err)
	}
	return w, nil
}

// MaxFrame is how many bytes a frame has at most.
func (w *FrameWriter) MaxFrame() int { return int(w.m.largest) }

// FD is the memory to pass to readers, -1 after Close. It stays the writer's. Readers of a file open it by its path.
func (w *FrameWriter) FD() int {
	w.m.guard.mu.Lock()
	defer w.m.guard.mu.Unlock()
	return w.m.guard.fd
}

// Next is the number of the next frame: how many were published since the ring was made.
func (w *FrameWriter) Next() uint64 { return w.next }

// Reserve gives room for a frame of n bytes at most, 0 to MaxFrame, for the caller to fill and Publish. Nobody sees it until then; the
// frames that were there are gone. It is valid until the next Publish or Reserve, or Close.
func (w *FrameWriter) Reserve(n int) (b []byte, err error) {
	if err := w.fits(n, false); err != nil {
		return nil, err
	}
	if err := w.m.enter(); err != nil {
		return nil, err
	}
	defer w.m.leave()
	if w.m.flags&flagFile != 0 {
		defer w.m.survive(debug.SetPanicOnFault(true), &err)
	}
	return w.reserve(n), nil
}

// fits tells what is wrong with a frame of n bytes, or, if it is not whole, of n at most.
func (w *FrameWriter) fits(n int, whole bool) error {
	switch {
	case n < 0 || n > int(w.m.largest):
		return fmt.Errorf("poolgen: frame ring %q: a frame of %d bytes: it is from 0 to %d", w.name, n, w.m.largest)
	case whole && w.m.flags&flagFixed != 0 && n != int(w.m.largest):
		return fmt.Errorf("poolgen: frame ring %q: a frame of %d bytes: all have %d", w.name, n, w.m.largest)
	}
	return nil
}

// reserve is Reserve within a call.
func (w *FrameWriter) reserve(n int) []byte {
	oldest, need := w.oldest, frameEntry{length: uint32(n)}.span()
	drop := func(from, to uint32) {
		for oldest < w.next {
			if e := w.live[oldest%uint64(w.m.frames)]; e.off >= to || e.off+e.span() <= from {
				return
			}
			oldest++
		}
	}
	if w.next-oldest >= uint64(w.m.frames) {
		oldest = w.next - uint64(w.m.frames) + 1
	}
	if w.m.frameGeometry.bytes-w.cursor < need {
		drop(w.cursor, w.m.frameGeometry.bytes)
		w.cursor = 0
	}
	drop(w.cursor, w.cursor+need)
	if oldest != w.oldest {
		w.oldest = oldest
		w.m.super.oldest.store(oldest)
		// A store orders what comes before it, a load what comes after it, and neither passes the other (arm64: STLR, LDAR).
		w.m.super.oldest.low.Load()
	}
	w.room, w.given = uint32(n), true
	return w.m.bytes(w.cursor, uint32(n))
}

// Publish makes the first n bytes of what Reserve gave a frame and returns its number. time is the caller's own, such as nanoseconds of a
// capture. It panics if n is more than was reserved, and fails in a ring of Fixed frames if it is not MaxFrame.
func (w *FrameWriter) Publish(n int, time int64) (number uint64, err error) {
	if !w.given || n < 0 || n > int(w.room) {
		panic(fmt.Sprintf("poolgen: Publish(%d) in frame ring %q: %d bytes are reserved", n, w.name, w.room))
	}
	if err := w.fits(n, true); err != nil {
		return 0, err
	}
	if err := w.m.enter(); err != nil {
		return 0, err
	}
	defer w.m.leave()
	if w.m.flags&flagFile != 0 {
		defer w.m.survive(debug.SetPanicOnFault(true), &err)
	}
	return w.publish(n, time), nil
}

// publish is Publish within a call.
func (w *FrameWriter) publish(n int, time int64) (number uint64) {
	e := frameEntry{seq: w.next, off: w.cursor, length: uint32(n), time: time}
	if w.m.flags&flagFile != 0 {
		e.sum = crc32.Update(0, w.table, w.m.bytes(e.off, e.length))
	}
	w.m.putEntry(w.table, e)
	w.live[e.seq%uint64(w.m.frames)] = e
	w.cursor += e.span()
	w.next++
	w.room, w.given = 0, false
	w.m.super.next.store(w.next)
	if a := w.m.door.armed.Load(); a != 0 {
		w.m.door.rouse(a)
	}
	return e.seq
}

// Write publishes a copy of b as a frame and returns its number.
func (w *FrameWriter) Write(b []byte, time int64) (number uint64, err error) {
	if err := w.fits(len(b), true); err != nil {
		return 0, err
	}
	if err := w.m.enter(); err != nil {
		return 0, err
	}
	defer w.m.leave()
	if w.m.flags&flagFile != 0 {
		defer w.m.survive(debug.SetPanicOnFault(true), &err)
	}
	copy(w.reserve(len(b)), b)
	return w.publish(len(b), time), nil
}

// Sync writes a ring in a file to its disk, so that its frames survive the machine's end too, not only the program's. Errors are EIO,
// ENOSPC and EDQUOT.
func (w *FrameWriter) Sync() error {
	if err := w.m.enter(); err != nil {
		return err
	}
	defer w.m.leave()
	if err := sys.Datasync(w.m.guard.fd); err != nil {
		return fmt.Errorf("poolgen: frame ring %q: writing it to disk: %w", w.name, err)
	}
	return nil
}

// Close ends the writing: readers get io.EOF after the last frame, until another writer takes over. A kept slice faults from now on. A call in
// progress is finished first, by its own goroutine; the ring has its writer until then.
func (w *FrameWriter) Close() error {
	w.m.guard.state.Store(stateClosed)
	return w.m.revoke()
}

// Unmap closes the writer and gives its addresses back as well. Slices kept from before may show foreign memory then.
func (w *FrameWriter) Unmap() error { return errors.Join(w.Close(), w.m.unmap()) }
