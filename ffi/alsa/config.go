package alsa

import (
	"fmt"
	"strconv"
)

// Direction says which way the sound goes. The values are those of snd_pcm_stream_t.
type Direction uint8

const (
	Playback Direction = iota
	Capture
)

func (d Direction) String() string {
	switch d {
	case Playback:
		return "playback"
	case Capture:
		return "capture"
	}
	return "direction " + strconv.Itoa(int(d))
}

// Never is for thresholds of Config that shall not be reached.
const Never = -1

// Config is what to ask of a device, and afterwards what it has set. The zero value asks for 48,000 frames/s, 2 channels (or
// the nearest the device has), S16LE, periods of 20 ms and a ring of 4 of them.
type Config struct {
	Rate       int    // frames a second; given, it is set exactly or Open fails, unless NearRate
	Channels   int    // samples in a frame; given, it is set exactly or Open fails
	Format     Format // given or not, it is set exactly or Open fails; not given it is S16LE
	Period     int    // frames between two interrupts; the device takes the nearest it has
	Buffer     int    // frames in the device's ring, at least 2 periods; the device takes the nearest it has
	Access     Access // set exactly or Open fails
	NearRate   bool   // take the nearest rate the device has rather than fail
	NoResample bool   // let alsa-lib's plugins offer only the rates that the hardware has

	// When the stream starts, stops and wakes the program, in frames of the ring.

	StartAt     int   // playback: frames written; capture: frames asked for; 0: a ring full of whole periods, and 1; Never: only Start does it
	StopAt      int   // frames free (playback) or captured that make an xrun; 0: all of the ring; Never: the stream runs over what is old
	SilenceAt   int   // playback fills with silence when fewer frames than this are left to play; 0: never
	SilenceSize int   // how many frames of silence at once, at most SilenceAt; Never: all that was played, and SilenceAt must be 0
	WakeAt      int   // frames free or captured that end a wait, at least one period; 0: one period
	Clock       Clock // of timestamps; a device may have another
}

// Limits that keep frame and byte counts inside 32 bits; no device comes near them.
const (
	maxRate     = 1 << 24
	maxChannels = 1 << 10
	maxFrames   = 1 << 24
)

// Defaults for a Config that leaves them out.
const (
	defaultRate     = 48000
	defaultChannels = 2
	defaultPeriods  = 4
	periodsASecond  = 50
)

// FrameBytes is the size of one frame: one sample of each channel.
func (c Config) FrameBytes() int { return c.Channels * c.Format.Bytes() }

// PeriodBytes is the size of one period, the natural size of a pool's buffers.
func (c Config) PeriodBytes() int { return c.Period * c.FrameBytes() }

func (c Config) String() string {
	return fmt.Sprintf("%d Hz, %d channels, %v, %v, period %d, buffer %d", c.Rate, c.Channels, c.Format, c.Access, c.Period, c.Buffer)
}

// check refuses what cannot be asked of any device.
func (c Config) check() error {
	for _, f := range []struct {
		name, unit      string
		value, min, max int
	}{
		{"rate", "frames a second", c.Rate, 0, maxRate},
		{"channels", "channels", c.Channels, 0, maxChannels},
		{"period", "frames", c.Period, 0, maxFrames},
		{"buffer", "frames", c.Buffer, 0, maxFrames},
		{"start threshold", "frames", c.StartAt, Never, maxFrames},
		{"stop threshold", "frames", c.StopAt, Never, maxFrames},
		{"silence threshold", "frames", c.SilenceAt, 0, maxFrames},
		{"silence size", "frames", c.SilenceSize, Never, maxFrames},
		{"wake-up", "frames", c.WakeAt, 0, maxFrames},
	} {
		if f.value < f.min || f.value > f.max {
			return fmt.Errorf("%s %d is out of range: give 1 to %d %s, or 0 for the default", f.name, f.value, f.max, f.unit)
		}
	}
	switch {
	case c.Format != 0 && c.Format.Bytes() == 0:
		return fmt.Errorf("%v is not known: use one of the Format constants, such as S16LE", c.Format)
	case c.Access > MMapPlanar:
		return fmt.Errorf("%v is not known: use one of the Access constants, such as RWInterleaved", c.Access)
	case c.Clock > ClockRealtime:
		return fmt.Errorf("%v is not known: use one of the Clock constants, such as ClockMonotonic", c.Clock)
	case c.Buffer != 0 && c.Period != 0 && c.Buffer/2 < c.Period:
		return fmt.Errorf("buffer %d holds less than 2 periods of %d frames: give at least %d", c.Buffer, c.Period, 2*c.Period)
	case c.SilenceSize == Never && c.SilenceAt != 0:
		return fmt.Errorf("silence threshold %d with silence over all that was played: leave SilenceAt 0", c.SilenceAt)
	case c.SilenceSize > c.SilenceAt:
		return fmt.Errorf("silence size %d is above the silence threshold %d: give at most that", c.SilenceSize, c.SilenceAt)
	}
	return nil
}
