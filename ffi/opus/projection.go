package opus

import (
	"errors"
	"fmt"

	"github.com/poolgen/poolgen/runtime/pool"
)

// ProjectionEncoderConfig is what an encoder of ambisonics needs to know.
type ProjectionEncoderConfig struct {
	SampleRate  int         // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels    int         // (1+order)², or 2 more for a stereo track that stays where it is; order 1 to 3, newer libraries 5
	Application Application // 0 means Audio
	State       *pool.Pool  // where the state's block comes from; its blocks hold ProjectionEncoderSize bytes. nil: a pool of its own
}

// family is the only one that has a matrix (RFC 8486, section 3.2).
const family = 3

// ProjectionEncoder encodes ambisonics after mixing them by a matrix, by channel mapping family 3 of RFC 8486. libopus has it since 1.3,
// where it was built with it; elsewhere NewProjectionEncoder answers errors.ErrUnsupported. One goroutine at a time uses it.
type ProjectionEncoder struct{ encoder }

// ProjectionEncoderSize is how many bytes the state of an encoder takes, for ProjectionEncoderConfig.State.
func ProjectionEncoderSize(channels int) (int, error) {
	return size(families(channels, family), func(l *library) int32 { return known(l.projectionEncoderSize(int32(channels), family)) }, "a projection encoder of %d channels", channels)
}

// NewProjectionEncoder makes an encoder, which the caller closes.
func NewProjectionEncoder(c ProjectionEncoderConfig) (*ProjectionEncoder, error) {
	if err := validRate(c.SampleRate); err != nil {
		return nil, err
	}
	if c.Channels < 1 || c.Channels > 255 {
		return nil, fmt.Errorf("opus: %d channels: it must be from 1 to 255", c.Channels)
	}
	core, err := open(projectionEncoder, c.SampleRate, c.Channels, c.State, func(o *core) int32 {
		return known(o.lib.projectionEncoderSize(int32(c.Channels), family))
	})
	if err != nil {
		return nil, err
	}
	var streams, coupled int32
	a := c.Application.orAudio()
	result := known(core.lib.projectionEncoderInit(core.state.addr(), int32(c.SampleRate), int32(c.Channels), family, &streams, &coupled, int32(a)))
	if err := check("making a projection encoder", a.result(result)); err != nil {
		return nil, errors.Join(err, core.close())
	}
	core.layout = Layout{Streams: int(streams), Coupled: int(coupled)}
	return &ProjectionEncoder{newEncoder(core)}, nil
}

// Streams is how many streams a packet has, and how many of them are stereo, for the decoder.
func (e *ProjectionEncoder) Streams() (streams, coupled int) {
	return e.core.layout.Streams, e.core.layout.Coupled
}

// Stream has the options of stream i, 0 to Streams-1, valid until Close. Its bitrate is set anew for each packet.
func (e *ProjectionEncoder) Stream(i int) (*EncoderStream, error) { return e.encoder.stream(i) }

// Demixing is the matrix that a decoder needs, a new slice of 16-bit little-endian numbers, column by column, and the gain in 1/256 dB that
// its output wants (OPUS_PROJECTION_GET_DEMIXING_MATRIX and so on).
func (e *ProjectionEncoder) Demixing() (matrix []byte, gain int, err error) {
	n, err := e.get(getDemixingMatrixSize, "asking for the size of the matrix")
	if err != nil {
		return nil, 0, err
	}
	if gain, err = e.get(getDemixingMatrixGain, "asking for the matrix's gain"); err != nil {
		return nil, 0, err
	}
	matrix = make([]byte, n)
	return matrix, gain, check("asking for the matrix", e.core.bytes(getDemixingMatrix, matrix))
}

// ProjectionDecoderConfig is what a decoder of ambisonics needs to know.
type ProjectionDecoderConfig struct {
	SampleRate int        // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels   int        // 1 to 255
	Streams    int        // 1 to 255, of which the first ones are stereo:
	Coupled    int        // 0 to Streams; with Streams 255 at most
	Demixing   []byte     // the encoder's matrix, 2 bytes for each of Channels times Streams+Coupled; copied
	State      *pool.Pool // where the state's block comes from; its blocks hold ProjectionDecoderSize bytes. nil: a pool of its own
}

// ProjectionDecoder decodes what a ProjectionEncoder made; libopus has it as that. One goroutine at a time uses it.
type ProjectionDecoder struct{ decoder }

// ProjectionDecoderSize is how many bytes the state of a decoder takes, for ProjectionDecoderConfig.State.
func ProjectionDecoderSize(channels, streams, coupled int) (int, error) {
	return size(Layout{Streams: streams, Coupled: coupled}.counts(channels), func(l *library) int32 {
		return known(l.projectionDecoderSize(int32(channels), int32(streams), int32(coupled)))
	}, "a projection decoder of %d channels, %d streams, %d of them stereo", channels, streams, coupled)
}

// NewProjectionDecoder makes a decoder, which the caller closes.
func NewProjectionDecoder(c ProjectionDecoderConfig) (*ProjectionDecoder, error) {
	l := Layout{c.Streams, c.Coupled, nil}
	some := l
	if some.Mapping = make([]byte, max(0, min(c.Channels, 255))); c.Channels > 255 || c.Channels < 1 {
		return nil, fmt.Errorf("opus: %d channels: it must be from 1 to 255", c.Channels)
	}
	if err := some.valid(c.SampleRate, c.Channels); err != nil {
		return nil, err
	}
	if want := 2 * c.Channels * (c.Streams + c.Coupled); len(c.Demixing) != want {
		return nil, fmt.Errorf("opus: matrix of %d bytes: it must have %d for %d channels, %d streams, %d of them stereo", len(c.Demixing), want, c.Channels, c.Streams, c.Coupled)
	}
	core, err := open(projectionDecoder, c.SampleRate, c.Channels, c.State, func(o *core) int32 {
		return known(o.lib.projectionDecoderSize(int32(c.Channels), int32(c.Streams), int32(c.Coupled)))
	})
	if err != nil {
		return nil, err
	}
	core.layout = l
	result := known(core.lib.projectionDecoderInit(core.state.addr(), int32(c.SampleRate), int32(c.Channels), int32(c.Streams), int32(c.Coupled), &c.Demixing[0], int32(len(c.Demixing))))
	if err := check("making a projection decoder", result); err != nil {
		return nil, errors.Join(err, core.close())
	}
	return &ProjectionDecoder{newDecoder(core)}, nil
}

// Streams is how many streams a packet has, and how many of them are stereo.
func (d *ProjectionDecoder) Streams() (streams, coupled int) {
	return d.core.layout.Streams, d.core.layout.Coupled
}

// Stream has the options of stream i, 0 to Streams-1, valid until Close.
func (d *ProjectionDecoder) Stream(i int) (*DecoderStream, error) { return d.decoder.stream(i) }
