package v4l2_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Tests with the kernel's own test driver, vivid: a camera, an HDMI input and outputs in software. make test-vm runs them in a guest.

// find opens the node of vivid whose name in sysfs ends with name, such as "vid-cap". It skips the test where the driver is not loaded.
func find(tb testing.TB, name string) *v4l2.Device {
	tb.Helper()
	return findDriver(tb, "vivid", name)
}

func findDriver(tb testing.TB, driver, name string) *v4l2.Device {
	tb.Helper()
	all, err := v4l2.Devices()
	if err != nil {
		tb.Fatal(err)
	}
	for _, i := range all {
		if i.Driver == driver && strings.HasSuffix(i.Name, name) {
			d, err := v4l2.Open(i.Path, v4l2.Options{})
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { d.Close() })
			return d
		}
	}
	if v := os.Getenv(testutil.VM); v == "full" || v != "" && driver == "vivid" {
		tb.Fatalf("no node %q of the driver %s, only %v", name, driver, all)
	}
	tb.Skipf("no node %q of the driver %s: make test-vm runs this in a guest that has it", name, driver)
	return nil
}

// small sets the smallest format that vivid's camera has, at its fastest.
func small(tb testing.TB, d *v4l2.Device) v4l2.Format {
	tb.Helper()
	if err := d.SetInput(0); err != nil {
		tb.Fatal(err)
	}
	f, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FmtYUYV, Width: 320, Height: 180})
	if err != nil {
		tb.Fatal(err)
	}
	if f.Width != 320 || f.Height != 180 || f.FourCC != v4l2.FmtYUYV {
		tb.Fatalf("the driver set %s, not 320x180 YUYV", f)
	}
	if i, err := d.SetInterval(v4l2.Capture, v4l2.Fraction{Numerator: 1, Denominator: 60}); err != nil || i.Duration() > 17*time.Millisecond {
		tb.Fatalf("SetInterval(1/60) = %v, %v", i, err)
	}
	return f
}

func pages(tb testing.TB, size, n int) *pool.Pool {
	tb.Helper()
	p, err := pool.New(size, pool.Options{Name: "frames", Max: n, Align: 4096})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// exported is a stream of vivid's output whose buffers, exported as DMABUFs, take frames of f.
func exported(tb testing.TB, f v4l2.Format, n int) []v4l2.DMABuf {
	tb.Helper()
	return exportedBy(tb, "vid-out", f, n)
}

func exportedBy(tb testing.TB, node string, f v4l2.Format, n int) []v4l2.DMABuf {
	tb.Helper()
	out := find(tb, node)
	set, err := out.SetFormat(v4l2.Output, f)
	if err != nil {
		tb.Fatal(err)
	}
	if set.Size() < f.Size() {
		tb.Fatalf("the output has frames of %d bytes, the input of %d", set.Size(), f.Size())
	}
	s, err := out.Stream(v4l2.StreamConfig{Queue: v4l2.Output, Buffers: n})
	if err != nil {
		tb.Fatal(err)
	}
	l, err := s.Export()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		for _, b := range l {
			b.Close()
		}
	})
	return l
}

// config is a stream of a kind of memory, with what it needs for a program that holds some frames.
func config(tb testing.TB, memory string, f v4l2.Format, held int) v4l2.StreamConfig {
	tb.Helper()
	switch memory {
	case "USERPTR":
		return v4l2.StreamConfig{Buffers: 4, Memory: v4l2.MemoryUserptr, Pool: pages(tb, f.Size(), 6+held)}
	case "DMABUF":
		return v4l2.StreamConfig{Memory: v4l2.MemoryDMABUF, Import: exported(tb, f, 4+held)}
	}
	return v4l2.StreamConfig{Buffers: 4 + held}
}

