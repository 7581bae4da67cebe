// Package layout says where the compilers of Go and C place the fields of a struct on the four targets, and draws it.
//
// Of gives the layout on one target in one language, Suggest the order of fields that takes the least memory. Text, SVG and HTML draw
// layouts; targets that agree are drawn once.
//
// Go's rules are those of go/types for the gc compiler. C's are those of AAPCS (arm), AAPCS64 (arm64) and the System V ABI (386, amd64):
// every scalar is aligned to its size, except that 8-byte ones are aligned to 4 in structs on 386.
package layout
