package copies

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

type counted struct {
	n    int64
	drop atomic.Uint64
}

type locked struct {
	parts [2]struct{ mu sync.Mutex }
}

type plain struct{ a, b int32 }

func deref(r pool.Ref[counted]) int64 {
	v := *r.Value() // want `a pooled counted is copied with its atomic\.Uint64: copy the fields that are wanted, atomic ones with Load \(PG1007\)`
	return v.n
}

func pointer(r pool.Ref[counted]) int64 {
	p := r.Value()
	v := *p // want `PG1007`
	return v.n
}

func argument(r pool.HeapRef[locked], use func(locked)) {
	use(*r.Value()) // want `sync\.Mutex`
}

func fine(r pool.Ref[plain], q pool.Ref[counted]) (plain, int64, uintptr) {
	v := *r.Value()
	c := &counted{}
	_ = *q.Value()
	return v, c.n + q.Value().n, unsafe.Sizeof(*q.Value())
}

func byValue(p pool.Pool) { p.Close() } // want `pool\.Pool is passed by value: pass a pointer`

func owner(p *pool.Typed[plain]) {
	q := *p // want `pool\.Typed\[plain\] is copied: keep the pointer`
	q.Close()
}

func cache(c pool.Cache) {} // want `pool\.Cache is passed by value`

func newCache(a *pool.Allocator) *pool.Cache {
	c, err := a.Cache()
	if err != nil {
		return nil
	}
	return c
}

func fanOut(p *pool.Pool, a, b chan pool.Buf) {
	buf, err := p.Get()
	if err != nil {
		return
	}
	a <- buf
	b <- buf // want `the reference is sent a second time, after line \d+: each receiver needs its own, from Retain`
}

func loop(p *pool.Pool, subs []chan pool.Buf) {
	buf, err := p.Get()
	if err != nil {
		return
	}
	for _, c := range subs {
		c <- buf // want `PG1007`
	}
}

func retains(p *pool.Pool, subs []chan pool.Buf) {
	buf, err := p.Get()
	if err != nil {
		return
	}
	defer buf.Release()
	for _, c := range subs {
		c <- buf.Retain()
	}
}
