package opus_test

import (
	"errors"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Where libopus has no deep redundancy, it says so, and Recover works without.
func TestNoDRED(t *testing.T) {
	if _, err := opus.DREDSize(); err == nil {
		t.Skip("this libopus has the functions of DRED")
	} else if !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := opus.NewDRED(nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if err := encoder(t, opus.EncoderConfig{}).SetDREDDuration(10); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// A gap of 200 ms is filled from the packet behind it, nearer to what was said than what is made up.
func TestDRED(t *testing.T) {
	size, err := opus.DREDSize()
	if errors.Is(err, errors.ErrUnsupported) {
		version, _ := opus.Version()
		t.Skipf("%s has no DRED: 1.5 or later has, built with --enable-dred", version)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, whole := voice(t)
	if err := errors.Join(e.SetBitrate(48_000), e.SetPacketLoss(25), e.SetDREDDuration(100)); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this libopus has the functions of DRED, but was built without it")
	} else if err != nil {
		t.Fatal(err)
	}
	states, err := pool.New(size, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := opus.NewDRED(states)
	if err != nil {
		t.Fatal(err)
	}
	lossy, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1, DRED: r})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	all := spoken(t, e, 960)
	const gap = 10
	want, got, made := make([]int16, 960), make([]int16, gap*960), make([]int16, gap*960)
	var said []int16
	filled, off, offMade := 0, 0.0, 0.0
	for i, p := range all {
		if _, err := whole.Decode(p, want); err != nil {
			t.Fatal(err)
		}
		if i%30 >= 30-gap {
			said = append(said, want...)
			continue
		}
		if i%30 == 0 && i > 0 {
			begin, end, err := r.Parse(p, gap*960, rate)
			if err != nil || begin < 0 || end < 0 || begin < end && begin != 0 {
				t.Fatalf("redundancy from %d to %d, %v", begin, end, err)
			}
			done, err := lossy.Recover(p, got)
			if err != nil || done.DRED+done.FEC+done.Concealed != gap*960 {
				t.Fatalf("%+v, %v", done, err)
			}
			filled += done.DRED
			if _, err := plain.Recover(p, made); err != nil {
				t.Fatal(err)
			}
			// Loudness by 20 ms: redundancy keeps what is said, not its waveform.
			for j := 0; j < gap*960; j += 960 {
				loud := energy(said[j:j+960], nil)
				da, db := energy(got[j:j+960], nil)-loud, energy(made[j:j+960], nil)-loud
				off, offMade = off+da*da, offMade+db*db
			}
			t.Logf("packet %d: %+v, from %d to %d", i, done, begin, end)
			said = said[:0]
		}
		for _, d := range []*opus.Decoder{lossy, plain} {
			if _, err := d.Decode(p, want); err != nil {
				t.Fatal(err)
			}
		}
	}
	if filled == 0 {
		t.Error("nothing came from deep redundancy")
	}
	if t.Logf("loudness off by %.3g, made up by %.3g", off, offMade); off > offMade/2 {
		t.Error("deep redundancy is not better than making up")
	}
	last := all[len(all)-1]
	if n := testing.AllocsPerRun(50, func() {
		if _, err := lossy.Recover(last, got); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	floats := make([]float32, 960)
	if n, err := r.DecodeFloat(lossy, 960, floats); n != 960 || err != nil {
		t.Errorf("%d samples, %v", n, err)
	}
	if n, err := r.Decode(lossy, 960, want); n != 960 || err != nil {
		t.Errorf("%d samples, %v", n, err)
	}
	if _, err := r.Decode(lossy, 3*rate, want); err == nil {
		t.Error("redundancy of three seconds ago")
	}
	if _, _, err := r.Parse(nil, 960, rate); err == nil {
		t.Error("an empty packet has redundancy")
	}
	if err := errors.Join(r.Close(), r.Close(), states.Close()); err != nil {
		t.Error(err)
	}
	if _, err := lossy.Recover(last, got); err != nil {
		t.Errorf("without its reader: %v", err)
	}
	if _, _, err := r.Parse(last, 960, rate); !errors.Is(err, opus.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := errors.Join(lossy.Close(), plain.Close()); err != nil {
		t.Error(err)
	}
}

// Deep redundancy works at every rate, mono and stereo, for gaps longer than it reaches and for parts of packets.
func TestDREDFormats(t *testing.T) {
	r, err := opus.NewDRED(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this libopus has no DRED")
	}
	if err != nil {
		t.Fatal(err)
	}
	e, _ := voice(t)
	if err := errors.Join(e.SetBitrate(48_000), e.SetPacketLoss(25), e.SetDREDDuration(50)); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this libopus was built without DRED")
	} else if err != nil {
		t.Fatal(err)
	}
	all := spoken(t, e, 960)
	for _, hz := range []int{8000, 12000, 16000, 24000, 48000} {
		for _, channels := range []int{1, 2} {
			d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: hz, Channels: channels, DRED: r})
			if err != nil {
				t.Fatal(err)
			}
			pcm := make([]float32, 2*hz)
			for _, p := range all[:30] {
				if _, err := d.DecodeFloat(p, pcm); err != nil {
					t.Fatal(err)
				}
			}
			for _, tenths := range []int{25, 50, 175, 200, 1225, 4000, 9000} {
				gap := hz / 400 * tenths / 25
				got, err := d.RecoverFloat(all[60], pcm[:gap*channels])
				if err != nil || got.DRED+got.FEC+got.Concealed != gap || got.DRED == 0 || tenths == 9000 && got.Concealed == 0 {
					t.Errorf("%d Hz, %d channels, %d samples: %+v, %v", hz, channels, gap, got, err)
				}
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
