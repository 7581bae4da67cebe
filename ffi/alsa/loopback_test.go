package alsa

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// loopConf names the ends of snd-aloop: what is played on "in" is captured from "out".
const loopConf = `
pcm.hw { @args [ CARD DEV SUB ]  @args.CARD { type string }  @args.DEV { type integer default 0 }  @args.SUB { type integer default -1 }
	type hw  card $CARD  device $DEV  subdevice $SUB }
ctl.hw { @args [ CARD ]  @args.CARD { type string }  type hw  card $CARD }
pcm.in "hw:Loopback,0,0"
pcm.out "hw:Loopback,1,0"
pcm.out2 "hw:Loopback,1,1"
pcm.plugin { type plug  slave.pcm in }
pcm.plugout { type plug  slave.pcm out }
`

// loopback configures the kernel's loopback card, which guests have.
func loopback(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/proc/asound/Loopback"); err != nil {
		if os.Getenv(testutil.VM) != "" {
			t.Fatal("the guest has no card Loopback: ", err)
		}
		t.Skip("no card of snd-aloop here: scripts/vm/test.sh runs this in a guest")
	}
	configure(t, loopConf)
}

// put plays data, whichever access p has; get captures into b.
func put(t *testing.T, p *PCM, data []byte) error { return shift(t, p, data, Playback) }
func get(t *testing.T, p *PCM, b []byte) error    { return shift(t, p, b, Capture) }

