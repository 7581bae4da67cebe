package ring

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// ErrOverwritten says that the writer has overwritten a frame that was being read.
var ErrOverwritten = errors.New("frame was overwritten")

// lookEvery is how often a reader looks that may not write to the file and so cannot be woken.
const lookEvery = time.Millisecond

// FrameReader reads the frames of a ring, each once and in order, as one of any number of readers. One goroutine at a time uses it; Close
// may be called from any.
type FrameReader struct {
	m      *frameMap
	table  *crc32.Table
	pos    uint64 // number of the next frame
	stats  FrameStats
	missed uint64 // since the last frame
	fence  atomic.Uint32
	torn   uint64 // 1 + number of the frame that was counted as missed after it was handed out
}

// FrameStats count what became of the frames since the reader was opened: Seen + Missed is how far it has come.
type FrameStats struct {
	Seen    uint64 // handed out, and not overwritten while in use as far as Valid was asked
	Missed  uint64 // overwritten before or while they were read, or damaged
	Damaged uint64 // of those missed: not whole in the file
}

// Frame is one frame in place, until the writer overwrites it. Its methods belong to the reader's goroutine.
type Frame struct {
	Seq    uint64 // its number; the first frame of a ring has 0
	Missed uint64 // frames that this reader missed right before this one
	Time   int64  // as it was given to Publish
	r      *FrameReader
	off, n uint32
}

// OpenFrameReader maps the ring behind fd, which stays the caller's, for one more reader, which begins with the oldest frame that is
// there. Only the word that readers are woken by is mapped for writing, and not even that if fd is open for reading only: such a
// reader looks for frames every millisecond. The error wraps ErrCorrupt if the file is no frame ring, or could be truncated by who it came from:
// what is not sealed must be a file, and opened by its path with OpenFrameFile.
func OpenFrameReader(fd int) (*FrameReader, error) {
	return openedReader(fd, false)
}

func openedReader(fd int, byPath bool) (*FrameReader, error) {
	r, err := openReader(fd, byPath)
	if err != nil {
		return nil, fmt.Errorf("poolgen: opening a frame ring to read: %w", err)
	}
	return r, nil
}

// OpenFrameFile is OpenFrameReader for a file. A file that was truncated is an error that wraps ErrCorrupt, also when that happens later; its next
// writer mends it.
func OpenFrameFile(path string) (*FrameReader, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("poolgen: opening a frame ring to read: %w", err)
	}
	defer f.Close()
	return openedReader(int(f.Fd()), true)
}

func openReader(fd int, byPath bool) (*FrameReader, error) {
	g, size, err := readStatic(fd)
	if err == nil {
		err = g.safe(fd, byPath)
	}
	if err != nil {
		return nil, err
	}
	if size < g.size() {
		return nil, fmt.Errorf("%w: truncated from %d bytes to %d", ErrCorrupt, g.size(), size)
	}
	own, err := sys.Dup(fd)
	if err != nil {
		return nil, err
	}
	m, err := mapFrames(own, g, false)
	if err != nil {
		return nil, errors.Join(err, sys.Close(own))
	}
	r := &FrameReader{m: m, table: sums()}
	if r.pos, err = r.oldest(); err != nil {
		return nil, errors.Join(err, r.Unmap())
	}
	return r, nil
}

// look reads the counters, oldest first, so that it is never beyond next.
func (r *FrameReader) look() (oldest, next uint64, err error) {
	oldest, ok := r.m.super.oldest.load()
	next, ok2 := r.m.super.next.load()
	if !ok || !ok2 {
		// The writer died, or sleeps, in the middle of a change: as if nothing had come.
		return r.pos, r.pos, nil
	}
	if next < oldest || next < r.pos {
		return 0, 0, fmt.Errorf("poolgen: frame ring: %w: frames %d to %d are there, after number %d was", ErrCorrupt, oldest, next, r.pos)
	}
	// Between the two loads the writer may have gone round.
	return max(oldest, next-min(next, uint64(r.m.frames))), next, nil
}

