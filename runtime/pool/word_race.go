//go:build race

package pool

import "sync/atomic"

const raceBuild = true

func get(p *uint32) uint32    { return atomic.LoadUint32(p) }
func set(p *uint32, v uint32) { atomic.StoreUint32(p, v) }
