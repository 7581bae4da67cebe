package v4l2

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Memory is where the frames of a stream lie.
type Memory uint8

const (
	MemoryMMAP    Memory = iota // in the driver's buffers, mapped
	MemoryUserptr               // in blocks of a pool, which the driver fills or reads
	MemoryDMABUF                // in imported DMABUFs
)

func (m Memory) String() string {
	names := [...]string{"MMAP", "USERPTR", "DMABUF"}
	if int(m) < len(names) {
		return names[m]
	}
	return "unknown memory"
}

func (m Memory) kernel() uint32 {
	return [...]uint32{memoryMmap, memoryUserptr, memoryDmabuf}[m]
}

// Low is what Read does with a frame that the driver would miss: when handing it out leaves fewer than StreamConfig.Reserve buffers in
// the driver's queue.
type Low uint8

const (
	// LowWait waits until a frame that is held comes back; meanwhile the driver itself drops frames when it has no buffer left, which
	// Frame.Lost counts.
	LowWait Low = iota
	// LowCopy copies the frame into a block of StreamConfig.Pool and queues the driver's buffer at once. Without a free block it drops.
	LowCopy
	// LowDrop queues the buffer again and passes over the frame, which Stats.Dropped counts.
	LowDrop
)

// StreamConfig says what a stream is to be. The zero value captures video into 4 buffers of the driver's.
type StreamConfig struct {
	Queue   Queue
	Memory  Memory
	Buffers int // how many to ask for, 1 to 32; 0 is 4. The driver may give more.

	// Pool has the blocks that capture with MemoryUserptr fills, aligned to the page, or that LowCopy copies into. Each holds a plane of the
	// format. It stays the caller's.
	Pool *pool.Pool
	// Import has the DMABUFs of MemoryDMABUF: one a plane, those of a buffer behind each other. They stay the caller's, who closes
	// them after the stream.
	Import []DMABuf

	Low     Low
	Reserve int // buffers that Low keeps in the driver's queue; less than Buffers. LowCopy and LowDrop of the driver's buffers need 1 or more.

	// KeepCorrupt hands out frames that the driver marks as corrupt, or whose size cannot be (FlagCorrupt; the planes without a size have no
	// bytes). Without it Read queues them again and counts them.
	KeepCorrupt bool
}

// Stats is one snapshot of what a stream did since Device.Stream.
type Stats struct {
	Frames  uint64 // handed out by Read, or taken by Write
	Lost    uint64 // that the driver had no buffer for: gaps in its numbers
	Dropped uint64 // that Read passed over, by LowDrop, or because no block was free
	Copied  uint64 // of Frames, those that LowCopy or a Write of foreign memory copied
	Corrupt uint64 // that the driver marked as corrupt, or whose size cannot be
	Waits   uint64 // times that Read, Buffer, Write or Drain slept

	Buffers int // the driver's, or blocks in its place
	Queued  int // of them, with the driver now
	Held    int // of them, with the program now
}

// Stream moves frames through one queue of a device.
type Stream struct {
	dev     *Device
	cfg     StreamConfig
	typ     uint32
	format  Format
	orphans bool       // the driver lets buffers go while they are mapped
	joins   *pool.Pool // makes Bufs of the driver's memory
	w       waiter

	mu      sync.Mutex // guards what follows; held over the calls that queue and dequeue
	slots   []*slot
	deq     request
	started bool
	closed  bool
	freed   bool // REQBUFS 0 was accepted
	queued  int
	held    int
	counted bool // sequence is valid
	last    uint32
	ended   bool       // the driver said that nothing follows
	queueUp error      // a queue call failed where nobody could be told
	needs   bool       // somebody waits for a release, or is about to
	pending uint32     // lost before frames that were not handed out
	spent   []pool.Buf // blocks that the driver is done with, to be released without mu
	spends  int        // blocks that are being released, and a Close that is at work
	calm    *sync.Cond // says that spends is 0, to those who close
	stats   Stats

	interrupt context.CancelFunc // ends the wait for a block of cfg.Pool; nil without one
}

// Stream takes the buffers of a queue, after the format was set: drivers refuse a new format while a stream has buffers. The caller closes it.
func (d *Device) Stream(c StreamConfig) (*Stream, error) {
	typ, err := d.queueType(c.Queue)
	if err != nil {
		return nil, err
	}
	s := &Stream{dev: d, cfg: c, typ: typ}
	s.calm = sync.NewCond(&s.mu)
	if s.cfg.Buffers == 0 {
		s.cfg.Buffers = 4
		if c.Memory == MemoryDMABUF {
			s.cfg.Buffers = 0 // as many as there are
		}
	}
	if s.format, err = d.Format(c.Queue); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, d.fail("making a stream", syscall.EINVAL, err.Error())
	}
	if err := s.w.init(); err != nil { // before Device.Close can find the stream
		return nil, d.fail("making an eventfd", err)
	}
	if err := d.register(s); err != nil {
		s.w.close()
		return nil, err
	}
	if err := s.take(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (d *Device) register(s *Stream) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing {
		return d.fail("making a stream", ErrClosed)
	}
	// The kernel would give a second stream of one descriptor the first one's buffers.
	for other := range d.streams {
		if other.typ == s.typ {
			return d.fail("making a stream", syscall.EBUSY, fmt.Sprintf("the device has a stream for %s already: close it first", s.cfg.Queue))
		}
	}
	d.streams[s] = struct{}{}
	return nil
}

