// Package opus encodes and decodes Opus (RFC 6716) with libopus, from and into pooled buffers, without a copy and without an
// allocation per packet.
//
// The codec's state lives in a pool's block: [NewEncoder] and [NewDecoder] take one from the pool in the config, or make a pool
// of their own, and Close gives it back. libopus allocates nothing.
//
// Samples are int16, interleaved. A frame is one sample of each channel; counts called samples are per channel, as libopus
// has them. A packet holds 2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms; other lengths are refused before C is called.
//
// Encode and Decode borrow their buffers for the call. An encoder or decoder serves one goroutine at a time.
//
// # Bindings
//
// With cgo the package links libopus (pkg-config name opus, Debian package libopus-dev). With CGO_ENABLED=0 it loads libopus.so.0
// (Debian package libopus0) when the first encoder or decoder is made, and a machine without it gets an error that names both.
// The API is one. Without cgo a program for arm names its loader: -ldflags "-I /lib/ld-linux-armhf.so.3" on Debian.
//
// A packet allocates nothing with either. Without cgo the argument blocks of a call wait in a sync.Pool: the first call after two
// garbage collections makes them and the pool's tables again, up to 6 small allocations.
package opus
