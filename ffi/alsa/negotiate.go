package alsa

import (
	"fmt"
	"strings"
)

// negotiate sets the hardware and software parameters and fills p.cfg with what was really set.
func (p *PCM) negotiate(c Config) error {
	hw, code := p.lib.hwNew(p.h)
	if code < 0 {
		return p.fail("reading the device's parameters", code, "")
	}
	defer p.lib.hwFree(hw)
	if code := p.lib.hwSetInterleaved(p.h, hw); code < 0 {
		return p.fail("setting interleaved access", code, "the device transfers no interleaved frames: open it through plug, as in plughw:0")
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
	if code := p.lib.hwApply(p.h, hw); code < 0 {
		return p.fail("applying "+c.String(), code, "the device refuses the combination: leave period and buffer 0")
	}
	got, code := p.lib.hwCurrent(hw)
	if code < 0 {
		return p.fail("reading back the parameters", code, "")
	}
	got.NearRate = c.NearRate
	if got.FrameBytes() <= 0 || got.Period <= 0 || got.Buffer <= 0 || got.Rate <= 0 {
		return p.fail("reading back the parameters", codeEIO, "the device reports "+got.String())
	}
	p.cfg, p.frame = got, got.FrameBytes()
	// Playback starts when the ring is full to whole periods, capture with the first read. The device wakes us for a period.
	start := 1
	if p.dir == Playback {
		start = max(got.Buffer/got.Period*got.Period, 1)
	}
	if code := p.lib.swApply(p.h, start, min(got.Period, got.Buffer)); code < 0 {
		return p.fail(fmt.Sprintf("setting start threshold %d and wake-up at %d frames", start, got.Period), code, "")
	}
	return nil
}

func (p *PCM) setFormat(hw hwParams, c Config) error {
	f := c.Format
	if f == 0 {
		f = S16LE
	}
	code := p.lib.hwSetFormat(p.h, hw, f)
	if code >= 0 {
		return nil
	}
	var has []string
	for _, f := range formats() {
		if p.lib.hwTestFormat(p.h, hw, f) >= 0 {
			has = append(has, f.String())
		}
	}
	mend := "the device has none of the formats known here: open it through plug, as in plughw:0"
	if len(has) > 0 {
		mend = "the device has " + strings.Join(has, ", ") + ": ask for one of these, or open it through plug, as in plughw:0"
	}
	return p.fail("setting format "+f.String(), code, mend)
}

func (p *PCM) setChannels(hw hwParams, c Config) error {
	lo, hi, code := p.lib.hwChannels(hw)
	if code < 0 {
		return p.fail("asking for the channels", code, "")
	}
	n := c.Channels
	if n == 0 {
		n = int(min(max(defaultChannels, lo), hi))
	}
	if code := p.lib.hwSetChannels(p.h, hw, uint32(n)); code < 0 {
		return p.fail(fmt.Sprintf("setting %d channels", n), code,
			fmt.Sprintf("the device has %s: ask for that, or open it through plug, as in plughw:0", span(lo, hi, "channels")))
	}
	return nil
}

func (p *PCM) setRate(hw hwParams, c Config) (int, error) {
	lo, hi, code := p.lib.hwRates(hw)
	if code < 0 {
		return 0, p.fail("asking for the rates", code, "")
	}
	rate := uint32(c.Rate)
	if c.Rate == 0 {
		rate = defaultRate
	}
	if c.Rate == 0 || c.NearRate {
		got, code := p.lib.hwSetRateNear(p.h, hw, rate)
		if code < 0 {
			return 0, p.fail(fmt.Sprintf("setting a rate near %d", rate), code, "the device has "+span(lo, hi, "Hz"))
		}
		return int(got), nil
	}
	if code := p.lib.hwSetRate(p.h, hw, rate); code < 0 {
		return 0, p.fail(fmt.Sprintf("setting rate %d Hz", rate), code,
			fmt.Sprintf("the device has %s: ask for one of these, set NearRate, or open it through plug, as in plughw:0", span(lo, hi, "Hz")))
	}
	return int(rate), nil
}

func (p *PCM) setSizes(hw hwParams, c Config, rate int) error {
	period, buffer := c.Period, c.Buffer
	switch {
	case period == 0 && buffer == 0:
		period = max(rate/periodsASecond, 1)
	case period == 0:
		period = max(buffer/defaultPeriods, 1)
	}
	period, code := p.lib.hwSetPeriodNear(p.h, hw, period)
	if code < 0 {
		return p.fail(fmt.Sprintf("setting a period near %d frames", period), code, "leave Period 0")
	}
	if buffer == 0 {
		buffer = period * defaultPeriods
	}
	if _, code := p.lib.hwSetBufferNear(p.h, hw, buffer); code < 0 {
		return p.fail(fmt.Sprintf("setting a buffer near %d frames", buffer), code, "leave Buffer 0")
	}
	return nil
}

func span(lo, hi uint32, unit string) string {
	if lo == hi {
		return fmt.Sprintf("only %d %s", lo, unit)
	}
	return fmt.Sprintf("%d to %d %s", lo, hi, unit)
}