// Next returns the next frame, waiting for it if need be, with the number of those that were missed before it. Read it in place with
// Bytes, and ask Valid afterwards; or Copy or Promote it. It returns ctx's cause, ErrClosed, io.EOF when the writer has closed and every
// frame was read, or an error that wraps ErrCorrupt when a frame in memory is damaged: it is counted as missed, and Next may go on.
func (r *FrameReader) Next(ctx context.Context) (f Frame, err error) {
	if err := r.m.enter(); err != nil {
		return Frame{}, err
	}
	defer r.m.leave()
	if r.m.flags&flagFile != 0 {
		defer r.m.survive(debug.SetPanicOnFault(true), &err)
	}
	for {
		f, ok, err := r.try()
		if ok || err != nil {
			return f, err
		}
		if err := r.wait(ctx); err != nil {
			return Frame{}, err
		}
	}
}

// TryNext is Next without waiting: ok is false if there is no frame now.
func (r *FrameReader) TryNext() (f Frame, ok bool, err error) {
	if err := r.m.enter(); err != nil {
		return Frame{}, false, err
	}
	defer r.m.leave()
	if r.m.flags&flagFile != 0 {
		defer r.m.survive(debug.SetPanicOnFault(true), &err)
	}
	return r.try()
}

func (r *FrameReader) try() (Frame, bool, error) {
	for damaged := uint32(0); ; {
		oldest, next, err := r.look()
		if err != nil {
			return Frame{}, false, err
		}
		if oldest > r.pos {
			r.miss(oldest - r.pos)
			r.pos = oldest
		}
		if r.pos >= next {
			return Frame{}, false, nil
		}
		e, ok := r.m.getEntry(r.table, r.pos)
		if ok && r.m.flags&flagFile != 0 {
			ok = crc32.Update(0, r.table, r.m.bytes(e.off, e.length)) == e.sum
		}
		if r.gone(r.pos) {
			continue // overwritten meanwhile: counted above
		}
		r.pos++
		if !ok {
			r.miss(1)
			r.stats.Damaged++
			if damaged++; r.m.flags&flagFile == 0 || damaged > r.m.frames {
				return Frame{}, false, fmt.Errorf("poolgen: frame ring: %w: frame %d is damaged", ErrCorrupt, r.pos-1)
			}
			continue
		}
		f := Frame{Seq: e.seq, Missed: r.missed, Time: e.time, r: r, off: e.off, n: e.length}
		r.missed = 0
		r.stats.Seen++
		return f, true, nil
	}
}

func (r *FrameReader) miss(n uint64) {
	r.missed += n
	r.stats.Missed += n
}

// gone reports whether the writer may have touched frame seq by the time of the call. The store keeps what was read before it from being
// read after the load (see Reserve).
func (r *FrameReader) gone(seq uint64) bool {
	r.fence.Store(0)
	oldest, ok := r.m.super.oldest.load()
	return !ok || oldest > seq
}

func (r *FrameReader) wait(ctx context.Context) error {
	d := r.m.door
	if ctx.Done() != nil && r.m.canWake {
		var left atomic.Bool
		stop := context.AfterFunc(ctx, func() { insist(r.m.wakeReaders, left.Load) })
		defer func() {
			left.Store(true)
			stop()
		}()
	}
	for i, yields := 0, yields(); ; i++ {
		seq := d.seq.Load()
		if i >= yields && r.m.canWake {
			d.arm(seq)
		}
		ended := r.m.super.ended.Load() != 0 // before the look: what was published before the end counts
		_, next, err := r.look()
		switch {
		case r.m.guard.state.Load() != 0:
			return fmt.Errorf("poolgen: frame %w", ErrClosed)
		case err != nil || next > r.pos:
			return err
		case ended:
			return io.EOF
		case ctx.Err() != nil:
			return fmt.Errorf("poolgen: waiting for a frame: %w", context.Cause(ctx))
		case i < yields:
			runtime.Gosched()
		case r.m.canWake && r.m.flags&flagFile != 0: // whoever truncates it takes the word away
			sys.FutexWaitFor(&d.seq, seq, time.Second)
		case r.m.canWake:
			sys.FutexWait(&d.seq, seq)
		default:
			time.Sleep(lookEvery)
		}
	}
}

