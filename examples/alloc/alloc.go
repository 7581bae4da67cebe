package main

//go:generate go run ../../cmd/poolgen

// camAlloc is where the camera's C libraries and this program take memory from: never more than 16 MiB in all.
//
//poolgen:sizeclass min=64 max=128KiB budget=16MiB prefix=cam
type camAlloc struct{}

// packetAlloc has the sizes that packets come in, and no others.
//
//poolgen:sizeclass sizes=192,1536,2048,9216 budget=1MiB prealloc=1536:64 prefix=packet
type packetAlloc struct{}
