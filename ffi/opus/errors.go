package opus

import (
	"errors"
	"fmt"
)

// Error is a code of libopus, from opus_defines.h.
type Error int32

// The codes of libopus.
const (
	BadArg         Error = -1
	BufferTooSmall Error = -2
	InternalError  Error = -3
	InvalidPacket  Error = -4
	Unimplemented  Error = -5
	InvalidState   Error = -6
	AllocFail      Error = -7
)

func (e Error) Error() string {
	switch e {
	case BadArg:
		return "invalid argument"
	case BufferTooSmall:
		return "buffer too small"
	case InternalError:
		return "internal error"
	case InvalidPacket:
		return "corrupt packet"
	case Unimplemented:
		return "not implemented by this libopus"
	case InvalidState:
		return "invalid state"
	case AllocFail:
		return "allocation failed"
	default:
		return fmt.Sprintf("error %d", int32(e))
	}
}

// Is makes Unimplemented be errors.ErrUnsupported: this libopus is too old, or was built without it.
func (e Error) Is(target error) bool { return e == Unimplemented && target == errors.ErrUnsupported }

// ErrClosed is returned by every method of an encoder or decoder that was closed.
var ErrClosed = errors.New("opus: closed")

// check makes an error of a result of libopus.
func check(what string, result int32) error {
	if result < 0 {
		return fmt.Errorf("opus: %s: %w", what, Error(result))
	}
	return nil
}
