package v4l2

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// maxFrames is VIDEO_MAX_FRAME of linux/videodev2.h: buffers that a queue has at most.
const maxFrames = 32

// maxSize is how many bytes a plane has at most: more is a driver's mistake.
const maxSize = 1 << 30

// slot is one of the driver's buffers, or the place of one.
type slot struct {
	s      *Stream
	index  uint32
	req    request
	parts  [maxPlanes]part
	n      int
	cpu    kDmaBufSync
	held   int    // planes with the program; the stream's mu guards it
	done   func() // what the last release of a plane runs
	queued bool   // with the driver
	send   bool   // an output frame that goes to the driver once it is released
	meta   Frame  // of an output frame
	used   [maxPlanes]uint32
}

// part is one plane's memory.
type part struct {
	p    unsafe.Pointer
	size int
	fd   int      // of an imported DMABUF
	buf  pool.Buf // of USERPTR, while the driver has it or will have it
	has  bool     // buf is valid
}

// take gets the buffers of the queue.
func (s *Stream) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.dev.fail("making a stream", ErrClosed) // the device was, meanwhile
	}
	c := &s.cfg
	d := s.dev
	planes := len(s.format.Planes)
	r := &kRequestbuffers{Count: uint32(c.Buffers), Type: s.typ, Memory: c.Memory.kernel()}
	if err := d.ioctl(iocReqbufs, unsafe.Pointer(r)); err != nil {
		m := ""
		if errors.Is(err, syscall.EINVAL) {
			m = fmt.Sprintf("the driver has no %s buffers: use another StreamConfig.Memory", c.Memory)
		}
		return d.fail(fmt.Sprintf("asking for %d %s buffers", c.Buffers, c.Memory), err, m)
	}
	s.orphans = r.Capabilities&bufCapSupportsOrphanedBufs != 0
	n := int(r.Count)
	if n == 0 || n > maxFrames || c.Memory == MemoryDMABUF && n > c.Buffers {
		return d.fail(fmt.Sprintf("asking for %d %s buffers", c.Buffers, c.Memory), syscall.ENOMEM, fmt.Sprintf("the driver gives %d", n))
	}
	if n <= c.Reserve {
		return d.fail(fmt.Sprintf("asking for %d buffers", c.Buffers), syscall.ENOMEM, fmt.Sprintf("the driver gives %d, StreamConfig.Reserve is %d", n, c.Reserve))
	}
	var err error
	if s.joins, err = pool.New(64, pool.Options{Name: "v4l2 " + d.path, Max: 1, External: n * planes}); err != nil {
		return err
	}
	s.spent = make([]pool.Buf, 0, n*planes)
	for i := range n {
		sl := &slot{s: s, index: uint32(i), n: planes}
		sl.done = sl.returned
		s.slots = append(s.slots, sl)
		switch c.Memory {
		case MemoryMMAP:
			err = sl.mapDriver()
		case MemoryDMABUF:
			err = sl.mapImport(c.Import[i*planes:][:planes])
		}
		if err != nil {
			return err
		}
	}
	if c.Memory == MemoryUserptr && !isOutput(s.typ) {
		return s.stock()
	}
	return nil
}

// pageAligned reports whether a driver can take the block: its pages are nobody else's.
func pageAligned(b pool.Buf) bool { return uintptr(b.Pointer())%uintptr(sys.PageSize()) == 0 }

// mapDriver maps the planes of the driver's buffer.
func (sl *slot) mapDriver() error {
	d := sl.s.dev
	r := &sl.req
	r.prepare(sl.s.typ, memoryMmap, sl.index, sl.n)
	if err := d.call(queryBuffer, r); err != nil {
		return d.fail(fmt.Sprintf("asking for buffer %d", sl.index), err)
	}
	if multiPlanar(sl.s.typ) && int(r.b.Length) != sl.n {
		return d.fail(fmt.Sprintf("asking for buffer %d", sl.index), syscall.EINVAL, fmt.Sprintf("the driver says %d planes, the format has %d", r.b.Length, sl.n))
	}
	for i := range sl.n {
		m, size, _ := r.part(i)
		length := *size
		if length == 0 || length > maxSize {
			return d.fail(fmt.Sprintf("asking for buffer %d", sl.index), syscall.EINVAL, fmt.Sprintf("the driver says plane %d has %d bytes", i, length))
		}
		d.life.RLock()
		p, err := d.sys.Map(d.fd, getInt(m), int(length))
		d.life.RUnlock()
		if err != nil {
			return d.fail(fmt.Sprintf("mapping plane %d of buffer %d, %d bytes", i, sl.index, length), err)
		}
		sl.parts[i] = part{p: p, size: int(length), fd: -1}
	}
	return nil
}

// mapImport maps DMABUFs.
func (sl *slot) mapImport(bufs []DMABuf) error {
	for i, b := range bufs {
		m, err := sys.MapDevice(b.FD, 0, b.Size)
		if err != nil {
			return sl.s.dev.fail(fmt.Sprintf("mapping DMABUF %d of %d bytes, descriptor %d", i, b.Size, b.FD), err)
		}
		sl.parts[i] = part{p: m.Base(), size: b.Size, fd: b.FD}
	}
	return nil
}

