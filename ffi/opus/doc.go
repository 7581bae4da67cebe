// Package opus encodes and decodes Opus (RFC 6716) with libopus, from and into pooled buffers, without a copy and without an
// allocation per packet.
//
// The codec's state lives in a pool's block: [NewEncoder] and [NewDecoder] take one from the pool in the config, or make a pool
// of their own, and Close gives it back. libopus allocates nothing.
//
// Samples are int16 or float32, interleaved. A frame is one sample of each channel; counts called samples are per channel, as libopus
// has them. A packet holds 2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms; other lengths are refused before C is called.
//
// Encode and Decode borrow their buffers for the call. An encoder or decoder serves one goroutine at a time; a program built with
// -race is told of two.
//
// # Lost packets
//
// [Decoder.Recover] fills a gap with the best there is: the copy of the packet before that the next one carries (in-band FEC, an encoder's
// SetInbandFEC and SetPacketLoss), deep redundancy (SetDREDDuration, [DRED]), or concealment. Under SetDTX an encoder makes packets
// of 1 or 2 bytes in silence, which need not be sent: the receiver conceals.
//
// # More than two channels
//
// [MultistreamEncoder] and [MultistreamDecoder] share channels out among streams, [NewSurroundEncoder] as Ogg Opus wants it;
// [ProjectionEncoder] and [ProjectionDecoder] mix ambisonics by a matrix.
//
// # State and packets
//
// Clone copies the state of an encoder or decoder to another block, CopyFrom brings it back. [ParsePacket] takes packets apart without
// libopus; a [Repacketizer] joins, splits and pads them.
//
// # Versions
//
// The functions that must be there are those of libopus 1.1. What a library is too old for, or was built without, is errors.ErrUnsupported at the call; all else works. Codes
// of libopus are values of [Error], for errors.Is.
//
// # Bindings
//
// poolgen makes both from bind.go. With cgo the package links libopus (pkg-config name opus, Debian package libopus-dev). With CGO_ENABLED=0 it loads libopus.so.0
// (Debian package libopus0) when the first encoder or decoder is made, and a machine without it gets an error that names both.
// The API is one. Without cgo a program for arm names its loader: -ldflags "-I /lib/ld-linux-armhf.so.3" on Debian.
//
// A packet allocates nothing with either. Without cgo the argument blocks of a call wait in a sync.Pool: the first call after two
// garbage collections makes them and the pool's tables again, up to 6 small allocations.
package opus
