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
	DRED       *DRED      // reads deep redundancy for Recover; nil: Recover does without. The caller closes it, after the decoder
}

// Decoder turns Opus packets into samples. One goroutine at a time uses it.
type Decoder struct{ decoder }

// decoder is a decoder of any kind.
type decoder struct {
	decoderOptions
	last lastTOC
	dred *DRED // for Recover; plain decoders only
}

// DecoderSize is how many bytes the state of a decoder takes, for DecoderConfig.State.
func DecoderSize(channels int) (int, error) {
	if err := monoOrStereo(channels); err != nil {
		return 0, err
	}
	lib, err := openLibrary()
	if err != nil {
		return 0, err
	}
	return int(lib.decoderSize(int32(channels))), nil
}

// NewDecoder makes a decoder, which the caller closes. Without libopus the error names the library and its package.
func NewDecoder(c DecoderConfig) (*Decoder, error) {
	if err := validFormat(c.SampleRate, c.Channels); err != nil {
		return nil, err
	}
	core, err := open(plainDecoder, c.SampleRate, c.Channels, c.State, func(o *core) int32 { return o.lib.decoderSize(int32(c.Channels)) })
	if err != nil {
		return nil, err
	}
	if err := check("making a decoder", core.lib.decoderInit(core.state.addr(), int32(c.SampleRate), int32(c.Channels))); err != nil {
		return nil, errors.Join(err, core.close())
	}
	d := newDecoder(core)
	d.dred = c.DRED
	return &Decoder{d}, nil
}

func newDecoder(c *core) decoder {
	return decoder{decoderOptions: decoderOptions{options{core: c, kind: c.kind}}}
}

// Decode decodes packet into pcm, interleaved, and returns the samples per channel. pcm must hold the packet's duration, up to 120 ms;
// for less there is BufferTooSmall.
func (d *decoder) Decode(packet []byte, pcm []int16) (int, error) {
	return d.decode(packet, unsafe.Pointer(unsafe.SliceData(pcm)), int16s, len(pcm))
}

// DecodeFloat is Decode to samples of about -1 to 1; see SoftClip.
func (d *decoder) DecodeFloat(packet []byte, pcm []float32) (int, error) {
	return d.decode(packet, unsafe.Pointer(unsafe.SliceData(pcm)), float32s, len(pcm))
}

// Conceal makes up for a lost packet of len(pcm) samples, a multiple of 2.5 ms (packet-loss concealment).
func (d *decoder) Conceal(pcm []int16) (int, error) {
	return d.makeUp(nil, unsafe.Pointer(unsafe.SliceData(pcm)), int16s, len(pcm))
}

// ConcealFloat is Conceal to samples of about -1 to 1.
func (d *decoder) ConcealFloat(pcm []float32) (int, error) {
	return d.makeUp(nil, unsafe.Pointer(unsafe.SliceData(pcm)), float32s, len(pcm))
}

// RecoverFEC decodes the copy of the lost packet that next, the packet after it, carries if it was encoded with in-band FEC; where there is
// none it conceals. len(pcm) is the lost packet's duration exactly. Then next itself is decoded.
func (d *decoder) RecoverFEC(next []byte, pcm []int16) (int, error) {
	if len(next) == 0 {
		return 0, errNoNext
	}
	return d.makeUp(next, unsafe.Pointer(unsafe.SliceData(pcm)), int16s, len(pcm))
}

// RecoverFECFloat is RecoverFEC to samples of about -1 to 1.
func (d *decoder) RecoverFECFloat(next []byte, pcm []float32) (int, error) {
	if len(next) == 0 {
		return 0, errNoNext
	}
	return d.makeUp(next, unsafe.Pointer(unsafe.SliceData(pcm)), float32s, len(pcm))
}

// DecodeBuf decodes packet's Len bytes into pcm, whose whole Cap may be used, and sets pcm's Len to the bytes of the int16 samples.
// Both references stay the caller's; pcm's is the only one, and after an error pcm's Len is 0.
func (d *decoder) DecodeBuf(packet, pcm pool.Buf) error { return d.decodeBuf(packet, pcm, int16s) }

// DecodeFloatBuf is DecodeBuf to float32 samples.
func (d *decoder) DecodeFloatBuf(packet, pcm pool.Buf) error {
	return d.decodeBuf(packet, pcm, float32s)
}

var errNoNext = errors.New("opus: an empty packet: use Conceal where the next one is missing too")

