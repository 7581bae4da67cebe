package ring

import "errors"

var (
	// ErrClosed says that the ring was closed in this process.
	ErrClosed = errors.New("ring is closed")
	// ErrCorrupt says that the shared words of a ring are damaged or are not a ring of this version.
	ErrCorrupt = errors.New("ring is corrupt")
	// ErrFull says that a Local ring has not the room: nobody else could make it.
	ErrFull = errors.New("ring is full")
	// ErrBusy says that a side of the ring is in a call.
	ErrBusy = errors.New("ring is in use")
	// ErrSide says that this Ring was made or opened for the other side.
	ErrSide = errors.New("ring was opened for the other side")
)
