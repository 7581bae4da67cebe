package main

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// frame is 20 ms of sound, one channel at 48 kHz.
//
//poolgen:pool shared prealloc=4 max=8
type frame struct {
	PCM [960]int16 `poolgen:"align=64"`
}

// packet is one RTP packet as it came, or as it goes.
//
//poolgen:pool shared prealloc=16 max=64
type packet struct {
	Sequence uint16
	Header   uint16 // bytes before the Opus packet
	Data     []byte `poolgen:"payload,cap=1500,align=64"`
}
