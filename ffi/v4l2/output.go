package v4l2

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// Buffer takes a free buffer of an output stream in the driver's memory, and waits for one. The caller fills its planes, sets their Len,
// and gives it to Write; a release without Write gives it back unsent. It needs MemoryMMAP or MemoryDMABUF.
func (s *Stream) Buffer(ctx context.Context) (Frame, error) {
	if err := s.outputOnly(); err != nil {
		return Frame{}, err
	}
	if s.cfg.Memory == MemoryUserptr {
		return Frame{}, s.dev.fail("taking a buffer", syscall.EINVAL, "with MemoryUserptr the frames to write are blocks of your pool: see NewFrame")
	}
	if !s.w.enter() {
		return Frame{}, s.dev.fail("taking a buffer", ErrBusy)
	}
	defer s.w.leave()
	return s.buffer(ctx)
}

func (s *Stream) outputOnly() error {
	if !isOutput(s.typ) {
		return s.dev.fail("writing a frame", syscall.EINVAL, "it is a capture stream: use Read")
	}
	return nil
}

func (s *Stream) buffer(ctx context.Context) (Frame, error) {
	s.joins.Reap()
	sl, err := s.vacant(ctx, true)
	if err != nil {
		return Frame{}, err
	}
	f := Frame{slot: sl}
	var none [maxPlanes]uint32
	if err := sl.borrow(&f, &none); err != nil {
		return Frame{}, err
	}
	return f, nil
}

// vacant waits for a slot that neither the driver nor the program has. If hold is true it counts as held by the program from then on.
func (s *Stream) vacant(ctx context.Context, hold bool) (*slot, error) {
	for {
		sl, w, err := s.free(hold)
		s.spend()
		switch {
		case err != nil:
			return nil, s.writeError(err)
		case sl != nil:
			return sl, nil
		}
		if err := s.pause(ctx, w); err != nil {
			return nil, s.writeError(err)
		}
	}
}

// free returns a slot that is free, or what to wait for.
func (s *Stream) free(hold bool) (*slot, why, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.needs = false
	if s.closed {
		return nil, forNothing, ErrClosed
	}
	if err := s.queueUp; err != nil {
		s.queueUp = nil
		return nil, forNothing, err
	}
	// Blocks of a pool are all taken back that were sent, so that the pool has them again.
	all := s.cfg.Memory == MemoryUserptr && s.started
	for {
		if !all || s.queued == 0 {
			if sl := s.vacancy(); sl != nil {
				if hold {
					sl.held = sl.n
					s.held++
				}
				return sl, forNothing, nil
			}
		}
		if s.queued == 0 {
			s.needs = true // all are held
			return nil, forRelease, nil
		}
		if !s.started {
			return nil, forNothing, ErrStopped
		}
		err := s.done()
		switch {
		case errors.Is(err, syscall.EAGAIN) && all:
			all = false
			if s.vacancy() == nil {
				return nil, forDevice, nil
			}
		case errors.Is(err, syscall.EAGAIN):
			return nil, forDevice, nil
		case err != nil:
			return nil, forNothing, err
		}
	}
}

// vacancy is a slot that neither the driver nor the program has, or nil. mu is held.
func (s *Stream) vacancy() *slot {
	for _, sl := range s.slots {
		if !sl.queued && sl.held == 0 {
			return sl
		}
	}
	return nil
}

// done takes back a buffer that the driver has sent. mu is held.
func (s *Stream) done() error {
	sl, err := s.dequeue()
	if err != nil {
		return err
	}
	if s.deq.b.Flags&bufFlagError != 0 {
		s.stats.Corrupt++
	}
	sl.unstock()
	return nil
}

func (s *Stream) writeError(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	return s.dev.fail("writing a frame", err)
}

