package opus_test

import (
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
)

// option is one that can be set and asked for.
type option struct {
	name  string
	set   func(int) error
	get   func() (int, error)
	good  []int
	bad   []int
	since string // the first libopus that knows it, as it is built, where that is later than 1.3.1
}

func typed[T ~int32](name string, set func(T) error, get func() (T, error), good, bad []int) option {
	return option{name: name, set: func(v int) error { return set(T(v)) }, get: func() (int, error) { v, err := get(); return int(v), err }, good: good, bad: bad}
}

func onOff(name string, set func(bool) error, get func() (bool, error)) option {
	return option{name: name, good: []int{1, 0, 1}, set: func(v int) error { return set(v != 0) }, get: func() (int, error) {
		v, err := get()
		if v {
			return 1, err
		}
		return 0, err
	}}
}

func later(since string, o option) option {
	o.since = since
	return o
}

// options are those of an encoder and a decoder of 2 channels; those that cannot be asked for have a test each.
func options(e *opus.Encoder, d *opus.Decoder) []option {
	return []option{
		{"the bitrate", e.SetBitrate, e.Bitrate, []int{24000, 500, 512_000}, []int{0, 499, 512_001, -2, -999}, ""},
		{"the complexity", e.SetComplexity, e.Complexity, []int{3, 0, 10}, []int{-1, 11}, ""},
		{"the packet loss", e.SetPacketLoss, e.PacketLoss, []int{15, 0, 100}, []int{-1, 101}, ""},
		{"forced channels", e.SetForceChannels, e.ForceChannels, []int{1, 2, opus.Auto}, []int{0, 3, -1}, ""},
		{"the depth", e.SetLSBDepth, e.LSBDepth, []int{16, 8, 24}, []int{7, 25, 0, -8}, ""},
		typed("the greatest bandwidth", e.SetMaxBandwidth, e.MaxBandwidth, []int{1103, 1101, 1105}, []int{1100, 1106, opus.Auto, 0}),
		typed("the signal", e.SetSignal, e.Signal, []int{3001, 3002, opus.Auto}, []int{5, 0}),
		typed("in-band FEC", e.SetInbandFEC, e.InbandFEC, []int{1, 0}, []int{-1, 3}),
		later("1.4", typed("in-band FEC that keeps music", e.SetInbandFEC, e.InbandFEC, []int{2}, nil)),
		typed("the application", e.SetApplication, e.Application, []int{2048, 2051, 2049}, []int{0, 2050, 7}),
		typed("the frame size", e.SetFrameSize, e.FrameSize, []int{5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008, 5009, 5000}, []int{4999, 5010}),
		onOff("VBR", e.SetVBR, e.VBR),
		onOff("constrained VBR", e.SetConstrainedVBR, e.ConstrainedVBR),
		onOff("DTX", e.SetDTX, e.DTX),
		onOff("prediction", e.SetPredictionDisabled, e.PredictionDisabled),
		onOff("phase inversion in an encoder", e.SetPhaseInversionDisabled, e.PhaseInversionDisabled),
		onOff("phase inversion in a decoder", d.SetPhaseInversionDisabled, d.PhaseInversionDisabled),
		{"the gain", d.SetGain, d.Gain, []int{-1536, math.MinInt16, math.MaxInt16, 0}, []int{math.MinInt16 - 1, math.MaxInt16 + 1, 1 << 30}, ""},
		later("1.5", option{name: "a decoder's complexity", set: d.SetComplexity, get: d.Complexity, good: []int{5, 0, 10}, bad: []int{-1, 11}}),
		later("1.5 with DRED", option{name: "deep redundancy", set: e.SetDREDDuration, get: e.DREDDuration, good: []int{20, 104, 0}, bad: []int{-1, 105}}),
		later("1.6 with QEXT", onOff("the quality extension", e.SetQEXT, e.QEXT)),
		later("1.6 with OSCE", onOff("bandwidth extension", d.SetOSCEBWE, d.OSCEBWE)),
		later("1.6", onOff("passing over extensions", d.SetIgnoreExtensions, d.IgnoreExtensions)),
	}
}

// Each option has the value that it was given, refuses those beyond its range without changing, and costs no allocation. What this
// libopus does not know is errors.ErrUnsupported both ways.
func TestOptions(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{Application: opus.VoIP}), decoder(t)
	version, err := opus.Version()
	if err != nil || !strings.HasPrefix(version, "libopus") {
		t.Fatalf("version %q, %v", version, err)
	}
	for _, o := range options(e, d) {
		err := o.set(o.good[0])
		if errors.Is(err, errors.ErrUnsupported) && o.since != "" {
			// The first libopus that knows FECKeepMusic has a request that is older.
			if _, get := o.get(); !errors.Is(get, errors.ErrUnsupported) && o.since != "1.4" {
				t.Errorf("%s cannot be set but is known: %v", o.name, get)
			}
			t.Logf("%s does not know %s: libopus %s does", version, o.name, o.since)
			continue
		}
		for _, v := range o.good {
			err := o.set(v)
			got, ask := o.get()
			if err != nil || ask != nil || got != v {
				t.Errorf("%s %d: %v; it is %d, %v", o.name, v, err, got, ask)
			}
		}
		last := o.good[len(o.good)-1]
		for _, v := range o.bad {
			if err := o.set(v); err == nil || errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s %d: %v", o.name, v, err)
			}
			if got, err := o.get(); got != last || err != nil {
				t.Errorf("%s %d was refused, now it is %d, %v", o.name, v, got, err)
			}
		}
		if n := testing.AllocsPerRun(50, func() {
			if err := o.set(last); err != nil {
				t.Error(err)
			}
			if _, err := o.get(); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", o.name, n)
		}
	}
	runtime.KeepAlive(d)
}

