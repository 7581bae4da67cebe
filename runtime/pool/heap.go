package pool

import (
	"context"
	"reflect"
	"sync"
)

// Heap is a pool of values of type T on the Go heap, for types that hold Go pointers and that C therefore cannot share.
// References are counted and checked as in Typed.
type Heap[T any] struct {
	p     *Pool
	fixed []T

	mu   sync.Mutex
	more map[uint32]*T // values beyond the limit, by block number
}

// NewHeap makes a pool of T. Options.Budget, Align and Shared mean nothing here and are ignored.
func NewHeap[T any](o Options) (*Heap[T], error) {
	if o.Name == "" {
		o.Name = reflect.TypeFor[T]().String()
	}
	o.Budget, o.Align, o.Shared, o.Prealloc = 0, 0, false, 0
	// The pool's blocks hold nothing: their headers count the references to the values.
	p, err := New(1, o)
	if err != nil {
		return nil, err
	}
	return &Heap[T]{p: p, fixed: make([]T, p.geo.fixed), more: map[uint32]*T{}}, nil
}

// Get takes a value, as Pool.Get does. It holds what its last user left in it.
func (p *Heap[T]) Get() (HeapRef[T], error) { return p.ref(p.p.Get()) }

// Wait takes a value, as Pool.Wait does.
func (p *Heap[T]) Wait(ctx context.Context) (HeapRef[T], error) { return p.ref(p.p.Wait(ctx)) }

func (p *Heap[T]) ref(b Buf, err error) (HeapRef[T], error) {
	if err != nil {
		return HeapRef[T]{}, err
	}
	if b.index < p.p.geo.fixed {
		return HeapRef[T]{b, &p.fixed[b.index]}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.more[b.index]
	if v == nil {
		v = new(T)
		p.more[b.index] = v
	}
	return HeapRef[T]{b, v}, nil
}

// Stats is Pool.Stats of the references; its byte figures are those of the bookkeeping, not of the values.
func (p *Heap[T]) Stats() Stats { return p.p.Stats() }

// Close is Pool.Close.
func (p *Heap[T]) Close() error { return p.p.Close() }

// HeapRef is a reference to a value of a Heap pool: a small value that owes one Release.
type HeapRef[T any] struct {
	b Buf
	v *T
}

// Value is the pooled T, valid until the caller's reference is released. It panics with *MisuseError after that.
func (r HeapRef[T]) Value() *T {
	r.b.live("use")
	return r.v
}

// Retain takes one more reference; see Buf.Retain.
func (r HeapRef[T]) Retain() HeapRef[T] {
	r.b.Retain()
	return r
}

// Release gives the reference back; see Buf.Release.
func (r HeapRef[T]) Release() { r.b.Release() }

// Cap is the number of bytes of the value, without what its pointers lead to.
func (r HeapRef[T]) Cap() int { return int(reflect.TypeFor[T]().Size()) }

// Valid reports whether r names a value whose references are not all gone.
func (r HeapRef[T]) Valid() bool { return r.b.Valid() }
