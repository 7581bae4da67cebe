package opus

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Repacketizer joins packets into longer ones, up to 120 ms, and splits such, without decoding. The packets must agree in mode,
// bandwidth, channels and frame size: in all of their TOC but the number of frames. It also pads packets. One goroutine at a time uses it.
type Repacketizer struct {
	lib    *library
	state  state
	held   [48]pool.Buf // whose bytes the state points to
	count  int
	copies state // of packets that were not in buffers; made when needed
	used   int   // of copies, in bytes
}

// MaxRepacket is the most bytes that a packet of 48 frames takes: a buffer of this size is never too small.
const MaxRepacket = 48*1277 + 2

// copiesSize is room for 48 frames of 1275 bytes with their lengths, and a byte or two a packet.
const copiesSize = 64 << 10

// RepacketizerSize is how many bytes the state of a repacketizer takes, for NewRepacketizer.
func RepacketizerSize() (int, error) {
	lib, err := openLibrary()
	if err != nil {
		return 0, err
	}
	return int(lib.repacketizerSize()), nil
}

// NewRepacketizer makes a repacketizer, which the caller closes. Its state is a block of from, of RepacketizerSize bytes, or with nil of a
// pool of its own.
func NewRepacketizer(from *pool.Pool) (*Repacketizer, error) {
	lib, err := openLibrary()
	if err != nil {
		return nil, err
	}
	r := &Repacketizer{lib: lib}
	if r.state, err = newState("repacketizer", int(lib.repacketizerSize()), from); err != nil {
		return nil, err
	}
	lib.repacketizerInit(r.state.addr())
	return r, nil
}

// Add appends packet's Len bytes without copying them: it holds a reference until Reset or Close, and nobody may change them meanwhile.
// A packet that does not agree with those before, or would make more than 120 ms, is InvalidPacket.
func (r *Repacketizer) Add(packet pool.Buf) error {
	if err := r.add(packet.Bytes()); err != nil {
		return err
	}
	packet.Retain()
	r.held[r.count] = packet // libopus takes 48 frames at most, and a packet has one at least
	r.count++
	return nil
}

// AddBytes appends a copy of packet, which the caller may change afterwards. There is room for 64 KiB of copies.
func (r *Repacketizer) AddBytes(packet []byte) error {
	if !r.state.valid() {
		return ErrClosed
	}
	if len(packet) > copiesSize-r.used {
		return fmt.Errorf("opus: packet of %d bytes behind copies of %d: give padded packets as buffers: %w", len(packet), r.used, BufferTooSmall)
	}
	if !r.copies.valid() {
		var err error
		if r.copies, err = newState("repacketizer's copies", copiesSize, nil); err != nil {
			return err
		}
	}
	b := r.copies.buf.Bytes()[r.used:][:len(packet)]
	copy(b, packet)
	if err := r.add(b); err != nil {
		return err
	}
	r.used += len(b)
	return nil
}

// add passes bytes to libopus that stay in place.
func (r *Repacketizer) add(b []byte) error {
	if !r.state.valid() {
		return ErrClosed
	}
	if result := r.lib.repacketizerCat(r.state.addr(), uintptr(unsafe.Pointer(unsafe.SliceData(b))), bounded(len(b))); result < 0 {
		return fmt.Errorf("opus: adding packet of %d bytes, % x..., to %d frames: %w", len(b), b[:min(len(b), 4)], r.lib.repacketizerFrames(r.state.addr()), Error(result))
	}
	return nil
}

// Frames is how many frames there are, 0 to 48.
func (r *Repacketizer) Frames() (int, error) {
	if !r.state.valid() {
		return 0, ErrClosed
	}
	return int(r.lib.repacketizerFrames(r.state.addr())), nil
}

