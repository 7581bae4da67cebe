package opus_test

import (
	"encoding/binary"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// speech is a spoken word, mono at 48 kHz: one of alsa-utils' recordings, behind its 44 bytes of header.
func speech(t testing.TB) []int16 {
	t.Helper()
	const name = "/usr/share/sounds/alsa/Front_Center.wav"
	b, err := os.ReadFile(testutil.RequireFile(t, name, "alsa-utils"))
	if err != nil {
		t.Fatal(err)
	}
	b = b[44:]
	pcm := make([]int16, len(b)/2/960*960)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}

func energy(pcm, minus []int16) (sum float64) {
	for i, v := range pcm {
		d := float64(v)
		if minus != nil {
			d -= float64(minus[i])
		}
		sum += d * d
	}
	return sum
}

// voice is an encoder and a decoder of speech.
func voice(t *testing.T) (*opus.Encoder, *opus.Decoder) {
	t.Helper()
	e := encoder(t, opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: opus.VoIP})
	d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, err := range []error{e.SetSignal(opus.SignalVoice), e.SetBitrate(24000)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return e, d
}

// A lost packet that RecoverFEC makes from the next one is nearer to the sound than one that Conceal makes up, and without FEC in the
// encoder it is not.
func TestFECRecovers(t *testing.T) {
	pcm := speech(t)
	// distance is the error of what stands for each fifth packet, against the decoder that lost none.
	distance := func(fec opus.FEC, recover bool) float64 {
		e, whole := voice(t)
		_, lossy := voice(t)
		if err := e.SetInbandFEC(fec); err != nil {
			t.Fatal(err)
		}
		if err := e.SetPacketLoss(30); err != nil {
			t.Fatal(err)
		}
		want, got, sum := make([]int16, 960), make([]int16, 960), 0.0
		lost := make([]int16, 960)
		packet, missing := make([]byte, opus.MaxPacket), false
		for i := 0; i+960 <= len(pcm); i += 960 {
			n, err := e.Encode(pcm[i:i+960], packet)
			if err != nil {
				t.Fatal(err)
			}
			if missing {
				if recover {
					_, err = lossy.RecoverFEC(packet[:n], got)
				} else {
					_, err = lossy.Conceal(got)
				}
				if err != nil {
					t.Fatal(err)
				}
				sum += energy(got, lost)
			}
			if _, err := whole.Decode(packet[:n], want); err != nil {
				t.Fatal(err)
			}
			if missing = i/960%5 == 4; missing {
				copy(lost, want)
				continue
			}
			if _, err := lossy.Decode(packet[:n], got); err != nil {
				t.Fatal(err)
			}
		}
		return sum
	}
	recovered, concealed, without := distance(opus.FECOn, true), distance(opus.FECOn, false), distance(opus.FECOff, true)
	t.Logf("recovered %.3g, concealed %.3g, without FEC %.3g", recovered, concealed, without)
	if recovered > concealed/2 || recovered > without/2 {
		t.Error("recovering is not better than making up")
	}
}

// With DTX silence costs next to nothing; without it every packet carries something.
func TestDTX(t *testing.T) {
	count := func(on bool) (short int) {
		e, _ := voice(t)
		if err := e.SetDTX(on); err != nil {
			t.Fatal(err)
		}
		packet := make([]byte, opus.MaxPacket)
		for range 100 {
			n, err := e.Encode(make([]int16, 960), packet)
			if err != nil {
				t.Fatal(err)
			}
			if n <= 2 {
				short++
			}
		}
		return short
	}
	if on, off := count(true), count(false); on < 50 || off != 0 {
		t.Errorf("%d of 100 silent packets are short with DTX, %d without", on, off)
	}
}

// What DTX leaves out the receiver makes up, whether the short packets come or not: silence of the right length.
func TestSilenceWithoutPackets(t *testing.T) {
	for _, sent := range []bool{true, false} {
		e, d := voice(t)
		if err := e.SetDTX(true); err != nil {
			t.Fatal(err)
		}
		packet, out, short, loud := make([]byte, opus.MaxPacket), make([]int16, 960), 0, 0.0
		sound := slices.Concat(speech(t), make([]int16, 100*960))
		for i := 0; i+960 <= len(sound); i += 960 {
			n, err := e.Encode(sound[i:i+960], packet)
			if err != nil {
				t.Fatal(err)
			}
			m := 0
			if n > 2 || sent {
				m, err = d.Decode(packet[:n], out)
			} else {
				m, err = d.Conceal(out)
			}
			if m != 960 || err != nil {
				t.Fatalf("%d samples of a packet of %d bytes, %v", m, n, err)
			}
			if n <= 2 {
				short++
			}
			if i > len(sound)-50*960 {
				loud = max(loud, energy(out, nil)/960)
			}
		}
		if short < 50 || loud > 100 {
			t.Errorf("sent %v: %d short packets, silence as loud as %.0f", sent, short, loud)
		}
	}
}

// Speech keeps its loudness, and the gain of the decoder changes it by what was asked.
func TestSpeechAndGain(t *testing.T) {
	pcm := speech(t)
	loudness := func(gain int) float64 {
		e, d := voice(t)
		if err := d.SetGain(gain); err != nil {
			t.Fatal(err)
		}
		if g, err := d.Gain(); g != gain || err != nil {
			t.Fatalf("gain %d, %v", g, err)
		}
		packet, out, sum := make([]byte, opus.MaxPacket), make([]int16, 960), 0.0
		for i := 0; i+960 <= len(pcm); i += 960 {
			n, err := e.Encode(pcm[i:i+960], packet)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Decode(packet[:n], out); err != nil {
				t.Fatal(err)
			}
			sum += energy(out, nil)
		}
		return 10 * math.Log10(sum/energy(pcm, nil))
	}
	if db := loudness(0); db < -1.5 || db > 1 {
		t.Errorf("the speech is %.2f dB louder", db)
	}
	if db := loudness(-6*256) - loudness(0); db < -6.1 || db > -5.9 {
		t.Errorf("a gain of -6 dB makes %.2f", db)
	}
	_, d := voice(t)
	for _, gain := range []int{-32769, 32768, 1 << 30} {
		if err := d.SetGain(gain); err == nil || !strings.Contains(err.Error(), "it must be from -32768 to 32767") {
			t.Errorf("gain %d: %v", gain, err)
		}
	}
}

func TestBufIntoItself(t *testing.T) {
	e, d := voice(t)
	p, err := pool.New(opus.MaxPacket, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	b.SetLen(960 * 2)
	if err := e.EncodeBuf(b, b); err == nil || b.Len() != 960*2 {
		t.Errorf("encoded into itself: %v, %d bytes", err, b.Len())
	}
	if err := d.DecodeBuf(b, b); err == nil || b.Len() != 960*2 {
		t.Errorf("decoded into itself: %v, %d bytes", err, b.Len())
	}
	b.Release()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// AllocsPerRun rounds down: this counts. A few are the Go runtime's own.
func TestNoAllocationsAmongManyPackets(t *testing.T) {
	e, d := voice(t)
	pcm, out, packet := make([]int16, 960), make([]int16, 960), make([]byte, opus.MaxPacket)
	both := func() {
		n, err := e.Encode(pcm, packet)
		if err == nil {
			_, err = d.Decode(packet[:n], out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	both()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const packets = 1000
	for range packets {
		both()
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > packets/50 {
		t.Errorf("%d allocations for %d packets", n, packets)
	}
}
