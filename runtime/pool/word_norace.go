//go:build !race

package pool

// raceBuild moves the arena onto the Go heap: the race detector does not see mapped memory.
const raceBuild = false

// get and set access a word that other threads may read or write at the same time: a generation, a length or a hint.
// Aligned 32-bit accesses do not tear, and the compare-and-swap of the reference word beside each orders them.

func get(p *uint32) uint32    { return *p }
func set(p *uint32, v uint32) { *p = v }
