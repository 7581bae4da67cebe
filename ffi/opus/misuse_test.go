package opus_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

func TestUseAfterClose(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	blocks, err := pool.New(max(opus.MaxPacket, 960*4), pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := blocks.Get()
	if err != nil {
		t.Fatal(err)
	}
	packet, err := blocks.Get()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(e.Close(), d.Close()); err != nil {
			t.Fatal(err)
		}
	}
	samples, bytes := make([]int16, 2*960), make([]byte, 100)
	number := func(_ int, err error) error { return err }
	check := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, opus.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	check("Encode", number(e.Encode(samples, bytes)))
	pcm.SetLen(960 * 4)
	check("EncodeBuf", e.EncodeBuf(pcm, packet))
	if packet.Len() != 0 {
		t.Errorf("the packet of a closed encoder has %d bytes", packet.Len())
	}
	check("EncodeFloat", number(e.EncodeFloat(make([]float32, 2*960), bytes)))
	check("EncodeFloatBuf", e.EncodeFloatBuf(pcm, packet))
	check("SetFrameSize", e.SetFrameSize(opus.FrameSize20ms))
	check("SetDNNBlob", errors.Join(e.SetDNNBlob(pcm), d.SetDNNBlob(pcm)))
	for _, o := range options(e, d) {
		check("setting "+o.name, o.set(o.good[0]))
		check("asking for "+o.name, number(o.get()))
	}
	check("Reset", e.Reset())

	check("Decode", number(d.Decode(bytes, samples)))
	check("Conceal", number(d.Conceal(samples)))
	check("RecoverFEC", number(d.RecoverFEC(bytes, samples)))
	packet.SetLen(100)
	check("DecodeBuf", d.DecodeBuf(packet, pcm))
	if pcm.Len() != 0 {
		t.Errorf("a closed decoder made %d bytes", pcm.Len())
	}
	check("DecodeFloat", number(d.DecodeFloat(bytes, make([]float32, 2*960))))
	check("ConcealFloat", number(d.ConcealFloat(make([]float32, 2*960))))
	check("Reset", d.Reset())
	check("Pitch", number(d.Pitch()))
	check("LastPacketDuration", number(d.LastPacketDuration()))
	pcm.Release()
	packet.Release()
	if err := blocks.Close(); err != nil {
		t.Error(err)
	}
}

// Samples that end within a stereo frame are told apart from frames of a wrong length.
func TestHalfAFrame(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	const want = "1921 samples for 2 channels: it must be a multiple of 2"
	pcm := make([]int16, 1921)
	if _, err := e.Encode(pcm, make([]byte, 100)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("encoding: %v", err)
	}
	if _, err := d.Conceal(pcm); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("concealing: %v", err)
	}
}

// Packets of noise and damaged ones end in a code of libopus or in samples that fit, and nothing is written behind those.
func TestDamagedPackets(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	random := rand.New(rand.NewPCG(1, 2))
	good := make([]byte, opus.MaxPacket)
	n, err := e.Encode(tone(0, 960), good)
	if err != nil {
		t.Fatal(err)
	}
	const guard = 0x5a5a
	room := make([]int16, 2*5760+64)
	refused, decoded := 0, 0
	for i := range 2000 {
		packet := slices.Clone(good[:1+random.IntN(n)])
		if i%2 == 0 {
			packet = make([]byte, 1+random.IntN(300))
			for j := range packet {
				packet[j] = byte(random.Uint32())
			}
		} else {
			packet[random.IntN(len(packet))] ^= 1 << random.IntN(8)
		}
		samples := []int{120, 480, 960, 5760}[random.IntN(4)]
		behind := room[2*samples:][:64]
		for j := range behind {
			behind[j] = guard
		}
		// The slice has room behind its length: length bounds libopus, not capacity.
		pcm := room[:2*samples]
		var m int
		var err error
		if i%5 == 4 {
			m, err = d.RecoverFEC(packet, pcm)
		} else {
			m, err = d.Decode(packet, pcm)
		}
		var code opus.Error
		switch {
		case err == nil && m > 0 && m <= samples:
			decoded++
		case errors.As(err, &code) && m == 0:
			refused++
		default:
			t.Fatalf("packet %x into %d samples: %d, %v", packet, samples, m, err)
		}
		for j, v := range behind {
			if v != guard {
				t.Fatalf("packet %x into %d samples wrote %d behind them", packet, samples, j)
			}
		}
	}
	if refused < 100 || decoded < 100 {
		t.Errorf("%d refused, %d decoded: the packets test one side only", refused, decoded)
	}
	// The decoder works on after all that.
	if m, err := d.Decode(good[:n], room); m != 960 || err != nil {
		t.Errorf("a good packet afterwards: %d, %v", m, err)
	}
}

// Encode writes no more than the packet's length, whatever its capacity and the bitrate.
func TestSmallPackets(t *testing.T) {
	e := encoder(t, opus.EncoderConfig{})
	if err := e.SetBitrate(opus.BitrateMax); err != nil {
		t.Fatal(err)
	}
	room := make([]byte, opus.MaxPacket)
	for size := 1; size <= 200; size++ {
		for i := range room {
			room[i] = 0xa5
		}
		n, err := e.Encode(tone(960*size, 960), room[:size])
		if n > size || (err == nil) != (n > 0) {
			t.Fatalf("%d bytes in a packet of %d, %v", n, size, err)
		}
		for i, v := range room[size:] {
			if v != 0xa5 {
				t.Fatalf("a packet of %d bytes was overrun at %d", size, size+i)
			}
		}
	}
}

// A refused configuration leaves no block out.
func TestRefusedApplicationGivesStateBack(t *testing.T) {
	size, err := opus.EncoderSize(1)
	if err != nil {
		t.Fatal(err)
	}
	states, err := pool.New(size, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: 7, State: states}); !errors.Is(err, opus.BadArg) {
		t.Fatalf("application 7: %v", err)
	}
	if s := states.Stats(); s.Acquired != 1 || s.Outstanding != 0 {
		t.Errorf("%d blocks taken, %d out", s.Acquired, s.Outstanding)
	}
	if err := states.Close(); err != nil {
		t.Error(err)
	}
}
