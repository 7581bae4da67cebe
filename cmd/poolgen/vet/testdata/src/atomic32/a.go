package atomic32

import "sync/atomic"

type stats struct {
	open bool
	hits int64
	// misses is read by reports.
	misses uint64
	misc   int32
}

func (s *stats) hit() {
	atomic.AddInt64(&s.hits, 1)        // want `s\.hits is at offset 4 on arm, where sync/atomic needs a multiple of 8: use atomic\.Int64 \(PG1006\)`
	if atomic.LoadInt64(&s.hits) > 3 { // want `PG1006`
		s.open = true
	}
	atomic.AddUint64(&s.misses, 1) // want `s\.misses is at offset 12 on arm.*use atomic\.Uint64`
}

func (s *stats) plain() uint64 { return s.misses }

type good struct {
	hits int64
	n    int32
	m    int32
	last uint64
}

func (g *good) hit() {
	atomic.AddInt64(&g.hits, 1)
	atomic.StoreUint64(&g.last, 2)
}

// Exported may be written without field names elsewhere: there is no fix.
type Exported struct {
	A int32
	N int64
}

func exported(e *Exported) { atomic.AddInt64(&e.N, 1) } // want `e\.N is at offset 4`

type positional struct {
	a int32
	n int64
}

var _ = positional{1, 2}

func keeps(p *positional) { atomic.AddInt64(&p.n, 1) } // want `p\.n is at offset 4`

type inner struct{ n int64 }

type outer struct {
	flag  uint32
	in    inner
	ptr   *inner
	words [3]uint32
}

func nested(o *outer) {
	atomic.AddInt64(&o.in.n, 1) // want `o\.in\.n is at offset 4`
	atomic.AddInt64(&o.ptr.n, 1)
}

type embeds struct {
	flag uint32
	inner
}

func promoted(e *embeds) {
	atomic.AddInt64(&e.n, 1) // want `e\.n is at offset 4`
}

type elem struct {
	n int64
	x int32
}

func element(es []elem, i int, two [2]elem) {
	atomic.AddInt64(&es[i].n, 1) // want `es\[i\]\.n is at offset 12`
	atomic.AddInt64(&es[0].n, 1)
	atomic.AddInt64(&two[1].n, 1) // want `PG1006`
}

func words(ws []int64, i int) { atomic.AddInt64(&ws[i], 1) }

type typed struct {
	open bool
	n    atomic.Int64
}

func (t *typed) add() { t.n.Add(1) }

type raised struct {
	open bool
	_    [0]atomic.Int64
	n    int64
}

func (r *raised) add() { atomic.AddInt64(&r.n, 1) }

type generic[T any] struct {
	v T
	n int64
}

func (g *generic[T]) add() { atomic.AddInt64(&g.n, 1) }

func small(s *stats) { atomic.AddInt32(&s.misc, 1) }

var count int64

func global() { atomic.AddInt64(&count, 1) }
