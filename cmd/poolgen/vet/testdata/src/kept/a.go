package kept

import (
	"fmt"

	"github.com/poolgen/poolgen/runtime/pool"
)

type stage struct {
	cur  pool.Buf
	all  []pool.Buf
	data []byte
}

var last pool.Buf

func (s *stage) deferred(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	defer b.Release()
	s.cur = b // want `the reference is stored in a field, but this function releases it at line 22: give Retain's result \(PG1004\)`
	return nil
}

func (s *stage) appended(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	s.all = append(s.all, b) // want `appended to a slice`
	b.Release()
	return nil
}

func sent(p *pool.Pool, ch chan pool.Buf) {
	b, err := p.Get()
	if err != nil {
		return
	}
	defer b.Release()
	ch <- b // want `sent on a channel`
	fmt.Println("sent")
}

func global(p *pool.Pool) {
	b, err := p.Get()
	if err != nil {
		return
	}
	last = b // want `stored in a package variable`
	b.Release()
}

func mapped(p *pool.Pool, m map[int]pool.Buf) {
	b, err := p.Get()
	if err != nil {
		return
	}
	m[1] = b // want `stored in a map`
	b.Release()
}

func (s *stage) bytes(b pool.Buf) {
	s.data = b.Bytes() // want `a pointer or slice into a block is stored in a field`
	b.Release()
}

func view(p *pool.Pool, ch chan pool.View) {
	b, err := p.Get()
	if err != nil {
		return
	}
	defer b.Release()
	ch <- b.Slice(0, 4) // want `PG1004`
}

func slices(p *pool.Pool, ch chan []byte) {
	b, err := p.Get()
	if err != nil {
		return
	}
	defer b.Release()
	ch <- b.Bytes()[:4] // want `PG1004`
}

func (s *stage) parameter(b pool.Buf) {
	s.cur = b // want `PG1004`
	b.Release()
}
