package alsa

import (
	"errors"
	"fmt"
)

// Range is from Min to Max, both included; a device may leave out some between.
type Range struct{ Min, Max int }

func (r Range) String() string {
	if r.Min == r.Max {
		return fmt.Sprintf("only %d", r.Min)
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}

// Capabilities is all that a PCM can be opened with. Not every combination need be possible.
type Capabilities struct {
	Accesses []Access
	Formats  []Format // those that Format knows
	Channels Range
	Rate     Range // Hz
	Rates    []int // of the usual rates, those that the device has
	Period   Range // frames
	Buffer   Range // frames
	Periods  Range // in a buffer
}

// usualRates are those that recordings and devices have.
func usualRates() []int {
	return []int{5512, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 176400, 192000, 352800, 384000}
}

// Probe opens the PCM of that name, asks what it can do, and closes it. A hw device that is open already gives EBUSY. What
// plugins such as plug offer includes what they convert.
func Probe(name string, dir Direction) (Capabilities, error) {
	p := newPCM(name, dir)
	var c Capabilities
	err := p.opening(func() error {
		if err := p.openHandle(); err != nil {
			return err
		}
		defer func() { _ = p.closeHandle() }()
		hw, code := newSpace(p.lib, p.h)
		if code < 0 {
			return p.fail("reading the device's parameters", code, "")
		}
		defer hw.free()
		if c, code = hw.capabilities(); code < 0 {
			return p.fail("asking what the device can do", code, "")
		}
		return nil
	})
	return c, err
}

// opening runs f, which opens the PCM, and puts what alsa-lib says meanwhile into its error.
func (p *PCM) opening(f func() error) error {
	if p.dir > Capture {
		return p.fail("opening", codeEINVAL, "the direction is Playback or Capture")
	}
	lib, err := load()
	if err != nil {
		return p.fail("opening", err, "")
	}
	p.lib = lib
	said := lib.listen()
	err = f()
	text := said()
	if e := (*Error)(nil); errors.As(err, &e) {
		e.Lib = text
	}
	return err
}

func (s *hwSpace) accesses() (list []Access) {
	for a := RWInterleaved; a <= MMapPlanar; a++ {
		if s.lib.hwTestAccess(s.h, s.o, a.c()) >= 0 {
			list = append(list, a)
		}
	}
	return list
}

func (s *hwSpace) formats() (list []Format) {
	for _, r := range formatTable() {
		if s.lib.hwTestFormat(s.h, s.o, int32(r.format)-1) >= 0 {
			list = append(list, r.format)
		}
	}
	return list
}

func (s *hwSpace) channels() (Range, Code) {
	lo, a := s.u32(s.lib.hwGetChannelsMin)
	hi, b := s.u32(s.lib.hwGetChannelsMax)
	return Range{lo, hi}, min(a, b)
}

func (s *hwSpace) rate() (Range, Code) {
	lo, a := s.u32dir(s.lib.hwGetRateMin)
	hi, b := s.u32dir(s.lib.hwGetRateMax)
	return Range{lo, hi}, min(a, b)
}

func (s *hwSpace) capabilities() (c Capabilities, code Code) {
	l := s.lib
	var codes [6]Code
	c.Accesses, c.Formats = s.accesses(), s.formats()
	c.Channels, codes[0] = s.channels()
	c.Rate, codes[1] = s.rate()
	for _, r := range usualRates() {
		if r >= c.Rate.Min && r <= c.Rate.Max && l.hwTestRate(s.h, s.o, uint32(r), 0) >= 0 {
			c.Rates = append(c.Rates, r)
		}
	}
	pair := func(to *Range, lo, hi func() (int, Code)) (code Code) {
		var a, b Code
		to.Min, a = lo()
		to.Max, b = hi()
		return min(a, b)
	}
	codes[2] = pair(&c.Period, func() (int, Code) { return s.sizeDir(l.hwGetPeriodSizeMin) }, func() (int, Code) { return s.sizeDir(l.hwGetPeriodSizeMax) })
	codes[3] = pair(&c.Buffer, func() (int, Code) { return s.size(l.hwGetBufferSizeMin) }, func() (int, Code) { return s.size(l.hwGetBufferSizeMax) })
	codes[4] = pair(&c.Periods, func() (int, Code) { return s.u32dir(l.hwGetPeriodsMin) }, func() (int, Code) { return s.u32dir(l.hwGetPeriodsMax) })
	for _, e := range codes {
		code = min(code, e)
	}
	return c, code
}

// Info is what a PCM says of itself and of what was set.
type Info struct {
	Kind          uint32 // snd_pcm_type_t: 0 is hw, others are plugins
	Card          int    // number, -1 without one
	Device        int    // number on the card
	Subdevice     int    // number on the device
	Subdevices    int    // how many the device has
	ID            string // short name
	Name          string
	SubdeviceName string

	SignificantBits  int // of a sample, that the converter uses; 0: not told
	FIFO             int // frames in the device beyond its ring
	RateNum, RateDen int // the exact rate is RateNum/RateDen Hz
	CanPause         bool
	CanResume        bool // after a suspend, without losing the stream's place
	CanSyncStart     bool // linked streams start at the same frame
	Batch            bool // the position moves by periods or so, not by frames
	BlockTransfer    bool
	Double           bool // the device has two buffers, not one
	HalfDuplex       bool // one direction at a time
	JointDuplex      bool // both directions have the same parameters
	Monotonic        bool // the device's timestamps are on CLOCK_MONOTONIC
}

// Info is what was found at Open. It may be called after Close.
func (p *PCM) Info() Info { return p.info }

// describe fills p.info from what is set; hw is what was applied. What a plugin does not know stays zero.
func (p *PCM) describe(hw *hwSpace) {
	l := p.lib
	i := Info{Kind: l.kind(p.h), Card: -1}
	o := new(ptr)
	if l.infoNew(o) >= 0 {
		if l.infoRead(p.h, *o) >= 0 {
			i.Card, i.Device, i.Subdevice = int(l.infoGetCard(*o)), int(l.infoGetDevice(*o)), int(l.infoGetSubdevice(*o))
			i.Subdevices = int(l.infoGetSubdevicesCount(*o))
			i.ID, i.Name, i.SubdeviceName = l.infoGetId(*o), l.infoGetName(*o), l.infoGetSubdeviceName(*o)
		}
		l.infoFree(*o)
	}
	i.SignificantBits = int(max(l.hwGetSbits(hw.o), 0))
	i.FIFO = int(max(l.hwGetFifoSize(hw.o), 0))
	num, den := new(uint32), new(uint32)
	if l.hwGetRateFraction(hw.o, num, den) >= 0 {
		i.RateNum, i.RateDen = int(*num), int(*den)
	}
	i.CanPause, i.CanResume, i.CanSyncStart = l.hwCanPause(hw.o) > 0, l.hwCanResume(hw.o) > 0, l.hwCanSyncStart(hw.o) > 0
	i.Batch, i.BlockTransfer, i.Double = l.hwIsBatch(hw.o) > 0, l.hwIsBlockTransfer(hw.o) > 0, l.hwIsDouble(hw.o) > 0
	i.HalfDuplex, i.JointDuplex, i.Monotonic = l.hwIsHalfDuplex(hw.o) > 0, l.hwIsJointDuplex(hw.o) > 0, l.hwIsMonotonic(hw.o) > 0
	p.info = i
}
