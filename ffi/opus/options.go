package opus

import (
	"fmt"
	"math"
)

// options are the requests that encoders, decoders and their streams take alike: the generic ones of opus_defines.h.
type options struct {
	core   *core
	kind   kind
	offset uintptr // of the state in the core's, not 0 for a stream's
}

func (o *options) set(request, value int32, what string) error {
	if !o.core.state.valid() {
		return ErrClosed
	}
	if result := o.core.set(o.kind, o.core.at(o.offset), request, value); result < 0 {
		return fmt.Errorf("opus: %s to %d: %w", what, value, Error(result))
	}
	return nil
}

func (o *options) get(request int32, what string) (int, error) {
	if !o.core.state.valid() {
		return 0, ErrClosed
	}
	v, result := o.core.get(o.kind, o.core.at(o.offset), request)
	if result < 0 {
		return 0, check(what, result)
	}
	return int(v), nil
}

func (o *options) getFlag(request int32, what string) (bool, error) {
	v, err := o.get(request, what)
	return v != 0, err
}

func flag(on bool) int32 {
	if on {
		return 1
	}
	return 0
}

// SampleRate is the rate in Hz that it was made for (OPUS_GET_SAMPLE_RATE).
func (o *options) SampleRate() int { return o.core.rate }

// FinalRange is the state of the entropy coder after the last packet. That of the decoder is that of the encoder, if the packet came
// over whole; of several streams it is the exclusive or (OPUS_GET_FINAL_RANGE).
func (o *options) FinalRange() (uint32, error) {
	v, err := o.get(getFinalRange, "asking for the final range")
	return uint32(v), err
}

// Bandwidth is the bandwidth of the last packet (OPUS_GET_BANDWIDTH). Before the first one a decoder has none and answers 0.
func (o *options) Bandwidth() (Bandwidth, error) {
	v, err := o.get(setBandwidth+1, "asking for the bandwidth")
	return Bandwidth(v), err
}

// SetPhaseInversionDisabled turns the inverted phases of intensity stereo off, for the good of mono mixes (OPUS_SET_PHASE_INVERSION_DISABLED).
func (o *options) SetPhaseInversionDisabled(off bool) error {
	return o.set(setPhaseInversionOff, flag(off), "setting phase inversion")
}

// PhaseInversionDisabled is what SetPhaseInversionDisabled set (OPUS_GET_PHASE_INVERSION_DISABLED).
func (o *options) PhaseInversionDisabled() (bool, error) {
	return o.getFlag(setPhaseInversionOff+1, "asking for phase inversion")
}

// SetComplexity sets the work done for quality, 0 (least) to 10. Encoders have it in every libopus. In a decoder of libopus 1.5 or later,
// built for it, 5 conceals with a neural network, 6 and 7 enhance speech with one; its default is 0. Older decoders answer
// errors.ErrUnsupported (OPUS_SET_COMPLEXITY).
func (o *options) SetComplexity(n int) error {
	if n < 0 || n > 10 {
		return fmt.Errorf("opus: complexity of %d: it must be from 0 to 10", n)
	}
	return o.set(setComplexity, int32(n), "setting the complexity")
}

// Complexity is the work done for quality, 0 to 10 (OPUS_GET_COMPLEXITY).
func (o *options) Complexity() (int, error) {
	return o.get(setComplexity+1, "asking for the complexity")
}

// Reset forgets the sound so far, as if nothing had been encoded or decoded. Options stay (OPUS_RESET_STATE).
func (o *options) Reset() error {
	if !o.core.state.valid() {
		return ErrClosed
	}
	return check("resetting the state", o.core.set(o.kind, o.core.at(o.offset), resetState, 0))
}

// Close gives the state's block back. It may be called again.
func (e *encoder) Close() error { return e.core.close() }

// Channels is the number of channels that the encoder was made for.
func (e *encoder) Channels() int { return e.core.channels }

// Close gives the state's blocks back. It may be called again.
func (d *decoder) Close() error { return d.core.close() }

// Channels is the number of channels that the decoder was made for.
func (d *decoder) Channels() int { return d.core.channels }

// Reset forgets the sound so far, as if nothing had been decoded. Options stay (OPUS_RESET_STATE).
func (d *decoder) Reset() error {
	d.last = lastTOC{}
	return d.options.Reset()
}

// decoderOptions are the requests that decoders and their streams take.
type decoderOptions struct{ options }

// SetGain scales the output by gain/256 dB, -32768 to 32767. It survives Reset (OPUS_SET_GAIN).
func (o *decoderOptions) SetGain(gain int) error {
	if gain < math.MinInt16 || gain > math.MaxInt16 {
		return fmt.Errorf("opus: gain of %d/256 dB: it must be from -32768 to 32767", gain)
	}
	return o.set(setGain, int32(gain), "setting the gain")
}

// Gain is what SetGain set, in 1/256 dB (OPUS_GET_GAIN).
func (o *decoderOptions) Gain() (int, error) { return o.get(getGain, "asking for the gain") }

// LastPacketDuration is the duration of the last packet, decoded or made up, in samples (OPUS_GET_LAST_PACKET_DURATION).
func (o *decoderOptions) LastPacketDuration() (int, error) {
	return o.get(getLastPacketDuration, "asking for the last packet's duration")
}

// Pitch is the pitch period of the last frame in samples at 48 kHz, 0 where it has none (OPUS_GET_PITCH). Decoders of several streams
// answer errors.ErrUnsupported; their streams know.
func (o *decoderOptions) Pitch() (int, error) { return o.get(getPitch, "asking for the pitch") }

// SetOSCEBWE has speech of wideband packets extended to full bandwidth, at 48 kHz (OPUS_SET_OSCE_BWE, libopus 1.6 or later built for it;
// errors.ErrUnsupported elsewhere).
func (o *decoderOptions) SetOSCEBWE(on bool) error {
	return o.set(setOSCEBWE, flag(on), "setting bandwidth extension")
}

// OSCEBWE is what SetOSCEBWE set (OPUS_GET_OSCE_BWE).
func (o *decoderOptions) OSCEBWE() (bool, error) {
	return o.getFlag(setOSCEBWE+1, "asking for bandwidth extension")
}

// SetIgnoreExtensions has the decoder pass over extensions in the padding of packets; DRED is read apart (OPUS_SET_IGNORE_EXTENSIONS,
// libopus 1.6 or later; errors.ErrUnsupported elsewhere).
func (o *decoderOptions) SetIgnoreExtensions(on bool) error {
	return o.set(setIgnoreExtensions, flag(on), "setting the passing over of extensions")
}

// IgnoreExtensions is what SetIgnoreExtensions set (OPUS_GET_IGNORE_EXTENSIONS).
func (o *decoderOptions) IgnoreExtensions() (bool, error) {
	return o.getFlag(setIgnoreExtensions+1, "asking for extensions")
}
