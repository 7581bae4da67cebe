package opus_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
)

// spoken is speech in packets of the given samples, with copies.
func spoken(t *testing.T, e *opus.Encoder, samples int) (all [][]byte) {
	t.Helper()
	pcm, room := speech(t), make([]byte, opus.MaxPacket)
	for i := 0; i+samples <= len(pcm); i += samples {
		n, err := e.Encode(pcm[i:i+samples], room)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, slices.Clone(room[:n]))
	}
	return all
}

// Of a gap before a packet that has a copy, the end comes from that and the rest is made up; without the packet all is made up.
func TestRecover(t *testing.T) {
	for _, samples := range []int{480, 960, 1920, 2880, 5760} {
		e, d := voice(t)
		if err := errors.Join(e.SetInbandFEC(opus.FECOn), e.SetPacketLoss(30), e.SetMaxBandwidth(opus.Wideband)); err != nil {
			t.Fatal(err)
		}
		all := spoken(t, e, samples)
		copies := 0
		pcm := make([]int16, 48000)
		for i, p := range all {
			if i%7 >= 4 && i+1 < len(all) { // three packets are lost
				continue
			}
			if i%7 == 0 && i > 0 {
				info, err := opus.ParsePacket(p)
				if err != nil {
					t.Fatal(err)
				}
				want := opus.Recovered{Concealed: 3 * samples}
				if info.HasLBRR() {
					want.FEC, copies = info.TOC.FrameSamples(rate), copies+1
					want.Concealed -= want.FEC
				}
				got, err := d.Recover(p, pcm[:3*samples])
				if err != nil || got != want {
					t.Errorf("%d samples, packet %d: %+v, not %+v: %v", samples, i, got, want, err)
				}
			}
			if n, err := d.Decode(p, pcm); n != samples || err != nil {
				t.Fatalf("%d samples, %v", n, err)
			}
		}
		if copies == 0 {
			t.Errorf("packets of %d samples: none has a copy", samples)
		}
		for _, gap := range []int{120, 960, 7 * 120, 48000} {
			if got, err := d.Recover(nil, pcm[:gap]); err != nil || got != (opus.Recovered{Concealed: gap}) {
				t.Errorf("%d samples without a packet: %+v, %v", gap, got, err)
			}
		}
	}
}

// What Recover says it did is what it did, whatever was decoded before: with a copy the sound is another than made up, without the same.
func TestRecoverTellsTheTruth(t *testing.T) {
	words, random := slices.Repeat(speech(t), 6), rand.New(rand.NewPCG(5, 6))
	e, d := voice(t)
	if err := errors.Join(e.SetInbandFEC(opus.FECOn), e.SetPacketLoss(30)); err != nil {
		t.Fatal(err)
	}
	low := encoder(t, opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: opus.RestrictedLowDelay})
	current := e
	packet, out, got, want := make([]byte, opus.MaxPacket), make([]int16, 5760), make([]int16, 960), make([]int16, 960)
	withCopy, afterCELT, without := 0, 0, 0
	celt := false // whether the last packet decoded was of CELT
	for i := 0; i+960 <= len(words); i += 960 {
		// The sound changes between two coders.
		if i/960%7 == 0 {
			current = []*opus.Encoder{e, low}[random.IntN(2)]
		}
		n, err := current.Encode(words[i:i+960], packet)
		if err != nil {
			t.Fatal(err)
		}
		p, err := opus.ParsePacket(packet[:n])
		if err != nil {
			t.Fatal(err)
		}
		made, err := d.Clone(nil)
		if err != nil {
			t.Fatal(err)
		}
		tried, err := d.Clone(nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := tried.Recover(packet[:n], got)
		if err != nil || r.FEC+r.Concealed != 960 || r.DRED != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, err := made.Conceal(want); err != nil {
			t.Fatal(err)
		}
		switch same := slices.Equal(got, want); {
		case r.FEC > 0:
			withCopy++
			if same || !p.HasLBRR() {
				t.Errorf("packet %d: recovered from a copy, but it is what is made up", i/960)
			}
		default:
			without++
			if celt && p.HasLBRR() {
				afterCELT++
			}
			if !same {
				t.Errorf("packet %d, %v: not what is made up", i/960, p.TOC.Mode())
			}
		}
		if err := errors.Join(made.Close(), tried.Close()); err != nil {
			t.Fatal(err)
		}
		if random.IntN(5) > 1 {
			if _, err := d.Decode(packet[:n], out); err != nil {
				t.Fatal(err)
			}
			celt = p.TOC.Mode() == opus.CELT
		}
	}
	if withCopy < 10 || without < 10 || afterCELT < 3 {
		t.Errorf("%d packets with a copy, %d without: %d of them after CELT: the sound does not test all", withCopy, without, afterCELT)
	}
	t.Logf("%d with a copy, %d without, %d of them after CELT", withCopy, without, afterCELT)
}

