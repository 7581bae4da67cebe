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

// Format is how one sample is stored. The values are those of snd_pcm_format_t plus one, so that 0 means none was asked for.
type Format uint8

const (
	S8        Format = 1
	U8        Format = 2
	S16LE     Format = 3
	S16BE     Format = 4
	S24LE     Format = 7 // low 24 bits of 32
	S32LE     Format = 11
	S32BE     Format = 12
	Float32LE Format = 15 // -1 to 1
	Float64LE Format = 17
	MuLaw     Format = 21
	ALaw      Format = 22
	S24Packed Format = 33 // 3 bytes, little-endian (S24_3LE)
)

// formats lists what Format knows, most usual first.
func formats() []Format {
	return []Format{S16LE, S32LE, S24LE, S24Packed, Float32LE, S16BE, S32BE, Float64LE, U8, S8, MuLaw, ALaw}
}

// Bytes is the size of one sample, 0 if f is not one of the constants.
func (f Format) Bytes() int {
	switch f {
	case S8, U8, MuLaw, ALaw:
		return 1
	case S16LE, S16BE:
		return 2
	case S24Packed:
		return 3
	case S24LE, S32LE, S32BE, Float32LE:
		return 4
	case Float64LE:
		return 8
	}
	return 0
}

// String is alsa-lib's name, as in aplay -f.
func (f Format) String() string {
	switch f {
	case S8:
		return "S8"
	case U8:
		return "U8"
	case S16LE:
		return "S16_LE"
	case S16BE:
		return "S16_BE"
	case S24LE:
		return "S24_LE"
	case S32LE:
		return "S32_LE"
	case S32BE:
		return "S32_BE"
	case Float32LE:
		return "FLOAT_LE"
	case Float64LE:
		return "FLOAT64_LE"
	case MuLaw:
		return "MU_LAW"
	case ALaw:
		return "A_LAW"
	case S24Packed:
		return "S24_3LE"
	}
	return "format " + strconv.Itoa(int(f))
}

// Config is what to ask of a device, and afterwards what it has set. The zero value asks for 48,000 frames/s, 2 channels (or
// the nearest the device has), S16LE, periods of 20 ms and a ring of 4 of them.
type Config struct {
	Rate     int    // frames a second; given, it is set exactly or Open fails, unless NearRate
	Channels int    // samples in a frame; given, it is set exactly or Open fails
	Format   Format // given or not, it is set exactly or Open fails; not given it is S16LE
	Period   int    // frames between two interrupts; the device takes the nearest it has
	Buffer   int    // frames in the device's ring, at least 2 periods; the device takes the nearest it has
	NearRate bool   // take the nearest rate the device has rather than fail
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

// FrameBytes is the size of one frame: one sample of each channel, interleaved.
func (c Config) FrameBytes() int { return c.Channels * c.Format.Bytes() }

// PeriodBytes is the size of one period, the natural size of a pool's buffers.
func (c Config) PeriodBytes() int { return c.Period * c.FrameBytes() }

func (c Config) String() string {
	return fmt.Sprintf("%d Hz, %d channels, %v, period %d, buffer %d", c.Rate, c.Channels, c.Format, c.Period, c.Buffer)
}

// check refuses what cannot be asked of any device.
func (c Config) check() error {
	for _, f := range []struct {
		name, unit string
		value, max int
	}{
		{"rate", "frames a second", c.Rate, maxRate},
		{"channels", "channels", c.Channels, maxChannels},
		{"period", "frames", c.Period, maxFrames},
		{"buffer", "frames", c.Buffer, maxFrames},
	} {
		if f.value < 0 || f.value > f.max {
			return fmt.Errorf("%s %d is out of range: give 1 to %d %s, or 0 for the default", f.name, f.value, f.max, f.unit)
		}
	}
	if c.Format != 0 && c.Format.Bytes() == 0 {
		return fmt.Errorf("%v is not known: use one of the Format constants, such as S16LE", c.Format)
	}
	if c.Buffer != 0 && c.Period != 0 && c.Buffer/2 < c.Period {
		return fmt.Errorf("buffer %d holds less than 2 periods of %d frames: give at least %d", c.Buffer, c.Period, 2*c.Period)
	}
	return nil
}
