package opus

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// DRED reads deep redundancy: up to a second of the sound before a packet, coarsely coded in its padding, which an encoder adds by
// SetDREDDuration. libopus has it since 1.5, where it was built with it. One serves any number of decoders, in one goroutine at a time.
type DRED struct {
	lib     *library
	state   state   // of the reader, and behind it what it has read
	read    uintptr // where that is in the state
	weights pool.Buf
	end     *int32 // apart: cgo looks for Go pointers in what it is given
}

// dredSizes are the sizes of the two parts of a DRED's state, the first so that the second is aligned as any.
func dredSizes(lib *library) (reader, read int, err error) {
	a, b := known(lib.dredDecoderSize()), known(lib.dredSize())
	if err := check("asking for the size of deep redundancy", min(a, b)); err != nil {
		return 0, 0, err
	}
	return (int(a) + 63) &^ 63, int(b), nil
}

// DREDSize is how many bytes the state of a DRED takes, for NewDRED; errors.ErrUnsupported where libopus has none.
func DREDSize() (int, error) {
	lib, err := openLibrary()
	if err != nil {
		return 0, err
	}
	a, b, err := dredSizes(lib)
	return a + b, err
}

// NewDRED makes a reader, which the caller closes; errors.ErrUnsupported where libopus has none. Its state is a block of from, of
// DREDSize bytes, or with nil of a pool of its own.
func NewDRED(from *pool.Pool) (*DRED, error) {
	lib, err := openLibrary()
	if err != nil {
		return nil, err
	}
	reader, read, err := dredSizes(lib)
	if err != nil {
		return nil, err
	}
	r := &DRED{lib: lib, read: uintptr(reader), end: new(int32)}
	if r.state, err = newState("deep redundancy", reader+read, from); err != nil {
		return nil, err
	}
	clear(r.state.buf.Bytes())
	if err := check("making a reader of deep redundancy", known(lib.dredDecoderInit(r.state.addr()))); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close gives the state's block back. It may be called again. Decoders that use r go on without.
func (r *DRED) Close() error {
	if r.weights.Pool() != nil {
		r.weights.Release()
		r.weights = pool.Buf{}
	}
	return r.state.close()
}

// SetDNNBlob gives the reader the weights of its neural network, weights' Len bytes, for a libopus built without them. The reader holds a
// reference until it is closed; nobody may write to them meanwhile (OPUS_SET_DNN_BLOB).
func (r *DRED) SetDNNBlob(weights pool.Buf) error {
	if !r.state.valid() {
		return ErrClosed
	}
	b, err := blob(weights)
	if err != nil {
		return err
	}
	if err := check("reading weights", known(r.lib.dredDecoderBytes(r.state.addr(), setDNNBlob, &b[0], int32(len(b))))); err != nil {
		return err
	}
	hold(&r.weights, weights)
	return nil
}

// Parse reads the redundancy of packet, up to the given samples back, at most a second, at rate in Hz. What it finds lasts from begin to end
// samples before the packet's own sound; both are 0 where there is none.
func (r *DRED) Parse(packet []byte, samples, rate int) (begin, end int, err error) {
	if !r.state.valid() {
		return 0, 0, ErrClosed
	}
	if err := validRate(rate); err != nil {
		return 0, 0, err
	}
	if len(packet) == 0 || samples < 0 {
		return 0, 0, fmt.Errorf("opus: reading deep redundancy of %d samples from a packet of %d bytes: neither must be less than 0, and the packet not empty", samples, len(packet))
	}
	*r.end = 0
	n := known(r.lib.dredParse(r.state.addr(), r.state.addr()+r.read, &packet[0], bounded(len(packet)), int32(min(samples, rate)), int32(rate), r.end, 0))
	if n <= 0 {
		return 0, 0, check("reading deep redundancy", n)
	}
	return int(n), int(*r.end), nil
}

// Decode has d make pcm of what Parse read last, beginning the given samples before that packet's own sound, at d's rate. len(pcm) is
// a multiple of 2.5 ms, up to 120 ms. It returns the samples per channel.
func (r *DRED) Decode(d *Decoder, before int, pcm []int16) (int, error) {
	return r.decode(&d.decoder, before, unsafe.Pointer(unsafe.SliceData(pcm)), int16s, len(pcm))
}

// DecodeFloat is Decode to samples of about -1 to 1.
func (r *DRED) DecodeFloat(d *Decoder, before int, pcm []float32) (int, error) {
	return r.decode(&d.decoder, before, unsafe.Pointer(unsafe.SliceData(pcm)), float32s, len(pcm))
}

func (r *DRED) decode(d *decoder, before int, pcm unsafe.Pointer, of sample, n int) (int, error) {
	if !r.state.valid() || !d.core.state.valid() {
		return 0, ErrClosed
	}
	if before < 0 || before > 2*d.core.rate {
		return 0, fmt.Errorf("opus: deep redundancy of %d samples before the packet: it must be from 0 to two seconds", before)
	}
	samples, err := d.missing(n)
	if err != nil {
		return 0, err
	}
	result, st, read := int32(0), d.core.state.addr(), r.state.addr()+r.read
	if of == int16s {
		result = known(r.lib.dredDecode(st, read, int32(before), (*int16)(pcm), int32(samples)))
	} else {
		result = known(r.lib.dredDecodeFloat(st, read, int32(before), (*float32)(pcm), int32(samples)))
	}
	return int(max(result, 0)), check("decoding deep redundancy", result)
}
