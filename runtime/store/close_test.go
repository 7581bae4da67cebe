package store

import (
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Whoever closes a store finds its blocks released, also when another goroutine came first.
func TestCloseWaitsForClose(t *testing.T) {
	p, err := pool.New(64, pool.Options{Max: 1, External: 1})
	if err != nil {
		t.Fatal(err)
	}
	releasing, released := make(chan struct{}), make(chan struct{})
	b, err := p.Adopt(make([]byte, 64), func() {
		close(releasing)
		<-released
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Hot: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(b, 1); err != nil {
		t.Fatal(err)
	}
	b.Release()
	testutil.CloseWaits(t, s.Close, releasing, released)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
