package opus_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

const rate = 48000

// tone is n stereo frames of 440 Hz at half scale, beginning at frame from.
func tone(from, n int) []int16 {
	pcm := make([]int16, 2*n)
	for i := range n {
		v := int16(16000 * math.Sin(2*math.Pi*440*float64(from+i)/rate))
		pcm[2*i], pcm[2*i+1] = v, v
	}
	return pcm
}

func encoder(t *testing.T, c opus.EncoderConfig) *opus.Encoder {
	t.Helper()
	if c.SampleRate == 0 {
		c.SampleRate, c.Channels = rate, 2
	}
	e, err := opus.NewEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func decoder(t *testing.T) *opus.Decoder {
	t.Helper()
	d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// The sound that comes out is the one that went in, later by the lookahead.
func TestRoundTrip(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	if err := e.SetBitrate(128_000); err != nil {
		t.Fatal(err)
	}
	delay, err := e.Lookahead()
	if err != nil || delay < 1 || delay > rate/50 {
		t.Fatalf("lookahead %d, %v", delay, err)
	}
	packet, pcm := make([]byte, opus.MaxPacket), make([]int16, 2*5760)
	var out []int16
	for i := range 25 {
		n, err := e.Encode(tone(960*i, 960), packet)
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Decode(packet[:n], pcm)
		if err != nil || m != 960 {
			t.Fatalf("%d samples, %v", m, err)
		}
		out = append(out, pcm[:2*m]...)
	}
	in := tone(0, 25*960)
	var signal, noise float64
	for i := 2 * 4800; i < len(out)-2*delay; i++ {
		want, got := float64(in[i]), float64(out[i+2*delay])
		signal += want * want
		noise += (want - got) * (want - got)
	}
	if snr := 10 * math.Log10(signal/noise); snr < 20 {
		t.Fatalf("signal to noise %.1f dB", snr)
	}
	if n, err := d.LastPacketDuration(); n != 960 || err != nil {
		t.Fatalf("last packet %d, %v", n, err)
	}
}

func TestBufsAndNoAllocations(t *testing.T) {
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	frames, err := pool.New(960*2*2, pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	packets, err := pool.New(opus.MaxPacket, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	in, err := frames.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Release()
	out, err := frames.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	packet, err := packets.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer packet.Release()
	clear(in.Bytes())
	n := testing.AllocsPerRun(100, func() {
		if err := e.EncodeBuf(in, packet); err != nil {
			t.Error(err)
		}
		if err := d.DecodeBuf(packet, out); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
	if packet.Len() == 0 || packet.Len() > 200 || out.Len() != 960*4 {
		t.Errorf("packet of %d bytes, %d bytes decoded", packet.Len(), out.Len())
	}
	in.SetLen(959 * 4)
	if err := e.EncodeBuf(in, packet); err == nil || !strings.Contains(err.Error(), "959 samples is 19.98 ms") || packet.Len() != 0 {
		t.Errorf("a frame of 959 samples: %v, packet %d", err, packet.Len())
	}
	in.SetLen(3)
	if err := e.EncodeBuf(in, packet); err == nil || !strings.Contains(err.Error(), "not whole 16-bit samples") {
		t.Errorf("3 bytes: %v", err)
	}
}

func TestFrameSizes(t *testing.T) {
	packet := make([]byte, opus.MaxPacket)
	for _, r := range []int{8000, 12000, 16000, 24000, 48000} {
		e := encoder(t, opus.EncoderConfig{SampleRate: r, Channels: 1})
		good := map[int]bool{}
		for _, tenths := range []int{25, 50, 100, 200, 400, 600, 800, 1000, 1200} {
			good[r*tenths/10000] = true
		}
		for samples := range r*130/1000 + 1 {
			if !good[samples] && samples%7 != 0 {
				continue // every length is refused alike; a seventh is enough
			}
			_, err := e.Encode(make([]int16, samples), packet)
			if (err == nil) != good[samples] {
				t.Fatalf("%d samples at %d Hz: %v", samples, r, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		rate, channels int
		want           string
	}{{44100, 2, "sample rate of 44100 Hz"}, {0, 2, "sample rate of 0 Hz"}, {48000, 3, "3 channels"}, {48000, 0, "0 channels"}, {48000, -1, "-1 channels"}} {
		if _, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: c.rate, Channels: c.channels}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("encoder %+v: %v", c, err)
		}
		if _, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: c.rate, Channels: c.channels}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("decoder %+v: %v", c, err)
		}
	}
	if _, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: 1}); !errors.Is(err, opus.BadArg) {
		t.Errorf("application 1: %v", err)
	}
	if _, err := opus.EncoderSize(9); err == nil {
		t.Error("9 channels have a size")
	}
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	if _, err := e.Encode(tone(0, 960), nil); !errors.Is(err, opus.BufferTooSmall) {
		t.Errorf("no room: %v", err)
	}
	if _, err := e.Encode(make([]int16, 1921), make([]byte, 100)); err == nil {
		t.Error("half a frame was encoded")
	}
	pcm := make([]int16, 2*960)
	if _, err := d.Decode([]byte{0xff, 0xff, 0xff, 0xff}, pcm); !errors.Is(err, opus.InvalidPacket) {
		t.Errorf("corrupt packet: %v", err)
	}
	if _, err := d.Decode(nil, pcm); err == nil {
		t.Error("an empty packet was decoded")
	}
	if _, err := d.Conceal(pcm[:100]); err == nil {
		t.Error("50 samples were made up")
	}
	packet := make([]byte, opus.MaxPacket)
	n, err := e.Encode(tone(0, 960), packet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decode(packet[:n], pcm[:2*480]); !errors.Is(err, opus.BufferTooSmall) {
		t.Errorf("room for half a packet: %v", err)
	}
	if n, err := d.Conceal(pcm); n != 960 || err != nil {
		t.Errorf("concealing: %d, %v", n, err)
	}
	if n, err := d.RecoverFEC(packet[:n], pcm); n != 960 || err != nil {
		t.Errorf("recovering: %d, %v", n, err)
	}
}

func TestStateInACallersPool(t *testing.T) {
	size, err := opus.EncoderSize(2)
	if err != nil {
		t.Fatal(err)
	}
	states, err := pool.New(size, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	e, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 2, State: states})
	if err != nil {
		t.Fatal(err)
	}
	if states.Stats().Outstanding != 1 {
		t.Fatal("the state is elsewhere")
	}
	if _, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 2, State: states}); !errors.Is(err, pool.ErrLimit) {
		t.Fatalf("two states in one block: %v", err)
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Encode(tone(0, 960), make([]byte, 100)); !errors.Is(err, opus.ErrClosed) {
		t.Fatalf("encoding after Close: %v", err)
	}
	if err := e.SetBitrate(24000); !errors.Is(err, opus.ErrClosed) {
		t.Fatalf("option after Close: %v", err)
	}
	if err := states.Close(); err != nil {
		t.Fatal(err)
	}
	small, err := pool.New(100, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 2, State: small}); err == nil || !strings.Contains(err.Error(), "has 100 bytes") {
		t.Fatalf("a state in 100 bytes: %v", err)
	}
	if s := small.Stats(); s.Outstanding != 0 {
		t.Fatal("the refused block is out")
	}
}
