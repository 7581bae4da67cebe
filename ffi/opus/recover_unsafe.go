package opus

import (
	"fmt"
	"unsafe"
)

// Recovered says by what means Recover filled a gap, in samples per channel of each.
type Recovered struct {
	DRED      int // decoded from deep redundancy
	FEC       int // decoded from the coarse copy in the next packet; of several streams, where one at least has a copy
	Concealed int // made up from the sound before
}

// Recover fills the gap before next, the first packet that came after packets that did not, with the best there is: the copy of the packet
// before in next (in-band FEC) for the end of the gap; deep redundancy in next, if DecoderConfig.DRED is set, for what it
// reaches back to; and concealment for the rest. Without next, nil, all is concealed: when sound is due and nothing has come. len(pcm) is
// the whole gap, a multiple of 2.5 ms, of any length. Then next itself is decoded. It allocates nothing.
func (d *decoder) Recover(next []byte, pcm []int16) (Recovered, error) {
	return d.recover(next, unsafe.Pointer(unsafe.SliceData(pcm)), int16s, len(pcm))
}

// RecoverFloat is Recover to samples of about -1 to 1.
func (d *decoder) RecoverFloat(next []byte, pcm []float32) (Recovered, error) {
	return d.recover(next, unsafe.Pointer(unsafe.SliceData(pcm)), float32s, len(pcm))
}

func (d *decoder) recover(next []byte, pcm unsafe.Pointer, of sample, n int) (Recovered, error) {
	var r Recovered
	if !d.core.state.valid() {
		return r, ErrClosed
	}
	gap, err := wholeSamples(n, d.core.channels)
	if err != nil {
		return r, err
	}
	rate := d.core.rate
	if gap == 0 || gap%(rate/400) != 0 {
		return r, fmt.Errorf("opus: recovering %d samples: it must be a multiple of 2.5 ms", gap)
	}
	// Lost packets are taken to be as long as the next one, or the last. A part at the front may be shorter.
	step, err := d.LastPacketDuration()
	if err != nil {
		return r, err
	}
	tail, copied := 0, 0 // what FEC fills, and how much of that next has a copy of
	if len(next) > 0 {
		if step, tail, copied, err = d.copyIn(next, gap); err != nil {
			return r, err
		}
	}
	if step == 0 {
		step = rate / 50
	}
	begin, end := 0, 0
	if d.dred != nil && len(next) > 0 && gap > tail && d.dred.state.valid() {
		// A library that cannot is as good as a packet without.
		begin, end, _ = d.dred.Parse(next, gap, rate)
	}
	for at := 0; at < gap-tail; {
		count := min(step, rate*120/1000)
		if odd := (gap - tail - at) % count; odd != 0 {
			count = odd
		}
		to, got := unsafe.Add(pcm, at*d.core.channels*int(of)), 0
		if before := gap - at; before-count < begin && before > end {
			got, err = d.dred.decode(d, before, to, of, count*d.core.channels)
			r.DRED += got
		} else {
			got, err = d.run(nil, to, of, count, 0)
			r.Concealed += got
		}
		if err != nil {
			return r, err
		}
		at += count
	}
	if tail > 0 {
		if _, err := d.run(next, unsafe.Add(pcm, (gap-tail)*d.core.channels*int(of)), of, tail, 1); err != nil {
			return r, err
		}
		r.FEC, r.Concealed = copied, r.Concealed+tail-copied
	}
	return r, nil
}

// copyIn tells how long next is, and how much of the end of the gap it has a copy of: copied samples, to be asked for as tail.
func (d *decoder) copyIn(next []byte, gap int) (step, tail, copied int, err error) {
	l, rate := d.core.layout, d.core.rate
	has := false
	var p Packet
	for i, rest := 0, next; i < l.Streams; i++ {
		if i == l.Streams-1 {
			p, err = ParsePacket(rest)
		} else {
			p, rest, err = ParseStream(rest)
		}
		if err != nil {
			return 0, 0, 0, err
		}
		has = has || p.HasLBRR()
	}
	step, copied = p.Samples(rate), p.TOC.FrameSamples(rate)
	if tail = copied; l.Streams > 1 || d.core.kind != plainDecoder {
		tail = step // libopus wants room for all of the packet there, and conceals what has no copy
	}
	// After CELT libopus does not decode copies.
	if !has || tail > gap || d.last.is(CELT) {
		tail, copied = 0, 0
	}
	return step, tail, copied, nil
}

// lastTOC is the TOC of the last packet that a plain decoder decoded, if any.
type lastTOC struct {
	toc TOC
	any bool
}

func (l lastTOC) is(m Mode) bool { return l.any && l.toc.Mode() == m }
