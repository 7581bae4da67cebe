package alsa

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

var shared = Config{Rate: 48000, Channels: 2, Format: S16LE, Period: 480, Buffer: 1920, Access: MMapInterleaved}

// Regions show the device's ring, whatever their length is and wherever the ring ends.
func TestRegionByteForByte(t *testing.T) {
	dir := card(t, `file "DIR/in.raw"`, fileConf)
	want := noise(9600 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	rec, play := open(t, "card", Capture, shared), open(t, "play", Playback, shared)
	short := 0
	for done := 0; done < 9600; {
		r, err := rec.Begin(t.Context(), min(700, 9600-done))
		if err != nil {
			t.Fatal(err)
		}
		in := r.Bytes()
		if len(in) != r.Frames()*4 || !bytes.Equal(in, want[done*4:][:len(in)]) {
			t.Fatalf("frame %d: %d frames, %d bytes, or others than in the file", done, r.Frames(), len(in))
		}
		if r.Frames() < 700 {
			short++
		}
		for i := range 2 {
			b, step := r.Channel(i)
			if last := r.Frames() - 1; step != 4 || len(b) != last*4+2 || !bytes.Equal(b[:2], in[2*i:2*i+2]) || !bytes.Equal(b[last*4:], in[last*4+2*i:][:2]) {
				t.Fatalf("channel %d has %d bytes every %d, or others", i, len(b), step)
			}
		}
		// From ring to ring.
		for out := in; len(out) > 0; {
			w, err := play.Begin(t.Context(), len(out)/4)
			if err != nil {
				t.Fatal(err)
			}
			n := copy(w.Bytes(), out)
			if got, err := w.Commit(n / 4); got != n/4 || err != nil {
				t.Fatal(got, err)
			}
			out = out[n:]
		}
		done += r.Frames()
		if n, err := r.Commit(r.Frames()); n != r.Frames() || err != nil {
			t.Fatal(n, err)
		}
	}
	if short == 0 {
		t.Error("no region ended with the ring")
	}
	if err := play.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := play.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "out.raw")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes went through, want %d, or others: %v", len(got), len(want), err)
	}
	if s := rec.Stats(); s.Frames != 9600 || s.Xruns != 0 || s.Transfers == 0 {
		t.Errorf("stats %+v", s)
	}
}

// Not all of a region need be taken: the rest comes again.
func TestRegionInPart(t *testing.T) {
	dir := card(t, `file "DIR/in.raw"`)
	want := noise(1920 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	p := open(t, "card", Capture, shared)
	at := 0
	for _, n := range []int{0, 100, 0, 1, 379} {
		r, err := p.Begin(t.Context(), 480)
		if err != nil {
			t.Fatal(err)
		}
		if b := r.Bytes(); !bytes.Equal(b, want[at*4:][:len(b)]) || len(b) < n*4 {
			t.Fatalf("frame %d: %d bytes, or others", at, len(b))
		}
		if _, err := r.Commit(r.Frames() + 1); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("committing more than there is: %v", err)
		}
		if got, err := r.Commit(n); got != n || err != nil {
			t.Fatal(got, err)
		}
		at += n
	}
	if n := p.Stats().Frames; n != 480 {
		t.Errorf("%d frames", n)
	}
}

// The layout is what the areas say: alsa-lib's plug has channels apart, and whole frames.
func TestRegionLayouts(t *testing.T) {
	for _, access := range []Access{MMapInterleaved, MMapPlanar} {
		t.Run(access.String(), func(t *testing.T) {
			dir := card(t, `file "DIR/in.raw"`, "pcm.plug { type plug  slave.pcm card }")
			want := noise(4800 * 4)
			if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
				t.Fatal(err)
			}
			c := shared
			c.Access = access
			p := open(t, "plug", Capture, c)
			r, err := p.Begin(t.Context(), 480)
			if err != nil {
				t.Fatal(err)
			}
			whole := r.Bytes()
			left, step := r.Channel(0)
			if planar := step == 2; planar != (whole == nil) || planar && len(left) != r.Frames()*2 || access == MMapPlanar && !planar || access == MMapInterleaved && planar {
				t.Errorf("samples every %d bytes, %d bytes of left, %d bytes of whole frames", step, len(left), len(whole))
			}
			if _, err := r.Commit(0); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if err := get(t, p, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("what was captured is not what the file holds")
			}
		})
	}
}

