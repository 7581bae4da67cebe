package opus

import "fmt"

// TOC is a packet's first byte, which says how it is coded (RFC 6716, section 3.1).
type TOC byte

// Mode is which of Opus's two coders make a packet.
type Mode uint8

// The modes of RFC 6716, section 3.1.
const (
	SILK   Mode = iota // speech, to wideband
	Hybrid             // SILK below 8 kHz, CELT above
	CELT               // music and low delay
)

func (m Mode) String() string { return [...]string{"SILK", "hybrid", "CELT"}[m] }

// Mode is which coders make the packet.
func (t TOC) Mode() Mode {
	switch {
	case t >= 0x80:
		return CELT
	case t >= 0x60:
		return Hybrid
	default:
		return SILK
	}
}

// Bandwidth is how high the packet's frequencies go.
func (t TOC) Bandwidth() Bandwidth {
	switch t.Mode() {
	case CELT:
		return [...]Bandwidth{Narrowband, Wideband, Superwideband, Fullband}[t>>5&3]
	case Hybrid:
		return Superwideband + Bandwidth(t>>4&1)
	default:
		return Narrowband + Bandwidth(t>>5&3)
	}
}

// Channels is 1 or 2: what is coded, which a decoder turns into the channels that it was made for.
func (t TOC) Channels() int { return 1 + int(t>>2&1) }

// FrameSamples is how many samples each frame of the packet has at rate, in Hz: one of the sample rates of Opus.
func (t TOC) FrameSamples(rate int) int {
	size := int(t >> 3 & 3)
	switch t.Mode() {
	case CELT:
		return rate << size / 400
	case Hybrid:
		return rate << (size & 1) / 100
	default:
		return [...]int{rate / 100, rate / 50, rate / 25, rate * 3 / 50}[size]
	}
}

// Packet is a packet taken apart: up to 48 frames that together last up to 120 ms. Its slices are those of the bytes it was made
// from, valid as long as those are; it is a plain value, of which copies are equal.
type Packet struct {
	TOC     TOC
	Padding []byte // behind the frames: zeros, or extensions that newer decoders read, such as DRED
	frames  []byte
	count   int
	sizes   [48]int16
}

// ParsePacket takes data apart, all of it, as a decoder would. What no decoder takes is InvalidPacket. It needs no libopus and
// allocates nothing.
func ParsePacket(data []byte) (Packet, error) {
	p, _, err := parse(data, false)
	return p, err
}

// ParseStream takes the first of several streams from a multistream packet, and returns the rest. The last stream's packet is an
// ordinary one: ParsePacket.
func ParseStream(data []byte) (p Packet, rest []byte, err error) {
	p, n, err := parse(data, true)
	if err != nil {
		return Packet{}, nil, err
	}
	return p, data[n:], nil
}

// Frames is how many frames there are, 1 to 48.
func (p *Packet) Frames() int { return p.count }

// Frame is what the coder made of frame i, 0 to Frames-1; it is empty where nothing was sent (DTX).
func (p *Packet) Frame(i int) []byte {
	begin := 0
	for _, n := range p.sizes[:i] {
		begin += int(n)
	}
	end := begin + int(p.sizes[:p.count][i])
	return p.frames[begin:end:end]
}

// Samples is how many samples per channel the whole packet has at rate, in Hz: one of the sample rates of Opus.
func (p *Packet) Samples(rate int) int { return p.count * p.TOC.FrameSamples(rate) }

// HasLBRR tells whether the packet's first frame carries a coarse copy of the packet before: whether RecoverFEC will find one.
func (p *Packet) HasLBRR() bool {
	if p.count == 0 || p.sizes[0] == 0 || p.TOC.Mode() == CELT {
		return false
	}
	// A frame of SILK begins, for each channel, with a bit for each 20 ms of voice activity and one that tells of the copy (RFC 6716,
	// section 4.2.3).
	parts := max(p.TOC.FrameSamples(48000)/960, 1)
	flags := p.frames[0]
	return flags>>(7-parts)&1 != 0 || p.TOC.Channels() == 2 && flags>>(6-2*parts)&1 != 0
}

// parse takes one packet of RFC 6716, section 3.2, from the front of data; with delimited one of appendix B, which tells its own length.
func parse(data []byte, delimited bool) (p Packet, length int, err error) {
	bad := func(why string) (Packet, int, error) {
		return Packet{}, 0, fmt.Errorf("opus: packet of %d bytes: %s: %w", len(data), why, InvalidPacket)
	}
	if len(data) == 0 {
		return bad("nothing")
	}
	p.TOC = TOC(data[0])
	at, padding, variable := 1, 0, false
	switch data[0] & 3 {
	case 0:
		p.count = 1
	case 1:
		p.count = 2
	case 2:
		p.count, variable = 2, true
	case 3:
		if len(data) < 2 {
			return bad("it ends before the number of frames")
		}
		p.count, variable, at = int(data[1]&63), data[1]&128 != 0, 2
		if p.count == 0 || p.Samples(48000) > 5760 {
			return bad(fmt.Sprintf("%d frames of %g ms: it must be one at least, and 120 ms at most", p.count, float64(p.TOC.FrameSamples(48000))/48))
		}
		for more := data[1]&64 != 0; more; at++ {
			if at == len(data) {
				return bad("it ends within the length of the padding")
			}
			more = data[at] == 255
			padding += min(int(data[at]), 254)
		}
	}
	last := p.count - 1
	var sum int
	if variable {
		for i := range last {
			if !p.readSize(i, data, &at) {
				return bad("it ends within the lengths of the frames")
			}
			sum += int(p.sizes[i])
		}
	}
	if delimited {
		if !p.readSize(last, data, &at) {
			return bad("it ends within the lengths of the frames")
		}
	} else {
		rest := len(data) - at - padding - sum
		if !variable {
			if rest%p.count != 0 {
				return bad(fmt.Sprintf("%d bytes for %d frames of one length", rest, p.count))
			}
			rest /= p.count
		}
		if rest < 0 || rest > 1275 {
			return bad(fmt.Sprintf("a frame of %d bytes: it must be from 0 to 1275", rest))
		}
		p.sizes[last] = int16(rest)
	}
	if !variable {
		for i := range last {
			p.sizes[i] = p.sizes[last]
		}
		sum = last * int(p.sizes[last])
	}
	sum += int(p.sizes[last])
	if length = at + sum + padding; length > len(data) {
		return bad(fmt.Sprintf("%d bytes are missing", length-len(data)))
	}
	p.frames, p.Padding = data[at:at+sum:at+sum], data[at+sum:length:length]
	return p, length, nil
}

// readSize reads the length of frame i, of one byte or two, at *at.
func (p *Packet) readSize(i int, data []byte, at *int) bool {
	switch b := data[*at:]; {
	case len(b) > 0 && b[0] < 252:
		p.sizes[i], *at = int16(b[0]), *at+1
	case len(b) > 1:
		p.sizes[i], *at = int16(b[0])+4*int16(b[1]), *at+2
	default:
		return false
	}
	return true
}
