// Package leak loses a buffer, for the test that vet is awake.
package leak

import "github.com/poolgen/poolgen/runtime/pool"

func take(p *pool.Pool) (int, error) {
	b, err := p.Get()
	if err != nil {
		return 0, err
	}
	return b.Len(), nil
}
