package opus

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Application tells the encoder what the sound is for.
type Application int32

// The applications of libopus.
const (
	VoIP               Application = 2048 // speech that must be understood
	Audio              Application = 2049 // faithful to the input; the default
	RestrictedLowDelay Application = 2051 // least delay, no speech mode
	RestrictedSILK     Application = 2052 // SILK only, frames of 10 ms or more; libopus 1.6 or later
	RestrictedCELT     Application = 2053 // CELT only; libopus 1.6 or later
)

// EncoderConfig is what an encoder needs to know; options that can change while it runs have methods.
type EncoderConfig struct {
	SampleRate  int         // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels    int         // 1 or 2
	Application Application // 0 means Audio
	State       *pool.Pool  // where the state's block comes from; its blocks hold EncoderSize bytes. nil: a pool of its own
}

// Encoder makes Opus packets. One goroutine at a time uses it.
type Encoder struct{ encoder }

// encoder is an encoder of any kind.
type encoder struct {
	encoderOptions
	duration int // samples that each packet holds by SetFrameSize; 0: as many as Encode is given
}

// EncoderSize is how many bytes the state of an encoder takes, for EncoderConfig.State.
func EncoderSize(channels int) (int, error) {
	if err := monoOrStereo(channels); err != nil {
		return 0, err
	}
	lib, err := openLibrary()
	if err != nil {
		return 0, err
	}
	return int(lib.encoderSize(int32(channels))), nil
}

// NewEncoder makes an encoder, which the caller closes. Without libopus the error names the library and its package. An application
// that an older libopus does not know is errors.ErrUnsupported.
func NewEncoder(c EncoderConfig) (*Encoder, error) {
	if err := validFormat(c.SampleRate, c.Channels); err != nil {
		return nil, err
	}
	core, err := open(plainEncoder, c.SampleRate, c.Channels, c.State, func(o *core) int32 { return o.lib.encoderSize(int32(c.Channels)) })
	if err != nil {
		return nil, err
	}
	a := c.Application.orAudio()
	result := core.lib.encoderInit(core.state.addr(), int32(c.SampleRate), int32(c.Channels), int32(a))
	if err := check("making an encoder", a.result(result)); err != nil {
		return nil, errors.Join(err, core.close())
	}
	return &Encoder{newEncoder(core)}, nil
}

func newEncoder(c *core) encoder {
	return encoder{encoderOptions: encoderOptions{options{core: c, kind: c.kind}}}
}

func (a Application) orAudio() Application {
	if a == 0 {
		return Audio
	}
	return a
}

// result is what to make of the result of an encoder's init function: older libraries take new applications for bad arguments.
func (a Application) result(result int32) int32 {
	if (a == RestrictedSILK || a == RestrictedCELT) && result == int32(BadArg) {
		return int32(Unimplemented)
	}
	return result
}

// Encode encodes pcm, one packet's worth of interleaved samples, into packet and returns the packet's length in bytes.
// MaxPacket bytes for each stream are always enough; a smaller packet limits the bitrate. A length of 1 or 2 bytes means silence
// under DTX, which need not be sent. After SetFrameSize a packet holds that much of pcm's beginning.
func (e *encoder) Encode(pcm []int16, packet []byte) (int, error) {
	return e.encode(unsafe.Pointer(unsafe.SliceData(pcm)), int16s, len(pcm), packet)
}

// EncodeFloat is Encode for samples of -1 to 1. Louder ones, up to 2, are kept, and clipped by decoders that make integers.
func (e *encoder) EncodeFloat(pcm []float32, packet []byte) (int, error) {
	return e.encode(unsafe.Pointer(unsafe.SliceData(pcm)), float32s, len(pcm), packet)
}

// encode is not generic: the compiler would lose sight of slices that stay on the stack.
func (e *encoder) encode(pcm unsafe.Pointer, of sample, n int, packet []byte) (int, error) {
	samples, err := e.samples(n, len(packet))
	if err != nil {
		return 0, err
	}
	size := e.core.encode(pcm, of, samples, packet)
	return int(max(size, 0)), check("encoding", size)
}

// samples is how many samples per channel go into a packet of n interleaved ones, or an error if none can be made of them.
func (e *encoder) samples(n, packet int) (int32, error) {
	if !e.core.state.valid() {
		return 0, ErrClosed
	}
	samples, err := wholeSamples(n, e.core.channels)
	if err != nil {
		return 0, err
	}
	if e.duration == 0 && !validFrame(samples, e.core.rate) {
		return 0, badFrame(samples, e.core.rate)
	}
	if e.duration != 0 && (samples < e.duration || samples > math.MaxInt32) {
		return 0, fmt.Errorf("opus: %d samples for packets of %d, which SetFrameSize chose: give at least as many", samples, e.duration)
	}
	if packet == 0 {
		return 0, check("encoding into 0 bytes", int32(BufferTooSmall))
	}
	return int32(samples), nil
}

// bounded is a length that C's opus_int32 can hold: what is beyond is not used.
func bounded(n int) int32 { return int32(min(n, math.MaxInt32)) }

// EncodeBuf encodes pcm's Len bytes of int16 samples, in the machine's byte order, into packet, whose whole Cap may be used, and sets
// packet's Len. Both references stay the caller's; packet's is the only one, and after an error of libopus packet's Len is 0.
func (e *encoder) EncodeBuf(pcm, packet pool.Buf) error { return e.encodeBuf(pcm, int16s, packet) }

// EncodeFloatBuf is EncodeBuf for float32 samples.
func (e *encoder) EncodeFloatBuf(pcm, packet pool.Buf) error {
	return e.encodeBuf(pcm, float32s, packet)
}

func (e *encoder) encodeBuf(pcm pool.Buf, of sample, packet pool.Buf) error {
	if pcm == packet {
		return errors.New("opus: encoding a buffer into itself: it must be another one")
	}
	samples, n, err := of.view(pcm.Bytes())
	if err != nil {
		return err
	}
	packet.SetLen(packet.Cap())
	size, err := e.encode(samples, of, n, packet.Bytes())
	packet.SetLen(size)
	return err
}

// SetFrameSize has each packet hold a given duration of the samples that Encode is given, which may be more: the rest must be given
// again. FrameSizeArg, the default, has a packet hold them all (OPUS_SET_EXPERT_FRAME_DURATION).
func (e *encoder) SetFrameSize(s FrameSize) error {
	if s < FrameSizeArg || s > FrameSize120ms {
		return fmt.Errorf("opus: frame size %d: it must be one of the constants FrameSizeArg to FrameSize120ms", s)
	}
	if err := e.set(setExpertFrameDuration, int32(s), "setting the frame size"); err != nil {
		return err
	}
	e.duration = s.samples(e.core.rate)
	return nil
}

// FrameSize is what SetFrameSize chose (OPUS_GET_EXPERT_FRAME_DURATION).
func (e *encoder) FrameSize() (FrameSize, error) {
	v, err := e.get(getExpertFrameDuration, "asking for the frame size")
	return FrameSize(v), err
}

// SetDNNBlob gives the encoder the weights of its neural networks, weights' Len bytes, for a libopus built without them; others answer
// errors.ErrUnsupported. The encoder holds a reference until it is closed; nobody may write to them meanwhile (OPUS_SET_DNN_BLOB,
// libopus 1.5 or later).
func (e *Encoder) SetDNNBlob(weights pool.Buf) error { return e.core.setBlob(weights) }
