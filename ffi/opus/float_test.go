package opus_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

func floats(pcm []int16) []float32 {
	f := make([]float32, len(pcm))
	for i, v := range pcm {
		f[i] = float32(v) / 32768
	}
	return f
}

// Samples of either kind make the same packets, and a decoder's samples of either kind are the same sound, to the rounding.
func TestFloatIsTheSameSound(t *testing.T) {
	for _, samples := range []int{120, 240, 480, 960, 1920, 2880, 3840, 4800, 5760} {
		e16, e32, d16, d32 := encoder(t, opus.EncoderConfig{}), encoder(t, opus.EncoderConfig{}), decoder(t), decoder(t)
		// Integers have 16 bits; the encoder must not take the rest of a float for sound.
		if err := e32.SetLSBDepth(16); err != nil {
			t.Fatal(err)
		}
		p16, p32 := make([]byte, opus.MaxPacket), make([]byte, opus.MaxPacket)
		s16, s32 := make([]int16, 2*samples), make([]float32, 2*samples)
		for i := range 10 {
			pcm := tone(samples*i, samples)
			n16, err16 := e16.Encode(pcm, p16)
			n32, err32 := e32.EncodeFloat(floats(pcm), p32)
			if err16 != nil || err32 != nil {
				t.Fatal(err16, err32)
			}
			if !bytes.Equal(p16[:n16], p32[:n32]) {
				t.Fatalf("%d samples: packet %d of floats has %d bytes, of integers %d, or others", samples, i, n32, n16)
			}
			m16, err16 := d16.Decode(p16[:n16], s16)
			m32, err32 := d32.DecodeFloat(p32[:n32], s32)
			if m16 != samples || m32 != samples || err16 != nil || err32 != nil {
				t.Fatalf("%d samples: %d, %d; %v, %v", samples, m16, m32, err16, err32)
			}
			for j := range s16 {
				if d := float64(s32[j])*32768 - float64(s16[j]); math.Abs(d) > 1.01 {
					t.Fatalf("%d samples: sample %d is %v and %d", samples, j, s32[j]*32768, s16[j])
				}
			}
			r16, err16 := d16.FinalRange()
			r32, err32 := d32.FinalRange()
			want, err := e32.FinalRange()
			if r16 != want || r32 != want || errors.Join(err, err16, err32) != nil {
				t.Fatalf("final ranges %#x and %#x, not %#x: %v", r16, r32, want, errors.Join(err, err16, err32))
			}
		}
		// What is made up for lost packets too.
		m16, err16 := d16.Conceal(s16)
		m32, err32 := d32.ConcealFloat(s32)
		if m16 != samples || m32 != samples || err16 != nil || err32 != nil {
			t.Fatalf("concealing %d samples: %d, %d; %v, %v", samples, m16, m32, err16, err32)
		}
		for j := range s16 {
			if d := float64(s32[j])*32768 - float64(s16[j]); math.Abs(d) > 1.01 {
				t.Fatalf("concealing %d samples: sample %d is %v and %d", samples, j, s32[j]*32768, s16[j])
			}
		}
	}
}

