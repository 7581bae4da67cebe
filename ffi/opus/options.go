package opus

import "fmt"

// Values that several options take, from opus_defines.h.
const (
	Auto       = -1000 // libopus decides
	BitrateMax = -1    // as many bits as the packet's buffer holds
)

// Signal tells the encoder what it hears.
type Signal int32

// The signals of libopus.
const (
	SignalAuto  Signal = Auto
	SignalVoice Signal = 3001
	SignalMusic Signal = 3002
)

// The requests below are those of opus_defines.h.

// SetBitrate sets the bitrate in bit/s, 500 to 512,000, or Auto or BitrateMax.
func (e *Encoder) SetBitrate(bps int) error {
	if bps != Auto && bps != BitrateMax && (bps < 500 || bps > 512_000) {
		return fmt.Errorf("opus: bitrate of %d bit/s: it must be from 500 to 512000, Auto or BitrateMax", bps)
	}
	return e.set(4002, int32(bps), fmt.Sprintf("setting the bitrate to %d bit/s", bps))
}

// Bitrate is the bitrate in bit/s.
func (e *Encoder) Bitrate() (int, error) { return e.get(4003, "asking for the bitrate") }

// SetComplexity sets the work done for quality, 0 (least) to 10.
func (e *Encoder) SetComplexity(n int) error {
	if n < 0 || n > 10 {
		return fmt.Errorf("opus: complexity of %d: it must be from 0 to 10", n)
	}
	return e.set(4010, int32(n), "setting the complexity")
}

// Complexity is the work done for quality, 0 to 10.
func (e *Encoder) Complexity() (int, error) { return e.get(4011, "asking for the complexity") }

// SetVBR switches between variable bitrate (the default) and constant: with false every packet has the same size.
func (e *Encoder) SetVBR(on bool) error { return e.set(4006, flag(on), "setting VBR") }

// VBR reports whether the bitrate is variable.
func (e *Encoder) VBR() (bool, error) { return e.getFlag(4007, "asking for VBR") }

// SetConstrainedVBR bounds the variation of VBR to what one packet may add to the delay (the default).
func (e *Encoder) SetConstrainedVBR(on bool) error { return e.set(4020, flag(on), "constraining VBR") }

// ConstrainedVBR reports whether VBR is constrained.
func (e *Encoder) ConstrainedVBR() (bool, error) {
	return e.getFlag(4021, "asking for constrained VBR")
}

// SetInbandFEC lets packets carry a coarse copy of the one before, as much as SetPacketLoss says is worth it.
func (e *Encoder) SetInbandFEC(on bool) error { return e.set(4012, flag(on), "setting in-band FEC") }

// InbandFEC reports whether packets carry copies.
func (e *Encoder) InbandFEC() (bool, error) { return e.getFlag(4013, "asking for in-band FEC") }

// SetPacketLoss tells the encoder how many packets are lost, in percent, 0 to 100.
func (e *Encoder) SetPacketLoss(percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("opus: packet loss of %d %%: it must be from 0 to 100", percent)
	}
	return e.set(4014, int32(percent), "setting the packet loss")
}

// PacketLoss is what SetPacketLoss told, in percent.
func (e *Encoder) PacketLoss() (int, error) { return e.get(4015, "asking for the packet loss") }

// SetDTX lets the encoder stop sending during silence.
func (e *Encoder) SetDTX(on bool) error { return e.set(4016, flag(on), "setting DTX") }

// DTX reports whether the encoder may stop sending during silence.
func (e *Encoder) DTX() (bool, error) { return e.getFlag(4017, "asking for DTX") }

// SetSignal tells the encoder what it hears.
func (e *Encoder) SetSignal(s Signal) error { return e.set(4024, int32(s), "setting the signal") }

// Signal is what SetSignal told.
func (e *Encoder) Signal() (Signal, error) {
	v, err := e.get(4025, "asking for the signal")
	return Signal(v), err
}

// SetApplication changes what the sound is for, before the first packet only.
func (e *Encoder) SetApplication(a Application) error {
	return e.set(4000, int32(a), "setting the application")
}

// Application is what the sound is for.
func (e *Encoder) Application() (Application, error) {
	v, err := e.get(4001, "asking for the application")
	return Application(v), err
}

// Lookahead is the encoder's delay in samples: that many samples of the decoded sound precede the first one encoded.
func (e *Encoder) Lookahead() (int, error) { return e.get(4027, "asking for the lookahead") }

func (e *Encoder) getFlag(request int32, what string) (bool, error) {
	v, err := e.get(request, what)
	return v != 0, err
}

func flag(on bool) int32 {
	if on {
		return 1
	}
	return 0
}
