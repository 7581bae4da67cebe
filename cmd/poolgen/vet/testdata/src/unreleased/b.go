package unreleased

import (
	"github.com/poolgen/poolgen/runtime/pool"
	"wrapper"
)

// What another package does is known: Next's result is owed, and Sum does not take it.
func fromPackage(s *wrapper.Source, some bool) int {
	b, err := s.Next() // want `returned by Next is not released on the path that returns at line 15`
	if err != nil {
		return 0
	}
	if some {
		return wrapper.Sum(b)
	}
	b.Release()
	return 0
}

// There is no fix in a loop: a deferred release would come at the end of the function.
func inLoop(p *pool.Pool) {
	for range 3 {
		b, err := p.Get() // want `PG1001`
		if err != nil {
			return
		}
		b.SetLen(0)
	}
}
