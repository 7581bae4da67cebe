package v4l2_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
)

// TestVividNegotiation asks for what the camera does not have, and is told what it set.
func TestVividNegotiation(t *testing.T) {
	d := find(t, "vid-cap")
	if i := d.Info(); i.Driver != "vivid" || i.Card == "" || i.Bus == "" || i.Version[0] < 5 || i.Capabilities&v4l2.CapStreaming == 0 {
		t.Errorf("Info = %+v", i)
	}
	small(t, d)
	f, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FmtRGB24, Width: 641, Height: 359})
	if err != nil || f.Width != 640 || f.Height != 360 || f.FourCC != v4l2.FmtRGB24 || f.Planes[0].Stride != 1920 || f.Size() != 640*360*3 {
		t.Errorf("SetFormat(641x359) = %v, %v, planes %v", f, err, f.Planes)
	}
	try, err := d.TryFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FmtYUYV, Width: 320, Height: 180})
	if err != nil || try.Width != 320 {
		t.Errorf("TryFormat = %v, %v", try, err)
	}
	if now, err := d.Format(v4l2.Capture); err != nil || now.String() != f.String() {
		t.Errorf("Format = %v, %v after TryFormat; %v was set", now, err, f)
	}
	if got, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FourCC(0x41414141), Width: 320, Height: 180}); err != nil || got.FourCC == 0x41414141 {
		t.Errorf("SetFormat(AAAA) = %v, %v: the driver must have set another", got, err)
	}

	formats, err := d.Formats(v4l2.Capture)
	if err != nil || len(formats) < 20 {
		t.Fatalf("Formats = %v, %v", formats, err)
	}
	sizes, err := d.FrameSizes(v4l2.FmtYUYV)
	if err != nil || len(sizes) < 4 || sizes[0].Width.Min != 320 || sizes[0].Height.Max != 180 {
		t.Errorf("FrameSizes = %v, %v", sizes, err)
	}
	intervals, err := d.FrameIntervals(v4l2.FmtYUYV, 320, 180)
	if err != nil || len(intervals) == 0 {
		t.Errorf("FrameIntervals = %v, %v", intervals, err)
	}
	if _, err := d.SetFormat(v4l2.MetaOutput, v4l2.Format{}); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "no queue for metadata output") {
		t.Errorf("SetFormat of a queue that is not there: %v", err)
	}
	if _, err := d.SetFormat(v4l2.Capture, v4l2.Format{Width: -1}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("SetFormat(-1): %v", err)
	}
}

// TestVividSelection crops an S-Video input, and composes.
func TestVividSelection(t *testing.T) {
	d := find(t, "vid-cap")
	if err := d.SetInput(2); err != nil {
		t.Fatal(err)
	}
	defer d.SetInput(0)
	if std, err := d.Standards(); err != nil || len(std) < 3 {
		t.Errorf("Standards = %v, %v", std, err)
	}
	const pal = 0xff
	if err := d.SetStandard(pal); err != nil {
		t.Error(err)
	}
	if std, err := d.Standard(); err != nil || std != pal {
		t.Errorf("Standard = %#x, %v", std, err)
	}
	bounds, err := d.Selection(v4l2.Capture, v4l2.TargetCropBounds)
	if err != nil || bounds.Width != 720 || bounds.Height != 576 {
		t.Fatalf("CropBounds = %+v, %v", bounds, err)
	}
	want := v4l2.Rect{Left: 16, Top: 32, Width: 320, Height: 240}
	if got, err := d.SetSelection(v4l2.Capture, v4l2.TargetCrop, want, 0); err != nil || got != want {
		t.Errorf("SetSelection = %+v, %v", got, err)
	}
	if got, err := d.Selection(v4l2.Capture, v4l2.TargetCrop); err != nil || got != want {
		t.Errorf("Selection = %+v, %v", got, err)
	}
	if _, err := d.SetSelection(v4l2.Capture, v4l2.Target(0x7fff), want, 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("SetSelection of no target: %v", err)
	}
}

