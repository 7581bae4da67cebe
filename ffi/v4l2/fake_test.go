package v4l2

import (
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// fake is a capture device, or an output, in the program's own memory, for faults that no driver has on demand. The descriptor is an eventfd's: the
// device is ready always. A test changes its fields between calls.
type fake struct {
	t       *testing.T
	caps    uint32                                         // of QUERYCAP
	bufCaps uint32                                         // of REQBUFS
	old     bool                                           // knows only the calls with 32-bit time
	fault   func(request uint32, arg unsafe.Pointer) error // asked first
	change  func(*kBuffer)                                 // what DQBUF says
	buffers [][]byte                                       // of REQBUFS
	queued  []uint32
	running bool
	number  uint32
	event   *sys.Event
	unmap   func() // called first by Unmap
	mapped  map[unsafe.Pointer]bool
	calls   map[uint32]int
}

const fakeSize = 8192

func newFake(t *testing.T) *fake {
	e, err := sys.NewEvent()
	if err != nil {
		t.Fatal(err)
	}
	e.Signal()
	f := &fake{t: t, event: e, mapped: map[unsafe.Pointer]bool{}, calls: map[uint32]int{},
		caps: capVideoCapture | capStreaming, bufCaps: bufCapSupportsOrphanedBufs}
	t.Cleanup(func() {
		e.Close()
		if len(f.mapped) > 0 {
			t.Errorf("%d buffers are still mapped", len(f.mapped))
		}
	})
	return f
}

func (f *fake) Open(string) (int, error) { return f.event.FD(), nil }
func (f *fake) Close(int) error          { return nil }

func (f *fake) Map(_ int, offset uint32, size int) (unsafe.Pointer, error) {
	b := f.buffers[offset]
	if len(b) != size {
		f.t.Errorf("buffer %d is mapped with %d bytes", offset, size)
	}
	f.mapped[unsafe.Pointer(&b[0])] = true
	return unsafe.Pointer(&b[0]), nil
}

func (f *fake) Unmap(p unsafe.Pointer, size int) error {
	if f.unmap != nil {
		f.unmap()
	}
	if !f.mapped[p] {
		f.t.Errorf("what is not mapped is unmapped")
	}
	delete(f.mapped, p)
	return nil
}

func (f *fake) Ioctl(_ int, request uint32, arg unsafe.Pointer) error {
	f.calls[request]++
	if f.fault != nil {
		if err := f.fault(request, arg); err != nil {
			return err
		}
	}
	switch request {
	case iocQuerycap:
		c := (*kCapability)(arg)
		*c = kCapability{Capabilities: capDeviceCaps, Device_caps: f.caps}
		copy(c.Driver[:], "fake")
	case iocGFmt:
		k := (*kFormat)(arg)
		p := (*kPixFormat)(unsafe.Pointer(&k.Fmt))
		*p = kPixFormat{Width: 64, Height: 64, Pixelformat: uint32(FmtYUYV), Bytesperline: 128, Sizeimage: fakeSize}
	case iocReqbufs:
		r := (*kRequestbuffers)(arg)
		f.buffers, f.queued, f.running = nil, nil, false
		for range r.Count {
			f.buffers = append(f.buffers, make([]byte, fakeSize))
		}
		r.Capabilities = f.bufCaps
	case iocQuerybuf, iocQbuf, iocDqbuf:
		if f.old {
			return syscall.ENOTTY
		}
		return f.buffer(request, (*kBuffer)(arg))
	case iocStreamon:
		f.running = true
	case iocStreamoff:
		f.running, f.queued = false, nil
	default:
		return f.ioctl32(request, arg)
	}
	return nil
}

func (f *fake) buffer(request uint32, b *kBuffer) error {
	switch request {
	case iocQuerybuf:
		b.Length = fakeSize
		setInt(b.M[:], int32(b.Index))
	case iocQbuf:
		f.queued = append(f.queued, b.Index)
	case iocDqbuf:
		if len(f.queued) == 0 || !f.running {
			return syscall.EAGAIN
		}
		i := f.queued[0]
		f.queued = f.queued[1:]
		f.buffers[i][0] = byte(f.number)
		*b = kBuffer{Type: b.Type, Memory: b.Memory, Index: i, Sequence: f.number, Bytesused: fakeSize, Length: fakeSize,
			Flags: bufFlagTimestampMonotonic}
		b.Timestamp.Sec, b.Timestamp.Usec = 3, 250_000
		f.number++
		if f.change != nil {
			f.change(b)
		}
	}
	return nil
}

// patience is how long tests wait for what must happen. It only guards against hanging: a busy machine may be a hundred times as slow as an idle one.
const patience = 2 * time.Minute

// afterWait runs f once a Read or Buffer of the stream waits.
func afterWait(s *Stream, f func()) {
	waits := s.Stats().Waits
	go func() {
		for end := time.Now().Add(patience); s.Stats().Waits == waits && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		f()
	}()
}

// faked opens the device and starts a stream on it.
func faked(t *testing.T, f *fake, c StreamConfig) *Stream {
	t.Helper()
	d, err := Open("fake", Options{System: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing the device: %v", err)
		}
	})
	s, err := d.Stream(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}
