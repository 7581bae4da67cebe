package unreleased

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/poolgen/poolgen/runtime/pool"
)

type frame struct{ n int }

type frameRef = pool.Ref[frame]

func never(p *pool.Pool) error {
	b, err := p.Get() // want `the reference returned by Get is not released on the path that returns at line \d+ \(PG1001\)`
	if err != nil {
		return err
	}
	fmt.Println(b.Len())
	return nil
}

func earlyReturn(p *pool.Pool, bad bool) error {
	b, err := p.Get() // want `PG1001`
	if err != nil {
		return err
	}
	if bad {
		return errors.New("bad")
	}
	b.Release()
	return nil
}

func laterError(p *pool.Pool) error {
	b, err := p.Get() // want `not released on the path that returns at line 44`
	if err != nil {
		return err
	}
	n, err := fmt.Println(b.Len())
	if err != nil {
		return err
	}
	b.SetLen(n)
	b.Release()
	return nil
}

func discarded(p *pool.Pool) {
	p.Get() // want `PG1001`
}

func blank(p *pool.Pool) error {
	_, err := p.Get() // want `PG1001`
	return err
}

func loop(p *pool.Pool) {
	for {
		b, err := p.Get() // want `not released on the path that comes back`
		if err != nil {
			return
		}
		if b.Len() == 0 {
			continue
		}
		b.Release()
	}
}

func typed(p *pool.Typed[frame], ctx context.Context) {
	f, err := p.Wait(ctx) // want `returned by Wait`
	if err != nil {
		log.Fatal(err)
	}
	f.Value().n = 1
}

func generic[T any](p *pool.Heap[T], use func(*T)) error {
	r, err := p.Get() // want `PG1001`
	if err != nil {
		return err
	}
	use(r.Value())
	return nil
}

func overwritten(p *pool.Pool) error {
	b, err := p.Get() // want `PG1001`
	if err != nil {
		return err
	}
	b, err = p.Get()
	if err != nil {
		return err
	}
	b.Release()
	return nil
}

func retained(b pool.Buf) int {
	c := b.Retain() // want `the reference taken by Retain is not released`
	return c.Len()
}

func retainedTwice(p *pool.Pool) {
	b, err := p.Get()
	if err != nil {
		return
	}
	defer b.Release()
	c := b.Retain() // want `taken by Retain`
	c.SetUser(1)
}

func read(b pool.Buf) int { return b.Len() + int(b.User()) }

func borrowed(p *pool.Pool) (int, error) {
	b, err := p.Get() // want `PG1001`
	if err != nil {
		return 0, err
	}
	return read(b), nil
}

func closure(p *pool.Pool) (int, error) {
	b, err := p.Get() // want `PG1001`
	if err != nil {
		return 0, err
	}
	n := func() int { return b.Len() }
	return n(), nil
}

func inClosure(p *pool.Pool) func() {
	return func() {
		b, err := p.Get() // want `PG1001`
		if err != nil {
			return
		}
		b.SetUser(7)
	}
}

func made(p *pool.Pool) (pool.Buf, error) {
	b, err := p.Get()
	if err != nil {
		return pool.Buf{}, fmt.Errorf("making: %w", err)
	}
	b.SetLen(0)
	return b, nil
}

func ofMade(p *pool.Pool) error {
	b, err := made(p) // want `returned by made`
	if err != nil {
		return err
	}
	b.SetLen(1)
	return nil
}

func tried(p *pool.Pool) (frameRef, bool) {
	var q *pool.Typed[frame]
	f, err := q.Get()
	return f, err == nil
}

func ofTried(p *pool.Pool) int {
	f, ok := tried(p) // want `returned by tried`
	if !ok {
		return 0
	}
	return f.Value().n
}

func switched(p *pool.Pool, kind int) error {
	b, err := p.Get() // want `line \d+`
	switch {
	case err != nil:
		return err
	case kind == 1:
		b.Release()
	case kind == 2:
		return errors.New("kind 2")
	default:
		b.Release()
	}
	return nil
}

func viewed(p *pool.Pool) (byte, error) {
	b, err := p.Get() // want `PG1001`
	if err != nil {
		return 0, err
	}
	v := b.Slice(0, 4)
	return v.Bytes()[0], nil
}

func excepted(p *pool.Pool) {
	b, _ := p.Get() //lint:ignore PG1001 the test counts leaks
	b.SetLen(0)
}

func notExcepted(p *pool.Pool) {
	//lint:ignore PG1001
	b, _ := p.Get() // want `PG1001`
	b.SetLen(0)
}