// A constant bitrate makes packets of one size.
func TestConstantBitrate(t *testing.T) {
	e := encoder(t, opus.EncoderConfig{})
	if err := errors.Join(e.SetBitrate(24000), e.SetVBR(false)); err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, opus.MaxPacket)
	for i := range 10 {
		if n, err := e.Encode(tone(960*i, 960), packet); n != 24000/8/50 || err != nil {
			t.Fatalf("packet %d has %d bytes, %v", i, n, err)
		}
	}
}

// What an encoder and a decoder can only be asked for: bandwidth, pitch, DTX at work, rate and channels; and Reset, which keeps options.
func TestAnswers(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{SampleRate: 16000, Channels: 1, Application: opus.VoIP}), decoder(t)
	if e.SampleRate() != 16000 || e.Channels() != 1 || d.SampleRate() != rate || d.Channels() != 2 {
		t.Errorf("encoder %d Hz, %d channels, decoder %d, %d", e.SampleRate(), e.Channels(), d.SampleRate(), d.Channels())
	}
	if b, err := d.Bandwidth(); b != 0 || err != nil {
		t.Errorf("a new decoder has bandwidth %d, %v", b, err)
	}
	packet, pcm := make([]byte, opus.MaxPacket), make([]int16, 2*960)
	for _, want := range []opus.Bandwidth{opus.Narrowband, opus.Mediumband, opus.Wideband} {
		if err := errors.Join(e.Reset(), e.SetBandwidth(want), e.SetBitrate(20_000)); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			n, err := e.Encode(tone(960*i, 160), packet)
			if err != nil {
				t.Fatal(err)
			}
			if m, err := d.Decode(packet[:n], pcm); m != 960 || err != nil {
				t.Fatalf("%d samples, %v", m, err)
			}
		}
		sent, err := e.Bandwidth()
		if err != nil || sent != want {
			t.Errorf("encoded with bandwidth %d, not %d: %v", sent, want, err)
		}
		if got, err := d.Bandwidth(); err != nil || got != want {
			t.Errorf("decoded with bandwidth %d, not %d: %v", got, want, err)
		}
	}
	for _, b := range []opus.Bandwidth{0, 1100, 1106} {
		if err := e.SetBandwidth(b); err == nil {
			t.Errorf("bandwidth %d was taken", b)
		}
	}
	// Speech has a pitch; its period is that of a voice.
	sender, receiver := voice(t)
	words, heard := speech(t), false
	for i := 0; i+960 <= len(words); i += 960 {
		n, err := sender.Encode(words[i:i+960], packet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := receiver.Decode(packet[:n], pcm); err != nil {
			t.Fatal(err)
		}
		period, err := receiver.Pitch()
		if err != nil || period < 0 || period > 1024 {
			t.Fatalf("pitch period %d, %v", period, err)
		}
		heard = heard || period > 48000/500 && period < 48000/60
	}
	if !heard {
		t.Error("no packet of speech has a pitch")
	}
	// Silence under DTX.
	if err := sender.SetDTX(true); err != nil {
		t.Fatal(err)
	}
	if in, err := sender.InDTX(); in || err != nil {
		t.Errorf("DTX is at work during speech: %v, %v", in, err)
	}
	clear(pcm)
	n := 0
	for range 50 {
		var err error
		if n, err = sender.Encode(pcm[:960], packet); err != nil {
			t.Fatal(err)
		}
	}
	if in, err := sender.InDTX(); in != (n <= 2) || err != nil {
		t.Errorf("a packet of %d bytes, DTX at work: %v, %v", n, in, err)
	}
	if err := sender.Reset(); err != nil {
		t.Fatal(err)
	}
	if v, err := sender.Bitrate(); v != 24000 || err != nil {
		t.Errorf("after Reset the bitrate is %d, %v", v, err)
	}
	if err := sender.SetApplication(opus.Audio); err != nil {
		t.Errorf("after Reset the application cannot change: %v", err)
	}
	if _, err := sender.Encode(pcm[:960], packet); err != nil {
		t.Fatal(err)
	}
	if err := sender.SetApplication(opus.VoIP); !errors.Is(err, opus.BadArg) {
		t.Errorf("after a packet the application changes: %v", err)
	}
}

// SetFrameSize decides what goes into a packet, however much there is.
func TestSetFrameSize(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	packet, pcm := make([]byte, opus.MaxPacket), make([]int16, 2*5760)
	sizes := []int{0, 120, 240, 480, 960, 1920, 2880, 3840, 4800, 5760}
	for i, want := range sizes[1:] {
		if err := e.SetFrameSize(opus.FrameSizeArg + opus.FrameSize(i+1)); err != nil {
			t.Fatal(err)
		}
		for _, given := range []int{want, 5760, 6000, 9999} {
			n, err := e.Encode(tone(0, given), packet)
			if err != nil {
				t.Fatal(err)
			}
			if m, err := d.Decode(packet[:n], pcm); m != want || err != nil {
				t.Errorf("a packet of %d samples of %d holds %d: %v", want, given, m, err)
			}
		}
		if _, err := e.Encode(tone(0, want-1), packet); err == nil || !strings.Contains(err.Error(), "give at least as many") {
			t.Errorf("%d samples: %v", want-1, err)
		}
	}
	if err := e.SetFrameSize(opus.FrameSizeArg); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(tone(0, 9999), packet); err == nil {
		t.Error("9999 samples are a frame again")
	}
}
