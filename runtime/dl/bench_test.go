package dl_test

import (
	"runtime"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/poolgen/poolgen/runtime/dl"
)

func abs(tb testing.TB) (lib *dl.Lib, fn uintptr) {
	tb.Helper()
	lib, err := dl.Open(dl.Library{Sonames: []string{"libc.so.6"}, Package: "libc6"})
	if err != nil {
		tb.Fatal(err)
	}
	if fn, err = lib.Sym("abs"); err != nil {
		tb.Fatal(err)
	}
	return lib, fn
}

// A sync.Pool keeps its blocks over one garbage collection. After two, one call makes them and the pools' own tables again, and
// the next call makes nothing. The least of several rounds counts: the Go runtime allocates now and then, and the race
// detector has sync.Pool drop blocks at random.
func TestAllocationsAfterCollection(t *testing.T) {
	_, fn := abs(t)
	var c dl.Caller
	count := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := int32(c.Call(fn, 7, 0, 0, 0, 0, 0, 0, 0))
		runtime.ReadMemStats(&after)
		if r != 7 {
			t.Fatal(r)
		}
		return after.Mallocs - before.Mallocs
	}
	first, second := ^uint64(0), ^uint64(0)
	for range 20 {
		runtime.GC()
		runtime.GC()
		first, second = min(first, count()), min(second, count())
	}
	if first > 6 || second != 0 {
		t.Errorf("%d allocations in the first call after two collections, %d in the second", first, second)
	}
}

func BenchmarkCall(b *testing.B) {
	lib, fn := abs(b)
	b.Run("Caller", func(b *testing.B) {
		var c dl.Caller
		b.ReportAllocs()
		for b.Loop() {
			c.Call(fn, 7, 0, 0, 0, 0, 0, 0, 0)
		}
	})
	b.Run("SyscallN", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			purego.SyscallN(fn, 7)
		}
	})
	b.Run("Func", func(b *testing.B) {
		var f func(int32) int32
		if err := lib.Func(&f, "abs"); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			f(7)
		}
	})
}
