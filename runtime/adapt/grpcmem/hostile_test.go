package grpcmem_test

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"sync"
	"testing"

	"google.golang.org/grpc/mem"

	"github.com/poolgen/poolgen/runtime/adapt/grpcmem"
	"github.com/poolgen/poolgen/runtime/pool"
)

// misuse is what f panics with, if that is a *pool.MisuseError.
func misuse(f func()) (m *pool.MisuseError) {
	defer func() {
		if err, ok := recover().(error); ok {
			errors.As(err, &m)
		}
	}()
	f()
	return nil
}

// keeper is a fallback that remembers what came back.
type keeper struct {
	mem.NopBufferPool
	got []*[]byte
}

func (k *keeper) Put(s *[]byte) { k.got = append(k.got, s) }

// gRPC says of Put: the pointer must hold a prefix of the buffer that Get returned. So it need not be the pointer that Get returned, and the slice
// may be of any length.
func TestPutOfAnotherPointer(t *testing.T) {
	k := new(keeper)
	g, pools := tiers(t, grpcmem.Options{Fallback: k}, 4, 100, 5000)
	for _, n := range []int{0, 1, 50, 100, 101, 5000} {
		for name, change := range map[string]func([]byte) []byte{
			"as it was":     func(b []byte) []byte { return b },
			"empty":         func(b []byte) []byte { return b[:0] },
			"without room":  func(b []byte) []byte { return b[: len(b)/2 : len(b)/2] },
			"all its room":  func(b []byte) []byte { return b[:cap(b)] },
			"its last part": func(b []byte) []byte { return b[len(b)/2 : cap(b)] },
		} {
			b := *g.Get(n)
			other := change(b)
			g.Put(&other)
			for _, p := range pools {
				if s := p.Stats(); s.Outstanding != 0 || s.Stale != 0 {
					t.Fatalf("%d bytes, %s: %+v", n, name, s)
				}
			}
			if m := misuse(func() { g.Put(&other) }); m == nil {
				t.Errorf("%d bytes, %s: put back twice", n, name)
			}
		}
	}
	if s := g.Stats(); s != (grpcmem.Stats{}) || len(k.got) != 0 {
		t.Errorf("%+v, and the fallback has %d buffers of the pools", s, len(k.got))
	}
}

// What the slice that Get's result points to became does not matter.
func TestPutOfChangedSlice(t *testing.T) {
	g, pools := tiers(t, grpcmem.Options{}, 4, 100)
	for name, change := range map[string]func(s *[]byte){
		"nil":     func(s *[]byte) { *s = nil },
		"another": func(s *[]byte) { *s = make([]byte, 3) },
		"grown":   func(s *[]byte) { *s = append((*s)[:cap(*s)], 1) },
	} {
		a, b := g.Get(100), g.Get(100)
		(*b)[0] = 7
		change(a)
		g.Put(a)
		if p := pools[0].Stats(); p.Outstanding != 1 || (*b)[0] != 7 {
			t.Errorf("%s: %+v", name, p)
		}
		g.Put(b)
	}
	// Another block's slice in this one's place: it is this one that comes back.
	a, b := g.Get(100), g.Get(100)
	*a = *b
	g.Put(a)
	(*b)[0] = 9
	c := g.Get(100)
	(*c)[0] = 1
	if (*b)[0] != 9 {
		t.Error("the other block came back, and is in use")
	}
	g.Put(b)
	g.Put(c)
}

// A buffer's room ends where its block does: appending to it moves it.
func TestRoom(t *testing.T) {
	g, _ := tiers(t, grpcmem.Options{}, 4, 100)
	a, b := g.Get(100), g.Get(100)
	copy(*a, bytes.Repeat([]byte{1}, 100))
	copy(*b, bytes.Repeat([]byte{2}, 100))
	if more := append((*a)[:cap(*a)], bytes.Repeat([]byte{3}, 200)...); &more[0] == &(*a)[0] || !bytes.Equal(*b, bytes.Repeat([]byte{2}, 100)) {
		t.Error("appending to one buffer wrote into another")
	}
	g.Put(a)
	g.Put(b)
}

