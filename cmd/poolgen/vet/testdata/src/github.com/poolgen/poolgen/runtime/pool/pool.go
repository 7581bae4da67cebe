// Package pool declares what the analyzers know of the real package, for their tests.
package pool

import (
	"context"
	"unsafe"
)

type Options struct{ Max int }

type Handle struct{ Index, Generation uint32 }

type Buf struct{ p *Pool }

func (b Buf) Bytes() []byte           { return nil }
func (b Buf) Cap() int                { return 0 }
func (b Buf) Exclusive() bool         { return false }
func (b Buf) Handle() Handle          { return Handle{} }
func (b Buf) Len() int                { return 0 }
func (b Buf) Pointer() unsafe.Pointer { return nil }
func (b Buf) Pool() *Pool             { return b.p }
func (b Buf) Release()                {}
func (b Buf) Retain() Buf             { return b }
func (b Buf) SetLen(n int)            {}
func (b Buf) SetUser(v uint32)        {}
func (b Buf) Slice(lo, hi int) View   { return View{b} }
func (b Buf) User() uint32            { return 0 }
func (b Buf) Valid() bool             { return false }

type View struct{ b Buf }

func (v View) Buf() Buf                { return v.b }
func (v View) Bytes() []byte           { return nil }
func (v View) Len() int                { return 0 }
func (v View) Pointer() unsafe.Pointer { return nil }
func (v View) Release()                {}
func (v View) Retain() View            { return v }
func (v View) Slice(lo, hi int) View   { return v }

type Pool struct{ n int }

func New(size int, o Options) (*Pool, error)                                    { return nil, nil }
func (p *Pool) Adopt(b []byte, done func()) (Buf, error)                        { return Buf{}, nil }
func (p *Pool) Buf(h Handle) (Buf, error)                                       { return Buf{}, nil }
func (p *Pool) Close() error                                                    { return nil }
func (p *Pool) External(ptr unsafe.Pointer, size int, done func()) (Buf, error) { return Buf{}, nil }
func (p *Pool) Get() (Buf, error)                                               { return Buf{}, nil }
func (p *Pool) Wait(ctx context.Context) (Buf, error)                           { return Buf{}, nil }

type Ref[T any] struct{ b Buf }

func (r Ref[T]) Buf() Buf                         { return r.b }
func (r Ref[T]) Handle() Handle                   { return Handle{} }
func (r Ref[T]) Cap() int                         { return 0 }
func (r Ref[T]) Release()                         {}
func (r Ref[T]) Retain() Ref[T]                   { return r }
func (r Ref[T]) SetTail(offset, capacity, n int)  {}
func (r Ref[T]) Tail(offset, capacity int) []byte { return nil }
func (r Ref[T]) Valid() bool                      { return false }
func (r Ref[T]) Value() *T                        { return nil }

type Typed[T any] struct{ p *Pool }

func NewTyped[T any](o Options) (*Typed[T], error)           { return nil, nil }
func (p *Typed[T]) Close() error                             { return nil }
func (p *Typed[T]) Get() (Ref[T], error)                     { return Ref[T]{}, nil }
func (p *Typed[T]) Pool() *Pool                              { return p.p }
func (p *Typed[T]) Ref(h Handle) (Ref[T], error)             { return Ref[T]{}, nil }
func (p *Typed[T]) Wait(ctx context.Context) (Ref[T], error) { return Ref[T]{}, nil }

type HeapRef[T any] struct{ b Buf }

func (r HeapRef[T]) Cap() int           { return 0 }
func (r HeapRef[T]) Release()           {}
func (r HeapRef[T]) Retain() HeapRef[T] { return r }
func (r HeapRef[T]) Valid() bool        { return false }
func (r HeapRef[T]) Value() *T          { return nil }

type Heap[T any] struct{ p *Pool }

func NewHeap[T any](o Options) (*Heap[T], error)                { return nil, nil }
func (p *Heap[T]) Close() error                                 { return nil }
func (p *Heap[T]) Get() (HeapRef[T], error)                     { return HeapRef[T]{}, nil }
func (p *Heap[T]) Wait(ctx context.Context) (HeapRef[T], error) { return HeapRef[T]{}, nil }

type Allocator struct{ n int }

func (a *Allocator) Cache() (*Cache, error) { return nil, nil }

type Cache struct{ n int }

func (t *Cache) Close() {}