func shift(t *testing.T, p *PCM, b []byte, dir Direction) error {
	c := p.Config()
	if !c.Access.MMap() {
		for len(b) > 0 {
			n := min(len(b), c.PeriodBytes())
			if _, err := p.transfer(t.Context(), b[:n], dir); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	}
	for len(b) > 0 {
		r, err := p.Begin(t.Context(), min(c.Period, len(b)/c.FrameBytes()))
		if err != nil {
			return err
		}
		n, whole := r.Frames(), r.Bytes()
		if dir == Playback {
			copy(whole, b)
		} else {
			copy(b, whole)
		}
		for at := 0; at < c.Channels && whole == nil; at++ {
			sample := c.Format.Bytes()
			mem, step := r.Channel(at)
			for i := range n {
				ours, theirs := b[i*c.FrameBytes()+at*sample:][:sample], mem[i*step:][:sample]
				if dir == Playback {
					copy(theirs, ours)
				} else {
					copy(ours, theirs)
				}
			}
		}
		got, err := r.Commit(n)
		if err != nil {
			return err
		}
		if got != n {
			return fmt.Errorf("committed %d of %d frames", got, n)
		}
		b = b[n*c.FrameBytes():]
	}
	return nil
}

// through plays data on in and returns what out captured from the first frame of it on.
func through(t *testing.T, in, out *PCM, data []byte) []byte {
	t.Helper()
	played := make(chan error, 1)
	frame := out.Config().FrameBytes()
	var got []byte
	at := 0 // where the beginning may be
	period := make([]byte, out.Config().PeriodBytes())
	if err := get(t, out, period); err != nil { // capture runs
		t.Fatal(err)
	}
	go func() { played <- put(t, in, data) }()
	for {
		if err := get(t, out, period); err != nil {
			t.Fatal(err)
		}
		got = append(got, period...)
		for at+32 <= len(got) && !bytes.Equal(got[at:at+32], data[:32]) {
			at += frame
		}
		if at+len(data) <= len(got) {
			got = got[at:]
			break
		}
		if len(got) > 3*len(data)+20*len(period) {
			t.Fatalf("after %d bytes not all of what was played", len(got))
		}
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	if in.Stats().Xruns+out.Stats().Xruns > 0 {
		t.Fatalf("playback %+v, capture %+v", in.Stats(), out.Stats())
	}
	return got[:len(data)]
}

// sound is frames of noise for c: any bytes, but for float formats small numbers.
func sound(c Config, frames int) []byte {
	b := noise(frames * c.FrameBytes())
	if c.Format == Float32LE {
		for i := 3; i < len(b); i += 4 {
			b[i] = 0x3e // 0.125 to 0.5
		}
	}
	return b
}

func TestLoopbackSampleExact(t *testing.T) {
	loopback(t)
	for _, c := range []struct {
		in, out Config
	}{
		{Config{}, Config{}},
		{Config{Access: MMapInterleaved}, Config{Access: MMapInterleaved}},
		{Config{Access: MMapInterleaved}, Config{}},
		{Config{Format: S32LE, Channels: 1, Rate: 44100}, Config{Access: MMapInterleaved}},
		{Config{Format: S24Packed, Channels: 6}, Config{}},
		{Config{Format: Float32LE, Rate: 96000}, Config{}},
		{Config{Format: S16BE, Channels: 1, Rate: 8000}, Config{Access: MMapInterleaved}},
	} {
		// Both ends have the same format; long rings outlast the pauses of an emulated machine.
		c.out.Format, c.out.Channels, c.out.Rate = c.in.Format, c.in.Channels, c.in.Rate
		rate := c.in.Rate
		if rate == 0 {
			rate = 48000
		}
		for _, cfg := range []*Config{&c.in, &c.out} {
			cfg.Period, cfg.Buffer = rate/40, 2*rate
		}
		c.in.StartAt = rate / 2 // all of it is in the ring when it starts
		t.Run(fmt.Sprintf("%v %v %d ch %v to %v", c.in.Rate, c.in.Format, c.in.Channels, c.in.Access, c.out.Access), func(t *testing.T) {
			out, in := open(t, "out", Capture, c.out), open(t, "in", Playback, c.in)
			data := sound(in.Config(), rate/2)
			if got := through(t, in, out, data); !bytes.Equal(got, data) {
				t.Errorf("what was captured is not what was played")
			}
		})
	}
}

// Channels apart go through alsa-lib's plug, as the card itself has none.
func TestLoopbackPlanar(t *testing.T) {
	loopback(t)
	c := Config{Rate: 8000, Channels: 2, Format: S16LE, Period: 1200, Buffer: 96000}
	for _, access := range []Access{RWPlanar, MMapPlanar} {
		t.Run(access.String(), func(t *testing.T) {
			in := open(t, "plugin", Playback, Config{Rate: 8000, Channels: 2, Format: S16LE, Period: 1200, Buffer: 96000, StartAt: 12000, Access: access})
			out := open(t, "out", Capture, c)
			data := noise(12000 * 4)
			if access == MMapPlanar {
				if got := through(t, in, out, data); !bytes.Equal(got, data) {
					t.Error("what was captured is not what was played")
				}
				return
			}
			// A planar buffer of one period: all left samples, then all right ones.
			planes := slices.Clone(data)
			for at := 0; at < len(data); at += 4800 {
				for i := range 1200 {
					copy(planes[at+2*i:][:2], data[at+4*i:])
					copy(planes[at+2400+2*i:][:2], data[at+4*i+2:])
				}
			}
			first := make([]byte, 4800)
			if err := get(t, out, first); err != nil {
				t.Fatal(err)
			}
			played := make(chan error, 1)
			go func() { played <- put(t, in, planes) }()
			got := make([]byte, 2*len(data))
			if err := get(t, out, got); err != nil {
				t.Fatal(err)
			}
			if err := <-played; err != nil {
				t.Fatal(err)
			}
			if at := bytes.Index(got, data[:64]); at < 0 || at+len(data) > len(got) || !bytes.Equal(got[at:at+len(data)], data) {
				t.Errorf("what was captured is not what was played, from byte %d on", at)
			}
		})
	}
}

func TestLoopbackCapabilities(t *testing.T) {
	loopback(t)
	c, err := Probe("in", Playback)
	if err != nil {
		t.Fatal(err)
	}
	// As sound/drivers/aloop.c has them.
	if c.Channels != (Range{1, 32}) || c.Rate != (Range{8000, 192000}) || !slices.Contains(c.Rates, 44100) || !slices.Contains(c.Rates, 192000) || slices.Contains(c.Rates, 384000) {
		t.Errorf("%+v", c)
	}
	if !slices.Contains(c.Formats, S16LE) || !slices.Contains(c.Formats, S24Packed) || !slices.Contains(c.Formats, Float32LE) || slices.Contains(c.Formats, MuLaw) {
		t.Errorf("formats %v", c.Formats)
	}
	if want := []Access{RWInterleaved, MMapInterleaved}; !slices.Equal(c.Accesses, want) {
		t.Errorf("accesses %v, want %v", c.Accesses, want)
	}
	if c.Period.Min <= 0 || c.Buffer.Max < 1<<16 || c.Periods.Min < 1 || c.Periods.Max > 1024 {
		t.Errorf("%+v", c)
	}
	p := open(t, "in", Playback, Config{Rate: 44100, Format: S24Packed, Channels: 3, Period: 441, Buffer: 4410})
	i := p.Info()
	if i.Kind != 0 || i.Card < 0 || i.Device != 0 || i.Subdevice != 0 || i.Subdevices != 8 || i.ID != "Loopback PCM" || i.RateNum != 44100 || i.RateDen != 1 || !i.CanPause {
		t.Errorf("%+v", i)
	}
	if got := p.Config(); got.Rate != 44100 || got.Format != S24Packed || got.Channels != 3 || got.Period != 441 || got.Buffer != 4410 || got.FrameBytes() != 9 {
		t.Errorf("%#v", got)
	}
	if _, err := Probe("in", Playback); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("the device is open, and Probe says %v", err)
	}
	if _, err := Open("in", Playback, Config{}); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("the device is open, and Open says %v", err)
	}
	if _, err := Open("out", Capture, Config{Format: MuLaw}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("the card has no mu-law, and Open says %v", err)
	}
	// Both ends are one cable: the other end has what this one has set.
	c, err = Probe("out", Capture)
	if err != nil || c.Rate != (Range{44100, 44100}) || c.Channels != (Range{3, 3}) || !slices.Equal(c.Formats, []Format{S24Packed}) {
		t.Errorf("%+v, %v", c, err)
	}
}

