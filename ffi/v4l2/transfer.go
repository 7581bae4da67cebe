package v4l2

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// ErrStopped says that the stream is not running: Start was not called, or Stop was.
var ErrStopped = errors.New("the stream is stopped: call Start")

// back takes note that the driver has nothing any more, after STREAMOFF. mu is held.
func (s *Stream) back() {
	for _, sl := range s.slots {
		if sl.queued {
			sl.queued = false
			s.queued--
			if isOutput(s.typ) {
				sl.unstock()
			}
		}
	}
}

// fill queues every buffer that nobody holds. mu is held.
func (s *Stream) fill() error {
	for _, sl := range s.slots {
		if sl.queued || sl.held > 0 {
			continue
		}
		if err := sl.queue(); err != nil {
			return err
		}
	}
	return nil
}

// unqueue has the driver give everything back.
func (s *Stream) unqueue() {
	_ = s.switchTo(false)
	s.back()
}

// returned runs when a plane of the driver's memory has no reference any more.
func (sl *slot) returned() {
	s := sl.s
	s.mu.Lock()
	defer s.mu.Unlock()
	// Together with what follows: the slot is nobody else's before it is home.
	if sl.held--; sl.held > 0 {
		return
	}
	s.held--
	s.home(sl)
	if s.needs {
		s.w.signal()
	}
}

// home does with a slot that nobody holds what the stream's state asks for. mu is held.
func (s *Stream) home(sl *slot) {
	var err error
	switch {
	case s.closed:
		_ = sl.unmap()
		s.letGo()
	case sl.queued:
	case isOutput(s.typ):
		if sl.send {
			err = sl.queue()
		}
	case s.started:
		err = sl.queue()
	}
	if err != nil {
		s.queueUp = err
		sl.send = false
	}
}

// why is what a stream waits for.
type why uint8

const (
	forNothing why = iota
	forDevice      // a buffer that the driver is done with
	forRelease     // a frame that the program holds
)

// pause waits. The caller has entered s.w.
func (s *Stream) pause(ctx context.Context, w why) error {
	s.mu.Lock()
	s.stats.Waits++
	s.mu.Unlock()
	if w == forRelease { // which may be by C
		if s.joins.Reap() > 0 {
			return nil
		}
		c, cancel := context.WithCancel(ctx)
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			_, _ = s.joins.WaitReap(c)
		}()
		defer func() { cancel(); <-finished }()
	}
	events := int16(sys.PollIn)
	switch {
	case w == forRelease: // poll would return at once for a device without a buffer
		events = 0
	case isOutput(s.typ):
		events = sys.PollOut
	}
	_, err := s.w.wait(ctx, s.dev, events)
	return err
}

// Read takes the next frame, and waits for it. Who reads it owes a release for each plane. It returns io.EOF when a memory-to-memory
// device has nothing more, ErrStopped while the stream is not running, and the context's cause when ctx ends first.
func (s *Stream) Read(ctx context.Context) (Frame, error) {
	if isOutput(s.typ) {
		return Frame{}, s.dev.fail("reading a frame", syscall.EINVAL, "it is an output stream: use Write")
	}
	if !s.w.enter() {
		return Frame{}, s.dev.fail("reading a frame", ErrBusy)
	}
	defer s.w.leave()
	s.joins.Reap()
	if s.cfg.Memory == MemoryUserptr {
		return s.readBlocks(ctx)
	}
	for {
		f, w, err := s.next()
		if err == nil && w != forNothing {
			err = s.pause(ctx, w)
		}
		switch {
		case err != nil:
			return Frame{}, s.readError(err)
		case f.n > 0:
			return f, nil
		}
	}
}

func (s *Stream) readError(err error) error {
	if e := (*Error)(nil); errors.Is(err, io.EOF) || errors.As(err, &e) {
		return err
	}
	m := ""
	if errors.Is(err, syscall.EIO) {
		m = "the driver's queue failed: Stop and Start"
	}
	return s.dev.fail("reading a frame", err, m)
}

// ready says why no frame can be dequeued. mu is held.
func (s *Stream) ready() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.queueUp != nil:
		err := s.queueUp
		s.queueUp = nil
		return err
	case !s.started:
		return ErrStopped
	case s.ended:
		return io.EOF
	case s.queued+s.held < len(s.slots):
		return s.fill() // the driver has refused some, or they ended a stream that was resumed
	}
	return nil
}

