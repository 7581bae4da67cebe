//go:build race

package ring

import "sync/atomic"

// edge tells the race detector, which does not see mapped memory, that what the producer did before Advance is there for the
// consumer after Content, and the other way round.
type edge struct{ n atomic.Uint32 }

func (e *edge) release() { e.n.Add(1) }
func (e *edge) acquire() { e.n.Load() }
