package opus_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// chord is n frames in which each channel has a tone of its own, beginning at frame from.
func chord(channels, from, n int) []float32 {
	pcm := make([]float32, channels*n)
	for i := range pcm {
		c := i % channels
		pcm[i] = float32(0.3 * math.Sin(2*math.Pi*pitch(c)*float64(from+i/channels)/rate))
	}
	return pcm
}

func pitch(channel int) float64 { return 300 + 110*float64(channel) }

// strength is how much of a frequency channel c of interleaved samples has.
func strength(pcm []float32, channels, c int, hz float64) float64 {
	var re, im float64
	n := len(pcm) / channels
	for i := range n {
		v, a := float64(pcm[i*channels+c]), 2*math.Pi*hz*float64(i)/rate
		re, im = re+v*math.Cos(a), im+v*math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(n)
}

// multi is what encoders and decoders of several streams have in common.
type multiEncoder interface {
	EncodeFloat([]float32, []byte) (int, error)
	Encode([]int16, []byte) (int, error)
	FinalRange() (uint32, error)
	SetBitrate(int) error
	Close() error
}

type multiDecoder interface {
	DecodeFloat([]byte, []float32) (int, error)
	Decode([]byte, []int16) (int, error)
	FinalRange() (uint32, error)
	Recover([]byte, []int16) (opus.Recovered, error)
	Close() error
}

// hear checks that each channel comes out where it went in, that the final ranges agree, and that no call allocates.
func hear(t *testing.T, e multiEncoder, d multiDecoder, channels, streams int, silent ...int) {
	t.Helper()
	if err := e.SetBitrate(64_000 * channels); err != nil {
		t.Fatal(err)
	}
	packet, out := make([]byte, opus.MaxPacket*streams), make([]float32, channels*960)
	var heard []float32
	for i := range 12 {
		n, err := e.EncodeFloat(chord(channels, 960*i, 960), packet)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := d.DecodeFloat(packet[:n], out); m != 960 || err != nil {
			t.Fatalf("%d samples, %v", m, err)
		}
		sent, err := e.FinalRange()
		got, err2 := d.FinalRange()
		if sent != got || sent == 0 || errors.Join(err, err2) != nil {
			t.Fatalf("final range %#x, not %#x: %v", got, sent, errors.Join(err, err2))
		}
		if i >= 7 {
			heard = append(heard, out...)
		}
	}
	for c := range channels {
		for other := range channels {
			v := strength(heard, channels, c, pitch(other))
			switch own := other == c && !slices.Contains(silent, c); {
			case own && (v < 0.24 || v > 0.36):
				t.Errorf("channel %d has its tone at %.3f, not 0.3", c, v)
			case !own && v > 0.05:
				t.Errorf("channel %d has the tone of %d at %.3f", c, other, v)
			}
		}
	}
	ints := make([]int16, channels*960)
	if n := testing.AllocsPerRun(50, func() {
		n, err := e.Encode(ints, packet)
		if err == nil {
			_, err = d.Decode(packet[:n], ints)
		}
		if err == nil {
			_, err = d.Recover(packet[:n], ints)
		}
		if err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSurround(t *testing.T) {
	for _, c := range []struct{ channels, family, streams, coupled int }{
		{1, 0, 1, 0}, {2, 0, 1, 1}, {3, 1, 2, 1}, {4, 1, 2, 2}, {5, 1, 3, 2}, {6, 1, 4, 2}, {7, 1, 4, 3}, {8, 1, 5, 3}, {4, 2, 4, 0}, {6, 2, 5, 1}, {5, 255, 5, 0}, {12, 255, 12, 0},
	} {
		t.Run(fmt.Sprintf("family %d of %d", c.family, c.channels), func(t *testing.T) {
			size, err := opus.SurroundEncoderSize(c.channels, c.family)
			if err != nil {
				t.Fatal(err)
			}
			states, err := pool.New(size, pool.Options{Max: 1})
			if err != nil {
				t.Fatal(err)
			}
			e, err := opus.NewSurroundEncoder(opus.SurroundEncoderConfig{SampleRate: rate, Channels: c.channels, Family: c.family, State: states})
			if err != nil {
				t.Fatal(err)
			}
			l := e.Layout()
			if l.Streams != c.streams || l.Coupled != c.coupled || len(l.Mapping) != c.channels {
				t.Fatalf("layout %+v", l)
			}
			d, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: rate, Channels: c.channels, Layout: l})
			if err != nil {
				t.Fatal(err)
			}
			if c.family == 1 && c.channels >= 6 {
				hear(t, e, d, c.channels, l.Streams, c.channels-1) // the last one is for low frequencies only
			} else {
				hear(t, e, d, c.channels, l.Streams)
			}
			if err := errors.Join(e.Close(), d.Close(), states.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []struct{ channels, family int }{{3, 0}, {9, 1}, {0, 1}, {256, 255}, {5, 2}, {2, 7}, {2, -1}} {
		if _, err := opus.NewSurroundEncoder(opus.SurroundEncoderConfig{SampleRate: rate, Channels: c.channels, Family: c.family}); err == nil {
			t.Errorf("%d channels of family %d are taken", c.channels, c.family)
		}
	}
}

// A layout of one's own: a stereo stream and two mono ones, channels swapped, one silent.
func TestMultistream(t *testing.T) {
	layout := opus.Layout{Streams: 3, Coupled: 1, Mapping: []byte{2, 0, 1, 3}}
	size, err := opus.MultistreamEncoderSize(3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := opus.MultistreamDecoderSize(3, 1); n <= 0 || err != nil || size <= 0 {
		t.Fatalf("sizes %d and %d, %v", size, n, err)
	}
	e, err := opus.NewMultistreamEncoder(opus.MultistreamEncoderConfig{SampleRate: rate, Channels: 4, Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	silenced := opus.Layout{Streams: 3, Coupled: 1, Mapping: []byte{2, 0, 1, 255}}
	d, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: rate, Channels: 4, Layout: silenced})
	if err != nil {
		t.Fatal(err)
	}
	layout.Mapping[0] = 9 // a copy was taken
	if e.Layout().Mapping[0] != 2 {
		t.Error("the encoder's mapping is the caller's")
	}
	hear(t, e, d, 4, 3, 3)

	// Streams taken apart, padded and put together again are the same packet.
	packet, r := make([]byte, 3*opus.MaxPacket), repacketizer(t)
	n, err := e.EncodeFloat(chord(4, 0, 960), packet)
	if err != nil {
		t.Fatal(err)
	}
	rest, sizes := packet[:n], 0
	for range 2 {
		p, after, err := opus.ParseStream(rest)
		if err != nil || p.Samples(rate) != 960 {
			t.Fatalf("%d samples, %v", p.Samples(rate), err)
		}
		sizes, rest = sizes+len(p.Frame(0)), after
	}
	last, err := opus.ParsePacket(rest)
	if err != nil || last.TOC.Channels() != 1 || sizes+len(last.Frame(0)) > n-3 {
		t.Fatalf("the last stream: %v", err)
	}
	whole := bytes.Clone(packet[:n])
	if err := r.PadStreams(packet[:n+300], n, 3); err != nil {
		t.Fatal(err)
	}
	if m, err := d.DecodeFloat(packet[:n+300], make([]float32, 4*960)); m != 960 || err != nil {
		t.Errorf("padded: %d samples, %v", m, err)
	}
	if m, err := r.UnpadStreams(packet[:n+300], 3); err != nil || !bytes.Equal(packet[:m], whole) {
		t.Errorf("without padding it is %d bytes, not %d: %v", m, n, err)
	}

	// A stream's options.
	for i := range 3 {
		s, err := e.Stream(i)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetComplexity(i + 1); err != nil {
			t.Error(err)
		}
		ds, err := d.Stream(i)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ds.Pitch(); err != nil {
			t.Error(err)
		}
		if n, err := ds.LastPacketDuration(); n != 960 || err != nil {
			t.Errorf("stream %d: last packet %d, %v", i, n, err)
		}
	}
	if s, err := e.Stream(2); err != nil {
		t.Error(err)
	} else if c, err := s.Complexity(); c != 3 || err != nil {
		t.Errorf("stream 2 has complexity %d, %v", c, err)
	}
	if c, err := e.Complexity(); c != 1 || err != nil {
		t.Errorf("complexity %d, not that of the first stream: %v", c, err)
	}
	if err := e.SetComplexity(7); err != nil {
		t.Error(err)
	}
	if s, err := e.Stream(2); err != nil {
		t.Error(err)
	} else if c, err := s.Complexity(); c != 7 || err != nil {
		t.Errorf("stream 2 has complexity %d of all, %v", c, err)
	}
	if _, err := d.Pitch(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("pitch of all: %v", err)
	}
	if err := e.SetBitrate(3 * 512_000); err != nil {
		t.Errorf("the bitrate of three streams: %v", err)
	}
	if err := e.SetBitrate(3*512_000 + 1); err == nil {
		t.Error("a bitrate of more than three streams")
	}
	for _, i := range []int{-1, 3} {
		if _, err := e.Stream(i); err == nil {
			t.Errorf("there is a stream %d", i)
		}
	}

	// Clones.
	e2, err := e.Clone(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := make([]byte, 3*opus.MaxPacket), make([]byte, 3*opus.MaxPacket)
	na, err := e.EncodeFloat(chord(4, 960, 960), a)
	nb, err2 := e2.EncodeFloat(chord(4, 960, 960), b)
	if errors.Join(err, err2) != nil || !bytes.Equal(a[:na], b[:nb]) {
		t.Errorf("a clone goes on otherwise: %v", errors.Join(err, err2))
	}
	d2, err := d.Clone(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d2.CopyFrom(d), e2.CopyFrom(e), e.Close(), e2.Close(), d.Close(), d2.Close()); err != nil {
		t.Error(err)
	}
	if _, err := e.Stream(0); !errors.Is(err, opus.ErrClosed) {
		t.Errorf("a stream after Close: %v", err)
	}
}

// Packets of all lengths, with loss, in int16.
func TestMultistreamFrameSizesAndLoss(t *testing.T) {
	layout := opus.Layout{Streams: 2, Coupled: 1, Mapping: []byte{0, 1, 2}}
	for _, samples := range []int{120, 240, 480, 960, 1920, 2880, 3840, 4800, 5760} {
		e, err := opus.NewMultistreamEncoder(opus.MultistreamEncoderConfig{SampleRate: rate, Channels: 3, Layout: layout, Application: opus.VoIP})
		if err != nil {
			t.Fatal(err)
		}
		d, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: rate, Channels: 3, Layout: layout})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(e.SetInbandFEC(opus.FECOn), e.SetPacketLoss(40), e.SetSignal(opus.SignalVoice), e.SetBitrate(60_000)); err != nil {
			t.Fatal(err)
		}
		packet, pcm, copies := make([]byte, 2*opus.MaxPacket), make([]int16, 3*5760), 0
		words := speech(t)
		for i := range min(len(words)/samples, 40) {
			in := make([]int16, 3*samples)
			for j := range in {
				in[j] = words[i*samples+j/3]
			}
			n, err := e.Encode(in, packet)
			if err != nil {
				t.Fatal(err)
			}
			if i%4 == 2 {
				continue
			}
			if i%4 == 3 {
				r, err := d.Recover(packet[:n], pcm[:3*samples])
				if err != nil || r.FEC+r.Concealed != samples {
					t.Fatalf("%d samples: %+v, %v", samples, r, err)
				}
				copies += r.FEC
			}
			if m, err := d.Decode(packet[:n], pcm); m != samples || err != nil {
				t.Fatalf("%d samples: %d, %v", samples, m, err)
			}
		}
		if (copies > 0) != (samples >= 480) {
			t.Errorf("packets of %d samples: %d samples from copies", samples, copies)
		}
		if err := errors.Join(e.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestMultistreamRefuses(t *testing.T) {
	good := opus.Layout{Streams: 1, Coupled: 1, Mapping: []byte{0, 1}}
	for _, c := range []struct {
		rate, channels int
		layout         opus.Layout
		want           string
	}{
		{44100, 2, good, "sample rate of 44100 Hz"},
		{rate, 0, good, "0 channels"},
		{rate, 256, good, "256 channels"},
		{rate, 2, opus.Layout{Streams: 0, Mapping: []byte{0, 1}}, "0 streams"},
		{rate, 2, opus.Layout{Streams: 1, Coupled: 2, Mapping: []byte{0, 1}}, "1 streams, 2 of them stereo"},
		{rate, 2, opus.Layout{Streams: 200, Coupled: 100, Mapping: []byte{0, 1}}, "together 255 at most"},
		{rate, 2, opus.Layout{Streams: 1, Coupled: -1, Mapping: []byte{0, 1}}, "-1 of them stereo"},
		{rate, 3, good, "mapping of 2 channels for 3"},
		{rate, 2, opus.Layout{Streams: 1, Coupled: 1, Mapping: []byte{0, 2}}, "channel 1 is mapped to 2 of 2"},
	} {
		if _, err := opus.NewMultistreamEncoder(opus.MultistreamEncoderConfig{SampleRate: c.rate, Channels: c.channels, Layout: c.layout}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("encoder %+v: %v", c, err)
		}
		if _, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: c.rate, Channels: c.channels, Layout: c.layout}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("decoder %+v: %v", c, err)
		}
	}
	// libopus 1.3.1 takes a stream without a channel, and reads before the samples.
	if _, err := opus.NewMultistreamEncoder(opus.MultistreamEncoderConfig{SampleRate: rate, Channels: 1, Layout: opus.Layout{Streams: 2, Mapping: []byte{0}}}); err == nil || !strings.Contains(err.Error(), "no channel of [0] is mapped to 1 of 2") {
		t.Errorf("a stream without a channel: %v", err)
	}
	if _, err := opus.MultistreamEncoderSize(1, 2); !errors.Is(err, opus.BadArg) {
		t.Errorf("the size of 1 stream, 2 of them stereo: %v", err)
	}
}

// Ambisonics of the first three orders, with and without a stereo track beside, come out of the matrix as they went in.
func TestProjection(t *testing.T) {
	if _, err := opus.ProjectionEncoderSize(4); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this libopus has no projection: 1.3 or later has, where it was built with it")
	}
	for _, channels := range []int{4, 6, 9, 11, 16, 18} {
		t.Run(fmt.Sprint(channels), func(t *testing.T) {
			size, err := opus.ProjectionEncoderSize(channels)
			if err != nil {
				t.Fatal(err)
			}
			states, err := pool.New(size, pool.Options{Max: 1})
			if err != nil {
				t.Fatal(err)
			}
			e, err := opus.NewProjectionEncoder(opus.ProjectionEncoderConfig{SampleRate: rate, Channels: channels, State: states})
			if err != nil {
				t.Fatal(err)
			}
			streams, coupled := e.Streams()
			if streams != (channels+1)/2 || coupled != channels/2 {
				t.Errorf("%d streams, %d of them stereo", streams, coupled)
			}
			matrix, gain, err := e.Demixing()
			if err != nil || len(matrix) != 2*channels*(streams+coupled) || bytes.Equal(matrix, make([]byte, len(matrix))) {
				t.Fatalf("matrix of %d bytes, gain %d, %v", len(matrix), gain, err)
			}
			if n, err := opus.ProjectionDecoderSize(channels, streams, coupled); n <= 0 || err != nil {
				t.Fatalf("size %d, %v", n, err)
			}
			d, err := opus.NewProjectionDecoder(opus.ProjectionDecoderConfig{SampleRate: rate, Channels: channels, Streams: streams, Coupled: coupled, Demixing: matrix})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.SetGain(gain); err != nil {
				t.Fatal(err)
			}
			hear(t, e, d, channels, streams)
			if s, err := e.Stream(streams - 1); err != nil {
				t.Error(err)
			} else if _, err := s.Bitrate(); err != nil {
				t.Error(err)
			}
			if s, err := d.Stream(0); err != nil {
				t.Error(err)
			} else if _, err := s.Pitch(); err != nil {
				t.Error(err)
			}
			e2, err := e.Clone(nil)
			if err != nil {
				t.Fatal(err)
			}
			d2, err := d.Clone(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(e2.CopyFrom(e), d2.CopyFrom(d)); err != nil {
				t.Error(err)
			}
			if channels == 4 {
				hear(t, e2, d2, channels, streams)
			}
			if err := errors.Join(e.Close(), d.Close(), e2.Close(), d2.Close(), states.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	for _, n := range []int{0, 5, 7, 256, -1} {
		if _, err := opus.NewProjectionEncoder(opus.ProjectionEncoderConfig{SampleRate: rate, Channels: n}); err == nil {
			t.Errorf("%d channels are taken", n)
		}
	}
	if _, err := opus.NewProjectionDecoder(opus.ProjectionDecoderConfig{SampleRate: rate, Channels: 4, Streams: 2, Coupled: 2, Demixing: make([]byte, 31)}); err == nil || !strings.Contains(err.Error(), "matrix of 31 bytes: it must have 32") {
		t.Errorf("a matrix of 31 bytes: %v", err)
	}
}
