// Command poolgen generates typed pools in Go, and C headers that agree with them to the byte, from annotated structs.
//
// A struct is annotated in the comment above it:
//
//	//poolgen:pool shared prealloc=16 max=256 align=64
//	type frame struct {
//		PTS  int64
//		Drop uint64      `poolgen:"atomic"`
//		PCM  [1920]int16 `poolgen:"align=64"`
//	}
//
// Options of the directive, all optional:
//
//	shared        C must be able to share the struct: a field that it cannot hold is an error. Without it the pool
//	              of such a struct stays on the Go heap, and there is no header.
//	prealloc=N    blocks whose memory is committed at the start
//	max=N         blocks at most
//	budget=SIZE   bytes at most, bookkeeping included: 65536, 64KiB, 8MiB
//	align=SIZE    alignment of a block: a power of two from 64 to 1MiB
//	as=Name       name of the Go type that is emitted; by default the struct's, exported
//	prefix=name   prefix of names in C; by default the package's name, of a program the last part of its import path
//
// Options in a field's tag `poolgen:"..."`:
//
//	atomic        the field becomes a sync/atomic type, and C gets load, store and add; int32, uint32, int64 or uint64.
//	              With GOARM below 7 a 64-bit one is atomic within one language only.
//	align=SIZE    alignment of the field within the struct: a power of two
//
// Fields hold fixed-size integers, floats, named types of them, arrays, and structs of those. The constants of a named integer
// type become typed constants in C. bool, int, uint, uintptr, strings, slices, maps and pointers are refused with what to write instead.

package main
