package opus_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	pion "github.com/pion/opus"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/internal/testutil"
)

// song is half a second of stereo: speech, off the middle; with music under it a tone that rises through all bandwidths.
func song(t *testing.T, music float64) []float32 {
	words := speech(t)[rate/5:][:rate/2]
	pcm := make([]float32, 2*len(words))
	for i, v := range words {
		s, at := float64(v)/32768, float64(i)/rate
		for c := range 2 {
			pcm[2*i+c] = float32(s*(0.7-0.3*float64(c)) + music*math.Sin(2*math.Pi*(200+20_000*at)*at+float64(c)))
		}
	}
	return pcm
}

// TestIndependentDecoder compares libopus, as this package calls it, with pion's decoder, which is written in Go: packets of all modes, bandwidths
// and lengths, mono and stereo, come out as the same sound. Where they differ is pion's arithmetic: it computes SILK in floating point, so
// that pure tones drift apart; there speech must agree, in CELT any sound. It cannot tell its final range, conceal, use FEC,
// or decode more than two channels.
func TestIndependentDecoder(t *testing.T) {
	sizes, least := []int{120, 240, 480, 960, 1920, 2880, 5760}, 100
	if runtime.GOARCH == "arm" {
		sizes, least = []int{480, 1920}, 20 // pion is slow there, and slower in an emulator
	}
	modes := map[opus.Mode]int{}
	for _, app := range []opus.Application{opus.VoIP, opus.RestrictedLowDelay} {
		in, bitrate, signal := song(t, 0), 32_000, opus.SignalVoice
		if app == opus.RestrictedLowDelay {
			in, bitrate, signal = song(t, 0.2), 64_000, opus.SignalMusic
		}
		for _, channels := range []int{1, 2} {
			for b := opus.Narrowband; b <= opus.Fullband; b++ {
				for _, samples := range sizes {
					name := fmt.Sprintf("application %d, %d channels, bandwidth %d, %d samples", app, channels, b, samples)
					e := encoder(t, opus.EncoderConfig{SampleRate: rate, Channels: channels, Application: app})
					d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: channels})
					if err != nil {
						t.Fatal(err)
					}
					other, err := pion.NewDecoderWithOutput(rate, channels)
					if err := errors.Join(err, e.SetBandwidth(b), e.SetSignal(signal), e.SetBitrate(bitrate*channels)); err != nil {
						t.Fatal(err)
					}
					packet, pcm := make([]byte, opus.MaxPacket), make([]float32, channels*samples)
					ours, theirs := make([]float32, channels*samples), make([]float32, channels*samples)
					// Per mode, the sound and what is left of it when pion's is taken away.
					var sound, left [3]float64
					for i := 0; 2*(i+samples) <= len(in); i += samples {
						for j := range pcm {
							pcm[j] = in[2*i+j*2/channels]
						}
						n, err := e.EncodeFloat(pcm, packet)
						if err != nil {
							t.Fatal(err)
						}
						p, err := opus.ParsePacket(packet[:n])
						if err != nil {
							t.Fatal(err)
						}
						if m, err := d.DecodeFloat(packet[:n], ours); m != samples || err != nil {
							t.Fatalf("%s: %d samples, %v", name, m, err)
						}
						if m, err := other.DecodeToFloat32(packet[:n], theirs); m != samples || err != nil {
							t.Fatalf("%s: pion makes %d samples, %v", name, m, err)
						}
						mode := p.TOC.Mode()
						modes[mode]++
						for j := range ours {
							a, b := float64(ours[j]), float64(theirs[j])
							sound[mode], left[mode] = sound[mode]+a*a, left[mode]+(a-b)*(a-b)
						}
					}
					for mode := opus.SILK; mode <= opus.CELT; mode++ {
						want := 35.0
						if mode == opus.CELT {
							want = 60
						}
						if db := 10 * math.Log10(sound[mode]/left[mode]); sound[mode] > 0 && db < want {
							t.Errorf("%s: %v agrees to %.1f dB only", name, mode, db)
						}
					}
					if err := d.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
	if modes[opus.SILK] < least || modes[opus.Hybrid] < least || modes[opus.CELT] < least {
		t.Errorf("packets by mode: %v", modes)
	}
}

// ogg writes pages of one packet each (RFC 3533).
type ogg struct {
	b   []byte
	seq uint32
}

func (o *ogg) page(flags byte, granule uint64, packet []byte) {
	begin := len(o.b)
	o.b = append(append(o.b, "OggS\x00"...), flags)
	o.b = binary.LittleEndian.AppendUint64(o.b, granule)
	o.b = append(o.b, 1, 0, 0, 0)
	o.b = binary.LittleEndian.AppendUint32(o.b, o.seq)
	o.b = append(o.b, 0, 0, 0, 0, byte(len(packet)/255+1))
	for n := len(packet); ; n -= 255 {
		o.b = append(o.b, byte(min(n, 255)))
		if n < 255 {
			break
		}
	}
	o.b = append(o.b, packet...)
	o.seq++
	crc := uint32(0)
	for _, v := range o.b[begin:] {
		crc ^= uint32(v) << 24
		for range 8 {
			crc = crc<<1 ^ crc>>31*0x04c11db7 // the carry is 0 or 1
		}
	}
	binary.LittleEndian.PutUint32(o.b[begin+22:], crc)
}

// Xiph's opusdec takes the layout of a surround encoder for the header of a file (RFC 7845), and makes the samples of it that the
// package's own decoder makes.
func TestOpusdec(t *testing.T) {
	tool := testutil.RequireTool(t, "opusdec", "opus-tools")
	for channels := 1; channels <= 8; channels++ {
		e, err := opus.NewSurroundEncoder(opus.SurroundEncoderConfig{SampleRate: rate, Channels: channels, Family: 1})
		if err != nil {
			t.Fatal(err)
		}
		l := e.Layout()
		d, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: rate, Channels: channels, Layout: l})
		if err != nil {
			t.Fatal(err)
		}
		skip, err := e.Lookahead()
		if err != nil {
			t.Fatal(err)
		}
		var o ogg
		head := append([]byte("OpusHead\x01"), byte(channels))
		head = binary.LittleEndian.AppendUint16(head, uint16(skip))
		head = binary.LittleEndian.AppendUint32(head, rate)
		head = append(head, 0, 0, 1, byte(l.Streams), byte(l.Coupled))
		o.page(2, 0, append(head, l.Mapping...))
		o.page(0, 0, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))
		const count = 10
		packet, out := make([]byte, l.Streams*opus.MaxPacket), make([]float32, channels*960)
		var want []float32
		for i := range count {
			n, err := e.EncodeFloat(chord(channels, 960*i, 960), packet)
			if err == nil {
				_, err = d.DecodeFloat(packet[:n], out)
			}
			if err != nil {
				t.Fatal(err)
			}
			flags := byte(0)
			if i == count-1 {
				flags = 4
			}
			o.page(flags, uint64(960*(i+1)), packet[:n])
			want = append(want, out...)
		}
		want = want[channels*skip:]
		name := filepath.Join(t.TempDir(), "x.opus")
		raw := strings.TrimSuffix(name, "opus") + "raw"
		if err := os.WriteFile(name, o.b, 0o644); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command(tool, "--float", "--quiet", name, raw).CombinedOutput()
		if err != nil || strings.Contains(strings.ToLower(string(text)), "warning") {
			t.Fatalf("%d channels: opusdec: %v\n%s", channels, err, text)
		}
		b, err := os.ReadFile(raw)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != 4*len(want) {
			t.Fatalf("%d channels: opusdec makes %d bytes, not %d", channels, len(b), 4*len(want))
		}
		for i := range want {
			got := math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			if math.Abs(float64(got-want[i])) > 1e-4 {
				t.Fatalf("%d channels: sample %d is %v, not %v", channels, i, got, want[i])
			}
		}
		if err := errors.Join(e.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	}
}
