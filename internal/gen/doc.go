// Package gen turns annotated structs into typed pools in Go and matching headers in C.
//
// The steps, each in a file of its own: list (one call of the go command names the packages), reach (which declarations the annotated
// structs are made of), load (their types; a package whose generated files are missing or stale still loads), directive (options of
// //poolgen: comments and of field tags), model (what is emitted, with one layout for all targets), layout (offsets on amd64, arm64, 386
// and arm, in Go and in C), emit Go (jennifer), emit C (templates), output (written only when changed). memory remembers which files
// came from which, so that a package is passed over when nothing that it is made from has changed.
//
// The struct in the source is a specification. The generator emits a second struct, its name exported, in which every gap is an
// explicit field, so that the compilers of both languages place every field alike on every target; each side asserts that.
package gen
