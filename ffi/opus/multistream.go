package opus

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Layout says which streams of a packet carry which channels, as the header of Ogg Opus does (RFC 7845, section 5.1.1).
type Layout struct {
	Streams int    // 1 to 255, of which the first ones are stereo:
	Coupled int    // 0 to Streams; with Streams 255 at most
	Mapping []byte // for each channel the decoded one that it is: the coupled streams' first, two each. 255 is silence
}

// single is the layout of a plain encoder or decoder.
func single(channels int) Layout { return Layout{Streams: 1, Coupled: channels - 1} }

func (l Layout) equal(o Layout) bool {
	return l.Streams == o.Streams && l.Coupled == o.Coupled && bytes.Equal(l.Mapping, o.Mapping)
}

func (l Layout) clone() Layout {
	l.Mapping = bytes.Clone(l.Mapping)
	return l
}

// valid checks what libopus is going to believe.
func (l Layout) valid(rate, channels int) error {
	if err := errors.Join(validRate(rate), l.counts(channels)); err != nil {
		return err
	}
	if len(l.Mapping) != channels {
		return fmt.Errorf("opus: mapping of %d channels for %d: it must have an entry for each", len(l.Mapping), channels)
	}
	for i, m := range l.Mapping {
		if int(m) >= l.Streams+l.Coupled && m != 255 {
			return fmt.Errorf("opus: channel %d is mapped to %d of %d: it must be less, or 255 for silence", i, m, l.Streams+l.Coupled)
		}
	}
	return nil
}

// counts checks the numbers alone: libopus multiplies them with the size of a state.
func (l Layout) counts(channels int) error {
	switch {
	case channels < 1 || channels > 255:
		return fmt.Errorf("opus: %d channels: it must be from 1 to 255", channels)
	case l.Streams < 1 || l.Streams > 255 || l.Coupled < 0 || l.Coupled > l.Streams || l.Streams+l.Coupled > 255:
		return fmt.Errorf("opus: %d streams, %d of them stereo: at least one, and together 255 at most", l.Streams, l.Coupled)
	}
	return nil
}

// families checks the numbers of an encoder that chooses its layout.
func families(channels, family int) error {
	if channels < 1 || channels > 255 || family < 0 || family > 255 {
		return fmt.Errorf("opus: %d channels of family %d: both must be up to 255", channels, family)
	}
	return nil
}

// covered checks that an encoder has a channel for each stream, two for a stereo one: libopus would read before the samples.
func (l Layout) covered() error {
	for m := range l.Streams + l.Coupled {
		if bytes.IndexByte(l.Mapping, byte(m)) < 0 {
			return fmt.Errorf("opus: no channel of %v is mapped to %d of %d: an encoder must have one for each", l.Mapping, m, l.Streams+l.Coupled)
		}
	}
	return nil
}

// size turns libopus's answer to the question for a size into one of Go; wrong is what is wrong with the question.
func size(wrong error, ask func(*library) int32, what string, a ...any) (int, error) {
	if wrong != nil {
		return 0, fmt.Errorf("%w: %w", wrong, BadArg)
	}
	lib, err := openLibrary()
	if err != nil {
		return 0, err
	}
	n := ask(lib)
	if n == 0 {
		n = int32(BadArg)
	}
	if n < 0 {
		return 0, fmt.Errorf("opus: asking for the size of "+what+": %w", append(a, Error(n))...)
	}
	return int(n), nil
}

// MultistreamEncoderConfig is what an encoder of several streams needs to know.
type MultistreamEncoderConfig struct {
	SampleRate  int // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels    int // 1 to 255
	Layout      Layout
	Application Application // 0 means Audio
	State       *pool.Pool  // where the state's block comes from; its blocks hold MultistreamEncoderSize bytes. nil: a pool of its own
}

