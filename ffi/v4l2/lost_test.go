package v4l2

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/poolgen/poolgen/internal/testutil"
)

// TestLostBeforeDropped: what was lost before a frame that Read passed over is told at the next one.
func TestLostBeforeDropped(t *testing.T) {
	t.Run("LowDrop", func(t *testing.T) {
		f := newFake(t)
		s := faked(t, f, StreamConfig{Low: LowDrop, Reserve: 3})
		a := get(t, s)
		f.number = 5 // 1 to 4 are lost, 5 is dropped
		f.change = func(b *kBuffer) {
			s.cfg.Reserve = 4
			if b.Sequence > 5 {
				s.cfg.Reserve = 0
			}
		}
		b := get(t, s)
		if b.Sequence != 6 || b.Lost != 4 || s.Stats().Dropped != 1 || s.Stats().Lost != 4 {
			t.Errorf("frame %d with %d lost, Stats = %+v", b.Sequence, b.Lost, s.Stats())
		}
		a.Release()
		b.Release()
	})
	t.Run("blocks", func(t *testing.T) {
		f := newFake(t)
		p := testPool(t, 2)
		s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Buffers: 1, Pool: p, Low: LowDrop})
		a := get(t, s)
		f.number = 5
		f.change = func(b *kBuffer) {
			if b.Sequence == 5 {
				a.Release() // too late for this one
			}
		}
		b := get(t, s)
		if b.Sequence != 6 || b.Lost != 4 || s.Stats().Dropped != 1 {
			t.Errorf("frame %d with %d lost, Stats = %+v", b.Sequence, b.Lost, s.Stats())
		}
		b.Release()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("LowCopy", func(t *testing.T) {
		f := newFake(t)
		p := testPool(t, 1)
		s := faked(t, f, StreamConfig{Low: LowCopy, Reserve: 3, Pool: p})
		a := get(t, s)
		b := get(t, s) // the copy
		f.number = 6
		f.change = func(k *kBuffer) {
			if k.Sequence == 8 {
				b.Release()
			}
		}
		c := get(t, s)
		if c.Sequence != 8 || c.Lost != 4 || s.Stats().Dropped != 2 || s.Stats().Copied != 2 || s.Stats().Frames != 3 {
			t.Errorf("frame %d with %d lost, Stats = %+v", c.Sequence, c.Lost, s.Stats())
		}
		c.Release()
		a.Release()
	})
}

// TestHostileNumbers: sizes that are negative as an int of 32 bits, and frames that are all offset.
func TestHostileNumbers(t *testing.T) {
	for _, used := range []uint32{1<<32 - 1, 1 << 31} {
		f := newFake(t)
		p := testPool(t, 3)
		for _, c := range []StreamConfig{{KeepCorrupt: true}, {KeepCorrupt: true, Memory: MemoryUserptr, Buffers: 1, Pool: p}} {
			s := faked(t, f, c)
			f.change = func(b *kBuffer) { b.Bytesused = used }
			fr := get(t, s)
			if n := len(fr.Bytes()); n != 0 {
				t.Errorf("a frame of %d bytes in a buffer of %d", n, fakeSize)
			}
			if fr.Flags&FlagCorrupt == 0 || s.Stats().Corrupt != 1 {
				t.Errorf("flags %#x, Stats = %+v: a frame whose size cannot be is corrupt", fr.Flags, s.Stats())
			}
			fr.Release()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, size := range []uint32{1<<31 + 5, 1<<30 + 1} {
		f := newFake(t)
		f.fault = func(request uint32, arg unsafe.Pointer) error {
			if request == iocGFmt {
				k := (*kFormat)(arg)
				(*kPixFormat)(unsafe.Pointer(&k.Fmt)).Sizeimage = size
				return errDone
			}
			return nil
		}
		d, err := Open("fake", Options{System: done{f}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Stream(StreamConfig{}); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "plane") {
			t.Errorf("Stream with frames of %d bytes: %v", size, err)
		}
		d.Close()
	}
}

// TestIdleBuffers: a buffer that the driver refused once is queued again by the next Read, and a stream without buffers says so.
func TestIdleBuffers(t *testing.T) {
	f := newFake(t)
	p := testPool(t, 3)
	for _, c := range []StreamConfig{{Buffers: 1}, {Memory: MemoryUserptr, Buffers: 1, Pool: p}} {
		s := faked(t, f, c)
		f.fault = func(request uint32, _ unsafe.Pointer) error {
			if request == iocQbuf {
				return syscall.EIO
			}
			return nil
		}
		fr := get(t, s)
		fr.Release()
		for range 2 {
			if _, err := s.Read(t.Context()); !errors.Is(err, syscall.EIO) {
				t.Errorf("Read without buffers: %v", err)
			}
		}
		f.fault = nil
		fr = get(t, s)
		fr.Release()
		if st := s.Stats(); st.Queued != 1 {
			t.Errorf("Stats = %+v", st)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLowNeedsReserve: without a reserve there is nothing that LowCopy and LowDrop would do for the driver's buffers.
func TestLowNeedsReserve(t *testing.T) {
	f := newFake(t)
	d, err := Open("fake", Options{System: f})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, c := range []StreamConfig{{Low: LowCopy, Pool: testPool(t, 1)}, {Low: LowDrop}} {
		if s, err := d.Stream(c); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "Reserve") {
			t.Errorf("Stream with Low %d: %p, %v", c.Low, s, err)
		}
	}
}

// TestExportAfterClose: a closed stream exports nothing, above all no buffer of the stream that came after it.
func TestExportAfterClose(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Export(); !errors.Is(err, ErrClosed) || f.calls[iocExpbuf] != 0 {
		t.Errorf("Export after Close: %v", err)
	}
}

// TestBitmask: bits that the kernel's control does not have are refused, not cut off.
func TestBitmask(t *testing.T) {
	f := newFake(t)
	f.fault = func(request uint32, arg unsafe.Pointer) error {
		switch request {
		case iocQueryExtCtrl:
			k := (*kQueryExtCtrl)(arg)
			k.Type, k.Maximum = ctrlTypeBitmask, 0xff
			return errDone
		case iocSExtCtrls:
			return errDone
		}
		return nil
	}
	d, err := Open("fake", Options{System: done{f}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, v := range []int64{1 << 32, -1 << 33} {
		if n, err := d.SetControl(1, v); !errors.Is(err, syscall.ERANGE) {
			t.Errorf("SetControl to %#x: %#x, %v", v, n, err)
		}
	}
	if n, err := d.SetControl(1, 0x8000_0001); n != 0x8000_0001 || err != nil {
		t.Errorf("SetControl: %#x, %v", n, err)
	}
}

// TestExportHalf: if one buffer cannot be exported, the descriptors of those before are closed.
func TestExportHalf(t *testing.T) {
	testutil.OpenFDs(t)
	f := newFake(t)
	s := faked(t, f, StreamConfig{})
	s.dev.sys = done{f}
	f.fault = func(request uint32, arg unsafe.Pointer) error {
		if request != iocExpbuf {
			return nil
		}
		k := (*kExportbuffer)(arg)
		if k.Index == 2 {
			return syscall.EMFILE
		}
		fd, err := syscall.Dup(f.event.FD())
		k.Fd = int32(fd)
		if err != nil {
			return err
		}
		return errDone
	}
	if l, err := s.Export(); !errors.Is(err, syscall.EMFILE) || l != nil {
		t.Errorf("Export: %v, %v", l, err)
	}
}
