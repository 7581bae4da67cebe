package alsa

import (
	"fmt"
	"strings"
)

// hwSpace is a configuration space of a PCM: all that its parameters may still be. The fields behind o are where C writes.
type hwSpace struct {
	lib *library
	h   handle
	o   ptr // snd_pcm_hw_params_t *
	u   *uint32
	n   *uintptr
	i   *int32
	dir *int32
}

// newSpace is all that the PCM can do; the caller frees it.
func newSpace(lib *library, h handle) (*hwSpace, Code) {
	o := new(ptr)
	if code := lib.hwNew(o); code < 0 {
		return nil, code
	}
	s := &hwSpace{lib, h, *o, new(uint32), new(uintptr), new(int32), new(int32)}
	if code := lib.hwAny(h, s.o); code < 0 {
		s.free()
		return nil, code
	}
	return s, 0
}

func (s *hwSpace) free() { s.lib.hwFree(s.o) }

// Each of these reads one number.

func (s *hwSpace) u32(get func(o ptr, v *uint32) Code) (int, Code) {
	code := get(s.o, s.u)
	return int(*s.u), code
}

func (s *hwSpace) u32dir(get func(o ptr, v *uint32, dir *int32) Code) (int, Code) {
	code := get(s.o, s.u, s.dir)
	return int(*s.u), code
}

func (s *hwSpace) size(get func(o ptr, v *uintptr) Code) (int, Code) {
	code := get(s.o, s.n)
	return int(min(*s.n, maxFrames)), code
}

func (s *hwSpace) sizeDir(get func(o ptr, v *uintptr, dir *int32) Code) (int, Code) {
	code := get(s.o, s.n, s.dir)
	return int(min(*s.n, maxFrames)), code
}

// setPeriod and setBuffer ask for the nearest and return it.

func (s *hwSpace) setPeriod(frames int) (int, Code) {
	*s.n, *s.dir = uintptr(frames), 0
	code := s.lib.hwSetPeriodSizeNear(s.h, s.o, s.n, s.dir)
	return int(*s.n), code
}

func (s *hwSpace) setBuffer(frames int) (int, Code) {
	*s.n = uintptr(frames)
	code := s.lib.hwSetBufferSizeNear(s.h, s.o, s.n)
	return int(*s.n), code
}

// current is what was set.
func (s *hwSpace) current() (Config, Code) {
	l := s.lib
	rate, a := s.u32dir(l.hwGetRate)
	channels, b := s.u32(l.hwGetChannels)
	period, c := s.sizeDir(l.hwGetPeriodSize)
	buffer, d := s.size(l.hwGetBufferSize)
	e := l.hwGetFormat(s.o, s.i)
	format := Format(*s.i + 1)
	f := l.hwGetAccess(s.o, s.u)
	return Config{Rate: rate, Channels: channels, Format: format, Period: period, Buffer: buffer, Access: accessOf(*s.u)}, min(a, b, c, d, e, f)
}

// negotiate sets the hardware and software parameters and fills p.cfg with what was really set.
func (p *PCM) negotiate(c Config) error {
	hw, code := newSpace(p.lib, p.h)
	if code < 0 {
		return p.fail("reading the device's parameters", code, "")
	}
	defer hw.free()
	if c.NoResample {
		if code := p.lib.hwSetRateResample(p.h, hw.o, 0); code < 0 {
			return p.fail("refusing conversion of the rate", code, "leave NoResample out")
		}
	}
	if code := p.lib.hwSetAccess(p.h, hw.o, c.Access.c()); code < 0 {
		var has []string
		for _, a := range hw.accesses() {
			has = append(has, a.String())
		}
		return p.fail("setting access "+c.Access.String(), code, "the device has "+strings.Join(has, ", ")+": ask for one of these, or open it through plug, as in plughw:0")
	}
	if err := p.setFormat(hw, c); err != nil {
		return err
	}
	if err := p.setChannels(hw, c); err != nil {
		return err
	}
	rate, err := p.setRate(hw, c)
	if err != nil {
		return err
	}
	if err := p.setSizes(hw, c, rate); err != nil {
		return err
	}
	if code := p.lib.hwApply(p.h, hw.o); code < 0 {
		return p.fail("applying "+c.String(), code, "the device refuses the combination: leave period and buffer 0")
	}
	got, code := hw.current()
	if code < 0 {
		return p.fail("reading back the parameters", code, "")
	}
	got.NearRate, got.NoResample = c.NearRate, c.NoResample
	if got.FrameBytes() <= 0 || got.Period <= 0 || got.Buffer <= 0 || got.Rate <= 0 {
		return p.fail("reading back the parameters", codeEIO, "the device reports "+got.String())
	}
	p.cfg, p.frame, p.kind = got, got.FrameBytes(), kindOf(got.Access, p.dir)
	if got.Access.planar() {
		p.planes = make([]uintptr, got.Channels)
	}
	p.describe(hw)
	return p.setThresholds(c)
}