// MultistreamEncoder makes packets of several streams, for more than two channels. A packet has up to MaxPacket bytes for each stream. Options
// are those of all streams together, and a few that libopus only has for each answer errors.ErrUnsupported: see Stream. One goroutine
// at a time uses it.
type MultistreamEncoder struct{ encoder }

// MultistreamEncoderSize is how many bytes the state of an encoder takes, for MultistreamEncoderConfig.State.
func MultistreamEncoderSize(streams, coupled int) (int, error) {
	return size(Layout{Streams: streams, Coupled: coupled}.counts(1), func(l *library) int32 { return l.msEncoderSize(int32(streams), int32(coupled)) }, "an encoder of %d streams, %d of them stereo", streams, coupled)
}

// NewMultistreamEncoder makes an encoder, which the caller closes. Each stream must have a channel.
func NewMultistreamEncoder(c MultistreamEncoderConfig) (*MultistreamEncoder, error) {
	if err := c.Layout.valid(c.SampleRate, c.Channels); err != nil {
		return nil, err
	}
	if err := c.Layout.covered(); err != nil {
		return nil, err
	}
	l := c.Layout.clone()
	core, err := open(multistreamEncoder, c.SampleRate, c.Channels, c.State, func(o *core) int32 { return o.lib.msEncoderSize(int32(l.Streams), int32(l.Coupled)) })
	if err != nil {
		return nil, err
	}
	core.layout = l
	a := c.Application.orAudio()
	result := core.lib.msEncoderInit(core.state.addr(), int32(c.SampleRate), int32(c.Channels), int32(l.Streams), int32(l.Coupled), &l.Mapping[0], int32(a))
	if err := check("making a multistream encoder", a.result(result)); err != nil {
		return nil, errors.Join(err, core.close())
	}
	return &MultistreamEncoder{newEncoder(core)}, nil
}

// SurroundEncoderConfig is what NewSurroundEncoder needs to know.
type SurroundEncoderConfig struct {
	SampleRate  int         // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels    int         // as many as the family has: see there
	Family      int         // 0: mono or stereo; 1: Vorbis order, 1 to 8; 2: ambisonics; 255: without order
	Application Application // 0 means Audio
	State       *pool.Pool  // where the state's block comes from; its blocks hold SurroundEncoderSize bytes. nil: a pool of its own
}

// SurroundEncoderSize is how many bytes the state of an encoder takes, for SurroundEncoderConfig.State.
func SurroundEncoderSize(channels, family int) (int, error) {
	return size(families(channels, family), func(l *library) int32 { return l.surroundSize(int32(channels), int32(family)) }, "an encoder of %d channels of family %d", channels, family)
}

// NewSurroundEncoder makes an encoder for loudspeakers around the listener, or ambisonics, by one of the channel mapping families of RFC 7845
// and RFC 8486: libopus chooses the layout, which Layout tells, and shares the bits out by what is heard.
func NewSurroundEncoder(c SurroundEncoderConfig) (*MultistreamEncoder, error) {
	if err := validRate(c.SampleRate); err != nil {
		return nil, err
	}
	if err := families(c.Channels, c.Family); err != nil {
		return nil, err
	}
	core, err := open(multistreamEncoder, c.SampleRate, c.Channels, c.State, func(o *core) int32 { return o.lib.surroundSize(int32(c.Channels), int32(c.Family)) })
	if err != nil {
		return nil, err
	}
	var streams, coupled int32
	mapping := make([]byte, c.Channels)
	a := c.Application.orAudio()
	result := core.lib.surroundInit(core.state.addr(), int32(c.SampleRate), int32(c.Channels), int32(c.Family), &streams, &coupled, &mapping[0], int32(a))
	if err := check("making a surround encoder", a.result(result)); err != nil {
		return nil, errors.Join(err, core.close())
	}
	core.layout = Layout{int(streams), int(coupled), mapping}
	return &MultistreamEncoder{newEncoder(core)}, nil
}

