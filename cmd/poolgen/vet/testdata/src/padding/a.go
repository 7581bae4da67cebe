package padding

// wasteful needs two cache lines, but would fit one.
//
//poolgen:pool shared max=4
type wasteful struct { // want `blocks of wasteful have 128 bytes on amd64; with its fields in another order, 64 \(PG1008\)`
	// Flag says whether.
	Flag uint8
	PTS  int64 `json:"pts"` // capture time
	Kind uint8
	Seq  int64

	// Data is the rest.
	Data       [5]int64
	End, Begin uint8
}

// fits has padding, but a block is no smaller without.
//
//poolgen:pool shared
type fits struct {
	A uint8
	B int64
	C uint8
}

//poolgen:pool max=8
type heap struct { // want `blocks of heap have 32 bytes on amd64; with its fields in another order, 24`
	open bool
	name *string
	n    int64
	done bool
}

//poolgen:pool
type Exported struct { // want `reorder them by hand, since other packages may`
	Open bool
	Name string
	Done bool
}

//poolgen:pool
type positional struct { // want `reorder them by hand, since this package`
	open bool
	name string
	done bool
}

var _ = positional{true, "", false}

//poolgen:pool shared
type placed struct {
	Flag uint8
	PTS  int64
	Kind uint8
	Seq  int64
	PCM  [5]int64 `poolgen:"align=64"`
}

//poolgen:pool
type loose struct { // want `PG1008`
	open bool

	// A comment by itself: nothing is moved.

	name string
	done bool
}

type unmarked struct {
	open bool
	name string
	done bool
}

//poolgen:pool align=4KiB
type aligned struct {
	A uint8
	B [62]int64
	C uint8
	D int64
}
