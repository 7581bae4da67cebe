package v4l2

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// TestReleaseIsWhole: a frame whose release is under way is held until the release is through, so that nobody else gets its buffer before.
func TestReleaseIsWhole(t *testing.T) {
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
	s.mu.Lock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Release() // which queues what was written
	}()
	time.Sleep(50 * time.Millisecond)
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocDqbuf {
			return syscall.EAGAIN
		}
		return nil
	}
	s.mu.Unlock()
	if sl, _, err := s.free(true); sl != nil || err != nil {
		t.Errorf("a buffer was handed out while its release was under way: %v", err)
	}
	<-done
	if st := s.Stats(); st.Queued != 1 || st.Held != 0 {
		t.Errorf("Stats = %+v", st)
	}
}

// TestReleaseBeforeTheWait: a release between the decision to wait for one and the wait itself ends the wait.
func TestReleaseBeforeTheWait(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{Reserve: 3})
	a := get(t, s)
	if !s.w.enter() {
		t.Fatal("busy")
	}
	_, w, err := s.next()
	if w != forRelease || err != nil {
		t.Fatalf("next says %d, %v", w, err)
	}
	a.Release()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.pause(ctx, w); err != nil || ctx.Err() != nil {
		t.Errorf("the release was missed: %v", err)
	}
	s.w.leave()
}

// TestNoSpin: while the program holds every buffer, only a release can help, and poll(2) of the device would return at once.
func TestNoSpin(t *testing.T) {
	for _, caps := range []uint32{capVideoCapture, capVideoOutput} {
		f := newFake(t)
		f.caps = caps | capStreaming
		c := StreamConfig{Buffers: 2}
		if caps == capVideoOutput {
			c.Queue = Output
		}
		s := faked(t, f, c)
		one := s.Read
		if caps == capVideoOutput {
			one = s.Buffer
		}
		var held []Frame
		for range 2 {
			fr, err := one(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, fr)
		}
		for i := range 3 {
			time.AfterFunc(50*time.Millisecond, func() { held[0].Release() })
			fr, err := one(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n := s.Stats().Waits; n > uint64(3*i+3) {
				t.Fatalf("it waited %d times for %d releases", n, i+1)
			}
			held[0] = fr
		}
		held[0].Release()
		held[1].Release()
	}
}

// TestCloseOverPoolWait: Close, Stop and the stream's end are told also to a Read that waits for a block of the pool.
func TestCloseOverPoolWait(t *testing.T) {
	for _, end := range []struct {
		name string
		by   func(s *Stream) error
		want error
	}{
		{"Close", (*Stream).Close, ErrClosed},
		{"Stop", (*Stream).Stop, ErrStopped},
	} {
		for _, when := range []string{"before", "meanwhile"} {
			f := newFake(t)
			p := testPool(t, 2)
			s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Buffers: 1, Pool: p})
			fr := get(t, s)
			if when == "before" {
				if err := end.by(s); err != nil {
					t.Fatal(err)
				}
			} else {
				time.AfterFunc(50*time.Millisecond, func() { _ = end.by(s) })
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if _, err := s.Read(ctx); !errors.Is(err, end.want) {
				t.Errorf("Read with %s %s: %v", end.name, when, err)
			}
			cancel()
			fr.Release()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if n := p.Stats().Outstanding; n != 0 {
				t.Errorf("%s: %d blocks are out", end.name, n)
			}
		}
	}
}

// TestCloseWaitsForClose: whoever closes a stream finds its blocks released, also when another goroutine came first.
func TestCloseWaitsForClose(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoOutput | capStreaming
	p := testPool(t, 1)
	backing := block(t, p)
	defer backing.Release()
	s := faked(t, f, StreamConfig{Memory: MemoryUserptr, Queue: Output, Buffers: 1})
	releasing, released := make(chan struct{}), make(chan struct{})
	b, err := p.External(backing.Plane(0).Pointer(), fakeSize, func() {
		close(releasing)
		<-released
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), NewFrame(b)); err != nil {
		t.Fatal(err)
	}
	testutil.CloseWaits(t, s.Close, releasing, released)
	if n := p.Stats().Outstanding; n != 1 {
		t.Errorf("%d blocks are out, and the backing one alone should be", n)
	}
}

// testPool has n blocks that a driver can fill.
func testPool(t *testing.T, n int) *pool.Pool {
	t.Helper()
	p, err := pool.New(fakeSize, pool.Options{Name: "test", Max: n, Align: 4096})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestStreamOfAClosingDevice: a stream that is made while the device closes is refused, or closed with it.
func TestStreamOfAClosingDevice(t *testing.T) {
	f := newFake(t)
	f.caps = capVideoM2m | capStreaming
	s := faked(t, f, StreamConfig{})
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocStreamoff {
			f.fault = nil
			if other, err := s.dev.Stream(StreamConfig{Queue: Output}); !errors.Is(err, ErrClosed) {
				t.Errorf("Stream while the device closes: %p, %v", other, err)
			}
		}
		return nil
	}
	if err := s.dev.Close(); err != nil {
		t.Error(err)
	}
}

// TestStreamAgainstClose makes streams and closes their device at the same time.
func TestStreamAgainstClose(t *testing.T) {
	testutil.OpenFDs(t)
	for range 300 {
		f := newFake(t)
		d, err := Open("fake", Options{System: f})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}()
		if s, err := d.Stream(StreamConfig{}); err == nil {
			_ = s.Close()
		} else if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		<-done
		f.event.Close()
	}
}

// TestOldStreamKeepsOff: the last release of a closed stream does not take the buffers of the stream that came after it.
func TestOldStreamKeepsOff(t *testing.T) {
	f := newFake(t)
	f.bufCaps = 0 // the driver keeps its buffers while one is mapped
	s := faked(t, f, StreamConfig{})
	a := get(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var other *Stream
	f.unmap = func() {
		f.unmap = nil
		var err error
		if other, err = s.dev.Stream(StreamConfig{}); err != nil {
			t.Error(err)
		}
	}
	a.Release()
	if other == nil {
		t.Fatal("nothing was unmapped")
	}
	if len(f.buffers) != 4 {
		t.Errorf("the driver has %d buffers for the new stream", len(f.buffers))
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if len(f.buffers) != 0 {
		t.Errorf("the driver has %d buffers after Close", len(f.buffers))
	}
}

// TestReadOverClose: whatever of the stream Close has ended first, Read says ErrClosed.
func TestReadOverClose(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{})
	if err := s.joins.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Read: %v", err)
	}
	if st := s.Stats(); st.Held != 0 || st.Queued != st.Buffers || st.Frames != 0 {
		t.Errorf("Stats = %+v", st)
	}
}

// TestPlanesGoHomeTogether: a buffer of several planes is queued when the last of them is released, and only then.
func TestPlanesGoHomeTogether(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{Buffers: 2})
	fr := get(t, s)
	s.mu.Lock()
	sl := s.slots[0]
	sl.held = 3 // as if it had three
	s.mu.Unlock()
	for left := 2; left > 0; left-- {
		sl.returned()
		if st := s.Stats(); st.Held != 1 || st.Queued != 1 {
			t.Errorf("Stats = %+v with %d planes held", st, left)
		}
	}
	fr.Release()
	if st := s.Stats(); st.Held != 0 || st.Queued != 2 {
		t.Errorf("Stats = %+v", st)
	}
}
