package opus_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Encoders and decoders in one pool work side by side, one a goroutine, and each hears its own sound.
func TestSideBySide(t *testing.T) {
	a, err := opus.EncoderSize(2)
	if err != nil {
		t.Fatal(err)
	}
	b, err := opus.DecoderSize(2)
	if err != nil {
		t.Fatal(err)
	}
	const coders = 6
	states, err := pool.New(max(a, b), pool.Options{Max: 2 * coders})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range coders {
		all.Go(func() {
			e, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 2, State: states})
			if err != nil {
				t.Error(err)
				return
			}
			d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 2, State: states})
			if err != nil {
				t.Error(err)
				return
			}
			packet, pcm, out := make([]byte, opus.MaxPacket), make([]float32, 2*960), make([]float32, 2*960)
			for j := range 30 {
				sound := chord(2+i, 960*j, 960) // coder i has channels i and i+1 of it
				for k := range 960 {
					pcm[2*k], pcm[2*k+1] = sound[k*(2+i)+i], sound[k*(2+i)+i+1]
				}
				n, err := e.EncodeFloat(pcm, packet)
				if err == nil {
					_, err = d.DecodeFloat(packet[:n], out)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
			for c := range 2 {
				if v := strength(out, 2, c, pitch(i+c)); v < 0.2 {
					t.Errorf("coder %d, channel %d has its tone at %.3f", i, c, v)
				}
			}
			if err := errors.Join(e.Close(), d.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := states.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzDecode has decoders take anything: what they make fits, and behind it nothing is written.
func FuzzDecode(f *testing.F) {
	for _, p := range [][]byte{{0xfc, 1, 2}, {8, 0xff, 0x80}, {0x78, 1}, {3, 0x41, 1, 5, 0}, {0xff, 0xff}} {
		f.Add(p, uint16(960), false)
		f.Add(p, uint16(120), true)
	}
	d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 2})
	if err != nil {
		f.Fatal(err)
	}
	m, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: rate, Channels: 3, Layout: opus.Layout{Streams: 2, Coupled: 1, Mapping: []byte{0, 1, 2}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := errors.Join(d.Close(), m.Close()); err != nil {
			f.Error(err)
		}
	})
	room := make([]int16, 3*5760+64)
	f.Fuzz(func(t *testing.T, packet []byte, samples uint16, recover bool) {
		count := int(samples)%5760 + 1
		for channels, dec := range map[int]multiDecoder{2: d, 3: m} {
			pcm, behind := room[:channels*count], room[channels*count:][:64]
			for i := range behind {
				behind[i] = 0x5a5a
			}
			var n int
			var err error
			if recover {
				var r opus.Recovered
				r, err = dec.Recover(packet, pcm)
				if n = r.FEC + r.Concealed + r.DRED; err == nil && n != count {
					t.Fatalf("recovered %+v of %d", r, count)
				}
			} else {
				n, err = dec.Decode(packet, pcm)
			}
			if n > count || n < 0 || err == nil && n == 0 {
				t.Fatalf("%d samples of %d, %v", n, count, err)
			}
			for i, v := range behind {
				if v != 0x5a5a {
					t.Fatalf("wrote %d behind %d samples", i, count)
				}
			}
		}
	})
}
