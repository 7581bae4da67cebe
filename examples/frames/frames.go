package main

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// codec says how a frame's payload is coded.
type codec uint8

const (
	codecRaw  codec = iota // PCM samples
	codecOpus              // one Opus packet
)

// region is a part of a picture, in pixels.
type region struct {
	X, Y          int16
	Width, Height uint16
}

// video is a camera frame's bookkeeping: a pointer to the pixels would mean nothing in C, a handle does.
//
//poolgen:pool shared prealloc=4 max=32
type video struct {
	Sequence uint32
	PTS      int64 // capture time in nanoseconds of CLOCK_MONOTONIC
	Faces    [4]region
	Dropped  uint64 `poolgen:"atomic"` // frames lost before this one
	Gain     float32
}

// audio is 20 ms of sound: 960 frames of two channels at 48 kHz.
//
//poolgen:pool shared prealloc=8 max=64
type audio struct {
	PTS   int64 // in samples since the start
	Codec codec
	Len   uint16        // frames in use
	PCM   [960][2]int16 `poolgen:"align=64"` // interleaved
	Level [2]uint32     // peak a channel
}

// session holds Go pointers, so its pool stays on the Go heap.
//
//poolgen:pool max=8
type session struct {
	Name string
	Peer *session
}