func (p *PCM) setFormat(hw *hwSpace, c Config) error {
	f := c.Format
	if f == 0 {
		f = S16LE
	}
	code := p.lib.hwSetFormat(p.h, hw.o, int32(f)-1)
	if code >= 0 {
		return nil
	}
	var has []string
	for _, f := range hw.formats() {
		has = append(has, f.String())
	}
	mend := "the device has none of the formats known here: open it through plug, as in plughw:0"
	if len(has) > 0 {
		mend = "the device has " + strings.Join(has, ", ") + ": ask for one of these, or open it through plug, as in plughw:0"
	}
	return p.fail("setting format "+f.String(), code, mend)
}

func (p *PCM) setChannels(hw *hwSpace, c Config) error {
	has, code := hw.channels()
	if code < 0 {
		return p.fail("asking for the channels", code, "")
	}
	n := c.Channels
	if n == 0 {
		n = min(max(defaultChannels, has.Min), has.Max)
	}
	if code := p.lib.hwSetChannels(p.h, hw.o, uint32(n)); code < 0 {
		return p.fail(fmt.Sprintf("setting %d channels", n), code,
			fmt.Sprintf("the device has %s channels: ask for that, or open it through plug, as in plughw:0", has))
	}
	return nil
}

func (p *PCM) setRate(hw *hwSpace, c Config) (int, error) {
	has, code := hw.rate()
	if code < 0 {
		return 0, p.fail("asking for the rates", code, "")
	}
	rate := c.Rate
	if c.Rate == 0 {
		rate = defaultRate
	}
	if c.Rate == 0 || c.NearRate {
		*hw.u, *hw.dir = uint32(rate), 0
		if code := p.lib.hwSetRateNear(p.h, hw.o, hw.u, hw.dir); code < 0 {
			return 0, p.fail(fmt.Sprintf("setting a rate near %d", rate), code, "the device has "+has.String()+" Hz")
		}
		return int(*hw.u), nil
	}
	if code := p.lib.hwSetRate(p.h, hw.o, uint32(rate), 0); code < 0 {
		return 0, p.fail(fmt.Sprintf("setting rate %d Hz", rate), code,
			fmt.Sprintf("the device has %s Hz: ask for one of these, set NearRate, or open it through plug, as in plughw:0", has))
	}
	return rate, nil
}

func (p *PCM) setSizes(hw *hwSpace, c Config, rate int) error {
	period, buffer := c.Period, c.Buffer
	switch {
	case period == 0 && buffer == 0:
		period = max(rate/periodsASecond, 1)
	case period == 0:
		period = max(buffer/defaultPeriods, 1)
	}
	period, code := hw.setPeriod(period)
	if code < 0 {
		return p.fail(fmt.Sprintf("setting a period near %d frames", period), code, "leave Period 0")
	}
	if buffer == 0 {
		buffer = period * defaultPeriods
	}
	if _, code := hw.setBuffer(buffer); code < 0 {
		return p.fail(fmt.Sprintf("setting a buffer near %d frames", buffer), code, "leave Buffer 0")
	}
	return nil
}