func TestForeign(t *testing.T) {
	k := new(keeper)
	g, pools := tiers(t, grpcmem.Options{Fallback: k}, 4, 100)
	var empty []byte
	zero, other := []byte{}, make([]byte, 100)
	g.Put(g.Get(1))
	beside, err := pools[0].Get() // a block of the pool, which somebody else uses
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*[]byte{&empty, &zero, &other} {
		g.Put(s)
	}
	if len(k.got) != 3 || g.Stats().Foreign != 3 {
		t.Errorf("the fallback has %d, %+v", len(k.got), g.Stats())
	}
	g.Put(nil)
	if len(k.got) != 3 || g.Stats().Foreign != 4 {
		t.Errorf("nil: the fallback has %d, %+v", len(k.got), g.Stats())
	}
	theirs := beside.Bytes()
	if m := misuse(func() { g.Put(&theirs) }); m == nil || !beside.Valid() || len(k.got) != 3 {
		t.Errorf("a block that was not got from here: %v, and its owner has it: %t", m, beside.Valid())
	}
	beside.Release()
	for _, n := range []int{-1, math.MinInt} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("got %d bytes", n)
				}
			}()
			g.Get(n)
		}()
	}
	if s := pools[0].Stats(); s.Outstanding != 0 {
		t.Errorf("%+v", s)
	}
}

func TestHuge(t *testing.T) {
	g, _ := tiers(t, grpcmem.Options{}, 1, 100)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("got more than there is")
			}
		}()
		if strconv.IntSize == 32 {
			panic("32-bit processors may have 2 GiB")
		}
		g.Get(math.MaxInt)
	}()
	before := g.Stats().Fallback
	s := g.Get(10 << 20)
	if len(*s) != 10<<20 || g.Stats().Fallback != before+1 {
		t.Errorf("%d bytes, %+v", len(*s), g.Stats())
	}
	g.Put(s)
}

func TestNewRefusesNil(t *testing.T) {
	_, pools := tiers(t, grpcmem.Options{}, 2, 100)
	if _, err := grpcmem.New(grpcmem.Options{}, pools[0], nil); err == nil {
		t.Error("a pool that is nil")
	}
}

// A closed pool is passed over, and takes back what it gave.
func TestClosedPool(t *testing.T) {
	p, err := pool.New(100, pool.Options{Max: 4})
	if err != nil {
		t.Fatal(err)
	}
	g, err := grpcmem.New(grpcmem.Options{}, p)
	if err != nil {
		t.Fatal(err)
	}
	s := g.Get(10)
	if p.Close() == nil {
		t.Error("closed with a buffer out")
	}
	if other := g.Get(10); len(*other) != 10 || g.Stats().Fallback != 1 {
		t.Errorf("%+v", g.Stats())
	} else {
		g.Put(other)
	}
	(*s)[0] = 1
	g.Put(s)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// Many goroutines take and give back, half of them by other pointers; each finds what it wrote.
func TestTogether(t *testing.T) {
	g, pools := tiers(t, grpcmem.Options{}, 8, 64, 512) // fewer than are asked for at a time
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for i := range 400 {
				a, b := g.Get(1+i%600), g.Get(64)
				for _, s := range []*[]byte{a, b} {
					for j := range *s {
						(*s)[j] = byte(k)
					}
				}
				for _, s := range []*[]byte{a, b} {
					if !bytes.Equal(*s, bytes.Repeat([]byte{byte(k)}, len(*s))) {
						t.Error("another's bytes")
					}
				}
				other := (*b)[:1]
				g.Put(a)
				g.Put(&other)
			}
		})
	}
	wg.Wait()
	for _, p := range pools {
		if s := p.Stats(); s.Outstanding != 0 || s.Stale != 0 || s.Acquired == 0 {
			t.Errorf("%+v", s)
		}
	}
}
