// Package nested has structs within structs, in several files.
package nested

// point is used by both files.
type point struct{ X, Y int32 }

type line struct {
	From, To point
	Width    float32
}

// shape has an array of structs with arrays.
//
//poolgen:pool shared
type shape struct {
	Lines [4]line
	Grid  [2][2]point
	point
	Count uint32
}