// Write gives a frame to the driver: one from Buffer goes without a copy once its last reference is gone, which is now unless others
// hold one; blocks of a pool go without a copy with MemoryUserptr, and stay the driver's until it has sent them and Write or Drain sees that,
// or Stop, so the pool needs at least one more than the driver holds; other memory is copied into a buffer of the driver's. Write takes f's references over, also when it fails. Timestamp and Field of f go with it; a
// memory-to-memory device copies the timestamp to what it makes of the frame. Write waits for a free buffer.
func (s *Stream) Write(ctx context.Context, f Frame) error {
	err := s.outputOnly()
	if err == nil && f.n != len(s.format.Planes) {
		err = s.dev.fail("writing a frame", syscall.EINVAL, fmt.Sprintf("the frame has %d planes, the format %s has %d", f.n, s.format, len(s.format.Planes)))
	}
	if err == nil && !s.w.enter() {
		err = s.dev.fail("writing a frame", ErrBusy)
	}
	if err != nil {
		f.Release()
		return err
	}
	defer s.w.leave()
	switch {
	case f.slot != nil && f.slot.s == s:
		err = s.send(f)
	case s.cfg.Memory == MemoryUserptr:
		err = s.lend(ctx, f)
	default:
		var own Frame
		own, err = s.buffer(ctx)
		if err != nil {
			f.Release()
			return err
		}
		own.Timestamp, own.Field = f.Timestamp, f.Field
		for i := range own.n {
			from := f.planes[i].Bytes()
			if len(from) > own.planes[i].Cap() {
				n := own.planes[i].Cap()
				own.Release()
				f.Release()
				return s.dev.fail("writing a frame", syscall.EINVAL, fmt.Sprintf("plane %d has %d bytes, the driver's buffer has room for %d", i, len(from), n))
			}
			own.planes[i].SetLen(copy(own.planes[i].Bytes(), from))
		}
		f.Release()
		if err = s.send(own); err == nil {
			s.mu.Lock()
			s.stats.Copied++
			s.mu.Unlock()
		}
	}
	if err == nil {
		s.mu.Lock()
		s.stats.Frames++
		s.mu.Unlock()
	}
	return err
}

// send marks a buffer of the driver's as to be sent and lets go of it.
func (s *Stream) send(f Frame) error {
	sl := f.slot
	var used [maxPlanes]uint32
	for i := range f.n { // it panics if f was written or released before: nothing is changed and no lock held yet
		used[i] = uint32(f.planes[i].Len())
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		f.Release()
		return s.dev.fail("writing a frame", ErrClosed)
	}
	sl.send, sl.used, sl.meta = true, used, Frame{Timestamp: f.Timestamp, Field: f.Field}
	s.mu.Unlock()
	f.Release()
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.queueUp
	s.queueUp = nil
	return err
}

// lend gives blocks of a pool to the driver until it has sent them.
func (s *Stream) lend(ctx context.Context, f Frame) error {
	for i := range f.n {
		if !pageAligned(f.planes[i]) {
			f.Release()
			return s.dev.fail("writing a frame", syscall.EINVAL, fmt.Sprintf("plane %d is not aligned to the page: set pool.Options.Align to 4096", i))
		}
	}
	sl, err := s.vacant(ctx, false)
	if err != nil {
		f.Release()
		return err
	}
	defer s.spend()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		f.Release()
		return s.dev.fail("writing a frame", ErrClosed)
	}
	sl.meta = Frame{Timestamp: f.Timestamp, Field: f.Field}
	for i := range f.n {
		sl.parts[i].buf, sl.parts[i].has = f.planes[i], true
		sl.used[i] = uint32(f.planes[i].Len())
	}
	err = sl.queue()
	if err != nil {
		sl.unstock()
	}
	return err
}

// Drain waits until the driver has sent everything that was written. An output keeps its last frame, which it shows until another comes:
// there Drain waits for those before it.
func (s *Stream) Drain(ctx context.Context) error {
	if err := s.outputOnly(); err != nil {
		return err
	}
	if !s.w.enter() {
		return s.dev.fail("draining", ErrBusy)
	}
	defer s.w.leave()
	keeps := 1
	if s.dev.info.Capabilities&(CapVideoM2m|CapVideoM2mMplane) != 0 {
		keeps = 0
	}
	for {
		drained, w, err := s.drained(keeps)
		s.spend()
		if err == nil && w != forNothing {
			err = s.pause(ctx, w)
		}
		if err != nil {
			return s.writeError(err)
		}
		if drained {
			return nil
		}
	}
}

// drained takes one buffer back, and reports whether no more than keeps are to be sent.
func (s *Stream) drained(keeps int) (bool, why, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.needs = false
	if s.closed {
		return false, forNothing, ErrClosed
	}
	if err := s.queueUp; err != nil {
		s.queueUp = nil
		return false, forNothing, err
	}
	left := s.queued
	for _, sl := range s.slots {
		if sl.send {
			left++ // written, and still held by others
		}
	}
	switch {
	case left > 0 && !s.started:
		return false, forNothing, ErrStopped
	case left <= keeps:
		return true, forNothing, nil
	case s.queued <= keeps:
		s.needs = true
		return false, forRelease, nil
	}
	err := s.done()
	if errors.Is(err, syscall.EAGAIN) {
		return false, forDevice, nil
	}
	return false, forNothing, err
}