// Out writes frames begin to end-1 as one packet and returns its length. MaxRepacket bytes are always enough,
// but where libopus 1.6 or later keeps extensions. The frames stay; other ranges may follow. packet may not lie in a buffer that was added.
func (r *Repacketizer) Out(begin, end int, packet []byte) (int, error) {
	n, err := r.Frames()
	if err != nil {
		return 0, err
	}
	if begin < 0 || begin >= end || end > n {
		return 0, fmt.Errorf("opus: frames %d to %d of %d: there must be one at least: %w", begin, end, n, BadArg)
	}
	if len(packet) == 0 {
		return 0, check("repacketizing into 0 bytes", int32(BufferTooSmall))
	}
	for i := range r.held[:r.count] {
		if overlap(r.held[i].Bytes(), packet) {
			return 0, errAdded
		}
	}
	size := r.lib.repacketizerOutRange(r.state.addr(), int32(begin), int32(end), &packet[0], bounded(len(packet)))
	return int(max(size, 0)), check("repacketizing", size)
}

// OutBuf is Out to a buffer, whose whole Cap may be used and whose Len is set, after an error to 0. It must be none that was added. The
// references stay the caller's.
func (r *Repacketizer) OutBuf(begin, end int, packet pool.Buf) error {
	for _, b := range r.held[:r.count] {
		if b == packet {
			return errAdded
		}
	}
	packet.SetLen(packet.Cap())
	n, err := r.Out(begin, end, packet.Bytes())
	packet.SetLen(n)
	return err
}

var errAdded = errors.New("opus: repacketizing into a buffer that was added: it must be another one")

// overlap reports whether a and b share memory.
func overlap(a, b []byte) bool {
	p, q := uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return p < q+uintptr(len(b)) && q < p+uintptr(len(a))
}

// Reset forgets all frames and gives the references back.
func (r *Repacketizer) Reset() error {
	if !r.state.valid() {
		return ErrClosed
	}
	r.forget()
	r.lib.repacketizerInit(r.state.addr())
	return nil
}

func (r *Repacketizer) forget() {
	for i := range r.held[:r.count] {
		r.held[i].Release()
		r.held[i] = pool.Buf{}
	}
	r.count, r.used = 0, 0
}

// Close gives all references and the state's block back. It may be called again.
func (r *Repacketizer) Close() error {
	r.forget()
	return errors.Join(r.copies.close(), r.state.close())
}

// Pad makes the packet of n bytes at the beginning of data as long as data, by padding that decoders pass over.
func (r *Repacketizer) Pad(data []byte, n int) error { return r.PadStreams(data, n, 1) }

// Unpad takes the padding out of the packet that data is, extensions too, and returns the packet's new length.
func (r *Repacketizer) Unpad(data []byte) (int, error) { return r.UnpadStreams(data, 1) }

// PadStreams is Pad for a multistream packet.
func (r *Repacketizer) PadStreams(data []byte, n, streams int) error {
	if err := r.paddable(data, n, streams); err != nil {
		return err
	}
	return check("padding", r.lib.packetPad(&data[0], int32(n), int32(len(data)), int32(streams)))
}

// UnpadStreams is Unpad for a multistream packet.
func (r *Repacketizer) UnpadStreams(data []byte, streams int) (int, error) {
	if err := r.paddable(data, len(data), streams); err != nil {
		return 0, err
	}
	n := r.lib.packetUnpad(&data[0], int32(len(data)), int32(streams))
	return int(max(n, 0)), check("taking padding out", n)
}

func (r *Repacketizer) paddable(data []byte, n, streams int) error {
	switch {
	case !r.state.valid():
		return ErrClosed
	case streams < 1 || streams > 255:
		return fmt.Errorf("opus: padding %d streams: it must be from 1 to 255", streams)
	case n < 1 || n > len(data) || int64(len(data)) > math.MaxInt32:
		return fmt.Errorf("opus: padding a packet of %d bytes to %d: it must be 1 at least, and fit", n, len(data))
	}
	// Before libopus has begun to move it.
	data = data[:n]
	for range streams - 1 {
		var err error
		if _, data, err = ParseStream(data); err != nil {
			return err
		}
	}
	_, err := ParsePacket(data)
	return err
}
