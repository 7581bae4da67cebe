package alsa

import "fmt"

// setThresholds sets the software parameters and reads back what they are.
func (p *PCM) setThresholds(c Config) error {
	l, o, n := p.lib, new(ptr), new(uintptr)
	if code := l.swNew(o); code < 0 {
		return p.fail("making the software parameters", code, "")
	}
	sw := *o
	defer l.swFree(sw)
	if code := min(l.swCurrent(p.h, sw), l.swGetBoundary(sw, n)); code < 0 {
		return p.fail("reading the software parameters", code, "")
	}
	boundary := *n
	// frames is a threshold of a Config for C, which has the end of all counting for Never.
	frames := func(v, none int) uintptr {
		switch v {
		case Never:
			return boundary
		case 0:
			return uintptr(none)
		}
		return uintptr(v)
	}
	// Playback starts when the ring is full to whole periods, capture with the first read. The device wakes us for a period.
	start := 1
	if p.dir == Playback {
		start = max(p.cfg.Buffer/p.cfg.Period*p.cfg.Period, 1)
	}
	for _, s := range []struct {
		what  string
		value int
		none  int
		set   func(h handle, p ptr, v uintptr) Code
	}{
		{"start threshold", c.StartAt, start, l.swSetStartThreshold},
		{"stop threshold", c.StopAt, p.cfg.Buffer, l.swSetStopThreshold},
		{"silence threshold", c.SilenceAt, 0, l.swSetSilenceThreshold},
		{"silence size", c.SilenceSize, 0, l.swSetSilenceSize},
		{"wake-up", c.WakeAt, min(p.cfg.Period, p.cfg.Buffer), l.swSetAvailMin},
	} {
		if code := s.set(p.h, sw, frames(s.value, s.none)); code < 0 {
			return p.fail(fmt.Sprintf("setting %s %d", s.what, s.value), code, fmt.Sprintf("the ring has %d frames: give at most that", p.cfg.Buffer))
		}
	}
	// SND_PCM_TSTAMP_ENABLE: without it the kernel leaves out the time of the last period.
	if code := l.swSetTstampMode(p.h, sw, 1); code < 0 {
		return p.fail("asking for timestamps", code, "")
	}
	if code := l.swSetTstampType(p.h, sw, c.Clock.c()); code < 0 {
		return p.fail("setting the clock "+c.Clock.String(), code, "leave Clock out")
	}
	if code := l.swApply(p.h, sw); code < 0 {
		return p.fail(fmt.Sprintf("applying start %d, stop %d, silence %d of %d, wake-up %d frames", c.StartAt, c.StopAt, c.SilenceSize, c.SilenceAt, c.WakeAt), code,
			fmt.Sprintf("the ring has %d frames: leave the thresholds 0, or give at most that", p.cfg.Buffer))
	}
	return p.readThresholds(sw, boundary)
}

// readThresholds fills p.cfg with the software parameters.
func (p *PCM) readThresholds(sw ptr, boundary uintptr) error {
	l, n, i := p.lib, new(uintptr), new(uint32)
	if code := l.swCurrent(p.h, sw); code < 0 {
		return p.fail("reading back the software parameters", code, "")
	}
	for _, g := range []struct {
		to  *int
		get func(p ptr, v *uintptr) Code
	}{
		{&p.cfg.StartAt, l.swGetStartThreshold}, {&p.cfg.StopAt, l.swGetStopThreshold}, {&p.cfg.SilenceAt, l.swGetSilenceThreshold},
		{&p.cfg.SilenceSize, l.swGetSilenceSize}, {&p.cfg.WakeAt, l.swGetAvailMin},
	} {
		if code := g.get(sw, n); code < 0 {
			return p.fail("reading back the software parameters", code, "")
		}
		if *g.to = int(min(*n, maxFrames)); *n >= boundary {
			*g.to = Never
		}
	}
	if code := l.swGetTstampType(sw, i); code < 0 {
		return p.fail("reading back the clock", code, "")
	}
	p.cfg.Clock = clockOf(*i)
	return nil
}