// Floats louder than 1 survive, integers are clipped; SoftClip brings them within 1.
func TestLoudFloats(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	if err := e.SetBitrate(256_000); err != nil {
		t.Fatal(err)
	}
	packet, out := make([]byte, opus.MaxPacket), make([]float32, 2*960)
	clip, err := opus.NewSoftClip(2)
	if err != nil {
		t.Fatal(err)
	}
	var loud float32
	for i := range 10 {
		pcm := floats(tone(960*i, 960))
		for j := range pcm {
			pcm[j] *= 3
		}
		n, err := e.EncodeFloat(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.DecodeFloat(packet[:n], out); err != nil {
			t.Fatal(err)
		}
		loud = max(loud, slices.Max(out))
		if err := clip.Clip(out); err != nil {
			t.Fatal(err)
		}
		if lo, hi := slices.Min(out), slices.Max(out); lo < -1 || hi > 1 || i > 2 && hi < 0.9 {
			t.Errorf("packet %d clipped to %v to %v", i, lo, hi)
		}
	}
	if loud < 1.2 || loud > 1.8 {
		t.Errorf("1.46 became %v", loud)
	}
	if err := clip.Clip(out[:3]); err == nil || !strings.Contains(err.Error(), "3 samples for 2 channels") {
		t.Errorf("3 samples: %v", err)
	}
	if err := clip.Clip(nil); err != nil {
		t.Errorf("no samples: %v", err)
	}
	for _, n := range []int{-1, 0, 256} {
		if _, err := opus.NewSoftClip(n); err == nil {
			t.Errorf("%d channels are clipped", n)
		}
	}
}

// Both kinds of samples, in slices and in buffers, cost no allocation a packet.
func TestFloatBufsAndNoAllocations(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	frames, err := pool.New(960*2*4, pool.Options{Max: 3})
	if err != nil {
		t.Fatal(err)
	}
	get := func() pool.Buf {
		b, err := frames.Get()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Release)
		return b
	}
	in, out, packet := get(), get(), get()
	clear(in.Bytes())
	pcm16, pcm32, bytes := tone(0, 960), floats(tone(0, 960)), make([]byte, opus.MaxPacket)
	clip, err := opus.NewSoftClip(2)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, f := range map[string]func() error{
		"EncodeFloatBuf": func() error { return e.EncodeFloatBuf(in, packet) },
		"DecodeFloatBuf": func() error { return errors.Join(e.EncodeFloatBuf(in, packet), d.DecodeFloatBuf(packet, out)) },
		"EncodeFloat":    func() (err error) { n, err = e.EncodeFloat(pcm32, bytes); return err },
		"DecodeFloat": func() (err error) {
			if n, err = e.Encode(pcm16, bytes); err == nil {
				_, err = d.DecodeFloat(bytes[:n], pcm32)
			}
			return err
		},
		"Conceal":      func() error { _, err := d.Conceal(pcm16); return err },
		"ConcealFloat": func() error { _, err := d.ConcealFloat(pcm32); return err },
		"RecoverFEC": func() (err error) {
			if n, err = e.Encode(pcm16, bytes); err == nil {
				_, err = d.RecoverFEC(bytes[:n], pcm16)
			}
			return err
		},
		"FinalRange": func() error { _, err := e.FinalRange(); return err },
		"Reset":      d.Reset,
		"Clip":       func() error { return clip.Clip(pcm32) },
	} {
		if n := testing.AllocsPerRun(50, func() {
			if err := f(); err != nil {
				t.Error(name, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if err := d.DecodeFloatBuf(packet, out); err != nil || out.Len() != 960*2*4 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	in.SetLen(6)
	if err := e.EncodeFloatBuf(in, packet); err == nil || !strings.Contains(err.Error(), "not whole 32-bit samples: set the buffer's Len to a multiple of 4") {
		t.Errorf("6 bytes: %v", err)
	}
}

// Weights for a libopus without neural networks are unsupported, and no reference stays.
func TestWeights(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	p, err := pool.New(1024, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	clear(b.Bytes())
	for _, err := range []error{e.SetDNNBlob(b), d.SetDNNBlob(b)} {
		if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, opus.BadArg) {
			t.Errorf("1,024 zeros are weights: %v", err)
		}
	}
	b.SetLen(0)
	if err := e.SetDNNBlob(b); err == nil || !strings.Contains(err.Error(), "weights of 0 bytes") {
		t.Errorf("no weights: %v", err)
	}
	b.Release()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestErrorCodes(t *testing.T) {
	if !errors.Is(opus.Unimplemented, errors.ErrUnsupported) || errors.Is(opus.BadArg, errors.ErrUnsupported) {
		t.Error("not Unimplemented alone is errors.ErrUnsupported")
	}
	seen := map[string]bool{}
	for e := opus.Error(-8); e <= 0; e++ {
		if s := e.Error(); seen[s] || s == "" {
			t.Errorf("code %d is %q again", e, s)
		} else {
			seen[s] = true
		}
	}
}
