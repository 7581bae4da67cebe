//go:build !race && !poolgen_debug

package grpcmem_test

const checked = false
