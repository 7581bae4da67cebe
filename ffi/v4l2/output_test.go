package v4l2

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

func block(t *testing.T, p *pool.Pool) Frame {
	t.Helper()
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	return NewFrame(b)
}

// TestStopGivesBlocksBack: what the driver drops at Stop goes back to its pool.
func TestStopGivesBlocksBack(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	p := testPool(t, 3)
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Queue: Output})
	for range 3 {
		if err := s.Write(t.Context(), block(t, p)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Stop(), s.Start()); err != nil {
			t.Fatal(err)
		}
		if n := p.Stats().Outstanding; n != 0 {
			t.Errorf("%d blocks are out after Stop", n)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSentBlocks: Write takes back what the driver has sent, so that a pool needs few blocks more than the driver has at a time.
func TestSentBlocks(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	p := testPool(t, 2)
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Queue: Output})
	for range 10 {
		if err := s.Write(t.Context(), block(t, p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out", n)
	}
}

// TestCallbackUsesStream: what runs at a block's last release may call the stream's methods.
func TestCallbackUsesStream(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	p := testPool(t, 1)
	backing := block(t, p)
	defer backing.Release()
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Queue: Output, Buffers: 1})
	ran := make(chan int, 3)
	write := func() {
		b, err := p.External(backing.Plane(0).Pointer(), fakeSize, func() { ran <- s.Stats().Queued })
		if err != nil {
			t.Error(err)
		} else if err := s.Write(t.Context(), NewFrame(b)); err != nil {
			t.Error(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		write() // taken back by the next
		write()
		if err := errors.Join(s.Stop(), s.Start()); err != nil {
			t.Error(err)
		}
		write()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("a release callback that asks for Stats hangs")
	}
	if len(ran) != 3 {
		t.Errorf("%d callbacks ran", len(ran))
	}
}

// TestDrainWaitsForHeld: what was written and is still held by others is not sent yet.
func TestDrainWaitsForHeld(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoM2m | capStreaming
	s := faked(t, f, StreamConfig{Queue: Output})
	fr, err := s.Buffer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := fr.Retain()
	if err := s.Write(t.Context(), fr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain while a frame is held: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { other.Release() })
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if f.number != 1 {
		t.Errorf("%d frames were sent", f.number)
	}
}

// TestResume: a codec's Start command after the end has Read go on, without Stop and Start of the stream.
func TestResume(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoM2m | capStreaming
	s := faked(t, f, StreamConfig{})
	f.change = func(b *kBuffer) { b.Flags |= bufFlagLast; b.Bytesused = 0 }
	if _, err := s.Read(t.Context()); err != io.EOF {
		t.Fatalf("Read: %v", err)
	}
	f.change = nil
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocDecoderCmd || request == iocEncoderCmd {
			return errDone
		}
		return nil
	}
	s.dev.sys = done{f}
	if err := s.dev.Decoder(DecoderFlush); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context()); err != io.EOF {
		t.Errorf("Read: %v", err)
	}
	for _, start := range []func() error{
		func() error { return s.dev.Decoder(DecoderStart) }, func() error { return s.dev.Encoder(EncoderStart) },
	} {
		if err := start(); err != nil {
			t.Fatal(err)
		}
		fr := get(t, s)
		fr.Release()
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
	}
	if st := s.Stats(); st.Queued != st.Buffers {
		t.Errorf("Stats = %+v", st)
	}
}

// TestWriteFailsWhole: whatever fails, Write gives the references back once.
func TestWriteFailsWhole(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	p := testPool(t, 2)
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Queue: Output})
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocQbuf {
			return syscall.EIO
		}
		return nil
	}
	if err := s.Write(t.Context(), block(t, p)); !errors.Is(err, syscall.EIO) {
		t.Errorf("Write: %v", err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out after a refused QBUF", n)
	}
	if st := s.Stats(); st.Frames != 0 || st.Queued != 0 {
		t.Errorf("Stats = %+v", st)
	}
	f.fault = nil
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	part, err := p.External(unsafe.Add(b.Pointer(), 64), 64, func() { b.Release() })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), NewFrame(part)); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Write of what is not aligned: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Write(t.Context(), block(t, p)); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := s.Write(t.Context(), Frame{}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Write of the zero Frame: %v", err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out", n)
	}
}

// TestWrittenTwice: the panic of a program that writes a frame twice leaves no lock behind, so that its deferred Close ends, and sends nothing.
func TestWrittenTwice(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	s := faked(t, f, StreamConfig{Queue: Output, Buffers: 2})
	a, err := s.Buffer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		defer s.Close()
		_ = s.Write(t.Context(), a)
	}()
	select {
	case r := <-done:
		if e := (*pool.MisuseError)(nil); r == nil || !errors.As(r.(error), &e) {
			t.Errorf("the second Write of a frame: %v", r)
		}
	case <-time.After(patience):
		t.Fatal("Close hangs behind a panic of Write")
	}
	if f.calls[iocQbuf] != 1 {
		t.Errorf("%d buffers were queued", f.calls[iocQbuf])
	}
}

// TestSentBeforeError: what the driver has sent goes back to its pool also if the next call fails.
func TestSentBeforeError(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	p := testPool(t, 3)
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Queue: Output})
	wait := true
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		switch {
		case request != iocDqbuf:
		case wait:
			return syscall.EAGAIN
		case len(f.queued) == 1:
			return syscall.EIO
		}
		return nil
	}
	for range 2 {
		if err := s.Write(t.Context(), block(t, p)); err != nil {
			t.Fatal(err)
		}
	}
	wait = false
	if err := s.Write(t.Context(), block(t, p)); !errors.Is(err, syscall.EIO) {
		t.Errorf("Write: %v", err)
	}
	if n := p.Stats().Outstanding; n != 1 {
		t.Errorf("%d blocks are out", n)
	}
	f.fault = nil
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