func (s *Stream) check() error {
	c, planes := &s.cfg, len(s.format.Planes)
	largest := 0
	for i, p := range s.format.Planes {
		if p.Size < 0 || p.Size > maxSize { // negative is what 32 bits make of more than 2 GiB
			return fmt.Errorf("the driver says that plane %d of %s has %d bytes: at most %d", i, s.format, uint32(p.Size), maxSize)
		}
		largest = max(largest, p.Size)
	}
	blocks := c.Low == LowCopy || c.Memory == MemoryUserptr && !isOutput(s.typ)
	if c.Memory == MemoryDMABUF {
		if len(c.Import) == 0 || len(c.Import)%planes != 0 {
			return fmt.Errorf("StreamConfig.Import has %d DMABUFs: it must be a multiple of the format's %d planes", len(c.Import), planes)
		}
		if c.Buffers == 0 {
			c.Buffers = len(c.Import) / planes
		}
		if c.Buffers != len(c.Import)/planes {
			return fmt.Errorf("StreamConfig.Import has DMABUFs for %d buffers, Buffers is %d: leave Buffers 0", len(c.Import)/planes, c.Buffers)
		}
		for i, b := range c.Import {
			if want := s.format.Planes[i%planes].Size; b.Size < want {
				return fmt.Errorf("StreamConfig.Import[%d] has %d bytes: the plane needs %d", i, b.Size, want)
			}
		}
	}
	switch {
	case c.Memory > MemoryDMABUF:
		return fmt.Errorf("StreamConfig.Memory is %d: it must be MemoryMMAP, MemoryUserptr or MemoryDMABUF", c.Memory)
	case c.Buffers < 1 || c.Buffers > maxFrames:
		return fmt.Errorf("StreamConfig.Buffers is %d: it must be from 1 to %d", c.Buffers, maxFrames)
	case c.Low > LowDrop:
		return fmt.Errorf("StreamConfig.Low is %d: it must be LowWait, LowCopy or LowDrop", c.Low)
	case c.Reserve < 0 || c.Reserve >= c.Buffers:
		return fmt.Errorf("StreamConfig.Reserve is %d: it must be from 0 to less than Buffers (%d)", c.Reserve, c.Buffers)
	case blocks && c.Pool == nil:
		return fmt.Errorf("StreamConfig.Pool is nil: %s and LowCopy take blocks from it", MemoryUserptr)
	case c.Low == LowCopy && c.Memory == MemoryUserptr:
		return errors.New("StreamConfig.Low is LowCopy: with MemoryUserptr a frame is in a block already, use LowWait or LowDrop")
	case c.Low != LowWait && c.Reserve == 0 && c.Memory != MemoryUserptr && !isOutput(s.typ):
		return errors.New("StreamConfig.Reserve is 0: LowCopy and LowDrop keep Reserve buffers in the driver's queue, set 1 or more")
	case blocks && c.Pool.Stats().Capacity < largest:
		return fmt.Errorf("StreamConfig.Pool has blocks of %d bytes: a plane of %s needs %d", c.Pool.Stats().Capacity, s.format, largest)
	}
	return nil
}

// Format is the format that the stream was made with.
func (s *Stream) Format() Format { return s.format.clone() }

// Stats is a snapshot.
func (s *Stream) Stats() Stats {
	s.joins.Reap() // before mu: it may run release callbacks of this stream
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Buffers, st.Queued, st.Held = len(s.slots), s.queued, s.held
	return st
}

// Start has the driver begin. A capture stream queues every buffer that is not held first.
func (s *Stream) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return s.dev.fail("starting", ErrClosed)
	case s.started:
		return nil
	}
	s.counted, s.ended, s.queueUp, s.pending = false, false, nil, 0
	if !isOutput(s.typ) {
		if err := s.fill(); err != nil {
			s.unqueue()
			return err
		}
	}
	if err := s.switchTo(true); err != nil {
		if !isOutput(s.typ) {
			s.unqueue() // the driver still has them; what is written stays for the next Start
		}
		return s.dev.fail("starting the stream", err, startMend(err))
	}
	s.started = true
	return nil
}

// Stop has the driver end at once and drop what is queued. Frames that are held stay valid, and Start goes on without them until they are
// released. A Read that waits returns ErrStopped.
func (s *Stream) Stop() error {
	defer s.spend()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.dev.fail("stopping", ErrClosed)
	}
	return s.stop()
}

func (s *Stream) stop() error {
	// Also if it was not started: an output stream may have queued buffers before.
	err := s.switchTo(false)
	s.started = false
	s.back()
	s.w.signal()
	if s.interrupt != nil {
		s.interrupt()
	}
	if err != nil {
		return s.dev.fail("stopping the stream", err)
	}
	return nil
}

// Close stops the stream and gives its buffers back to the driver. Frames that are still held stay readable; the last release of
// each gives its memory back. When Close returns the stream has no block of a pool any more, also if another goroutine closes or stops it
// at the same time: so it must not be called by what is told of a block's release. The second call does nothing.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.settle()
		return nil
	}
	s.spends++
	err := s.stop()
	if gone(err) {
		err = nil // nothing is left to stop
	}
	s.closed = true
	for _, sl := range s.slots {
		if sl.held == 0 {
			err = errors.Join(err, sl.unmap())
		}
	}
	s.letGo()
	s.mu.Unlock()
	s.dev.mu.Lock()
	delete(s.dev.streams, s)
	s.dev.mu.Unlock()
	s.spend()
	s.w.close()
	if s.joins != nil {
		_ = s.joins.Close() // complains of frames that are held, which is allowed here
	}
	s.mu.Lock()
	s.spends--
	s.settle()
	return err
}

// settle waits until nobody releases blocks that were the stream's. The caller holds mu.
func (s *Stream) settle() {
	for s.spends > 0 {
		s.calm.Wait()
	}
	s.calm.Broadcast()
}
