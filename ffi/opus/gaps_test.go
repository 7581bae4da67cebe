package opus_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
)

// Gaps of every length, before packets of every length, in one stream and in two, are filled to the last sample and not further, and
// what is said to fill them adds up.
func TestGapsOfEveryLength(t *testing.T) {
	words, random := speech(t), rand.New(rand.NewPCG(7, 8))
	layout := opus.Layout{Streams: 2, Coupled: 1, Mapping: []byte{0, 1, 2}}
	const guard, untouched = 64, 0x7a5b
	fec, rounds := map[int]int{}, 150
	if testing.Short() {
		rounds = 40
	}
	for _, at := range []int{8000, 16000, 48000} {
		for _, channels := range []int{1, 2, 3} {
			var d interface {
				Recover([]byte, []int16) (opus.Recovered, error)
				Decode([]byte, []int16) (int, error)
				Close() error
			}
			var e interface {
				Encode([]int16, []byte) (int, error)
				SetInbandFEC(opus.FEC) error
				SetPacketLoss(int) error
				SetMaxBandwidth(opus.Bandwidth) error
				Close() error
			}
			var err, err2 error
			if channels < 3 {
				e, err = opus.NewEncoder(opus.EncoderConfig{SampleRate: 48000, Channels: channels, Application: opus.VoIP})
				d, err2 = opus.NewDecoder(opus.DecoderConfig{SampleRate: at, Channels: channels})
			} else {
				e, err = opus.NewMultistreamEncoder(opus.MultistreamEncoderConfig{SampleRate: 48000, Channels: channels, Layout: layout, Application: opus.VoIP})
				d, err2 = opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: at, Channels: channels, Layout: layout})
			}
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(e.SetInbandFEC(opus.FECOn), e.SetPacketLoss(30), e.SetMaxBandwidth(opus.Wideband)); err != nil {
				t.Fatal(err)
			}
			packet, pcm := make([]byte, 2*opus.MaxPacket), make([]int16, channels*(at+guard))
			for i := range rounds {
				samples := []int{120, 240, 480, 960, 1920, 2880, 5760}[random.IntN(7)]
				in := make([]int16, samples*channels)
				from := random.IntN(len(words) - samples)
				for j := range in {
					in[j] = words[from+j/channels]
				}
				n, err := e.Encode(in, packet)
				if err != nil {
					t.Fatal(err)
				}
				gap := at / 400 * (1 + random.IntN(100))
				next := packet[:n]
				if i%5 == 4 {
					next = nil
				}
				for j := range pcm {
					pcm[j] = untouched
				}
				r, err := d.Recover(next, pcm[:gap*channels])
				if err != nil || r.FEC+r.DRED+r.Concealed != gap || next == nil && r.FEC > 0 {
					t.Fatalf("%d Hz, %d channels, gap of %d before a packet of %d: %+v, %v", at, channels, gap, samples*at/48000, r, err)
				}
				if r.FEC > 0 {
					fec[channels]++
				}
				left := 0
				for j, v := range pcm {
					switch {
					case j < gap*channels && v == untouched:
						left++
					case j >= gap*channels && v != untouched:
						t.Fatalf("%d Hz, %d channels, gap of %d before a packet of %d: written %d beyond", at, channels, gap, samples*at/48000, j-gap*channels)
					}
				}
				if left > 3 {
					t.Fatalf("%d Hz, %d channels, gap of %d before a packet of %d, %+v: %d samples are not written", at, channels, gap, samples*at/48000, r, left)
				}
				if n, err := d.Decode(packet[:n], pcm); n != samples*at/48000 || err != nil {
					t.Fatalf("the packet behind the gap: %d, %v", n, err)
				}
			}
			if err := errors.Join(e.Close(), d.Close()); err != nil {
				t.Error(err)
			}
		}
	}
	if len(fec) != 3 {
		t.Errorf("copies were used of %v channels only", fec)
	}
}
