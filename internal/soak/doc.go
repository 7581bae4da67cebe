// Package soak kills processes of runtime/ipc and runtime/ring with SIGKILL, at random moments, and checks the books after each kill. It has tests
// only: `make soak ROUNDS=100000` runs the long form, `go test` a short one.
//
// A round is one kill. The process that runs the test lives on: it is the publisher of subscribers that are killed, the subscribers of a
// publisher that is, the readers of a frame ring's writer, the other side of a byte ring. Every frame and record carries its number and a checksum.
// The victim writes down in memory of its own, which outlives it, what it has begun and what it has finished. So it is known
// after the kill what must have arrived: numbers go on without a gap that nobody counted and without one that comes twice, a pool has all
// its blocks back and has handed out exactly as many as were asked for, and descriptors, mappings and goroutines of the survivor do not grow.
package soak