// unmap gives the memory of a slot back that nobody uses. The stream's mu is held.
func (sl *slot) unmap() error {
	var err error
	sl.unstock()
	for i := range sl.n {
		p := &sl.parts[i]
		if p.p == nil {
			continue
		}
		if sl.s.cfg.Memory == MemoryMMAP {
			err = errors.Join(err, sl.s.dev.sys.Unmap(p.p, p.size))
		} else {
			err = errors.Join(err, sys.UnmapAt(p.p, p.size))
		}
		p.p = nil
	}
	return err
}

// letGo tells the driver that its buffers are not needed, once it can be told. The stream's mu is held.
func (s *Stream) letGo() {
	if s.freed || !s.closed || s.held > 0 && !s.orphans && s.cfg.Memory == MemoryMMAP {
		return
	}
	// Not while another stream has the queue: they would be its buffers.
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	for other := range s.dev.streams {
		if other != s && other.typ == s.typ {
			s.freed = true
			return
		}
	}
	r := &kRequestbuffers{Type: s.typ, Memory: s.cfg.Memory.kernel()}
	// The file's last close frees them if this does not, which is when the last mapping has gone.
	s.freed = s.dev.ioctl(iocReqbufs, unsafe.Pointer(r)) == nil
}

// switchTo is STREAMON or STREAMOFF.
func (s *Stream) switchTo(on bool) error {
	typ := &s.deq.b.Type // any word on the heap
	*typ = s.typ
	if on {
		return s.dev.ioctl(iocStreamon, unsafe.Pointer(typ))
	}
	return s.dev.ioctl(iocStreamoff, unsafe.Pointer(typ))
}

// queue gives the slot to the driver. The stream's mu is held.
func (sl *slot) queue() error {
	s := sl.s
	r := &sl.req
	r.prepare(s.typ, s.cfg.Memory.kernel(), sl.index, sl.n)
	if isOutput(s.typ) {
		r.b.Field = uint32(sl.meta.Field)
		r.b.Timestamp.Sec = int64(sl.meta.Timestamp / time.Second)
		r.b.Timestamp.Usec = int64(sl.meta.Timestamp % time.Second / time.Microsecond)
	}
	for i := range sl.n {
		p := &sl.parts[i]
		m, length, used := r.part(i)
		*length = uint32(p.size)
		if isOutput(s.typ) {
			*used = sl.used[i]
		}
		switch s.cfg.Memory {
		case MemoryUserptr:
			setWord(m, uintptr(p.buf.Pointer()))
			*length = uint32(p.buf.Cap())
		case MemoryDMABUF:
			setInt(m, int32(p.fd))
		}
	}
	if s.cfg.Memory == MemoryDMABUF {
		sl.sync(dmaSyncEnd)
	}
	if err := s.dev.call(queueBuffer, r); err != nil {
		m := ""
		if errors.Is(err, syscall.EFAULT) {
			m = "the driver cannot reach this memory: use MemoryMMAP, or DMABUFs of a heap that suits it"
		}
		return s.dev.fail(fmt.Sprintf("queueing buffer %d", sl.index), err, m)
	}
	sl.queued, sl.send = true, false
	s.queued++
	return nil
}

// sync tells the makers of a slot's DMABUFs that the processor begins or ends to use them. The error, of a maker that needs no
// telling, does not matter.
func (sl *slot) sync(what uint64) {
	for i := range sl.n {
		sl.cpu = kDmaBufSync{Flags: what | dmaSyncRead | dmaSyncWrite}
		_ = sys.Ioctl(sl.parts[i].fd, iocDmaBufSync, unsafe.Pointer(&sl.cpu))
	}
}

// dequeue takes a buffer that the driver is done with, into s.deq. The stream's mu is held. syscall.EAGAIN says there is none.
func (s *Stream) dequeue() (*slot, error) {
	r := &s.deq
	r.prepare(s.typ, s.cfg.Memory.kernel(), 0, len(s.format.Planes))
	if err := s.dev.call(dequeueBuffer, r); err != nil {
		return nil, err
	}
	if r.b.Index >= uint32(len(s.slots)) || !s.slots[r.b.Index].queued {
		return nil, s.dev.fail("dequeueing", syscall.EIO, fmt.Sprintf("the driver names buffer %d, which it does not have", r.b.Index))
	}
	sl := s.slots[r.b.Index]
	sl.queued = false
	s.queued--
	if s.cfg.Memory == MemoryDMABUF {
		sl.sync(dmaSyncStart)
	}
	return sl, nil
}

// borrow makes Bufs of a slot's memory, from each plane's offset on. Slot.held counts them already; mu is not held, because making a Buf
// may run others' release callbacks.
func (sl *slot) borrow(f *Frame, offset *[maxPlanes]uint32) error {
	f.n = sl.n
	for i := range sl.n {
		p := &sl.parts[i]
		b, err := sl.s.joins.External(unsafe.Add(p.p, offset[i]), p.size-int(offset[i]), sl.done)
		if errors.Is(err, pool.ErrClosed) {
			err = ErrClosed // the stream was, meanwhile
		}
		if err != nil {
			for j := range sl.n {
				if j < i {
					f.planes[j].Release()
				} else {
					sl.returned()
				}
			}
			return err
		}
		f.planes[i] = b
	}
	return nil
}
