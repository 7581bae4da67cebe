package afterrelease

import "github.com/poolgen/poolgen/runtime/pool"

func straight(p *pool.Pool) int {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	b.Release()
	return b.Len() // want `the reference is used after its release at line 10 \(PG1002\)`
}

func onePath(p *pool.Pool, early bool) int {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	if early {
		b.Release()
	}
	n := b.Cap() // want `used after its release`
	if !early {
		b.Release()
	}
	return n
}

func parameter(b pool.Buf) {
	b.Release()
	b.SetLen(1) // want `PG1002`
}

func returned(p *pool.Pool) (pool.Buf, error) {
	b, err := p.Get()
	if err != nil {
		return pool.Buf{}, err
	}
	defer b.Release()
	return b, nil // want `the reference is returned, but it is released at line \d+`
}

func sent(p *pool.Pool, ch chan<- pool.Buf) {
	b, err := p.Get()
	if err != nil {
		return
	}
	b.Release()
	ch <- b // want `sent after its release`
}

func drop(b pool.Buf) {
	if b.Len() > 0 {
		b.SetLen(0)
	}
	b.Release()
}

func byHelper(p *pool.Pool) int {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	drop(b)
	return b.Len() // want `used after its release at line 64`
}

type holder struct{ cur pool.Buf }

func (h *holder) field() int {
	h.cur.Release()
	return h.cur.Len() // want `PG1002`
}

func generic[T any](r pool.Ref[T]) *T {
	r.Release()
	return r.Value() // want `PG1002`
}

func loop(bs []pool.Buf) (n int) {
	for _, b := range bs {
		b.Release()
		n += b.Len() // want `PG1002`
	}
	return n
}

func alias(p *pool.Pool) int {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	c, v := b, b.Slice(0, 1)
	v.Release()
	return c.Len() // want `PG1002`
}

func inClosure(b pool.Buf) func() int {
	return func() int {
		b.Release()
		return b.Len() // want `PG1002`
	}
}
