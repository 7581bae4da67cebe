package opus

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

// state is a block of a pool that holds a codec's state.
type state struct {
	buf  pool.Buf
	size int        // bytes that libopus uses
	own  *pool.Pool // made for this state alone
}

func newState(what string, size int, from *pool.Pool) (state, error) {
	s := state{size: size}
	var err error
	if from == nil {
		if from, err = pool.New(size, pool.Options{Name: "opus-" + what, Max: 1, Prealloc: 1, External: 1}); err != nil {
			return s, fmt.Errorf("opus: making room for the state of the %s: %w", what, err)
		}
		s.own = from
	}
	if s.buf, err = from.Get(); err != nil {
		if s.own != nil {
			err = errors.Join(err, s.own.Close())
		}
		return state{}, fmt.Errorf("opus: taking a block for the state of the %s: %w", what, err)
	}
	if c := s.buf.Cap(); c < size {
		s.buf.Release()
		return state{}, fmt.Errorf("opus: a block of pool %q has %d bytes, the state of the %s takes %d", from.Name(), c, what, size)
	}
	s.buf.SetLen(size)
	return s, nil
}

func (s *state) valid() bool   { return s.buf.Pool() != nil }
func (s *state) addr() uintptr { return uintptr(s.buf.Pointer()) }

func (s *state) close() error {
	if !s.valid() {
		return nil
	}
	s.buf.Release()
	s.buf = pool.Buf{}
	if s.own != nil {
		return s.own.Close()
	}
	return nil
}

// sample is what libopus takes and makes, as bytes of one: int16, or float32 of about -1 to 1.
type sample int

const (
	int16s   sample = 2
	float32s sample = 4
)

// view takes bytes for samples in the machine's byte order.
func (s sample) view(b []byte) (pcm unsafe.Pointer, n int, err error) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if len(b)%int(s) != 0 || uintptr(p)%uintptr(s) != 0 {
		return nil, 0, fmt.Errorf("opus: %d bytes at %p are not whole %d-bit samples: set the buffer's Len to a multiple of %d", len(b), p, 8*s, s)
	}
	return p, len(b) / int(s), nil
}
