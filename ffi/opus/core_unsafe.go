package opus

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// kind says which C functions a state belongs to.
type kind uint8

const (
	plainEncoder kind = iota
	plainDecoder
	multistreamEncoder
	multistreamDecoder
	projectionEncoder
	projectionDecoder
)

func (k kind) String() string {
	return [...]string{"encoder", "decoder", "multistream encoder", "multistream decoder", "projection encoder", "projection decoder"}[k]
}

// core is what encoders and decoders of every kind have in common.
type core struct {
	lib      *library
	kind     kind
	state    state
	rate     int
	channels int
	layout   Layout   // of streams; a plain encoder or decoder has one
	out      *answers // apart from the core: cgo looks for Go pointers in what it is given
	weights  pool.Buf // that the state points to
	calls    uint32   // of libopus: the race detector does not see its memory, and finds two goroutines by this
}

// answers is where C writes them: a variable would be allocated for each call.
type answers struct {
	value int32   // opus_int32
	place uintptr // a pointer of C
}

// open makes a core with room for a state. size asks libopus how much that takes; 0 or less means that it cannot be.
func open(k kind, rate, channels int, from *pool.Pool, size func(*core) int32) (*core, error) {
	lib, err := openLibrary()
	if err != nil {
		return nil, err
	}
	c := &core{lib: lib, kind: k, rate: rate, channels: channels, layout: single(channels), out: &answers{}}
	n := size(c)
	if n == 0 {
		n = int32(BadArg)
	}
	if err := check(fmt.Sprintf("asking for the size of a %s of %d channels", k, channels), n); err != nil {
		return nil, err
	}
	if c.state, err = newState(k.String(), int(n), from); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *core) close() error {
	if c.weights.Pool() != nil {
		c.weights.Release()
		c.weights = pool.Buf{}
	}
	return c.state.close()
}

// setBlob passes the weights of neural networks, and keeps a reference: the state points to them.
func (c *core) setBlob(weights pool.Buf) error {
	if !c.state.valid() {
		return ErrClosed
	}
	b, err := blob(weights)
	if err != nil {
		return err
	}
	if err := check("reading weights", c.bytes(setDNNBlob, b)); err != nil {
		return err
	}
	hold(&c.weights, weights)
	return nil
}

func blob(weights pool.Buf) ([]byte, error) {
	b := weights.Bytes()
	if len(b) == 0 || int64(len(b)) > math.MaxInt32 {
		return nil, fmt.Errorf("opus: weights of %d bytes: set the buffer's Len to the size of the file of weights", len(b))
	}
	return b, nil
}

// hold takes a reference to b in the place of the one in held.
func hold(held *pool.Buf, b pool.Buf) {
	b.Retain()
	if held.Pool() != nil {
		held.Release()
	}
	*held = b
}

// at is the state, or the one of a stream within it.
func (c *core) at(offset uintptr) uintptr { return c.state.addr() + offset }

// known is the result of a function that older libraries lack.
func known(result int32, err error) int32 {
	if err != nil {
		return int32(Unimplemented)
	}
	return result
}

// set passes a request with a value to the state at st, which is of kind k.
func (c *core) set(k kind, st uintptr, request, value int32) int32 {
	c.calls++
	switch k {
	case plainEncoder:
		return c.lib.encoderSet(st, request, value)
	case plainDecoder:
		return c.lib.decoderSet(st, request, value)
	case multistreamEncoder:
		return c.lib.msEncoderSet(st, request, value)
	case multistreamDecoder:
		return c.lib.msDecoderSet(st, request, value)
	case projectionEncoder:
		return known(c.lib.projectionEncoderSet(st, request, value))
	default:
		return known(c.lib.projectionDecoderSet(st, request, value))
	}
}

