// Command frames shows what poolgen makes of annotated structs: it prints where every field lies, which is the same on
// every target, and passes a frame around by reference.
package main

import (
	"fmt"
	"log"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

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

func main() {
	frames, err := NewAudioPool(pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	f, err := frames.Get()
	if err != nil {
		log.Fatal(err)
	}
	a := f.Value()
	a.PTS, a.Codec, a.Len = 960, codecOpus, 960
	second := f.Retain() // for somebody else, who releases it
	f.Release()
	fmt.Println("pts", second.Value().PTS, "codec", second.Value().Codec)
	second.Release()

	var v Video
	fmt.Println("Video.PTS", unsafe.Offsetof(v.PTS), "Video.Faces", unsafe.Offsetof(v.Faces), "Video.Dropped", unsafe.Offsetof(v.Dropped),
		"Video", unsafe.Sizeof(v))
	fmt.Println("Audio.PCM", unsafe.Offsetof(a.PCM), "Audio.Level", unsafe.Offsetof(a.Level), "Audio", unsafe.Sizeof(*a))

	sessions, err := NewSessionPool(pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	s, err := sessions.Get()
	if err != nil {
		log.Fatal(err)
	}
	s.Value().Name = "first"
	s.Release()
	stats := frames.Stats()
	fmt.Println("acquired", stats.Acquired, "released", stats.Released, "outstanding", stats.Outstanding)
	if err := frames.Close(); err != nil {
		log.Fatal(err)
	}
	if err := sessions.Close(); err != nil {
		log.Fatal(err)
	}
}
