package main

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/bus"
)

// vivid is the camera of the kernel's test driver. Without it the test is skipped; make test-vm has it.
func vivid(t *testing.T) string {
	t.Helper()
	all, err := v4l2.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Driver == "vivid" && strings.HasSuffix(i.Name, "vid-cap") {
			return i.Path
		}
	}
	if os.Getenv(testutil.VM) != "" {
		t.Fatalf("no camera of the driver vivid, only %v", all)
	}
	t.Skip("no camera of the driver vivid: make test-vm runs this in a guest that has it")
	return ""
}

// filming has a camera's frames at a size that the guest's processor is fit for.
func filming(t *testing.T) config {
	t.Helper()
	c := config{device: vivid(t), width: 640, height: 480, fps: 25, dir: t.TempDir()}
	if runtime.GOARCH == "arm" {
		c.width, c.height, c.fps = 320, 180, 15 // an emulated one
	}
	return c
}

// TestVivid films with a camera: every frame is in the store, its brightness is told, and the memory is what a small device has.
func TestVivid(t *testing.T) {
	c := filming(t)
	testutil.OpenFDs(t)
	asked := c
	src, err := open(&c)
	if err != nil {
		t.Fatal(err)
	}
	if c.width != asked.width || c.height != asked.height {
		t.Fatalf("frames of %dx%d, not %dx%d", c.width, c.height, asked.width, asked.height)
	}
	st, err := newStation(c)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := st.readings.Subscribe(bus.SubOptions{Name: "test", Events: 10000})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	began := time.Now().Add(-time.Second).UnixNano()
	watched := make(chan error, 1)
	go func() { watched <- st.watch(ctx, src) }()
	const enough = 40
	var times []int64
	for len(times) < enough {
		ev, err := sub.Next(ctx)
		if err != nil {
			t.Fatalf("after %d frames: %v", len(times), errors.Join(err, <-watched))
		}
		r := ev.Value
		if r.Time < began || r.Time > time.Now().Add(time.Second).UnixNano() || len(times) > 0 && r.Time <= times[len(times)-1] || r.Mean < 30 || r.Mean > 220 {
			t.Fatalf("frame %d is %+v, the one before of %d", len(times), r, times[max(len(times), 1)-1])
		}
		times = append(times, r.Time)
	}
	stop()
	if err := <-watched; err != nil {
		t.Errorf("the watch ended with %v", err)
	}
	published, stored := st.taken.Stats().Published, st.store.Stats()
	if published < enough || stored.Puts != published-st.lost.Load() || stored.Err != nil {
		t.Errorf("%d frames were taken; the store: %+v", published, stored)
	}
	inStore(t, c, st, times)
	if err := errors.Join(src.close(), st.close()); err != nil {
		t.Error(err)
	}
	if p := st.frames.Stats(); p.Outstanding != 0 || p.Acquired != p.Released {
		t.Errorf("pool: %+v", p)
	}
	if most, err := status("VmHWM"); err != nil || most >= 64e6 && !raceBuild {
		t.Errorf("%d KiB resident at most, %v", most>>10, err)
	}
}

// TestUnplugged pulls the camera's plug while it films, and puts it in again: the film goes on, and all is given back.
func TestUnplugged(t *testing.T) {
	goesOn(t, time.Minute, "the device is gone", func(c config) { set(t, c.device, "Disconnect", 1) }, func(config) {})
}

// TestStuck has a camera that sends no more frames, and does not say why: it is opened anew, until it sends some.
func TestStuck(t *testing.T) {
	goesOn(t, 2*time.Second, errStuck.Error(), func(c config) { set(t, c.device, "Percentage of Dropped Buffers", 100) },
		func(c config) { set(t, c.device, "Percentage of Dropped Buffers", 0) })
}

// goesOn films, has something go wrong, which is told, and films on after the mend.
func goesOn(t *testing.T, stuck time.Duration, told string, wrong, mend func(config)) {
	t.Helper()
	c := filming(t)
	testutil.OpenFDs(t)
	testutil.Mappings(t)
	src, err := open(&c)
	if err != nil {
		t.Fatal(err)
	}
	src.(*camera).stuck = stuck
	st, err := newStation(c)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := st.readings.Subscribe(bus.SubOptions{Name: "test", Events: 10000})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	watched := make(chan error, 1)
	go func() { watched <- st.watch(ctx, src) }()
	last := int64(0)
	read := func(n int) {
		t.Helper()
		for range n {
			ev, err := sub.Next(ctx)
			if err != nil {
				t.Fatalf("%v; %q", errors.Join(err, <-watched), st.stats().Problem)
			}
			if ev.Value.Time <= last {
				t.Fatalf("a frame of %d follows one of %d", ev.Value.Time, last)
			}
			last = ev.Value.Time
		}
	}
	read(5)
	wrong(c)
	for st.stats().Problem == "" && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	mend(c)
	for _, ok := sub.TryNext(); ok; _, ok = sub.TryNext() { // those from before
	}
	read(10)
	if p := st.stats().Problem; !strings.Contains(p, told) {
		t.Errorf("the problem is %q", p)
	}
	stop()
	if err := errors.Join(<-watched, src.close(), st.close()); err != nil {
		t.Error(err)
	}
	if p := st.frames.Stats(); p.Outstanding != 0 || p.Acquired != p.Released {
		t.Errorf("pool: %+v", p)
	}
}

// set changes a control of vivid. Disconnect is a button that has the device fail until everybody has closed it.
func set(t *testing.T, path, name string, value int64) {
	t.Helper()
	d, err := v4l2.Open(path, v4l2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	all, err := d.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			if _, err := d.SetControl(c.ID, value); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no control %q among %v", name, all)
}

// inStore fails unless the store has the frames of most of these times, with the camera's picture: its bars have edges.
func inStore(t *testing.T, c config, st *station, times []int64) {
	t.Helper()
	there := map[int64]bool{}
	for f, err := range st.store.Range(t.Context(), times[0], times[len(times)-1]+1) {
		if err != nil {
			t.Fatal(err)
		}
		edges := 0
		line := f.Bytes()[c.width*c.height/2:][:c.width]
		for x := 8; x < len(line); x++ {
			if d := int(line[x]) - int(line[x-8]); d > 8 || d < -8 {
				edges++
			}
		}
		if len(f.Bytes()) != c.width*c.height || edges < 4 {
			t.Errorf("the frame of %d has %d bytes and %d edges", f.Time, len(f.Bytes()), edges)
		}
		there[f.Time] = true
		f.Release()
	}
	missing := 0
	for _, at := range times {
		if !there[at] {
			missing++
		}
	}
	if lost := st.lost.Load() + st.store.Stats().Dropped; uint64(missing) > lost || missing > len(times)/2 {
		t.Errorf("%d of %d frames are not in the store", missing, len(times))
	}
}
