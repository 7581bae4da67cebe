// Package payload has blocks of variable length.
package payload

//poolgen:pool shared max=16
type packet struct {
	Sequence uint16
	Stamp    uint32
	Data     []byte `poolgen:"payload,cap=1500"`
}

//poolgen:pool shared
type raw struct {
	Data [0]byte `poolgen:"payload,cap=65536,align=4096"`
}

//poolgen:pool shared
type named struct {
	Title [8]byte  `poolgen:"cstring"`
	Name  [64]byte `poolgen:"cstring,align=64"`
}
