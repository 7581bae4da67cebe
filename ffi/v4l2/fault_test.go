package v4l2

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

func get(t *testing.T, s *Stream) Frame {
	t.Helper()
	f, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestGaps counts the frames that a driver had no buffer for, and hands none out that it marks as corrupt.
func TestGaps(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{})
	a := get(t, s)
	a.Release()
	f.number = 5
	b := get(t, s)
	if b.Sequence != 5 || b.Lost != 4 {
		t.Errorf("frame %d after 0 with %d lost", b.Sequence, b.Lost)
	}
	b.Release()
	f.change = func(b *kBuffer) {
		if b.Sequence == 8 || b.Sequence == 9 {
			b.Flags |= bufFlagError
		}
	}
	f.number = 8
	c := get(t, s) // 6 and 7 are lost, 8 and 9 corrupt
	if c.Sequence != 10 || c.Lost != 2 {
		t.Errorf("frame %d with %d lost", c.Sequence, c.Lost)
	}
	c.Release()
	if st := s.Stats(); st.Lost != 6 || st.Corrupt != 2 || st.Frames != 3 {
		t.Errorf("Stats = %+v", st)
	}
	// The number is of 32 bits and goes round.
	f.number = 1<<32 - 1
	d := get(t, s)
	d.Release()
	e := get(t, s)
	if e.Sequence != 0 || e.Lost != 0 {
		t.Errorf("frame %d with %d lost after 1<<32-1", e.Sequence, e.Lost)
	}
	e.Release()
}

// TestKeepCorrupt hands out what the driver marks as corrupt.
func TestKeepCorrupt(t *testing.T) {
	f := newFake(t)
	f.change = func(b *kBuffer) { b.Flags |= bufFlagError }
	s := faked(t, f, StreamConfig{KeepCorrupt: true})
	fr := get(t, s)
	defer fr.Release()
	if fr.Flags&FlagCorrupt == 0 || s.Stats().Corrupt != 1 {
		t.Errorf("flags %#x, Stats %+v", fr.Flags, s.Stats())
	}
}

// TestHostileDriver believes nothing that would lead outside of a buffer.
func TestHostileDriver(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{KeepCorrupt: true})
	f.change = func(b *kBuffer) { b.Bytesused = fakeSize + 1 }
	fr := get(t, s)
	if n := len(fr.Bytes()); n != 0 {
		t.Errorf("a frame of %d bytes in a buffer of %d", n, fakeSize)
	}
	fr.Release()
	for _, index := range []uint32{4, 1 << 31} {
		f.change = func(b *kBuffer) { b.Index = index }
		if _, err := s.Read(t.Context()); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "which it does not have") {
			t.Errorf("Read of buffer %d: %v", index, err)
		}
	}
	held := f.queued[0]
	f.change = nil
	fr = get(t, s)
	defer fr.Release()
	f.change = func(b *kBuffer) { b.Index = held } // which the program has
	if _, err := s.Read(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Errorf("Read of a buffer that the program holds: %v", err)
	}
}