// A planar buffer holds one channel after another, also when the device takes it in pieces.
func TestPlanarTransfers(t *testing.T) {
	for _, access := range []Access{RWPlanar, MMapPlanar} {
		t.Run(access.String(), func(t *testing.T) {
			dir := card(t, `file "DIR/in.raw"`, "pcm.plug { type plug  slave.pcm card }")
			want := noise(4800 * 4)
			if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
				t.Fatal(err)
			}
			c := shared
			c.Access = access
			p := open(t, "plug", Capture, c)
			got := make([]byte, len(want))
			if n, err := p.ReadBytes(t.Context(), got); n != 4800 || err != nil {
				t.Fatal(n, err)
			}
			if p.Stats().Shorts == 0 {
				t.Error("the device gave all at once")
			}
			for i := range 4800 {
				if !bytes.Equal(got[2*i:2*i+2], want[4*i:4*i+2]) || !bytes.Equal(got[9600+2*i:][:2], want[4*i+2:4*i+4]) {
					t.Fatalf("frame %d is another", i)
				}
			}
		})
	}
}

// panics is what f panics with.
func panics(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

func TestRegionAfterCommit(t *testing.T) {
	card(t, "")
	p := open(t, "card", Capture, shared)
	r, err := p.Begin(t.Context(), 480)
	if err != nil {
		t.Fatal(err)
	}
	copied := r
	if _, err := p.Begin(t.Context(), 480); !errors.Is(err, ErrBusy) {
		t.Errorf("second region: %v", err)
	}
	if _, err := p.ReadBytes(t.Context(), make([]byte, 4)); !errors.Is(err, ErrBusy) {
		t.Errorf("reading beside a region: %v", err)
	}
	if _, err := r.Commit(1); err != nil {
		t.Fatal(err)
	}
	for _, old := range []Region{r, copied} {
		if text := panics(func() { old.Bytes() }); !strings.Contains(text, "was used after Commit") {
			t.Errorf("Bytes after Commit: %q", text)
		}
		if text := panics(func() { old.Channel(0) }); !strings.Contains(text, "was used after Commit") {
			t.Errorf("Channel after Commit: %q", text)
		}
		if _, err := old.Commit(1); !errors.Is(err, ErrRegion) {
			t.Errorf("second Commit: %v", err)
		}
	}
	// Nor does an old lease reach the next region.
	if next, err := p.Begin(t.Context(), 480); err != nil {
		t.Error(err)
	} else {
		if text := panics(func() { r.Bytes() }); text == "" {
			t.Error("an old region opened the next one")
		}
		if _, err := r.Commit(1); !errors.Is(err, ErrRegion) {
			t.Errorf("an old region committed the next one: %v", err)
		}
		if _, err := next.Commit(1); err != nil {
			t.Error(err)
		}
	}
	if _, err := (Region{}).Commit(0); !errors.Is(err, ErrRegion) {
		t.Errorf("no region: %v", err)
	}
	rw := open(t, "card", Capture, cd)
	if _, err := rw.Begin(t.Context(), 480); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "MMapInterleaved") {
		t.Errorf("a region of a PCM without mmap: %v", err)
	}
	if _, err := p.Begin(t.Context(), 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a region of no frame: %v", err)
	}
}