// TestVividLow has a program that holds frames, and looks at what happens to those that follow.
func TestVividLow(t *testing.T) {
	t.Run("copy", func(t *testing.T) {
		d := find(t, "vid-cap")
		f := small(t, d)
		p := pages(t, f.Size(), 8)
		s := start(t, d, v4l2.StreamConfig{Buffers: 4, Low: v4l2.LowCopy, Reserve: 2, Pool: p})
		var held []v4l2.Frame
		for range 6 {
			held = append(held, read(t, s))
		}
		st := s.Stats()
		if st.Copied != 4 || st.Held != 2 || p.Stats().Outstanding != 4 {
			t.Errorf("Stats = %+v; the pool has %d blocks out", st, p.Stats().Outstanding)
		}
		for i, h := range held {
			if i > 0 && h.Sequence == held[i-1].Sequence {
				continue
			}
			if bars(h.Bytes()) < 4 {
				t.Errorf("frame %d has no colour bars", i)
			}
		}
		for i := range held {
			held[i].Release()
		}
		if st := s.Stats(); st.Held != 0 || p.Stats().Outstanding != 0 {
			t.Errorf("Stats = %+v; the pool has %d blocks out", st, p.Stats().Outstanding)
		}
	})
	t.Run("drop", func(t *testing.T) {
		d := find(t, "vid-cap")
		small(t, d)
		s := start(t, d, v4l2.StreamConfig{Buffers: 4, Low: v4l2.LowDrop, Reserve: 2})
		a, b := read(t, s), read(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		go func() {
			for ctx.Err() == nil && s.Stats().Dropped < 5 {
				time.Sleep(10 * time.Millisecond)
			}
			cancel()
		}()
		if f, err := s.Read(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Read = %+v, %v", f, err)
		}
		if st := s.Stats(); st.Dropped < 5 || st.Held != 2 || st.Queued != 2 {
			t.Errorf("Stats = %+v", st)
		}
		a.Release()
		b.Release()
		c := read(t, s)
		c.Release()
	})
	t.Run("wait", func(t *testing.T) {
		d := find(t, "vid-cap")
		small(t, d)
		s := start(t, d, v4l2.StreamConfig{Buffers: 4, Reserve: 2})
		a, b := read(t, s), read(t, s)
		var released atomic.Bool
		go func() {
			time.Sleep(200 * time.Millisecond)
			released.Store(true)
			a.Release()
		}()
		c := read(t, s)
		if !released.Load() {
			t.Error("Read returned before a frame was released")
		}
		b.Release()
		c.Release()
	})
}

// TestVividStop stops, waits, cancels and closes in the middle of things.
func TestVividStop(t *testing.T) {
	testutil.OpenFDs(t)
	d := find(t, "vid-cap")
	f := small(t, d)
	s, err := d.Stream(v4l2.StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context()); !errors.Is(err, v4l2.ErrStopped) {
		t.Errorf("Read before Start: %v", err)
	}
	if _, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FmtRGB24, Width: 640, Height: 360}); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "close it first") {
		t.Errorf("SetFormat with a stream: %v", err)
	}
	if _, err := d.Stream(v4l2.StreamConfig{}); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("a second stream: %v", err)
	}
	for range 3 {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		fr := read(t, s)
		kept := bytes.Clone(fr.Bytes())
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(kept, fr.Bytes()) {
			t.Error("a frame that is held changed at Stop")
		}
		fr.Release()
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if fr, err := s.Read(ctx); err == nil { // it was there already
		fr.Release()
	} else if !errors.Is(err, cause) {
		t.Errorf("Read with a context that ended: %v", err)
	}

	// All buffers are held: Read waits for the device in vain, until Stop.
	var held []v4l2.Frame
	for range s.Stats().Buffers {
		held = append(held, read(t, s))
	}
	done, waits := make(chan error), s.Stats().Waits
	go func() {
		_, err := s.Read(context.Background())
		done <- err
	}()
	for s.Stats().Waits == waits {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Read(t.Context()); !errors.Is(err, v4l2.ErrBusy) {
		t.Errorf("a second Read: %v", err)
	}
	s.Stop()
	if err := <-done; !errors.Is(err, v4l2.ErrStopped) {
		t.Errorf("Read over Stop: %v", err)
	}
	for i := range held {
		held[i].Release()
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		fr := read(t, s)
		if len(fr.Bytes()) != f.Size() {
			t.Errorf("%d bytes after Start", len(fr.Bytes()))
		}
		fr.Release()
	}
	go func() {
		for err == nil {
			var fr v4l2.Frame
			if fr, err = s.Read(context.Background()); err == nil {
				fr.Release()
			}
		}
		done <- err
	}()
	time.Sleep(100 * time.Millisecond)
	d.Close()
	if err := <-done; !errors.Is(err, v4l2.ErrClosed) {
		t.Errorf("Read over Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

// TestVividOutput sends frames by every kind of memory.
func TestVividOutput(t *testing.T) {
	for _, memory := range []v4l2.Memory{v4l2.MemoryMMAP, v4l2.MemoryUserptr} {
		t.Run(memory.String(), func(t *testing.T) {
			d := find(t, "vid-out")
			f, err := d.SetFormat(v4l2.Output, v4l2.Format{FourCC: v4l2.FmtYUYV, Width: 640, Height: 480})
			if err != nil {
				t.Fatal(err)
			}
			p := pages(t, f.Size(), 8)
			s, err := d.Stream(v4l2.StreamConfig{Queue: v4l2.Output, Memory: memory, Pool: p})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			const frames = 12
			for i := range frames {
				var fr v4l2.Frame
				if memory == v4l2.MemoryMMAP && i%2 == 0 {
					if fr, err = s.Buffer(ctx); err != nil {
						t.Fatal(err)
					}
				} else {
					b, err := p.Wait(ctx)
					if err != nil {
						t.Fatal(err)
					}
					fr = v4l2.NewFrame(b)
				}
				for j := range fr.Bytes() {
					fr.Bytes()[j] = byte(i)
				}
				if err := s.Write(ctx, fr); err != nil {
					t.Fatal(err)
				}
				if i == 2 {
					if err := s.Start(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := s.Read(ctx); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("Read of an output: %v", err)
			}
			if err := s.Drain(ctx); err != nil {
				t.Error(err)
			}
			st := s.Stats()
			copied := uint64(0)
			if memory == v4l2.MemoryMMAP {
				copied = frames / 2
			}
			if st.Frames != frames || st.Queued > 1 || st.Copied != copied {
				t.Errorf("Stats = %+v", st)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if n := p.Stats().Outstanding; n != 0 {
				t.Errorf("%d blocks are out after Close", n)
			}
		})
	}
}