// next dequeues one frame of the driver's memory: a frame without planes says to look again, after waiting if w says so.
func (s *Stream) next() (f Frame, w why, err error) {
	s.mu.Lock()
	if err := s.ready(); err != nil {
		s.mu.Unlock()
		return f, forNothing, err
	}
	s.needs = s.held > 0 && (s.queued == 0 || s.cfg.Low == LowWait && s.cfg.Reserve > 0 && s.queued <= s.cfg.Reserve)
	if s.needs {
		s.mu.Unlock()
		return f, forRelease, nil
	}
	sl, f, err := s.arrived()
	if sl == nil || err != nil {
		s.mu.Unlock()
		if err == nil || errors.Is(err, syscall.EAGAIN) {
			return f, forDevice, nil
		}
		return f, forNothing, err
	}
	var used, offset [maxPlanes]uint32
	for i := range sl.n {
		used[i], offset[i], _ = s.data(sl, i)
	}
	low := s.queued < s.cfg.Reserve
	if low && s.cfg.Low == LowDrop {
		s.drop(&f)
		err = sl.queue()
		s.mu.Unlock()
		return f, forNothing, err
	}
	sl.held = sl.n
	s.held++
	s.mu.Unlock()

	if err := sl.borrow(&f, &offset); err != nil {
		return Frame{}, forNothing, err
	}
	for i := range sl.n {
		f.planes[i].SetLen(int(used[i] - offset[i]))
	}
	if low && s.cfg.Low == LowCopy {
		f = s.copied(f)
	}
	if f.n > 0 {
		s.mu.Lock()
		s.stats.Frames++
		s.mu.Unlock()
	}
	return f, forNothing, nil
}

// arrived dequeues and reads what the driver says of the frame; no slot and no error says to look again. mu is held.
func (s *Stream) arrived() (*slot, Frame, error) {
	sl, err := s.dequeue()
	if err != nil {
		if errors.Is(err, syscall.EPIPE) {
			s.ended = true
			err = io.EOF
		}
		return nil, Frame{}, err
	}
	b := &s.deq.b
	f := Frame{Sequence: b.Sequence, Field: Field(b.Field), Flags: FrameFlags(b.Flags), Clock: clockOf(b.Flags), Timestamp: timestamp(b)}
	if s.counted && b.Sequence != s.last { // the two fields of a frame have one number
		if gap := b.Sequence - s.last - 1; gap < 1<<31 {
			f.Lost = gap
			s.stats.Lost += uint64(gap)
		}
	}
	s.counted, s.last = true, b.Sequence
	empty := true
	for i := range sl.n {
		used, _, ok := s.data(sl, i)
		empty = empty && ok && used == 0
		if !ok {
			f.Flags |= FlagCorrupt
		}
	}
	if b.Flags&bufFlagLast != 0 {
		s.ended = true
		if empty {
			return nil, Frame{}, io.EOF
		}
	}
	if f.Flags&FlagCorrupt != 0 {
		s.stats.Corrupt++
		if !s.cfg.KeepCorrupt {
			s.pending += f.Lost
			return nil, Frame{}, sl.queue()
		}
	}
	f.Lost += s.pending
	s.pending = 0
	return sl, f, nil
}

// data returns how many bytes of plane i the driver says it used, and where they begin; ok is false, and both are 0, for what cannot be. mu is held.
func (s *Stream) data(sl *slot, i int) (used, offset uint32, ok bool) {
	used, offset = s.deq.filled(i)
	p := &sl.parts[i]
	size := uint32(p.size)
	if s.cfg.Memory == MemoryUserptr {
		size = uint32(p.buf.Cap())
		if offset > 0 { // a block begins with its data
			return 0, 0, false
		}
	}
	if used > size || offset > used || offset == size {
		return 0, 0, false
	}
	return used, offset, true
}

// drop counts a frame that is passed over. mu is held.
func (s *Stream) drop(f *Frame) {
	s.stats.Dropped++
	s.pending += f.Lost
}

// copied makes the frame one of blocks of the pool, and gives the driver's buffer back; without free blocks it is dropped.
func (s *Stream) copied(f Frame) Frame {
	to := f
	to.n = 0
	for i := range f.n {
		b, err := s.cfg.Pool.Get()
		if err == nil {
			to.planes[i] = b
			to.n++
		}
		if err != nil || f.planes[i].Len() > b.Cap() {
			to.Release()
			f.Release()
			s.mu.Lock()
			s.drop(&f)
			s.mu.Unlock()
			return Frame{}
		}
		b.SetLen(copy(b.Bytes(), f.planes[i].Bytes()))
	}
	f.Release()
	s.mu.Lock()
	s.stats.Copied++
	s.mu.Unlock()
	return to
}

func timestamp(b *kBuffer) time.Duration {
	return time.Duration(b.Timestamp.Sec)*time.Second + time.Duration(b.Timestamp.Usec)*time.Microsecond
}
