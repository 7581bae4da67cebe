package pool

import (
	"context"
	"fmt"
	"reflect"
	"unsafe"
)

// IsABI1 is referred to by generated code that was made for ABI version 1, so that another version does not compile.
const IsABI1 = true

// Typed is a pool of values of type T that C can share: T holds no Go pointers.
type Typed[T any] struct{ p *Pool }

// NewTyped makes a pool of T; values are aligned to Options.Align, at least 64 bytes. It fails when T holds pointers, slices, strings, maps, channels, functions or interfaces.
func NewTyped[T any](o Options) (*Typed[T], error) {
	t := reflect.TypeFor[T]()
	if field, ok := findPointer(t, t.String()); ok {
		return nil, fmt.Errorf("poolgen: pool of %s: %s holds a Go pointer, which C cannot share: use NewHeap", t, field)
	}
	if o.Name == "" {
		o.Name = t.String()
	}
	p, err := New(int(t.Size()), o)
	if err != nil {
		return nil, err
	}
	return &Typed[T]{p}, nil
}

// findPointer names the first part of t that holds a pointer.
func findPointer(t reflect.Type, path string) (string, bool) {
	switch t.Kind() {
	case reflect.Array:
		if t.Len() == 0 {
			return "", false
		}
		return findPointer(t.Elem(), path+"[]")
	case reflect.Struct:
		for i := range t.NumField() {
			if f, ok := findPointer(t.Field(i).Type, path+"."+t.Field(i).Name); ok {
				return f, true
			}
		}
		return "", false
	case reflect.Pointer, reflect.Slice, reflect.String, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface, reflect.UnsafePointer:
		return path, true
	default:
		return "", false
	}
}

// Get takes a value, as Pool.Get does. Its content is undefined.
func (p *Typed[T]) Get() (Ref[T], error) {
	b, err := p.p.Get()
	return Ref[T]{b}, err
}

// Wait takes a value, as Pool.Wait does.
func (p *Typed[T]) Wait(ctx context.Context) (Ref[T], error) {
	b, err := p.p.Wait(ctx)
	return Ref[T]{b}, err
}

// Ref takes over a reference that C held under h; see Pool.Buf.
func (p *Typed[T]) Ref(h Handle) (Ref[T], error) {
	b, err := p.p.Buf(h)
	if err == nil && b.Cap() < int(unsafe.Sizeof(*new(T))) {
		return Ref[T]{}, fmt.Errorf("poolgen: block %d of pool %q has %d bytes, too few for %T", h.Index, p.p.name, b.Cap(), *new(T))
	}
	return Ref[T]{b}, err
}

// Pool is the pool behind p, which p owns.
func (p *Typed[T]) Pool() *Pool { return p.p }

// Stats is Pool.Stats.
func (p *Typed[T]) Stats() Stats { return p.p.Stats() }

// Close is Pool.Close.
func (p *Typed[T]) Close() error { return p.p.Close() }

// Ref is a reference to a pooled T: a small value that owes one Release, as Buf does.
type Ref[T any] struct{ b Buf }

// Value is the pooled T, valid until the caller's reference is released. It panics with *MisuseError after that.
func (r Ref[T]) Value() *T { return (*T)(r.b.Pointer()) }

// Retain takes one more reference; see Buf.Retain.
func (r Ref[T]) Retain() Ref[T] {
	r.b.Retain()
	return r
}

// Release gives the reference back; see Buf.Release.
func (r Ref[T]) Release() { r.b.Release() }

// Cap is the number of bytes of the block that holds the value; see Buf.Cap.
func (r Ref[T]) Cap() int { return r.b.Cap() }

// Buf is the same reference as a Buf.
func (r Ref[T]) Buf() Buf { return r.b }

// Tail is the part in use of a payload that begins offset bytes into the value and has at most capacity bytes: as far as Buf.Len goes.
// It is valid until the caller's reference is released. Generated code calls it.
func (r Ref[T]) Tail(offset, capacity int) []byte {
	b := r.b.Bytes()
	return b[min(offset, len(b)):min(offset+capacity, len(b)):min(offset+capacity, cap(b))]
}

// SetTail says that n bytes of such a payload are in use. It panics if n is not from 0 to capacity, or others hold references.
func (r Ref[T]) SetTail(offset, capacity, n int) {
	if n < 0 || n > capacity {
		r.b.p.badRange("SetTail", offset, offset+n, uint32(offset+capacity))
	}
	r.b.SetLen(offset + n)
}

// Handle is the name under which C knows the value; see Buf.Handle.
func (r Ref[T]) Handle() Handle { return r.b.Handle() }

// Valid reports whether r names a value whose references are not all gone.
func (r Ref[T]) Valid() bool { return r.b.Valid() }
