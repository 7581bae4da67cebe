package main

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// frame is 20 ms of sound, one channel at 48 kHz.
//
//poolgen:pool shared prealloc=8 max=64
type frame struct {
	PTS     int64      // position of the first sample in the stream, in samples
	Samples uint32     // samples in use
	Peak    uint32     // largest absolute sample, set by the level meter
	PCM     [960]int16 `poolgen:"align=64"`
}

// packet is one Opus packet.
//
//poolgen:pool shared prealloc=64 max=128
type packet struct {
	PTS  int64 // position after the packet, in samples
	Len  uint32
	Data [1500]byte `poolgen:"align=64"`
}
