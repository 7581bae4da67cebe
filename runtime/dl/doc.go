// Package dl loads shared C libraries at run time, for builds without cgo. It is the only user of github.com/ebitengine/purego.
//
// Bindings that poolgen generates from //poolgen:bind use it; see cmd/poolgen. It can be used by hand too: Open, Sym, and then a Caller,
// or Func for a function that is not called often.
//
// Only integers, pointers, and floats of one width pass: on linux/arm purego passes structs by value, mixed float widths and floats for
// a variadic function wrongly or not at all. A program built with GOARM=5 passes floats as libraries for soft float take
// them, which those of Debian's armhf are not.
//
// Memory behind a pointer argument belongs to the caller; what a C function keeps of it must be C's own memory, or stay pinned.
//
// A missing library is an error that names it, the package that has it, and the folders that the dynamic linker looked in; never a crash.
//
// A program that imports this package is dynamically linked, also with CGO_ENABLED=0. For arm the go command names
// a loader that Debian's armhf does not have: build with -ldflags "-I /lib/ld-linux-armhf.so.3".
//
// A call through a Caller allocates nothing, but its argument blocks, Caller's and purego's, wait in a sync.Pool between calls: the first
// call on each processor makes them. A second garbage collection without a call between empties those pools: the next call makes
// the blocks and the pools' tables again, up to 6 allocations.
package dl
