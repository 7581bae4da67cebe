// Package wrapper hands out buffers of its own pool to another package.
package wrapper

import (
	"errors"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Source wraps a pool.
type Source struct {
	p   *pool.Pool
	cur pool.Buf
}

// Next returns a buffer that the caller releases.
func (s *Source) Next() (pool.Buf, error) {
	b, err := s.p.Get()
	if err != nil {
		return pool.Buf{}, err
	}
	if b.Len() == 0 {
		b.Release()
		return pool.Buf{}, errors.New("empty")
	}
	return b, nil
}

// Current returns what the source holds: the caller owes nothing.
func (s *Source) Current() pool.Buf { return s.cur }

// Set takes b over.
func (s *Source) Set(b pool.Buf) {
	if s.cur.Valid() {
		s.cur.Release()
	}
	s.cur = b
}

// Sum only reads.
func Sum(b pool.Buf) (n int) {
	for _, x := range b.Bytes() {
		n += int(x)
	}
	return n
}

// Drop releases.
func Drop(b pool.Buf) {
	if b.User() > 0 {
		b.SetUser(0)
	}
	b.Release()
}
