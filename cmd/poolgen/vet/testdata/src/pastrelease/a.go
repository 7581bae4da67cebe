package pastrelease

import (
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

type frame struct {
	n   int
	pcm [4]int16
}

func used(p *pool.Pool) byte {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	data := b.Bytes()
	b.Release()
	return data[0] // want `a pointer or slice into a block is used after the release at line 20 \(PG1005\)`
}

func returned(p *pool.Pool) ([]byte, error) {
	b, err := p.Get()
	if err != nil {
		return nil, err
	}
	defer b.Release()
	return b.Bytes()[:8], nil // want `what is returned points into a block that is released at line 29: copy it`
}

func pointer(p *pool.Pool) unsafe.Pointer {
	b, err := p.Get()
	if err != nil {
		return nil
	}
	defer func() { b.Release() }()
	return b.Pointer() // want `PG1005`
}

func value(p *pool.Typed[frame]) int {
	r, err := p.Get()
	if err != nil {
		return 0
	}
	v := r.Value()
	r.Release()
	v.pcm[1] = 3 // want `PG1005`
	return 0
}

func passed(r pool.HeapRef[frame], use func(*frame)) {
	v := r.Value()
	r.Release()
	use(v) // want `PG1005`
}

func loop(p *pool.Pool, out []byte) {
	for {
		b, err := p.Get()
		if err != nil {
			return
		}
		data := b.Bytes()
		b.Release()
		copy(out, data) // want `PG1005`
	}
}

func generic[T any](p *pool.Typed[T]) *T {
	r, err := p.Get()
	if err != nil {
		return nil
	}
	defer r.Release()
	return r.Value() // want `PG1005`
}

func viewed(b pool.Buf) string {
	data := b.Slice(1, 3).Bytes()
	b.Release()
	return string(data) // want `PG1005`
}

func cast(p *pool.Pool) uint32 {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	words := unsafe.Slice((*uint32)(b.Pointer()), 4)
	b.Release()
	return words[2] // want `PG1005`
}

func tail(r pool.Ref[frame]) byte {
	data := r.Tail(16, 64)
	r.Release()
	return data[0] // want `PG1005`
}
