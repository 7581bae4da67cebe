//go:build amd64 || arm64

package atomic32

import "sync/atomic"

type wide struct {
	open bool
	hits int64
}

func (s *wide) hit() { atomic.AddInt64(&s.hits, 1) }