func start(tb testing.TB, d *v4l2.Device, c v4l2.StreamConfig) *v4l2.Stream {
	tb.Helper()
	s, err := d.Stream(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// patience is how long tests wait for what must happen. It only guards against hanging: an emulated machine may be a hundred times as slow as others.
const patience = 2 * time.Minute

func read(tb testing.TB, s *v4l2.Stream) v4l2.Frame {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := s.Read(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// mappings counts the mappings of devices and DMABUFs.
func mappings(tb testing.TB) int {
	tb.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Count(string(b), "/dev/video") + strings.Count(string(b), "dmabuf")
}

// TestVividCapture reads frames by every kind of memory.
func TestVividCapture(t *testing.T) {
	for _, name := range []string{"MMAP", "USERPTR", "DMABUF"} {
		t.Run(name, func(t *testing.T) {
			d := find(t, "vid-cap")
			f := small(t, d)
			s := start(t, d, config(t, name, f, 0))
			var last time.Duration
			var number uint32
			for i := range 10 {
				fr := read(t, s)
				// vivid counts by the clock, and gives a number twice when it wakes up early.
				counts := i == 0 || fr.Sequence == number || fr.Sequence-number == fr.Lost+1
				number = fr.Sequence
				if !counts || fr.NumPlanes() != 1 || len(fr.Bytes()) != f.Size() {
					t.Errorf("frame %d: sequence %d, lost %d, %d planes, %d bytes of %d", i, fr.Sequence, fr.Lost, fr.NumPlanes(), len(fr.Bytes()), f.Size())
				}
				if fr.Clock != v4l2.ClockMonotonic || fr.Timestamp <= last {
					t.Errorf("frame %d: timestamp %v of clock %v after %v", i, fr.Timestamp, fr.Clock, last)
				}
				last = fr.Timestamp
				if at, ok := fr.Time(); !ok || time.Since(at).Abs() > patience {
					t.Errorf("frame %d: taken at %v", i, at)
				}
				if bars(fr.Bytes()) < 4 {
					t.Errorf("frame %d: the picture has no colour bars", i)
				}
				fr.Release()
			}
			if st := s.Stats(); st.Frames != 10 || st.Held != 0 || st.Copied != 0 || st.Dropped != 0 {
				t.Errorf("Stats = %+v", st)
			}
		})
	}
}

// bars counts the luma levels of the first line of a YUYV picture: vivid's test picture is of 8 colour bars.
func bars(b []byte) int {
	var seen [256]int
	for i := 0; i < 640; i += 2 {
		seen[b[i]]++
	}
	n := 0
	for _, c := range seen {
		if c > 20 {
			n++
		}
	}
	return n
}

// TestVividAllocations reads frames in steady state and allocates nothing.
func TestVividAllocations(t *testing.T) {
	for _, name := range []string{"MMAP", "USERPTR", "DMABUF"} {
		t.Run(name, func(t *testing.T) {
			d := find(t, "vid-cap")
			f := small(t, d)
			s := start(t, d, config(t, name, f, 0))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			n := testing.AllocsPerRun(50, func() {
				fr, err := s.Read(ctx)
				if err != nil {
					panic(err)
				}
				fr.Release()
			})
			if n != 0 {
				t.Errorf("%v allocations a frame", n)
			}
		})
	}
}

// TestVividHolders has consumers that hold frames at random, and accounts for every frame: 10,000 of each memory in the long form.
func TestVividHolders(t *testing.T) {
	frames := 10_000
	if testing.Short() {
		frames = 150
	}
	for _, name := range []string{"MMAP", "USERPTR", "DMABUF"} {
		t.Run(name, func(t *testing.T) {
			before := mappings(t)
			t.Cleanup(func() {
				if n := mappings(t); n != before {
					t.Errorf("%d mappings of devices after Close, %d before", n, before)
				}
			})
			testutil.OpenFDs(t)
			d := find(t, "vid-cap")
			f := small(t, d)
			hold(t, d, config(t, name, f, 4), frames)
		})
	}
}

// hold reads frames and has 3 goroutines hold them for a random time.
func hold(t *testing.T, d *v4l2.Device, c v4l2.StreamConfig, frames int) {
	s := start(t, d, c)
	held := make(chan v4l2.Frame, 3)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for f := range held {
				time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
				f.Release()
			}
		})
	}
	first, last, lost, twice := uint32(0), uint32(0), uint64(0), 0
	for i := range frames {
		f := read(t, s)
		if i == 0 {
			first = f.Sequence
		} else {
			lost += uint64(f.Lost)
			if f.Sequence == last {
				twice++
			} else if f.Sequence-last != f.Lost+1 {
				t.Errorf("frame %d is number %d after %d, and %d lost", i, f.Sequence, last, f.Lost)
			}
		}
		last = f.Sequence
		held <- f
	}
	close(held)
	wg.Wait()
	if got, want := uint64(frames-twice)+lost, uint64(last-first)+1; got != want {
		t.Errorf("%d frames read, %d numbers twice, and %d lost are %d; the driver counted %d", frames, twice, lost, got, want)
	}
	st := s.Stats()
	if st.Held != 0 || st.Frames != uint64(frames) || st.Dropped+st.Copied+st.Corrupt != 0 {
		t.Errorf("Stats = %+v", st)
	}
	t.Logf("%d frames, %d lost, %d waits", st.Frames, st.Lost, st.Waits)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestVividHeldOverClose keeps frames when the stream and the device are closed: they stay readable until they are released.
func TestVividHeldOverClose(t *testing.T) {
	for _, name := range []string{"MMAP", "USERPTR", "DMABUF"} {
		t.Run(name, func(t *testing.T) {
			before := mappings(t)
			d := find(t, "vid-cap")
			f := small(t, d)
			s := start(t, d, config(t, name, f, 2))
			a, b := read(t, s), read(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// The driver's buffers are orphans now: another stream may have its own.
			s2 := start(t, d, v4l2.StreamConfig{})
			c := read(t, s2)
			c.Release()
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if bars(a.Bytes()) < 4 || bars(b.Bytes()) < 4 {
				t.Error("frames changed when the stream was closed")
			}
			a.Release()
			b.Release()
			if n := mappings(t); n != before && name != "DMABUF" { // the output's own are still there
				t.Errorf("%d mappings of devices after the last release, %d before", n, before)
			}
		})
	}
}