// Software parameters are the kernel's own here.
func TestLoopbackThresholds(t *testing.T) {
	loopback(t)
	c := Config{Rate: 48000, Channels: 2, Period: 480, Buffer: 4800, StartAt: 960, StopAt: Never, SilenceSize: Never, WakeAt: 960, Clock: ClockMonotonicRaw}
	p := open(t, "in", Playback, c)
	got := p.Config()
	c.Format = S16LE
	if got != c {
		t.Errorf("got %#v, want %#v", got, c)
	}
	if got := open(t, "out2", Capture, Config{WakeAt: 1, Period: 480}).Config(); got.WakeAt != 480 {
		t.Errorf("alsa-lib wakes after %d frames, less than a period", got.WakeAt)
	}
	b := make([]byte, 480*4)
	for i, want := range []State{StatePrepared, StateRunning} {
		if _, err := p.WriteBytes(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if s := p.State(); s != want {
			t.Errorf("after %d periods: %v, want %v", i+1, s, want)
		}
	}
	// With StopAt Never it goes on past what was written.
	for n := 0; n < 4800; time.Sleep(10 * time.Millisecond) {
		var err error
		if n, err = p.Avail(); err != nil {
			t.Fatal(err)
		}
	}
	if s := p.State(); s != StateRunning {
		t.Errorf("state %v", s)
	}
	q := open(t, "out", Capture, Config{Rate: 48000, Channels: 2, Period: 480, Buffer: 4800, StartAt: Never})
	if q.Config().StartAt != Never || q.Config().StopAt != 4800 {
		t.Errorf("%#v", q.Config())
	}
	if err := q.Start(); err != nil || q.State() != StateRunning {
		t.Error(err, q.State())
	}
	reaches(t, q, StateXrun)
	if _, err := q.ReadBytes(t.Context(), b[:0]); err != nil {
		t.Error(err)
	}
}
