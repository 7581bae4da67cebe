//go:build cgo

package v4l2

import (
	"context"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/ctest/cstress"
)

// TestReleasedByC: a frame whose last reference C releases goes back to the driver, while Read waits for it and otherwise.
func TestReleasedByC(t *testing.T) {
	f := newFake(t)
	s := faked(t, f, StreamConfig{Buffers: 2, Reserve: 1})
	release := func(fr Frame) {
		b := fr.Plane(0)
		if code := cstress.Release(b.Pool().Arena(), cstress.Handle(b.Handle())); code != 0 {
			t.Errorf("C's release answers %d", code)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 20 {
		fr, err := s.Read(ctx)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if i%2 == 0 {
			release(fr)
		} else {
			time.AfterFunc(5*time.Millisecond, func() { release(fr) })
		}
	}
	for s.Stats().Held > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if st := s.Stats(); st.Held != 0 || st.Queued != 2 || st.Frames != 20 {
		t.Errorf("Stats = %+v", st)
	}

	// The next Read gives it back before it waits for the driver, which may need it.
	s.cfg.Reserve = 0
	release(get(t, s))
	f.fault = func(request uint32, _ unsafe.Pointer) error {
		if request == iocDqbuf && len(f.queued) < 2 {
			return syscall.EAGAIN
		}
		return nil
	}
	short, stop := context.WithTimeout(ctx, patience)
	defer stop()
	fr, err := s.Read(short)
	if err != nil {
		t.Fatal(err)
	}
	fr.Release()
	f.fault = nil

	// After Close too: the mapping ends at the next look at the pool.
	fr = get(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	release(fr)
	s.Stats()
}