// TestHostileSizes refuses buffers without a size or larger than any frame.
func TestHostileSizes(t *testing.T) {
	for _, length := range []uint32{0, 1<<30 + 1, 1<<32 - 1} {
		f := newFake(t)
		f.fault = func(request uint32, arg unsafe.Pointer) error {
			if request == iocQuerybuf {
				(*kBuffer)(arg).Length = length
				return errDone
			}
			return nil
		}
		d, err := Open("fake", Options{System: done{f}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Stream(StreamConfig{}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Stream with buffers of %d bytes: %v", length, err)
		}
		d.Close()
	}
	f := newFake(t)
	f.fault = func(request uint32, arg unsafe.Pointer) error {
		if r := (*kRequestbuffers)(arg); request == iocReqbufs && r.Count > 0 {
			r.Count = 0
			return errDone
		}
		return nil
	}
	d, err := Open("fake", Options{System: done{f}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Stream(StreamConfig{}); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("Stream of no buffers: %v", err)
	}
}

// done is a fake whose fault has done the call itself if it returns errDone.
type done struct{ *fake }

var errDone = errors.New("done")

func (d done) Ioctl(fd int, request uint32, arg unsafe.Pointer) error {
	err := d.fake.Ioctl(fd, request, arg)
	if err == errDone {
		return nil
	}
	return err
}

// TestErrors has each call fail in turn. Whatever fails, nothing stays mapped (newFake looks) and the error says what to do.
func TestErrors(t *testing.T) {
	for _, e := range []struct {
		request uint32
		errno   syscall.Errno
		says    string
	}{
		{iocQuerycap, syscall.ENOTTY, "not a V4L2 device"},
		{iocGFmt, syscall.EINVAL, "format"},
		{iocReqbufs, syscall.EINVAL, "no MMAP buffers"},
		{iocReqbufs, syscall.EBUSY, "uses the device"},
		{iocReqbufs, syscall.ENOMEM, "fewer or smaller"},
		{iocQuerybuf, syscall.EIO, "buffer 0"},
		{iocQbuf, syscall.EIO, "queueing buffer 0"},
		{iocStreamon, syscall.ENOSPC, "bandwidth"},
		{iocStreamon, syscall.EPIPE, "media-ctl"},
		{iocDqbuf, syscall.EIO, "Stop and Start"},
		{iocDqbuf, syscall.ENODEV, "the device is gone"},
	} {
		f := newFake(t)
		f.fault = func(request uint32, arg unsafe.Pointer) error {
			if request == e.request {
				return e.errno
			}
			return nil
		}
		err := func() error {
			d, err := Open("fake", Options{System: f})
			if err != nil {
				return err
			}
			defer d.Close()
			s, err := d.Stream(StreamConfig{})
			if err != nil {
				return err
			}
			if err := s.Start(); err != nil {
				return err
			}
			_, err = s.Read(t.Context())
			return err
		}()
		var as *Error
		if !errors.Is(err, e.errno) || !errors.As(err, &as) || as.Device != "fake" || !strings.Contains(err.Error(), e.says) {
			t.Errorf("%#x with %v: %v; it must say %q", e.request, e.errno, err, e.says)
		}
		f.fault = nil
	}
}

// TestQueueFailsOnRelease: a buffer that cannot be queued at its release is told at the next Read, and the stream goes on.
func TestQueueFailsOnRelease(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{})
	fr := get(t, s)
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocQbuf {
			return syscall.EIO
		}
		return nil
	}
	fr.Release()
	f.fault = nil
	if _, err := s.Read(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Errorf("Read after a failed QBUF: %v", err)
	}
	fr = get(t, s)
	fr.Release()
	if err := errors.Join(s.Stop(), s.Start()); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Queued != st.Buffers {
		t.Errorf("Stats = %+v after Stop and Start", st)
	}
}

// TestUnplugged goes away while frames are held: nothing is left, and what is held stays readable.
func TestUnplugged(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{})
	a, b := get(t, s), get(t, s)
	f.fault = func(uint32, unsafe.Pointer) error { return syscall.ENODEV }
	a.Release()
	if _, err := s.Read(t.Context()); !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "the device is gone") {
		t.Errorf("Read: %v", err)
	}
	if err := s.dev.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if b.Bytes()[0] != 1 || len(f.mapped) != 1 {
		t.Errorf("frame %d is held, %d buffers are mapped", b.Bytes()[0], len(f.mapped))
	}
	b.Release()
}

// TestLast ends the stream with the frame that is marked as the last, whether it has bytes or not.
func TestLast(t *testing.T) {
	for _, used := range []uint32{0, 100} {
		f := newFake(t)
		s := faked(t, f, StreamConfig{})
		f.change = func(b *kBuffer) {
			b.Flags |= bufFlagLast
			b.Bytesused = used
		}
		if used > 0 {
			fr := get(t, s)
			if len(fr.Bytes()) != int(used) || fr.Flags&FlagLast == 0 {
				t.Errorf("the last frame has %d bytes, flags %#x", len(fr.Bytes()), fr.Flags)
			}
			fr.Release()
		}
		for range 2 {
			if _, err := s.Read(t.Context()); err != io.EOF {
				t.Errorf("Read behind the last frame: %v", err)
			}
		}
	}
}

// TestReadWaits is woken by a release, by the end of a context and by Close, and each time at once.
func TestReadWaits(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{Reserve: 3})
	a := get(t, s)
	afterWait(s, a.Release)
	b := get(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Read: %v", err)
	}
	afterWait(s, func() { s.Close() })
	if _, err := s.Read(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Read over Close: %v", err)
	}
	b.Release()
}
