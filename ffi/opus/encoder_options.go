package opus

import (
	"errors"
	"fmt"
)

// encoderOptions are the requests that encoders and their streams take.
type encoderOptions struct{ options }

// SetBitrate sets the bitrate in bit/s, 500 to 512,000 for each stream, or Auto (the default) or BitrateMax (OPUS_SET_BITRATE).
func (o *encoderOptions) SetBitrate(bps int) error {
	streams := 1
	if o.kind != plainEncoder {
		streams = o.core.layout.Streams
	}
	if bps != Auto && bps != BitrateMax && (bps < 500 || bps > 512_000*streams) {
		return fmt.Errorf("opus: bitrate of %d bit/s: it must be from 500 to %d, Auto or BitrateMax", bps, 512_000*streams)
	}
	return o.set(setBitrate, int32(bps), "setting the bitrate")
}

// Bitrate is the bitrate in bit/s; where libopus decides, what it would take for frames of the last packet's duration (OPUS_GET_BITRATE).
func (o *encoderOptions) Bitrate() (int, error) {
	return o.get(setBitrate+1, "asking for the bitrate")
}

// SetMaxBandwidth bounds the bandwidth that the encoder chooses: Narrowband to Fullband, the default (OPUS_SET_MAX_BANDWIDTH).
func (o *encoderOptions) SetMaxBandwidth(b Bandwidth) error {
	if b < Narrowband || b > Fullband {
		return fmt.Errorf("opus: greatest bandwidth %d: it must be Narrowband to Fullband", b)
	}
	return o.set(setMaxBandwidth, int32(b), "setting the greatest bandwidth")
}

// MaxBandwidth is what SetMaxBandwidth set (OPUS_GET_MAX_BANDWIDTH).
func (o *encoderOptions) MaxBandwidth() (Bandwidth, error) {
	v, err := o.get(setMaxBandwidth+1, "asking for the greatest bandwidth")
	return Bandwidth(v), err
}

// SetBandwidth fixes the bandwidth, Narrowband to Fullband, or leaves it to libopus, BandwidthAuto (the default). Bandwidth tells what the
// last packet had (OPUS_SET_BANDWIDTH).
func (o *encoderOptions) SetBandwidth(b Bandwidth) error {
	if b != BandwidthAuto && (b < Narrowband || b > Fullband) {
		return fmt.Errorf("opus: bandwidth %d: it must be Narrowband to Fullband, or BandwidthAuto", b)
	}
	return o.set(setBandwidth, int32(b), "setting the bandwidth")
}

// SetVBR switches between variable bitrate (the default) and constant: with false every packet has the same size (OPUS_SET_VBR).
func (o *encoderOptions) SetVBR(on bool) error { return o.set(setVBR, flag(on), "setting VBR") }

// VBR reports whether the bitrate is variable (OPUS_GET_VBR).
func (o *encoderOptions) VBR() (bool, error) { return o.getFlag(setVBR+1, "asking for VBR") }

// SetConstrainedVBR bounds the variation of VBR to what one packet may add to the delay (the default; OPUS_SET_VBR_CONSTRAINT).
func (o *encoderOptions) SetConstrainedVBR(on bool) error {
	return o.set(setVBRConstraint, flag(on), "setting the constraint of VBR")
}

// ConstrainedVBR reports whether VBR is constrained (OPUS_GET_VBR_CONSTRAINT).
func (o *encoderOptions) ConstrainedVBR() (bool, error) {
	return o.getFlag(setVBRConstraint+1, "asking for constrained VBR")
}

// SetInbandFEC lets packets carry a coarse copy of the one before, as much as SetPacketLoss says is worth it. FECKeepMusic is
// errors.ErrUnsupported before libopus 1.4 (OPUS_SET_INBAND_FEC).
func (o *encoderOptions) SetInbandFEC(f FEC) error {
	if f < FECOff || f > FECKeepMusic {
		return fmt.Errorf("opus: in-band FEC %d: it must be FECOff, FECOn or FECKeepMusic", f)
	}
	err := o.set(setInbandFEC, int32(f), "setting in-band FEC")
	if f == FECKeepMusic && errors.Is(err, BadArg) {
		err = check("setting in-band FEC that keeps music", int32(Unimplemented))
	}
	return err
}

// InbandFEC is what SetInbandFEC set (OPUS_GET_INBAND_FEC).
func (o *encoderOptions) InbandFEC() (FEC, error) {
	v, err := o.get(setInbandFEC+1, "asking for in-band FEC")
	return FEC(v), err
}

// SetPacketLoss tells the encoder how many packets are lost, in percent, 0 (the default) to 100 (OPUS_SET_PACKET_LOSS_PERC).
func (o *encoderOptions) SetPacketLoss(percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("opus: packet loss of %d %%: it must be from 0 to 100", percent)
	}
	return o.set(setPacketLoss, int32(percent), "setting the packet loss")
}

// PacketLoss is what SetPacketLoss told, in percent (OPUS_GET_PACKET_LOSS_PERC).
func (o *encoderOptions) PacketLoss() (int, error) {
	return o.get(setPacketLoss+1, "asking for the packet loss")
}

