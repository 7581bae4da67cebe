package v4l2_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
)

// press sets a button of vivid's error injection.
func press(tb testing.TB, d *v4l2.Device, name string) {
	tb.Helper()
	if _, err := d.SetControl(named(tb, d, name).ID, 1); err != nil {
		tb.Fatal(err)
	}
}

// TestVividInjectedErrors has the driver fail call after call: each says what failed, and the next try works.
func TestVividInjectedErrors(t *testing.T) {
	testutil.OpenFDs(t)
	d := find(t, "vid-cap")
	small(t, d)
	for _, e := range []struct{ button, says string }{
		{"Inject VIDIOC_REQBUFS Error", "asking for 4 MMAP buffers"},
		{"Inject VIDIOC_QBUF Error", "queueing buffer 0"},
		{"Inject VIDIOC_STREAMON Error", "starting the stream"},
	} {
		press(t, d, e.button)
		s, err := d.Stream(v4l2.StreamConfig{})
		if err == nil {
			err = s.Start()
		}
		if err == nil || !strings.Contains(err.Error(), e.says) || !strings.Contains(err.Error(), d.Path()) {
			t.Errorf("%s: %v; it must say %q", e.button, err, e.says)
		}
		if s != nil {
			// The driver failed once: the same stream starts now.
			if err := s.Start(); err != nil {
				t.Errorf("%s, the second time: %v", e.button, err)
			}
			f := read(t, s)
			f.Release()
			if err := s.Close(); err != nil {
				t.Errorf("%s: %v", e.button, err)
			}
		}
	}

	// A buffer with an error is passed over and counted.
	s := start(t, d, v4l2.StreamConfig{})
	press(t, d, "Inject V4L2_BUF_FLAG_ERROR")
	for range 6 {
		f := read(t, s)
		f.Release()
	}
	if st := s.Stats(); st.Corrupt != 1 || st.Frames != 6 {
		t.Errorf("Stats = %+v after one corrupt frame", st)
	}

	// The queue fails for good until the stream is stopped.
	press(t, d, "Inject Fatal Streaming Error")
	var err error
	for err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		var f v4l2.Frame
		if f, err = s.Read(ctx); err == nil {
			f.Release()
		}
		cancel()
	}
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "Stop and Start") {
		t.Errorf("Read after a fatal error: %v", err)
	}
	if err := errors.Join(s.Stop(), s.Start()); err != nil {
		t.Fatal(err)
	}
	f := read(t, s)
	f.Release()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestVividDisconnect unplugs the camera while frames are read and held.
func TestVividDisconnect(t *testing.T) {
	before := mappings(t)
	testutil.OpenFDs(t)
	d := find(t, "vid-cap")
	small(t, d)
	s := start(t, d, v4l2.StreamConfig{Buffers: 6})
	held := read(t, s)
	done := make(chan error, 1)
	go func() {
		for {
			f, err := s.Read(context.Background())
			if err != nil {
				done <- err
				return
			}
			f.Release()
		}
	}()
	time.Sleep(50 * time.Millisecond)
	press(t, d, "Disconnect")
	select {
	case err := <-done:
		if !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "the device is gone") {
			t.Errorf("Read of a device that was unplugged: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Read does not notice that the device is gone")
	}
	if _, err := d.Event(t.Context()); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("Event of a device that was unplugged: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close of a device that was unplugged: %v", err)
	}
	if bars(held.Bytes()) < 4 {
		t.Error("the frame that is held changed")
	}
	held.Release()
	if n := mappings(t); n != before {
		t.Errorf("%d mappings of devices, %d before", n, before)
	}

	// vivid plugs itself in again at the last close.
	d = find(t, "vid-cap")
	small(t, d)
	s = start(t, d, v4l2.StreamConfig{})
	f := read(t, s)
	f.Release()
	d.Close()
}

// TestVividOpenClose opens, streams and closes again and again, and leaves nothing behind.
func TestVividOpenClose(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 60
	}
	before := mappings(t)
	testutil.OpenFDs(t)
	first := find(t, "vid-cap")
	small(t, first)
	path := first.Path()
	first.Close()
	for i := range rounds {
		d, err := v4l2.Open(path, v4l2.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Stream(v4l2.StreamConfig{})
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			f := read(t, s)
			defer f.Release() // long after Close
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if n := mappings(t); n != before {
			t.Errorf("%d mappings of devices after %d rounds, %d before", n, rounds, before)
		}
	})
}

// TestVividSignals reads while signals arrive all the time: calls go on after each.
func TestVividSignals(t *testing.T) {
	d := find(t, "vid-cap")
	small(t, d)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	defer signal.Stop(c)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-c:
			default:
				syscall.Kill(os.Getpid(), syscall.SIGUSR1)
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	s := start(t, d, v4l2.StreamConfig{})
	for range 60 {
		f := read(t, s)
		f.Release()
	}
	if st := s.Stats(); st.Frames != 60 {
		t.Errorf("Stats = %+v", st)
	}
}
