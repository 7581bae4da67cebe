//go:build amd64 || arm64 || arm

package luma

// The vector kernels take n bytes from each pointer, n a multiple of block and not 0, at any alignment.

//go:noescape
func sumVector(p *byte, n int) uint64

//go:noescape
func countVector(p *byte, n int, level uint8) uint64

//go:noescape
func compareVector(a, b *byte, n int, level uint8) (sum, most, count uint64)

// findVector returns the offset of the first block with a byte that is at least level, or n.
//
//go:noescape
func findVector(p *byte, n int, level uint8) int

// findChangeVector returns the offset of the first block where a and b differ by at least level somewhere, or n.
//
//go:noescape
func findChangeVector(a, b *byte, n int, level uint8) int
