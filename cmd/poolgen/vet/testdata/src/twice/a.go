package twice

import "github.com/poolgen/poolgen/runtime/pool"

func deferred(p *pool.Pool, bad bool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	defer b.Release() // want `released here a second time; the first is at line 12 \(PG1003\)`
	if bad {
		b.Release()
		return nil
	}
	return nil
}

func straight(b pool.Buf) {
	b.Release()
	b.Release() // want `PG1003`
}

func closure(p *pool.Pool) {
	b, err := p.Get()
	if err != nil {
		return
	}
	defer func() { b.Release() }() // want `PG1003`
	b.Release()
}

func branches(p *pool.Pool, a, c bool) {
	b, err := p.Get()
	if err != nil {
		return
	}
	if a {
		b.Release()
	}
	if c {
		b.Release() // want `PG1003`
	}
	if !a && !c {
		b.Release()
	}
}

func panics(p *pool.Pool, bad bool) {
	b, err := p.Get()
	if err != nil {
		return
	}
	defer b.Release() // want `PG1003`
	if bad {
		b.Release()
		panic("bad")
	}
}

func viewAndBuf(p *pool.Pool) {
	b, err := p.Get()
	if err != nil {
		return
	}
	v := b.Slice(0, 1)
	v.Release()
	b.Release() // want `PG1003`
}

func drop[T any](r pool.Ref[T]) { r.Release() }

func byHelper(p *pool.Typed[int]) {
	r, err := p.Get()
	if err != nil {
		return
	}
	defer r.Release() // want `PG1003`
	drop(r)
}

func loop(p *pool.Pool, n int) {
	b, err := p.Get()
	if err != nil {
		return
	}
	for range n {
		b.Release() // want `PG1003`
	}
}