// What is out stays mapped until it is back.
func TestCloseAndDropWithRegionOut(t *testing.T) {
	card(t, "")
	testutil.OpenFDs(t)
	for _, dir := range []Direction{Capture, Playback} {
		p := open(t, "card", dir, shared)
		r, err := p.Begin(t.Context(), 480)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Drop(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Commit(480); !errors.Is(err, ErrDropped) {
			t.Errorf("%v: dropped, and Commit says %v", dir, err)
		}
		if r, err = p.Begin(t.Context(), 480); err != nil {
			t.Fatalf("%v: after Drop: %v", dir, err)
		}
		within(t, "closing", func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		b := r.Bytes()
		for i := range b {
			b[i]++ // faults if the ring is gone
		}
		if _, err := r.Commit(480); !errors.Is(err, ErrClosed) {
			t.Errorf("%v: closed, and Commit says %v", dir, err)
		}
		if p.h != nil {
			t.Errorf("%v: the device is still open", dir)
		}
		if _, err := p.Begin(t.Context(), 480); !errors.Is(err, ErrClosed) {
			t.Errorf("%v: closed, and Begin says %v", dir, err)
		}
	}
}

func TestRegionCancelledAndFaults(t *testing.T) {
	card(t, "tick_us 0")
	p := open(t, "card", Capture, shared)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errWhy)
	defer cancel()
	within(t, "waiting", func() {
		if _, err := p.Begin(ctx, 480); !errors.Is(err, errWhy) {
			t.Errorf("got %v", err)
		}
	})
	dir := card(t, `file "DIR/in.raw"  xrun_at 4800  suspend_at 9600  unplug_at 14400`)
	want := noise(14400 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	p = open(t, "card", Capture, shared)
	got := make([]byte, len(want))
	if err := get(t, p, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("frames lost or repeated")
	}
	if _, err := p.Begin(t.Context(), 480); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("unplugged: %v", err)
	}
	if s := p.Stats(); s.Xruns != 1 || s.Suspends != 1 || s.Frames != 14400 {
		t.Errorf("stats %+v", s)
	}
}

// leases is a pool that has no memory of its own, for buffers of the device's.
func leases(t *testing.T) *pool.Pool {
	t.Helper()
	p, err := pool.New(64, pool.Options{Name: "leases", Max: 1, External: 4})
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

func TestLease(t *testing.T) {
	dir := card(t, `file "DIR/in.raw"`)
	want := noise(4800 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	frames := leases(t)
	p := open(t, "card", Capture, shared)
	for at := 0; at < len(want); {
		b, err := p.Lease(t.Context(), frames, 480)
		if err != nil {
			t.Fatal(err)
		}
		n := b.Len()
		if !bytes.Equal(b.Bytes(), want[at:at+n]) {
			t.Fatalf("byte %d: others than in the file", at)
		}
		b.Retain()
		b.Release()
		if _, err := p.Begin(t.Context(), 480); !errors.Is(err, ErrBusy) {
			t.Errorf("the buffer is held, and Begin says %v", err)
		}
		at += n
		b.Release()
		if text := panics(func() { b.Bytes() }); text == "" {
			t.Error("a buffer that was given back is open")
		}
	}
	if s := p.Stats(); s.Frames != 4800 {
		t.Errorf("stats %+v", s)
	}
	planar := shared
	planar.Access = MMapPlanar
	card(t, "", "pcm.plug { type plug  slave.pcm card }")
	q := open(t, "plug", Capture, planar)
	if _, err := q.Lease(t.Context(), frames, 480); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a buffer of channels apart: %v", err)
	}
	if r, err := q.Begin(t.Context(), 480); err != nil {
		t.Errorf("after a refused lease: %v", err)
	} else if _, err := r.Commit(0); err != nil {
		t.Error(err)
	}
}

func TestRegionsAllocateNothing(t *testing.T) {
	card(t, "tick_us 300")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	frames := leases(t)
	for _, dir := range []Direction{Capture, Playback} {
		p := open(t, "card", dir, shared)
		for name, f := range map[string]func() error{
			"region": func() error {
				r, err := p.Begin(ctx, 480)
				if err != nil {
					return err
				}
				r.Bytes()[0] = 1
				_, err = r.Commit(r.Frames())
				return err
			},
			"lease": func() error {
				b, err := p.Lease(ctx, frames, 480)
				if err != nil {
					return err
				}
				b.Bytes()[0] = 1
				b.Release()
				return nil
			},
			"status": func() error {
				if _, _, err := p.AvailDelay(); err != nil {
					return err
				}
				if _, _, err := p.Timestamp(); err != nil {
					return err
				}
				_, err := p.Status()
				return err
			},
		} {
			if n := testing.AllocsPerRun(50, func() {
				if err := f(); err != nil {
					t.Fatal(name, err)
				}
			}); n != 0 {
				t.Errorf("%v: %v allocations a %s", dir, n, name)
			}
		}
	}
}
