package grpcmem

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"google.golang.org/grpc/mem"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Options tune New. The zero value is ready.
type Options struct {
	// Clear fills each buffer with zeros before it is handed out, as gRPC's own pool does. gRPC itself writes over all that it gets.
	Clear bool
	// Fallback serves what no pool can, and takes back what is of none; nil is the Go heap.
	Fallback mem.BufferPool
}

// Pool is a mem.BufferPool. Its methods may be called from any goroutine.
type Pool struct {
	o        Options
	tiers    []tier // by capacity
	fallback atomic.Uint64
	foreign  atomic.Uint64
}

var _ mem.BufferPool = (*Pool)(nil)

// Get's result is the address of an entry.
var _ = [1]struct{}{}[unsafe.Offsetof(entry{}.slice)]

type tier struct {
	pool     *pool.Pool
	capacity int
	entries  []entry // by block
}

// entry is a block that gRPC may have. Who holds the block alone uses its entry.
type entry struct {
	slice []byte // what Get's result points to
	buf   pool.Buf
}

// Stats is a snapshot.
type Stats struct {
	Fallback uint64 // buffers that came from Options.Fallback, because no block was free or large enough
	Foreign  uint64 // buffers that came back and were of no pool: those, and others
}

// New makes a buffer pool of at least one pool. The pools stay the caller's, who closes them after the last use.
func New(o Options, pools ...*pool.Pool) (*Pool, error) {
	if len(pools) == 0 {
		return nil, errors.New("grpcmem: there is no pool: give at least one")
	}
	if o.Fallback == nil {
		o.Fallback = mem.NopBufferPool{}
	}
	g := &Pool{o: o}
	for i, p := range pools {
		if slices.Contains(pools[:i], p) {
			return nil, fmt.Errorf("grpcmem: pool %q is given twice", p.Name())
		}
		s := p.Stats()
		g.tiers = append(g.tiers, tier{p, s.Capacity, make([]entry, s.Max)})
	}
	slices.SortStableFunc(g.tiers, func(a, b tier) int { return a.capacity - b.capacity })
	return g, nil
}

// Get returns a buffer of the given length, which goes back by Put. It panics if length is negative.
func (g *Pool) Get(length int) *[]byte {
	for i := range g.tiers {
		t := &g.tiers[i]
		if length > t.capacity || length < 0 {
			continue
		}
		b, err := t.pool.Get()
		if err != nil {
			continue
		}
		h := b.Handle()
		if int(h.Index) >= len(t.entries) { // the pool answers its limit with the heap, and so do we
			b.Release()
			continue
		}
		e := &t.entries[h.Index]
		e.buf, e.slice = b, b.Bytes()[:length]
		if g.o.Clear {
			clear(e.slice)
		}
		return &e.slice
	}
	g.fallback.Add(1)
	return g.o.Fallback.Get(length)
}

// Put takes a buffer back that Get returned; any other goes to Options.Fallback. It panics with *pool.MisuseError when it was put back
// before and nobody has got it since.
func (g *Pool) Put(s *[]byte) {
	for i := range g.tiers {
		t := &g.tiers[i]
		if len(t.entries) == 0 {
			continue
		}
		n := uintptr(unsafe.Pointer(s)) - uintptr(unsafe.Pointer(&t.entries[0]))
		if k := n / unsafe.Sizeof(entry{}); k < uintptr(len(t.entries)) && n%unsafe.Sizeof(entry{}) == 0 {
			b := t.entries[k].buf
			if b.Pool() == nil {
				panic(&pool.MisuseError{Pool: t.pool.Name(), Op: "putting back", Reason: "nobody has it: it was put back before", Block: uint32(k)})
			}
			t.entries[k].buf = pool.Buf{}
			b.Release()
			return
		}
	}
	g.foreign.Add(1)
	g.o.Fallback.Put(s)
}

// Stats is a snapshot. What came from pools is in the pools' own.
func (g *Pool) Stats() Stats { return Stats{g.fallback.Load(), g.foreign.Load()} }
