// Package poolgen is memory for Go audio and video programs on small Linux devices: a generator turns annotated structs into
// typed pools with matching C headers, and a runtime hands out pinned, reference-counted, zero-copy buffers through stable C
// pointers.
//
// This package holds no code. Its parts:
//
//   - cmd/poolgen, the generator, run by go generate;
//   - runtime/pool, the buffers: get, retain, release, from Go and from C;
//   - include/poolgen.h, the same for C and C++, in static inline functions;
//   - ffi/opus and ffi/alsa, bridges to libopus and alsa-lib that read and write buffers without a copy;
//   - examples, programs to copy from; examples/voice is the whole way from a microphone to an Ogg Opus file and back.
package poolgen
