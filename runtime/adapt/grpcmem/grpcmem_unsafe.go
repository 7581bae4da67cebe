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
	tiers    []*tier // by capacity
	fallback atomic.Uint64
	foreign  atomic.Uint64
}

var _ mem.BufferPool = (*Pool)(nil)

// Get's result is the address of an entry.
var _ = [1]struct{}{}[unsafe.Offsetof(entry{}.slice)]

type tier struct {
	pool     *pool.Pool
	capacity int
	stride   uintptr        // from one block to the next
	base     atomic.Uintptr // where the first block is, once one was got
	entries  []entry        // by block
}

// entry is a block that gRPC may have. Who holds the block alone uses its entry.
type entry struct {
	slice []byte // what Get's result points to
	buf   pool.Buf
}

// Stats is a snapshot.
type Stats struct {
	Fallback uint64 // buffers that came from Options.Fallback, because no block was free or large enough
	Foreign  uint64 // buffers that came back and were of no pool: those, others, and nil
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
		if p == nil {
			return nil, fmt.Errorf("grpcmem: pool %d of %d is nil", i+1, len(pools))
		}
		if slices.Contains(pools[:i], p) {
			return nil, fmt.Errorf("grpcmem: pool %q is given twice", p.Name())
		}
		s := p.Stats()
		g.tiers = append(g.tiers, &tier{pool: p, capacity: s.Capacity, stride: uintptr(s.Stride), entries: make([]entry, s.Max)})
	}
	slices.SortStableFunc(g.tiers, func(a, b *tier) int { return a.capacity - b.capacity })
	return g, nil
}

// Get returns a buffer of the given length, which goes back by Put. It panics if length is negative.
func (g *Pool) Get(length int) *[]byte {
	for _, t := range g.tiers {
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
		if t.base.Load() == 0 {
			t.base.Store(uintptr(b.Pointer()) - uintptr(h.Index)*t.stride)
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

// Put takes a buffer back that Get returned: by the pointer that Get returned, whatever the slice there has become, or by one to a slice of that memory. Any
// other goes to Options.Fallback, and nil nowhere. It panics with *pool.MisuseError when the buffer was put back before and nobody has got it
// since.
func (g *Pool) Put(s *[]byte) {
	if s == nil {
		g.foreign.Add(1)
		return
	}
	for _, t := range g.tiers {
		if e := t.entry(s); e != nil {
			t.put(e)
			return
		}
	}
	for _, t := range g.tiers {
		if e := t.holding(*s); e != nil {
			t.put(e)
			return
		}
	}
	g.foreign.Add(1)
	g.o.Fallback.Put(s)
}

// entry is the one that s is the address of, or nil.
func (t *tier) entry(s *[]byte) *entry {
	if len(t.entries) == 0 {
		return nil
	}
	n := uintptr(unsafe.Pointer(s)) - uintptr(unsafe.Pointer(&t.entries[0]))
	if k := n / unsafe.Sizeof(entry{}); k < uintptr(len(t.entries)) && n%unsafe.Sizeof(entry{}) == 0 {
		return &t.entries[k]
	}
	return nil
}

// holding is the entry of the block that b lies in, or nil. Were it passed on as if it were no block's, it would never come back, or be used by others
// as well.
func (t *tier) holding(b []byte) *entry {
	base := t.base.Load()
	if k := (uintptr(unsafe.Pointer(unsafe.SliceData(b))) - base) / t.stride; base != 0 && k < uintptr(len(t.entries)) {
		return &t.entries[k]
	}
	return nil
}

func (t *tier) put(e *entry) {
	b := e.buf
	if b.Pool() == nil {
		k := (uintptr(unsafe.Pointer(e)) - uintptr(unsafe.Pointer(&t.entries[0]))) / unsafe.Sizeof(entry{})
		panic(&pool.MisuseError{Pool: t.pool.Name(), Op: "putting back", Reason: "nobody has got it from here: it was put back before", Block: uint32(k)})
	}
	e.buf = pool.Buf{}
	b.Release()
}

// Stats is a snapshot. What came from pools is in the pools' own.
func (g *Pool) Stats() Stats { return Stats{g.fallback.Load(), g.foreign.Load()} }