// RecoverFEC after a packet of CELT conceals, and what comes next is still after CELT.
func TestRecoverAfterConcealedCopy(t *testing.T) {
	e, d := voice(t)
	if err := errors.Join(e.SetInbandFEC(opus.FECOn), e.SetPacketLoss(30), e.SetMaxBandwidth(opus.Wideband)); err != nil {
		t.Fatal(err)
	}
	celt := packets(t, encoder(t, opus.EncoderConfig{Application: opus.RestrictedLowDelay, SampleRate: rate, Channels: 1}), 1, 960)[0]
	var copies [][]byte
	for _, p := range spoken(t, e, 960) {
		if info, err := opus.ParsePacket(p); err != nil {
			t.Fatal(err)
		} else if info.HasLBRR() {
			copies = append(copies, p)
		}
	}
	if len(copies) < 2 {
		t.Fatalf("%d packets have copies", len(copies))
	}
	pcm, want := make([]int16, 960), make([]int16, 960)
	if _, err := d.Decode(celt, pcm); err != nil {
		t.Fatal(err)
	}
	for _, p := range copies[:2] {
		c, err := d.Clone(nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Recover(p, pcm)
		if err != nil || r.FEC != 0 {
			t.Errorf("after CELT: %+v, %v", r, err)
		}
		if err := c.CopyFrom(d); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Conceal(want); err != nil {
			t.Fatal(err)
		}
		if _, err := d.RecoverFEC(p, pcm); err != nil || !slices.Equal(pcm, want) {
			t.Errorf("libopus took a copy after CELT: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	// Reset forgets that: a copy is taken before anything was decoded.
	if err := d.Reset(); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Recover(copies[0], pcm); err != nil || r.FEC != 960 {
		t.Errorf("after Reset: %+v, %v", r, err)
	}
}

func TestRecoverRefuses(t *testing.T) {
	_, d := voice(t)
	pcm := make([]int16, 5760)
	for _, n := range []int{0, 1, 119, 121, 961} {
		if _, err := d.Recover(nil, pcm[:n]); err == nil || !strings.Contains(err.Error(), "it must be a multiple of 2.5 ms") {
			t.Errorf("%d samples: %v", n, err)
		}
	}
	if _, err := d.Recover([]byte{0xff, 0xff}, pcm[:960]); !errors.Is(err, opus.InvalidPacket) {
		t.Errorf("a corrupt packet: %v", err)
	}
	if _, err := decoder(t).Recover(nil, pcm[:961]); err == nil {
		t.Error("half a frame was recovered")
	}
	e, stereo := encoder(t, opus.EncoderConfig{}), decoder(t)
	p := packets(t, e, 1, 960)[0]
	floats := make([]float32, 2*960)
	if n := testing.AllocsPerRun(50, func() {
		_, a := stereo.Recover(p, pcm[:2*960])
		_, b := stereo.RecoverFloat(p, floats)
		if err := errors.Join(a, b); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Recover(nil, pcm[:960]); !errors.Is(err, opus.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
