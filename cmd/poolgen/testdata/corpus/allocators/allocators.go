// Package allocators has allocators of each kind.
package allocators

//poolgen:sizeclass budget=1MiB
type plain struct{}

//poolgen:sizeclass budget=2GiB min=16 max=4KiB growth=4 align=8 prefix=small cache=64KiB
type smallAlloc struct{}

// frames come in few sizes.
//
//poolgen:sizeclass budget=64MiB sizes=96,1920,3840,460800,921600 prealloc=921600:4,3840:16 as=Frames shared
type frameAlloc struct{}

//poolgen:sizeclass budget=8MiB growth=16 max=1MiB align=64
type fine struct{}
