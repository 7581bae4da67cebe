package store

import (
	"fmt"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

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
	// Dir is the folder of the warm and cold tiers, made if it is not there. Only one store may have it. Without it a store is in memory
	// alone: the oldest frames are gone when the hot tier is full.
	Dir  string
	Pool *pool.Pool // where frames that are read from disk go; its blocks hold the largest. Needed with Dir

	Hot       int64 // bytes of blocks that the store may hold, except what is being read at the moment
	HotFrames int   // frames that may be hot at most, 4 to 1<<20; 0 means 1024. Rounded up to a power of two
	Full      Full  // what Put does when all these are not on disk yet

	Warm    int64         // bytes of segments that are not compressed; the one that is written to is among them, whatever this is
	Segment int64         // bytes at which a segment ends, 4 KiB to 1 GiB; 0 means 8 MiB
	Flush   time.Duration // how long a frame may stay in memory only, unless the disk is slow; 0 means a second
	Keep    Keep          // how long frames stay on disk

	// Bucket, if it is not nil, is where compressed segments go from the folder, which keeps their indices. Only one store may have it, or the
	// part of it that it is given, and it has it together with its folder; a new folder takes over what the bucket has. The caller closes it, after the store.
	Bucket Bucket

	// ReadOnly makes Open change nothing in the folder, which must be there; several stores may read one. What a crash left is not mended,
	// but passed over. Put, Pin and Unpin return ErrReadOnly, and no retention ends.
	ReadOnly bool

	fs folder // for tests, in place of Dir
}

// normal is o with defaults filled in, or says what is wrong.
func (o Options) normal() (Options, error) {
	if o.HotFrames == 0 {
		o.HotFrames = 1024
	}
	if o.Segment == 0 {
		o.Segment = 8 << 20
	}
	if o.Flush == 0 {
		o.Flush = time.Second
	}
	folder := o.Dir != "" || o.fs != nil
	switch {
	case o.Hot <= 0:
		return o, fmt.Errorf("store: Options.Hot is %d bytes; it must hold at least one frame", o.Hot)
	case o.HotFrames < 4 || o.HotFrames > 1<<20:
		return o, fmt.Errorf("store: Options.HotFrames is %d; it must be from 4 to %d", o.HotFrames, 1<<20)
	case o.Full > FullDrop:
		return o, fmt.Errorf("store: Options.Full is %d; it must be FullFail or FullDrop", o.Full)
	case folder && o.Pool == nil:
		return o, fmt.Errorf("store: Options.Pool is nil; a store in a folder needs it for frames that it reads")
	case o.ReadOnly && !folder:
		return o, fmt.Errorf("store: Options.ReadOnly without a folder; set Options.Dir")
	case o.Bucket != nil && !folder:
		return o, fmt.Errorf("store: Options.Bucket without a folder; set Options.Dir")
	case o.Warm < 0:
		return o, fmt.Errorf("store: Options.Warm is %d bytes; it must not be negative", o.Warm)
	case o.Segment < 4<<10 || o.Segment > 1<<30:
		return o, fmt.Errorf("store: Options.Segment is %d bytes; it must be from %d to %d", o.Segment, 4<<10, 1<<30)
	case o.Keep.Age < 0 || o.Keep.Bytes < 0 || o.Keep.Local < 0 || o.Keep.Frames < 0:
		return o, fmt.Errorf("store: Options.Keep is %+v; nothing in it must be negative", o.Keep)
	case o.Flush < 0:
		return o, fmt.Errorf("store: Options.Flush is %v; it must not be negative", o.Flush)
	}
	n := 4
	for n < o.HotFrames {
		n *= 2
	}
	o.HotFrames = n
	return o, nil
}