// SetDTX lets the encoder stop sending during silence: it makes packets of 1 or 2 bytes, which need not be sent, and a longer one
// now and then (OPUS_SET_DTX).
func (o *encoderOptions) SetDTX(on bool) error { return o.set(setDTX, flag(on), "setting DTX") }

// DTX reports whether the encoder may stop sending during silence (OPUS_GET_DTX).
func (o *encoderOptions) DTX() (bool, error) { return o.getFlag(setDTX+1, "asking for DTX") }

// InDTX reports whether the last packet, under DTX, stands for silence (OPUS_GET_IN_DTX, libopus 1.3.1 or later; encoders of several
// streams answer errors.ErrUnsupported, their streams know).
func (o *encoderOptions) InDTX() (bool, error) {
	return o.getFlag(getInDTX, "asking whether DTX is at work")
}

// SetForceChannels has packets be mono (1) or stereo (2) whatever the input, or leaves it to libopus, Auto, the default
// (OPUS_SET_FORCE_CHANNELS).
func (o *encoderOptions) SetForceChannels(n int) error {
	if n != Auto && n != 1 && n != 2 {
		return fmt.Errorf("opus: forcing %d channels: it must be 1, 2 or Auto", n)
	}
	return o.set(setForceChannels, int32(n), "setting the forced channels")
}

// ForceChannels is what SetForceChannels set (OPUS_GET_FORCE_CHANNELS).
func (o *encoderOptions) ForceChannels() (int, error) {
	return o.get(setForceChannels+1, "asking for forced channels")
}

// SetSignal tells the encoder what it hears; the default is SignalAuto (OPUS_SET_SIGNAL).
func (o *encoderOptions) SetSignal(s Signal) error {
	return o.set(setSignal, int32(s), "setting the signal")
}

// Signal is what SetSignal told (OPUS_GET_SIGNAL).
func (o *encoderOptions) Signal() (Signal, error) {
	v, err := o.get(setSignal+1, "asking for the signal")
	return Signal(v), err
}

// SetApplication changes what the sound is for, before the first packet or after Reset only; BadArg otherwise (OPUS_SET_APPLICATION).
func (o *encoderOptions) SetApplication(a Application) error {
	return o.set(setApplication, int32(a), "setting the application")
}

// Application is what the sound is for (OPUS_GET_APPLICATION).
func (o *encoderOptions) Application() (Application, error) {
	v, err := o.get(setApplication+1, "asking for the application")
	return Application(v), err
}

// Lookahead is the encoder's delay in samples: that many samples of the decoded sound precede the first one encoded (OPUS_GET_LOOKAHEAD).
func (o *encoderOptions) Lookahead() (int, error) {
	return o.get(getLookahead, "asking for the lookahead")
}

// SetLSBDepth tells how many bits of the samples are not noise, 8 to 24, the default; with int16 samples more than 16 count as 16
// (OPUS_SET_LSB_DEPTH).
func (o *encoderOptions) SetLSBDepth(bits int) error {
	if bits < 8 || bits > 24 {
		return fmt.Errorf("opus: depth of %d bits: it must be from 8 to 24", bits)
	}
	return o.set(setLSBDepth, int32(bits), "setting the depth")
}

// LSBDepth is what SetLSBDepth told, in bits (OPUS_GET_LSB_DEPTH).
func (o *encoderOptions) LSBDepth() (int, error) {
	return o.get(setLSBDepth+1, "asking for the depth")
}

// SetPredictionDisabled has packets depend less on those before, which takes more bits and survives loss better
// (OPUS_SET_PREDICTION_DISABLED).
func (o *encoderOptions) SetPredictionDisabled(off bool) error {
	return o.set(setPredictionDisabled, flag(off), "setting prediction")
}

// PredictionDisabled is what SetPredictionDisabled set (OPUS_GET_PREDICTION_DISABLED).
func (o *encoderOptions) PredictionDisabled() (bool, error) {
	return o.getFlag(setPredictionDisabled+1, "asking for prediction")
}

// SetDREDDuration has packets carry up to n times 10 ms of the sound before them, 0 (none, the default) to 104, as deep redundancy
// (OPUS_SET_DRED_DURATION, libopus 1.5 or later built for it; errors.ErrUnsupported elsewhere).
func (o *encoderOptions) SetDREDDuration(n int) error {
	if n < 0 || n > 104 {
		return fmt.Errorf("opus: deep redundancy of %d times 10 ms: it must be from 0 to 104", n)
	}
	return o.set(setDREDDuration, int32(n), "setting deep redundancy")
}

// DREDDuration is what SetDREDDuration set, in units of 10 ms (OPUS_GET_DRED_DURATION).
func (o *encoderOptions) DREDDuration() (int, error) {
	return o.get(setDREDDuration+1, "asking for deep redundancy")
}

// SetQEXT adds what bits are left to quality, at high bitrates, in a way that older decoders pass over (OPUS_SET_QEXT, libopus 1.6 or
// later built for it; errors.ErrUnsupported elsewhere).
func (o *encoderOptions) SetQEXT(on bool) error {
	return o.set(setQEXT, flag(on), "setting the quality extension")
}

// QEXT is what SetQEXT set (OPUS_GET_QEXT).
func (o *encoderOptions) QEXT() (bool, error) {
	return o.getFlag(setQEXT+1, "asking for the quality extension")
}
