package alsa

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
)

// stock is loopback with the configuration that alsa-lib comes with.
func stock(t *testing.T) {
	t.Helper()
	loopback(t)
	// A guest has no group audio, which dmix's shared memory belongs to by default.
	configure(t, "</usr/share/alsa/alsa.conf>\ndefaults.pcm.ipc_gid \"0\"\n")
}

// The names that programs use: the card, and alsa-lib's plugins over it.
func TestLoopbackNames(t *testing.T) {
	stock(t)
	devices, err := Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"null", "hw:CARD=Loopback,DEV=0", "plughw:CARD=Loopback,DEV=1", "dmix:CARD=Loopback,DEV=0", "sysdefault:CARD=Loopback"} {
		if !slices.ContainsFunc(devices, func(d Device) bool { return d.Name == want && d.Playback }) {
			t.Errorf("no %s in %+v", want, devices)
		}
	}
	if ctls, err := DevicesOf("ctl"); err != nil || !slices.ContainsFunc(ctls, func(d Device) bool { return strings.HasPrefix(d.Name, "hw:") }) {
		t.Errorf("%+v, %v", ctls, err)
	}
	c := Config{Rate: 48000, Channels: 2, Format: S16LE, Period: 1024, Buffer: 8192}
	for _, name := range []string{"default", "sysdefault:Loopback", "hw:Loopback,0,0", "plughw:Loopback,0,0", "dmix:Loopback", "null"} {
		t.Run(name, func(t *testing.T) {
			c := c
			if strings.HasPrefix(name, "dmix") {
				c.Format = S32LE // which it mixes
			}
			p := open(t, name, Playback, c)
			if err := put(t, p, make([]byte, 12000*p.Config().FrameBytes())); err != nil {
				t.Error(err)
			}
			if got := p.Config(); got.Rate != 48000 || got.Channels != 2 || got.Period == 0 || got.Buffer < 2*got.Period {
				t.Errorf("%#v", got)
			}
			if i := p.Info(); (i.Kind == 0) != strings.HasPrefix(name, "hw:") {
				t.Errorf("%+v", i)
			}
		})
	}
	// Two programs on one card.
	c.Format = S32LE
	a, b := open(t, "dmix:Loopback", Playback, c), open(t, "dmix:Loopback", Playback, c)
	for _, p := range []*PCM{a, b} {
		if err := put(t, p, make([]byte, 12000*8)); err != nil {
			t.Error(err)
		}
	}
}

// Conversion is left to alsa-lib: a card without mu-law and without mono plays it through plughw.
func TestLoopbackConverts(t *testing.T) {
	stock(t)
	out := open(t, "hw:Loopback,1,0", Capture, Config{Rate: 8000, Channels: 2, Format: S16LE, Period: 400, Buffer: 64000})
	if err := get(t, out, make([]byte, 1600)); err != nil {
		t.Fatal(err)
	}
	in := open(t, "plughw:Loopback,0,0", Playback, Config{Rate: 8000, Channels: 1, Format: MuLaw, Period: 400, Buffer: 64000, StartAt: 4000, NoResample: true})
	// G.711: 0x80 is the greatest positive sample, 32124, and 0x00 the greatest negative one.
	if err := put(t, in, bytes.Repeat([]byte{0x80, 0x00}, 4000)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1600)
	for range 200 {
		if err := get(t, out, b); err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(b, []byte{0x7c, 0x7d, 0x7c, 0x7d, 0x84, 0x82, 0x84, 0x82}); at >= 0 && at%4 == 0 {
			return
		}
	}
	t.Errorf("what was captured is not what was played: % x", b[:32])
}

// The kernel's own card, too, takes and gives periods without an allocation.
func TestLoopbackAllocations(t *testing.T) {
	loopback(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	frames := leases(t)
	for _, access := range []Access{RWInterleaved, MMapInterleaved} {
		c := Config{Rate: 48000, Channels: 2, Format: S16LE, Period: 240, Buffer: 96000, Access: access}
		out := open(t, "out", Capture, c)
		in := open(t, "in", Playback, c)
		b := make([]byte, 240*4)
		for _, p := range []*PCM{out, in} {
			if n := testing.AllocsPerRun(50, func() {
				if _, err := p.transfer(ctx, b, p.Direction()); err != nil {
					t.Fatal(err)
				}
				if !access.MMap() {
					return
				}
				l, err := p.Lease(ctx, frames, 240)
				if err != nil {
					t.Fatal(err)
				}
				l.Release()
			}); n != 0 {
				t.Errorf("%v %v: %v allocations a period", p.Direction(), access, n)
			}
		}
		if out.Stats().Waits == 0 {
			t.Error("capture did not wait")
		}
		for _, p := range []*PCM{in, out} {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
