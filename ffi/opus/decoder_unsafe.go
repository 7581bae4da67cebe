package opus

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// DecoderConfig is what a decoder needs to know. Rate and channels are those of the output: libopus converts.
type DecoderConfig struct {
	SampleRate int        // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels   int        // 1 or 2
	State      *pool.Pool // where the state's block comes from; its blocks hold DecoderSize bytes. nil: a pool of its own
}

// Decoder turns Opus packets into samples. One goroutine at a time uses it.
type Decoder struct {
	lib      *library
	state    state
	rate     int
	channels int
}

// DecoderSize is how many bytes the state of a decoder takes, for DecoderConfig.State.
func DecoderSize(channels int) (int, error) {
	lib, err := openLibrary()
	if err != nil {
		return 0, err
	}
	n := lib.decoderSize(int32(channels))
	if n <= 0 {
		return 0, fmt.Errorf("opus: %d channels: it must be 1 or 2", channels)
	}
	return int(n), nil
}

// NewDecoder makes a decoder, which the caller closes. Without libopus the error names the library and its package.
func NewDecoder(c DecoderConfig) (*Decoder, error) {
	if err := validFormat(c.SampleRate, c.Channels); err != nil {
		return nil, err
	}
	lib, err := openLibrary()
	if err != nil {
		return nil, err
	}
	d := &Decoder{lib: lib, rate: c.SampleRate, channels: c.Channels}
	if d.state, err = newState("decoder", int(lib.decoderSize(int32(c.Channels))), c.State); err != nil {
		return nil, err
	}
	if err := check("making a decoder", lib.decoderInit(d.state.ptr(), int32(c.SampleRate), int32(c.Channels))); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Decode decodes packet into pcm, interleaved, and returns the samples per channel. pcm must hold the packet's duration, up to 120 ms.
func (d *Decoder) Decode(packet []byte, pcm []int16) (int, error) {
	if len(packet) == 0 {
		return 0, errors.New("opus: an empty packet: use Conceal for one that was lost")
	}
	return d.decode(packet, pcm, len(pcm)/d.channels, 0)
}

// Conceal makes up for a lost packet of len(pcm) samples, a multiple of 2.5 ms (packet-loss concealment).
func (d *Decoder) Conceal(pcm []int16) (int, error) { return d.lost(nil, pcm, 0) }

// RecoverFEC decodes the copy of the lost packet that next, the packet after it, carries if it was encoded with in-band FEC; where there is
// none it conceals. len(pcm) is the lost packet's duration exactly.
func (d *Decoder) RecoverFEC(next []byte, pcm []int16) (int, error) {
	if len(next) == 0 {
		return 0, errors.New("opus: an empty packet: use Conceal where the next one is missing too")
	}
	return d.lost(next, pcm, 1)
}

func (d *Decoder) lost(next []byte, pcm []int16, fec int32) (int, error) {
	samples, err := wholeSamples(len(pcm), d.channels)
	if err != nil {
		return 0, err
	}
	if samples == 0 || samples > d.rate*120/1000 || samples*400%d.rate != 0 {
		return 0, fmt.Errorf("opus: making up for %d samples: it must be a multiple of 2.5 ms, up to 120 ms", samples)
	}
	return d.decode(next, pcm, samples, fec)
}

func (d *Decoder) decode(packet []byte, pcm []int16, samples int, fec int32) (int, error) {
	if !d.state.valid() {
		return 0, ErrClosed
	}
	if samples == 0 {
		return 0, check("decoding into 0 samples", int32(BufferTooSmall))
	}
	if int64(len(packet)) > math.MaxInt32 {
		return 0, check(fmt.Sprintf("decoding a packet of %d bytes", len(packet)), int32(InvalidPacket))
	}
	var data unsafe.Pointer
	if len(packet) > 0 {
		data = unsafe.Pointer(&packet[0])
	}
	samples = min(samples, d.rate*120/1000) // more is never needed, and the product below cannot wrap
	n := d.lib.decode(d.state.ptr(), data, int32(len(packet)), unsafe.Pointer(&pcm[0]), int32(samples), fec)
	return int(max(n, 0)), check("decoding", n)
}

// DecodeBuf decodes packet's Len bytes into pcm, whose whole Cap may be used, and sets pcm's Len to the samples' bytes.
// Both references stay the caller's; pcm's is the only one, and after an error pcm's Len is 0.
func (d *Decoder) DecodeBuf(packet, pcm pool.Buf) error {
	if packet == pcm {
		return errors.New("opus: decoding a buffer into itself: it must be another one")
	}
	pcm.SetLen(pcm.Cap() &^ 1)
	samples, err := int16s(pcm.Bytes())
	if err != nil {
		return err
	}
	n, err := d.Decode(packet.Bytes(), samples)
	pcm.SetLen(n * d.channels * 2)
	return err
}

// Close gives the state's block back. It may be called again.
func (d *Decoder) Close() error { return d.state.close() }

// SetGain scales the output by gain/256 dB, -32768 to 32767.
func (d *Decoder) SetGain(gain int) error {
	if gain < math.MinInt16 || gain > math.MaxInt16 {
		return fmt.Errorf("opus: gain of %d/256 dB: it must be from -32768 to 32767", gain)
	}
	if !d.state.valid() {
		return ErrClosed
	}
	return check("setting the gain", d.lib.decoderSet(d.state.ptr(), 4034, int32(gain)))
}

// Gain is what SetGain set, in 1/256 dB.
func (d *Decoder) Gain() (int, error) {
	if !d.state.valid() {
		return 0, ErrClosed
	}
	v, result := d.lib.decoderGet(d.state.ptr(), 4045)
	return int(v), check("asking for the gain", result)
}

// LastPacketDuration is the duration of the last packet in samples.
func (d *Decoder) LastPacketDuration() (int, error) {
	if !d.state.valid() {
		return 0, ErrClosed
	}
	v, result := d.lib.decoderGet(d.state.ptr(), 4039)
	return int(v), check("asking for the last packet's duration", result)
}
