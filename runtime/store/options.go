package store

import "fmt"

// ID names a frame. IDs ascend in the order of Put, by one except after Open, and are never used twice in a folder.
type ID uint64

// Full is what Put does when the hot tier is full of frames that are not on disk.
type Full uint8

const (
	// FullFail makes Put return ErrFull.
	FullFail Full = iota
	// FullDrop drops the oldest frames that are neither on disk nor being written, and counts them in Stats.Dropped.
	FullDrop
)

// Options say what a store is made from.
type Options struct {
	Hot       int64 // bytes of blocks that the store may hold
	HotFrames int   // frames that may be hot at most, 4 to 1<<20; 0 means 1024. Rounded up to a power of two
	Full      Full  // what Put does when all these are not on disk yet
}

// normal is o with defaults filled in, or says what is wrong.
func (o Options) normal() (Options, error) {
	if o.HotFrames == 0 {
		o.HotFrames = 1024
	}
	switch {
	case o.Hot <= 0:
		return o, fmt.Errorf("store: Options.Hot is %d bytes; it must hold at least one frame", o.Hot)
	case o.HotFrames < 4 || o.HotFrames > 1<<20:
		return o, fmt.Errorf("store: Options.HotFrames is %d; it must be from 4 to %d", o.HotFrames, 1<<20)
	case o.Full > FullDrop:
		return o, fmt.Errorf("store: Options.Full is %d; it must be FullFail or FullDrop", o.Full)
	}
	n := 4
	for n < o.HotFrames {
		n *= 2
	}
	o.HotFrames = n
	return o, nil
}
