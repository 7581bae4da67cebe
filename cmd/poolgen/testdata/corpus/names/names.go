// Package names has names that C and C++ would not take as they are.
package names

// kind is a word of its own.
type kind int16

const (
	kindNone  kind = -1
	KindVideo kind = 0x7fff // the largest
	other     kind = 5
)

type flag uint64

const (
	flagKey flag = 1 << 63
	flagLow flag = 1
)

type level float32

const quiet level = -96.5

//poolgen:pool shared as=Frame2D prefix=na_mes
type class struct {
	class    int8
	New      int8
	Int      int8
	HTTPPort uint16
	PTS      int64
	URLs     [2]uint32
	Errno    int32
	A__B     uint8
	X_Y      uint8
	_        uint16
	Kind     kind
	Flag     flag
	Level    level
	ID3      uint32
}
