package alsa

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

const fileConf = `
pcm.cap { type file  slave.pcm { type null }  file /dev/null  infile "DIR/in.raw"  format raw }
pcm.play { type file  slave.pcm { type null }  file "DIR/out.raw"  format raw }
pcm.null { type null }
`

var cd = Config{Rate: 48000, Channels: 2, Format: S16LE, Period: 480, Buffer: 1920}

func TestCaptureByteForByte(t *testing.T) {
	dir := configure(t, fileConf)
	want := noise(50 * 480 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	p := open(t, "cap", Capture, cd)
	var got []byte
	b := make([]byte, p.Config().PeriodBytes())
	for range 50 {
		n, err := p.ReadBytes(t.Context(), b)
		if err != nil || n != 480 {
			t.Fatalf("%d frames, %v", n, err)
		}
		got = append(got, b...)
	}
	if !bytes.Equal(got, want) {
		t.Error("what was captured is not what the file holds")
	}
	if s := p.Stats(); s.Frames != 50*480 || s.Transfers != 50 || s.Xruns != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestPlaybackByteForByte(t *testing.T) {
	dir := configure(t, fileConf)
	want := noise(50*480*4 + 100*4)
	p := open(t, "play", Playback, cd)
	period := p.Config().PeriodBytes()
	for at := 0; at < len(want); at += period {
		b := want[at:min(at+period, len(want))]
		if n, err := p.WriteBytes(t.Context(), b); err != nil || n != len(b)/4 {
			t.Fatalf("%d frames, %v", n, err)
		}
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "out.raw"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes, want %d, or others", len(got), len(want))
	}
}

// frames is a pool whose buffers hold one period of cd.
func frames(t *testing.T, n int) *pool.Pool {
	t.Helper()
	p, err := pool.New(cd.PeriodBytes(), pool.Options{Name: "frames", Max: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err) // a *pool.LeakError if this package kept a reference
		}
	})
	return p
}

func TestPooledBuffers(t *testing.T) {
	dir := card(t, `file "DIR/in.raw"  unplug_at 1000`, fileConf)
	want := noise(1000 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	rec, play := open(t, "card", Capture, cd), open(t, "play", Playback, cd)
	frames := frames(t, 1)
	for i, n := range []int{480, 480, 40} {
		b, err := frames.Get()
		if err != nil {
			t.Fatal(err)
		}
		at := b.Pointer()
		got, err := rec.Read(t.Context(), b)
		if got != n || (err != nil) != (n < 480) || b.Len() != n*4 || b.Pointer() != at {
			t.Fatalf("period %d: %d frames, %d bytes, %v", i, got, b.Len(), err)
		}
		if got, err := play.Write(t.Context(), b); got != n || err != nil {
			t.Fatalf("writing period %d: %d frames, %v", i, got, err)
		}
		b.Release()
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
}

func TestInt16(t *testing.T) {
	dir := configure(t, fileConf)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), []byte{1, 0, 0xfe, 0xff, 0, 0x80, 0xff, 0x7f}, 0o644); err != nil {
		t.Fatal(err)
	}
	s := make([]int16, 4)
	p := open(t, "cap", Capture, cd)
	if n, err := p.ReadInt16(t.Context(), s); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if s[0] != 1 || s[1] != -2 || s[2] != -32768 || s[3] != 32767 {
		t.Errorf("samples %v", s)
	}
	wide := open(t, "null", Playback, Config{Format: S32LE})
	if _, err := wide.WriteInt16(t.Context(), s); err == nil || !strings.Contains(err.Error(), "S32_LE") {
		t.Errorf("16-bit samples into S32_LE: %v", err)
	}
}

func TestDefaults(t *testing.T) {
	configure(t, fileConf)
	c := open(t, "null", Playback, Config{}).Config()
	if want := (Config{Rate: 48000, Channels: 2, Format: S16LE, Period: 960, Buffer: 3840, StartAt: 3840, StopAt: 3840, WakeAt: 960}); c != want {
		t.Errorf("got %#v, want %#v", c, want)
	}
	if c.FrameBytes() != 4 || c.PeriodBytes() != 3840 {
		t.Errorf("frame %d, period %d bytes", c.FrameBytes(), c.PeriodBytes())
	}
}

