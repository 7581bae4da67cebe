// Package cstress lets C work on a Go pool in the same process: its functions run the C of internal/ctest/testdata/peers.h on the
// calling thread, for the tests of this package, in which goroutines work on the same arena. Without cgo it is empty.
//
// The C ends the process with a message when it finds something wrong. Who gets a handle from here owns its reference; a handle
// passed in hands one over.
//
// Go's build cache does not see that a header in another folder changed: internal/ctest builds this package's tests with a
// stamp of the headers, for this machine and for ARM.
package cstress