// get passes a request that answers with an opus_int32.
func (c *core) get(k kind, st uintptr, request int32) (value, result int32) {
	c.calls++
	out := &c.out.value
	switch k {
	case plainEncoder:
		result = c.lib.encoderGet(st, request, out)
	case plainDecoder:
		result = c.lib.decoderGet(st, request, out)
	case multistreamEncoder:
		result = c.lib.msEncoderGet(st, request, out)
	case multistreamDecoder:
		result = c.lib.msDecoderGet(st, request, out)
	case projectionEncoder:
		result = known(c.lib.projectionEncoderGet(st, request, out))
	default:
		result = known(c.lib.projectionDecoderGet(st, request, out))
	}
	return *out, result
}

// bytes passes a request that takes a block of bytes: weights in, or a matrix out.
func (c *core) bytes(request int32, data []byte) int32 {
	c.calls++
	st, p, n := c.state.addr(), unsafe.SliceData(data), bounded(len(data))
	switch c.kind {
	case plainEncoder:
		return c.lib.encoderBytes(st, request, p, n)
	case plainDecoder:
		return c.lib.decoderBytes(st, request, p, n)
	case projectionEncoder:
		return known(c.lib.projectionEncoderBytes(st, request, p, n))
	default:
		return int32(Unimplemented)
	}
}

// stream is where the state of stream i lies in the state.
func (c *core) stream(i int32) (offset uintptr, result int32) {
	c.calls++
	out, st := &c.out.place, c.state.addr()
	switch c.kind {
	case multistreamEncoder:
		result = c.lib.msEncoderAt(st, getEncoderState, i, out)
	case multistreamDecoder:
		result = c.lib.msDecoderAt(st, getDecoderState, i, out)
	case projectionEncoder:
		result = known(c.lib.projectionEncoderAt(st, getEncoderState, i, out))
	case projectionDecoder:
		result = known(c.lib.projectionDecoderAt(st, getDecoderState, i, out))
	default:
		result = int32(Unimplemented)
	}
	return *out - st, result
}

// encode passes samples to libopus.
func (c *core) encode(pcm unsafe.Pointer, of sample, samples int32, packet []byte) int32 {
	c.calls++
	st, data, size := c.state.addr(), unsafe.SliceData(packet), bounded(len(packet))
	switch {
	case c.kind == plainEncoder && of == int16s:
		return c.lib.plainEncode(st, (*int16)(pcm), samples, data, size)
	case c.kind == plainEncoder:
		return c.lib.plainEncodeFloat(st, (*float32)(pcm), samples, data, size)
	case c.kind == multistreamEncoder && of == int16s:
		return c.lib.msEncode(st, (*int16)(pcm), samples, data, size)
	case c.kind == multistreamEncoder:
		return c.lib.msEncodeFloat(st, (*float32)(pcm), samples, data, size)
	case of == int16s:
		return known(c.lib.projectionEncode(st, (*int16)(pcm), samples, data, size))
	default:
		return known(c.lib.projectionEncodeFloat(st, (*float32)(pcm), samples, data, size))
	}
}

// decode has libopus write samples. No packet means that one is lost.
func (c *core) decode(packet []byte, pcm unsafe.Pointer, of sample, samples, fec int32) int32 {
	c.calls++
	st, data, size := c.state.addr(), unsafe.SliceData(packet), bounded(len(packet))
	if size == 0 {
		data = nil
	}
	switch {
	case c.kind == plainDecoder && of == int16s:
		return c.lib.plainDecode(st, data, size, (*int16)(pcm), samples, fec)
	case c.kind == plainDecoder:
		return c.lib.plainDecodeFloat(st, data, size, (*float32)(pcm), samples, fec)
	case c.kind == multistreamDecoder && of == int16s:
		return c.lib.msDecode(st, data, size, (*int16)(pcm), samples, fec)
	case c.kind == multistreamDecoder:
		return c.lib.msDecodeFloat(st, data, size, (*float32)(pcm), samples, fec)
	case of == int16s:
		return known(c.lib.projectionDecode(st, data, size, (*int16)(pcm), samples, fec))
	default:
		return known(c.lib.projectionDecodeFloat(st, data, size, (*float32)(pcm), samples, fec))
	}
}
