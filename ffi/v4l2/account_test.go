package v4l2

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

func opened(t *testing.T, f *fake) *Device {
	t.Helper()
	d, err := Open("fake", Options{System: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestLetGo: a driver that keeps its buffers while one is mapped is told to free them at the last release, one that does not at Close.
func TestLetGo(t *testing.T) {
	for _, caps := range []uint32{0, bufCapSupportsOrphanedBufs} {
		f := newFake(t)
		f.bufCaps = caps
		s := faked(t, f, StreamConfig{})
		a, b := get(t, s), get(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if want := map[bool]int{true: 4}[caps == 0]; len(f.buffers) != want || f.calls[iocReqbufs] != 2-want/4 {
			t.Errorf("the driver has %d buffers after Close, %d REQBUFS", len(f.buffers), f.calls[iocReqbufs])
		}
		a.Release()
		b.Release()
		if len(f.buffers) != 0 || f.calls[iocReqbufs] != 2 {
			t.Errorf("the driver has %d buffers after the last release, %d REQBUFS", len(f.buffers), f.calls[iocReqbufs])
		}
	}
}

// TestRefusedAtRelease: a written frame that the driver refuses when another's reference goes is told once, and is not sent by a later release.
func TestRefusedAtRelease(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	s := faked(t, f, StreamConfig{Queue: Output, Buffers: 1})
	a, err := s.Buffer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := a.Retain()
	if err := s.Write(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocQbuf {
			return syscall.EIO
		}
		return nil
	}
	b.Release()
	f.fault = nil
	if _, err := s.Buffer(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Errorf("Buffer after a refused QBUF: %v", err)
	}
	a, err = s.Buffer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.Release()
	if len(f.queued) != 0 {
		t.Error("what was not written is sent")
	}
	// Write tells its own, once.
	if a, err = s.Buffer(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocQbuf {
			return syscall.EIO
		}
		return nil
	}
	if err := s.Write(t.Context(), a); !errors.Is(err, syscall.EIO) {
		t.Errorf("Write: %v", err)
	}
	f.fault = nil
	if a, err = s.Buffer(t.Context()); err != nil {
		t.Fatalf("an error is told twice: %v", err)
	}
	a.Release()
	if st := s.Stats(); st.Frames != 1 || st.Held != 0 || st.Queued != 0 {
		t.Errorf("Stats = %+v", st)
	}
}

// TestWriteCopies: foreign memory is copied with its length, timestamp and field, and goes back, also if it does not fit or another writes.
func TestWriteCopies(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	var got kBuffer
	f.fault = func(request uint32, arg unsafe.Pointer) error {
		if request == iocQbuf {
			got = *(*kBuffer)(arg)
		}
		return nil
	}
	s := faked(t, f, StreamConfig{Queue: Output, Buffers: 2})
	p, err := pool.New(2*fakeSize, pool.Options{Name: "test", Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	fr := block(t, p)
	fr.Plane(0).SetLen(100)
	fr.Timestamp, fr.Field = 1500*time.Millisecond+time.Microsecond, FieldTop
	if err := s.Write(t.Context(), fr); err != nil {
		t.Fatal(err)
	}
	if got.Bytesused != 100 || got.Timestamp.Sec != 1 || got.Timestamp.Usec != 500_001 || Field(got.Field) != FieldTop {
		t.Errorf("the driver got %+v", got)
	}
	if err := s.Write(t.Context(), block(t, p)); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Write of too much: %v", err)
	}
	s.w.enter()
	if err := s.Write(t.Context(), block(t, p)); !errors.Is(err, ErrBusy) {
		t.Errorf("Write while another writes: %v", err)
	}
	s.w.leave()
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out", n)
	}
	if st := s.Stats(); st.Copied != 1 || st.Frames != 1 || st.Held != 0 {
		t.Errorf("Stats = %+v", st)
	}
}

// TestLendTells: the driver gets a block's address, its room and its bytes.
func TestLendTells(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Queue: Output})
	p := testPool(t, 1)
	fr := block(t, p)
	fr.Plane(0).SetLen(77)
	f.fault = func(request uint32, arg unsafe.Pointer) error {
		if request != iocQbuf {
			return nil
		}
		if b := (*kBuffer)(arg); b.Bytesused != 77 || int(b.Length) != fr.Plane(0).Cap() || b.Memory != memoryUserptr {
			t.Errorf("the driver got %+v", b)
		}
		return nil
	}
	if err := s.Write(t.Context(), fr); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestRestart: after Stop and Start the numbers begin anew, the end is forgotten, and a Start that fails leaves nothing queued.
func TestRestart(t *testing.T) {
	f := newFake(t)
	f.number = 100
	s := faked(t, f, StreamConfig{Buffers: 2})
	fr := get(t, s)
	fr.Release()
	f.change = func(b *kBuffer) { b.Flags |= bufFlagLast }
	fr = get(t, s)
	fr.Release()
	f.change = nil
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocStreamon {
			return syscall.EIO
		}
		return nil
	}
	if err := s.Start(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Start: %v", err)
	}
	if st := s.Stats(); st.Queued != 0 || len(f.queued) != 0 {
		t.Errorf("Stats = %+v after a failed Start; the driver has %d", st, len(f.queued))
	}
	f.fault = nil
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	f.number = 200
	fr = get(t, s)
	fr.Release()
	if fr.Lost != 0 || s.Stats().Lost != 0 {
		t.Errorf("%d frames are lost over Stop and Start", fr.Lost)
	}
}

// TestReserveOfFew: a driver that gives fewer buffers than the reserve cannot keep it.
func TestReserveOfFew(t *testing.T) {
	f := newFake(t)
	f.fault = func(request uint32, arg unsafe.Pointer) error {
		if request == iocReqbufs {
			r := (*kRequestbuffers)(arg)
			r.Count = min(r.Count, 2)
		}
		return nil
	}
	if _, err := opened(t, f).Stream(StreamConfig{Reserve: 2}); !errors.Is(err, syscall.ENOMEM) || !strings.Contains(err.Error(), "Reserve") {
		t.Errorf("Stream: %v", err)
	}
}

// TestDrainKeepsOne: an output shows its last frame, which it does not give back.
func TestDrainKeepsOne(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	s := faked(t, f, StreamConfig{Queue: Output})
	for range 3 {
		fr, err := s.Buffer(t.Context())
		if err == nil {
			err = s.Write(t.Context(), fr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(t.Context()); err != nil || s.Stats().Queued != 1 {
		t.Errorf("Drain: %v, Stats = %+v", err, s.Stats())
	}
}

// TestContextLetsGo: Close ends the watch on the context of the last wait.
func TestContextLetsGo(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{Buffers: 2, Reserve: 1})
	a := get(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	afterWait(s, a.Release)
	b, err := s.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if s.w.unwatch == nil {
		t.Fatal("Read did not watch the context")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s.w.unwatch != nil {
		t.Error("the context still has the stream after Close")
	}
}

// TestStopOverWait: Stop ends a Read that waits for a release.
func TestStopOverWait(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{Reserve: 3})
	a := get(t, s)
	defer a.Release()
	afterWait(s, func() { _ = s.Stop() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.Read(ctx); !errors.Is(err, ErrStopped) || ctx.Err() != nil {
		t.Errorf("Read over Stop: %v", err)
	}
}

// TestRefusedSwap: a frame in blocks is good even if the driver refuses its next block, and the next Read tells.
func TestRefusedSwap(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Buffers: 2, Pool: testPool(t, 4)})
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocQbuf {
			f.fault = nil
			return syscall.EIO
		}
		return nil
	}
	fr := get(t, s)
	fr.Release()
	if _, err := s.Read(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Errorf("Read after a refused QBUF: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestCopyTooSmall: a frame that does not fit into a block is dropped, not cut off.
func TestCopyTooSmall(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{})
	p, err := pool.New(64, pool.Options{Name: "small", Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s.cfg.Pool = p
	if c := s.copied(get(t, s)); c.n != 0 || p.Stats().Outstanding != 0 {
		t.Errorf("a copy of %d planes, %d blocks are out", c.n, p.Stats().Outstanding)
	}
	if st := s.Stats(); st.Dropped != 1 || st.Held != 0 {
		t.Errorf("Stats = %+v", st)
	}
}

// TestData believes no offset that lies behind the data or the buffer.
func TestData(t *testing.T) {
	p := testPool(t, 1)
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	for _, c := range []struct {
		memory       Memory
		used, offset uint32
		ok           bool
	}{
		{MemoryMMAP, 0, 0, true},
		{MemoryMMAP, fakeSize, 0, true},
		{MemoryMMAP, fakeSize, 64, true},
		{MemoryMMAP, fakeSize, fakeSize - 1, true},
		{MemoryMMAP, 64, 64, true},
		{MemoryMMAP, 64, 65, false},
		{MemoryMMAP, fakeSize, fakeSize, false},
		{MemoryMMAP, fakeSize + 1, 0, false},
		{MemoryMMAP, 1<<32 - 1, 1<<32 - 2, false},
		{MemoryMMAP, 0, 1<<32 - 1, false},
		{MemoryUserptr, fakeSize, 0, true},
		{MemoryUserptr, fakeSize, 64, false},
		{MemoryUserptr, 1 << 31, 0, false},
	} {
		s := &Stream{typ: bufTypeVideoCaptureMplane, cfg: StreamConfig{Memory: c.memory}}
		sl := &slot{s: s, n: 2}
		sl.parts[1] = part{size: fakeSize}
		if c.memory == MemoryUserptr {
			sl.parts[1] = part{buf: b}
		}
		s.deq.b.Type = s.typ
		s.deq.planes[1] = kPlane{Bytesused: c.used, Offset: c.offset}
		used, offset, ok := s.data(sl, 1)
		if ok != c.ok || ok && (used != c.used || offset != c.offset) || !ok && (used != 0 || offset != 0) {
			t.Errorf("%+v: %d from %d, %v", c, used, offset, ok)
		}
	}
}

// TestRestartOverPoolWait: a Read that waits for a block goes on if the stream is stopped and started meanwhile.
func TestRestartOverPoolWait(t *testing.T) {
	f := newFake(t)
	p := testPool(t, 2)
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Buffers: 1, Pool: p})
	a := get(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			s.mu.Lock()
			interrupt := s.interrupt // what Stop calls
			s.mu.Unlock()
			if interrupt != nil {
				interrupt()
				break
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(30 * time.Millisecond)
		a.Release()
	}()
	b, err := s.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	b.Release()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
