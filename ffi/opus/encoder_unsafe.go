package opus

import (
	"errors"
	"fmt"
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
)

// EncoderConfig is what an encoder needs to know; options that can change while it runs have methods.
type EncoderConfig struct {
	SampleRate  int         // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels    int         // 1 or 2
	Application Application // 0 means Audio
	State       *pool.Pool  // where the state's block comes from; its blocks hold EncoderSize bytes. nil: a pool of its own
}

// Encoder makes Opus packets. One goroutine at a time uses it.
type Encoder struct {
	lib      *library
	state    state
	rate     int
	channels int
}

// EncoderSize is how many bytes the state of an encoder takes, for EncoderConfig.State.
func EncoderSize(channels int) (int, error) {
	lib, err := openLibrary()
	if err != nil {
		return 0, err
	}
	n := lib.encoderSize(int32(channels))
	if n <= 0 {
		return 0, fmt.Errorf("opus: %d channels: it must be 1 or 2", channels)
	}
	return int(n), nil
}

// NewEncoder makes an encoder, which the caller closes. Without libopus the error names the library and its package.
func NewEncoder(c EncoderConfig) (*Encoder, error) {
	if err := validFormat(c.SampleRate, c.Channels); err != nil {
		return nil, err
	}
	if c.Application == 0 {
		c.Application = Audio
	}
	lib, err := openLibrary()
	if err != nil {
		return nil, err
	}
	e := &Encoder{lib: lib, rate: c.SampleRate, channels: c.Channels}
	if e.state, err = newState("encoder", int(lib.encoderSize(int32(c.Channels))), c.State); err != nil {
		return nil, err
	}
	if err := check("making an encoder", lib.encoderInit(e.state.ptr(), int32(c.SampleRate), int32(c.Channels), int32(c.Application))); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Encode encodes pcm, one packet's worth of interleaved samples, into packet and returns the packet's length in bytes.
// MaxPacket bytes are always enough; a smaller packet limits the bitrate. A length of 1 or 2 bytes means silence under DTX,
// which need not be sent.
func (e *Encoder) Encode(pcm []int16, packet []byte) (int, error) {
	if !e.state.valid() {
		return 0, ErrClosed
	}
	samples, err := wholeSamples(len(pcm), e.channels)
	if err != nil {
		return 0, err
	}
	if !validFrame(samples, e.rate) {
		return 0, badFrame(samples, e.rate)
	}
	if len(packet) == 0 {
		return 0, check("encoding into 0 bytes", int32(BufferTooSmall))
	}
	n := e.lib.encode(e.state.ptr(), unsafe.Pointer(&pcm[0]), int32(samples), unsafe.Pointer(&packet[0]), int32(min(len(packet), MaxPacket)))
	return int(max(n, 0)), check("encoding", n)
}

// EncodeBuf encodes pcm's Len bytes of samples, in the machine's byte order, into packet, whose whole Cap may be used, and sets packet's Len.
// Both references stay the caller's; packet's is the only one, and after an error of libopus packet's Len is 0.
func (e *Encoder) EncodeBuf(pcm, packet pool.Buf) error {
	if pcm == packet {
		return errors.New("opus: encoding a buffer into itself: it must be another one")
	}
	samples, err := int16s(pcm.Bytes())
	if err != nil {
		return err
	}
	packet.SetLen(packet.Cap())
	n, err := e.Encode(samples, packet.Bytes())
	packet.SetLen(n)
	return err
}

// Close gives the state's block back. It may be called again.
func (e *Encoder) Close() error { return e.state.close() }

// SampleRate is the rate in Hz that the encoder was made for.
func (e *Encoder) SampleRate() int { return e.rate }

// Channels is the number of channels that the encoder was made for.
func (e *Encoder) Channels() int { return e.channels }

func (e *Encoder) set(request, value int32, what string) error {
	if !e.state.valid() {
		return ErrClosed
	}
	return check(what, e.lib.encoderSet(e.state.ptr(), request, value))
}

func (e *Encoder) get(request int32, what string) (int, error) {
	if !e.state.valid() {
		return 0, ErrClosed
	}
	v, result := e.lib.encoderGet(e.state.ptr(), request)
	return int(v), check(what, result)
}

// state is a block of a pool that holds a codec's state.
type state struct {
	buf pool.Buf
	own *pool.Pool // made for this state alone
}

func newState(what string, size int, from *pool.Pool) (state, error) {
	s := state{}
	var err error
	if from == nil {
		if from, err = pool.New(size, pool.Options{Name: "opus-" + what, Max: 1, Prealloc: 1, External: 1}); err != nil {
			return s, fmt.Errorf("opus: making room for the state of the %s: %w", what, err)
		}
		s.own = from
	}
	if s.buf, err = from.Get(); err != nil {
		if s.own != nil {
			err = errors.Join(err, s.own.Close())
		}
		return state{}, fmt.Errorf("opus: taking a block for the state of the %s: %w", what, err)
	}
	if c := s.buf.Cap(); c < size {
		s.buf.Release()
		return state{}, fmt.Errorf("opus: a block of pool %q has %d bytes, the state of the %s takes %d", from.Name(), c, what, size)
	}
	return s, nil
}

func (s *state) valid() bool         { return s.buf.Pool() != nil }
func (s *state) ptr() unsafe.Pointer { return s.buf.Pointer() }

func (s *state) close() error {
	if !s.valid() {
		return nil
	}
	s.buf.Release()
	s.buf = pool.Buf{}
	if s.own != nil {
		return s.own.Close()
	}
	return nil
}

// int16s views bytes as samples in the machine's byte order.
func int16s(b []byte) ([]int16, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b)%2 != 0 || uintptr(unsafe.Pointer(&b[0]))%2 != 0 {
		return nil, fmt.Errorf("opus: %d bytes at %p are not whole 16-bit samples: set the buffer's Len to a multiple of 2", len(b), &b[0])
	}
	return unsafe.Slice((*int16)(unsafe.Pointer(&b[0])), len(b)/2), nil
}
