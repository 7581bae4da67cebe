//go:build !race

package ring

// edge is for the race detector only; see race_on.go.
type edge struct{}

func (*edge) release() {}
func (*edge) acquire() {}
