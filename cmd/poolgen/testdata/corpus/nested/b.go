package nested

import "sync/atomic"

// stat is aligned to 8 bytes on every target.
type stat struct {
	Hits   atomic.Int64
	Misses atomic.Uint32
	_      [4]byte
}

//poolgen:pool shared
type track struct {
	Seen   uint32
	Stats  [3]stat
	Last   point
	Lost   uint64 `poolgen:"atomic,cacheline"`
	Gained uint64 `poolgen:"atomic,align=32"`
}

// note stays on the Go heap.
//
//poolgen:pool max=8
type note struct {
	Text string
	Next *note
}
