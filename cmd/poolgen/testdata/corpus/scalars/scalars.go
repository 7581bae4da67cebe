// Package scalars has a field of every kind that C and Go share.
package scalars

//poolgen:pool shared prealloc=1 max=4 budget=1MiB align=128
type all struct {
	A int8
	B int16
	C int32
	D int64
	E uint8
	F uint16
	G uint32
	H uint64
	I float32
	J float64
	K byte
	L rune
	M [3]int8
	N [2][3]int16
	O [1][2][3]int64
}

// backwards has its fields in the worst order.
//
//poolgen:pool shared
type backwards struct {
	A uint8
	B uint64
	C uint8
	D uint32
	E uint8
	F uint16
	G uint8
	H float64
	I uint8
}

//poolgen:pool
type one struct{ X uint8 }