// Layout is which streams carry which channels, for the decoder; the mapping is a copy.
func (e *MultistreamEncoder) Layout() Layout { return e.core.layout.clone() }

// Stream has the options of stream i, 0 to Streams-1, valid until Close. Its bitrate is set anew for each packet.
func (e *MultistreamEncoder) Stream(i int) (*EncoderStream, error) { return e.encoder.stream(i) }

// EncoderStream has the options of one stream of an encoder.
type EncoderStream struct{ encoderOptions }

// DecoderStream has the options of one stream of a decoder.
type DecoderStream struct{ decoderOptions }

func (e *encoder) stream(i int) (*EncoderStream, error) {
	o, err := e.core.streamOptions(i, plainEncoder)
	if err != nil {
		return nil, err
	}
	return &EncoderStream{encoderOptions{o}}, nil
}

func (d *decoder) stream(i int) (*DecoderStream, error) {
	o, err := d.core.streamOptions(i, plainDecoder)
	if err != nil {
		return nil, err
	}
	return &DecoderStream{decoderOptions{o}}, nil
}

func (c *core) streamOptions(i int, k kind) (options, error) {
	if !c.state.valid() {
		return options{}, ErrClosed
	}
	if i < 0 || i >= c.layout.Streams {
		return options{}, fmt.Errorf("opus: stream %d of %d: the first one is 0", i, c.layout.Streams)
	}
	offset, result := c.stream(int32(i))
	if err := check("asking for a stream", result); err != nil {
		return options{}, err
	}
	return options{core: c, kind: k, offset: offset}, nil
}

// MultistreamDecoderConfig is what a decoder of several streams needs to know.
type MultistreamDecoderConfig struct {
	SampleRate int // Hz: 8000, 12000, 16000, 24000 or 48000
	Channels   int // 1 to 255
	Layout     Layout
	State      *pool.Pool // where the state's block comes from; its blocks hold MultistreamDecoderSize bytes. nil: a pool of its own
}

// MultistreamDecoder turns packets of several streams into samples. Options that libopus only has for each stream answer
// errors.ErrUnsupported: see Stream. One goroutine at a time uses it.
type MultistreamDecoder struct{ decoder }

// MultistreamDecoderSize is how many bytes the state of a decoder takes, for MultistreamDecoderConfig.State.
func MultistreamDecoderSize(streams, coupled int) (int, error) {
	return size(Layout{Streams: streams, Coupled: coupled}.counts(1), func(l *library) int32 { return l.msDecoderSize(int32(streams), int32(coupled)) }, "a decoder of %d streams, %d of them stereo", streams, coupled)
}

// NewMultistreamDecoder makes a decoder, which the caller closes.
func NewMultistreamDecoder(c MultistreamDecoderConfig) (*MultistreamDecoder, error) {
	if err := c.Layout.valid(c.SampleRate, c.Channels); err != nil {
		return nil, err
	}
	l := c.Layout.clone()
	core, err := open(multistreamDecoder, c.SampleRate, c.Channels, c.State, func(o *core) int32 { return o.lib.msDecoderSize(int32(l.Streams), int32(l.Coupled)) })
	if err != nil {
		return nil, err
	}
	core.layout = l
	result := core.lib.msDecoderInit(core.state.addr(), int32(c.SampleRate), int32(c.Channels), int32(l.Streams), int32(l.Coupled), &l.Mapping[0])
	if err := check("making a multistream decoder", result); err != nil {
		return nil, errors.Join(err, core.close())
	}
	return &MultistreamDecoder{newDecoder(core)}, nil
}

// Layout is which streams carry which channels; the mapping is a copy.
func (d *MultistreamDecoder) Layout() Layout { return d.core.layout.clone() }

// Stream has the options of stream i, 0 to Streams-1, valid until Close.
func (d *MultistreamDecoder) Stream(i int) (*DecoderStream, error) { return d.decoder.stream(i) }