// The device sets other sizes than asked, and says so.
func TestNegotiated(t *testing.T) {
	card(t, "")
	c := open(t, "card", Capture, Config{Rate: 1000, NearRate: true, Channels: 1, Format: S32LE, Period: 1 << 20}).Config()
	if c.Rate != 8000 || c.Channels != 1 || c.Format != S32LE || c.Period != 1<<16/4 || c.Buffer < 2*c.Period {
		t.Errorf("got %v", c)
	}
	var a [16]byte
	p := open(t, "card", Capture, cd)
	if n, err := p.ReadBytes(t.Context(), a[:0]); n != 0 || err != nil {
		t.Errorf("empty read: %d, %v", n, err)
	}
	if _, err := p.ReadBytes(t.Context(), a[:5]); err == nil || !strings.Contains(err.Error(), "a frame has 4 bytes") {
		t.Errorf("5 bytes: %v", err)
	}
	if _, err := p.WriteBytes(t.Context(), a[:]); err == nil || !strings.Contains(err.Error(), "opened for capture") {
		t.Errorf("write on capture: %v", err)
	}
}

func TestStateAvailDelay(t *testing.T) {
	card(t, "tick_us 0")
	p := open(t, "card", Playback, cd)
	if s := p.State(); s != StatePrepared {
		t.Errorf("fresh: %v", s)
	}
	if n, err := p.Avail(); n != 1920 || err != nil {
		t.Errorf("avail %d, %v", n, err)
	}
	b := make([]byte, 1920*4)
	if _, err := p.WriteBytes(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if s := p.State(); s != StateRunning {
		t.Errorf("full: %v", s)
	}
	if n, err := p.Avail(); n != 0 || err != nil {
		t.Errorf("avail %d, %v", n, err)
	}
	if n, err := p.Delay(); n != 1920 || err != nil {
		t.Errorf("delay %d, %v", n, err)
	}
	if err := p.Drop(); err != nil {
		t.Fatal(err)
	}
	if s := p.State(); s != StateSetup {
		t.Errorf("dropped: %v", s)
	}
	// The next transfer starts anew.
	if n, err := p.WriteBytes(t.Context(), b[:480*4]); n != 480 || err != nil {
		t.Errorf("after Drop: %d, %v", n, err)
	}
	if s := p.State(); s != StatePrepared {
		t.Errorf("after Drop and Write: %v", s)
	}
}

func TestDevices(t *testing.T) {
	configure(t, `
pcm.mic { type null  hint { show on  description "A microphone" } }
pcm.hidden { type null  hint { show off } }
defaults.namehint.basic on
defaults.namehint.extended on
defaults.namehint.showall off
ctl.hw { @args [ CARD ] @args.CARD { type string } type hw card $CARD }
`)
	all, err := Devices()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0] != (Device{"mic", "A microphone", true, true}) {
		t.Errorf("devices %+v", all)
	}
	if _, err := Open(all[0].Name, Capture, cd); err != nil {
		t.Errorf("listed, and cannot be opened: %v", err)
	}
}

func TestOpenLeaksNothing(t *testing.T) {
	card(t, "", fileConf)
	testutil.OpenFDs(t)
	round := func() {
		p, err := Open("play", Playback, cd)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatalf("second Close: %v", err)
		}
		if _, err := Open("card", Capture, Config{Rate: 1}); err == nil {
			t.Fatal("rate 1 was taken")
		}
	}
	for range 20 {
		round()
	}
}

func TestZeroAllocations(t *testing.T) {
	configure(t, fileConf)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	play, rec := open(t, "null", Playback, cd), open(t, "null", Capture, cd)
	b, s := make([]byte, cd.PeriodBytes()), make([]int16, 960)
	frames := frames(t, 1)
	for name, f := range map[string]func() error{
		"write": func() error { _, err := play.WriteBytes(ctx, b); return err },
		"read":  func() error { _, err := rec.ReadBytes(ctx, b); return err },
		"pooled": func() error {
			f, err := frames.Get()
			if err != nil {
				return err
			}
			defer f.Release()
			if _, err := rec.Read(ctx, f); err != nil {
				return err
			}
			_, err = play.Write(ctx, f)
			return err
		},
		"int16": func() error { _, err := rec.ReadInt16(ctx, s); return err },
	} {
		if n := testing.AllocsPerRun(200, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a period", name, n)
		}
	}
}
