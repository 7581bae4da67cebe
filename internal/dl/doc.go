// Package dl loads shared C libraries at run time, for builds without cgo. It is the only user of github.com/ebitengine/purego.
//
// Only integers and pointers pass: on linux/arm purego passes structs by value and mixed float widths wrongly or not at all.
// A missing library is an error that names it, the package that has it, and where it was looked for; never a crash.
package dl
