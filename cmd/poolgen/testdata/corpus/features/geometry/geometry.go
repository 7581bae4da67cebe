// Package geometry is somebody else's.
package geometry

type Point struct{ X, Y int32 }

type Rect struct{ Min, Max Point }
