// Package poolgen is memory for Go audio and video programs on small Linux devices: a generator turns annotated structs into
// typed pools with matching C headers, and a runtime hands out pinned, reference-counted, zero-copy buffers through stable C
// pointers.
//
// This package holds no code. Its parts:
//
//   - cmd/poolgen, the generator, run by go generate; also poolgen init, vet, layout, explain, top and report;
//   - runtime/pool, the buffers and size-class allocators: get, retain, release, malloc and free, from Go and from C;
//   - include/poolgen.h and its kin, the same for C and C++, in static inline functions;
//   - runtime/ring, runtime/ipc and runtime/ipc/stream, rings, and frames between processes;
//   - runtime/bus, runtime/store, runtime/luma, runtime/metrics and runtime/adapt, what is built on buffers: events, history, brightness,
//     figures, and the shapes that other packages ask for;
//   - ffi/opus, ffi/alsa, ffi/v4l2, ffi/libv4l2 and ffi/hotplug, bridges to codecs, sound cards and cameras that work in buffers, without a copy
//     where the device allows it;
//   - runtime/dl, what loads the C libraries of programs without cgo;
//   - examples, programs to copy from; examples/voice is the whole way from a microphone to an Ogg Opus file and back.
package poolgen