func (d *decoder) decode(packet []byte, pcm unsafe.Pointer, of sample, n int) (int, error) {
	if len(packet) == 0 {
		return 0, errors.New("opus: an empty packet: use Conceal for one that was lost")
	}
	return d.run(packet, pcm, of, n/d.core.channels, 0)
}

// makeUp fills n samples with the copy in the next packet, or with what the sound so far suggests.
func (d *decoder) makeUp(next []byte, pcm unsafe.Pointer, of sample, n int) (int, error) {
	samples, err := d.missing(n)
	if err != nil {
		return 0, err
	}
	fec := int32(0)
	if len(next) > 0 {
		fec = 1
	}
	return d.run(next, pcm, of, samples, fec)
}

// missing is how many samples per channel n interleaved ones are that are to be made up.
func (d *decoder) missing(n int) (int, error) {
	samples, err := wholeSamples(n, d.core.channels)
	if err != nil {
		return 0, err
	}
	if rate := d.core.rate; samples == 0 || samples > rate*120/1000 || samples*400%rate != 0 {
		return 0, fmt.Errorf("opus: making up for %d samples: it must be a multiple of 2.5 ms, up to 120 ms", samples)
	}
	return samples, nil
}

// run has libopus write up to samples per channel to pcm.
func (d *decoder) run(packet []byte, pcm unsafe.Pointer, of sample, samples int, fec int32) (int, error) {
	if !d.core.state.valid() {
		return 0, ErrClosed
	}
	if samples == 0 {
		return 0, check("decoding into 0 samples", int32(BufferTooSmall))
	}
	if int64(len(packet)) > math.MaxInt32 {
		return 0, check(fmt.Sprintf("decoding a packet of %d bytes", len(packet)), int32(InvalidPacket))
	}
	samples = min(samples, d.core.rate*120/1000) // more is never needed
	n := d.core.decode(packet, pcm, of, int32(samples), fec)
	// Where libopus takes no copy it conceals, and stays in the mode that it is in.
	if n > 0 && len(packet) > 0 && (fec == 0 || TOC(packet[0]).Mode() != CELT && !d.last.is(CELT)) {
		d.last = lastTOC{TOC(packet[0]), d.core.kind == plainDecoder}
	}
	return int(max(n, 0)), check("decoding", n)
}

func (d *decoder) decodeBuf(packet, pcm pool.Buf, of sample) error {
	if packet == pcm {
		return errors.New("opus: decoding a buffer into itself: it must be another one")
	}
	pcm.SetLen(pcm.Cap() / int(of) * int(of))
	samples, n, err := of.view(pcm.Bytes())
	if err != nil {
		pcm.SetLen(0)
		return err
	}
	n, err = d.decode(packet.Bytes(), samples, of, n)
	pcm.SetLen(n * d.core.channels * int(of))
	return err
}

// SetDNNBlob gives the decoder the weights of its neural networks, weights' Len bytes, for a libopus built without them; others answer
// errors.ErrUnsupported. The decoder holds a reference until it is closed; nobody may write to them meanwhile (OPUS_SET_DNN_BLOB,
// libopus 1.5 or later).
func (d *Decoder) SetDNNBlob(weights pool.Buf) error { return d.core.setBlob(weights) }

// SoftClip bends samples beyond -1 to 1 into that range, without the noise of cutting them off, for a program that makes
// integers of DecodeFloat's output. One serves one sound, in order.
type SoftClip struct {
	lib *library
	mem []float32 // for each channel
}

// NewSoftClip makes one for interleaved samples of 1 to 255 channels.
func NewSoftClip(channels int) (*SoftClip, error) {
	if channels < 1 || channels > 255 {
		return nil, fmt.Errorf("opus: clipping %d channels: it must be from 1 to 255", channels)
	}
	lib, err := openLibrary()
	if err != nil {
		return nil, err
	}
	return &SoftClip{lib, make([]float32, channels)}, nil
}

// Clip changes pcm in place, interleaved samples (opus_pcm_soft_clip).
func (s *SoftClip) Clip(pcm []float32) error {
	samples, err := wholeSamples(len(pcm), len(s.mem))
	if err != nil {
		return err
	}
	if int64(samples) > math.MaxInt32 {
		return fmt.Errorf("opus: clipping %d samples at once: it must be %d at most", samples, math.MaxInt32)
	}
	if samples > 0 {
		s.lib.softClip(&pcm[0], int32(samples), int32(len(s.mem)), &s.mem[0])
	}
	return nil
}