// SkipToNewest passes over all frames but the newest. They do not count as missed; FrameStats leaves them out.
func (r *FrameReader) SkipToNewest() (err error) {
	if err := r.m.enter(); err != nil {
		return err
	}
	defer r.m.leave()
	if r.m.flags&flagFile != 0 {
		defer r.m.survive(debug.SetPanicOnFault(true), &err)
	}
	_, next, err := r.look()
	if err == nil && next > r.pos+1 {
		r.pos = next - 1
		r.missed = 0
	}
	return err
}

// Stats are the reader's counts.
func (r *FrameReader) Stats() FrameStats { return r.stats }

// Close ends the reader: its waits return ErrClosed, and slices kept from before fault as soon as no call is in progress.
func (r *FrameReader) Close() error {
	if r.m.guard.state.Or(stateClosed)&stateClosed != 0 {
		return r.m.revoke() // see Ring.Close
	}
	r.m.wakeReaders()
	if idle := func() bool { return r.m.guard.inside.Load() == 0 }; !idle() {
		go insist(r.m.wakeReaders, idle)
	}
	return r.m.revoke()
}

// Unmap closes the reader and gives its addresses back as well. Slices kept from before may show foreign memory then.
func (r *FrameReader) Unmap() error { return errors.Join(r.Close(), r.m.unmap()) }

// Len is how many bytes the frame has.
func (f Frame) Len() int { return int(f.n) }

// Bytes is the frame in place, read-only. The writer may overwrite it at any time: what was made of it counts only if Valid says so
// afterwards. After Close it faults, and so it does when somebody has truncated the file: Copy makes an error of that.
func (f Frame) Bytes() []byte { return f.r.m.bytes(f.off, f.n) }

// Valid reports whether the frame has not been overwritten up to now. If it has, and Next gave none after it, it is counted as missed. In a file
// that was truncated no frame is valid.
func (f Frame) Valid() (valid bool) {
	if f.r.m.flags&flagFile != 0 {
		defer f.r.m.doubt(debug.SetPanicOnFault(true), &valid)
	}
	return f.intact()
}

func (f Frame) intact() bool {
	if f.r.m.guard.state.Load() != 0 {
		return false
	}
	if !f.r.gone(f.Seq) {
		return true
	}
	if f.Seq+1 == f.r.pos && f.r.torn != f.r.pos {
		f.r.torn = f.r.pos
		f.r.stats.Seen--
		f.r.miss(1)
	}
	return false
}

// Copy copies the frame to dst, which has room for Len bytes, and returns how many that are. The error is ErrOverwritten if the writer
// was faster.
func (f Frame) Copy(dst []byte) (n int, err error) {
	if len(dst) < int(f.n) {
		return 0, fmt.Errorf("poolgen: copying a frame of %d bytes into %d: %w", f.n, len(dst), io.ErrShortBuffer)
	}
	if err := f.r.m.enter(); err != nil {
		return 0, err
	}
	defer f.r.m.leave()
	if f.r.m.flags&flagFile != 0 {
		defer f.r.m.survive(debug.SetPanicOnFault(true), &err)
	}
	if n = copy(dst, f.Bytes()); !f.intact() {
		return 0, fmt.Errorf("poolgen: frame %d: %w", f.Seq, ErrOverwritten)
	}
	return n, nil
}

// Promote copies the frame into a buffer of p, which the caller releases. It is a copy, because a reader that held a frame in place would
// stop the writer. Errors are those of p.Get, and ErrOverwritten as in Copy.
func (f Frame) Promote(p *pool.Pool) (pool.Buf, error) {
	b, err := p.Get()
	if err != nil {
		return pool.Buf{}, err
	}
	n, err := f.Copy(b.Bytes())
	if err != nil {
		b.Release()
		return pool.Buf{}, err
	}
	b.SetLen(n)
	return b, nil
}
