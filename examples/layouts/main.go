// Command layouts prints where the fields of pooled structs lie. It prints the same on every target, and the generated header has the
// same offsets in C.
package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
)

func main() {
	for _, t := range []reflect.Type{reflect.TypeFor[Reading](), reflect.TypeFor[Packet](), reflect.TypeFor[Spectrum32](), reflect.TypeFor[Spectrum64]()} {
		show(os.Stdout, t)
	}
	r := Reading{Quality: qualityGood, Flags: flagCalibrated | flagFiltered}
	fmt.Printf("good, calibrated and filtered is usable: %t\n", usable(&r))
	r.Flags |= flagClipped
	fmt.Printf("and with clipped set: %t\n", usable(&r))
}

// usable reports whether a reading counts: the header has the same constants, so C can ask the same.
func usable(r *Reading) bool {
	return r.Quality == qualityGood && r.Flags&(flagUsable|flagClipped) == flagUsable
}

// show prints offset, size and name of every field of t, in bytes.
func show(w io.Writer, t reflect.Type) {
	fmt.Fprintf(w, "%s: %d bytes\n", t.Name(), t.Size())
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Name
		if name == "_" {
			name = "(gap)"
		}
		fmt.Fprintf(w, "%6d %6d  %s\n", f.Offset, f.Type.Size(), name)
	}
}
