package luma

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
)

// guarded is memory of at least n bytes with a page before and one after it that nobody may read; its capacity goes into the latter.
func guarded(t testing.TB, n int) []byte {
	t.Helper()
	page := os.Getpagesize()
	n = (n + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, n+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{all[:page], all[page+n:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return all[page:][:n]
}

// fault is what f panics with if it reads or writes where it may not, or nil.
func fault(f func()) (what any) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { what = recover() }()
	f()
	return nil
}

// keep makes the compiler read v.
//
//go:noinline
func keep(byte) {}

// Nothing before the first sample is read, and nothing after the last.
func TestGuards(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	a, b := guarded(t, 1<<13), guarded(t, 1<<13)
	if after := a[:len(a)+1]; fault(func() { keep(after[len(a)]) }) == nil {
		t.Fatal("a read behind the end is not noticed")
	}
	try := func(width, height, gapA, gapB int) {
		sizeA, sizeB := max(height-1, 0)*(width+gapA)+width, max(height-1, 0)*(width+gapB)+width
		for _, at := range []int{0, 1, 2, 3} { // bit 0: the first ends at its guard, bit 1: the second does
			x, y := a[:sizeA], b[:sizeB]
			if at&1 != 0 {
				x = a[len(a)-sizeA:]
			}
			if at&2 != 0 {
				y = b[len(b)-sizeB:]
			}
			fill(random, y, y)
			for i := range x {
				x[i] = byte(random.Uint32())
			}
			p, q := planes(t, x, y, width, height, gapA, gapB)
			if what := fault(func() { agree(t, p, q, byte(random.Uint32()), byte(random.IntN(20))) }); what != nil {
				t.Fatalf("%d by %d samples, %d and %d bytes between the rows, at the ends %02b: %v", width, height, gapA, gapB, at, what)
			}
		}
	}
	step := 1
	if testing.Short() {
		step = 3
	}
	for n := 0; n < 290; n += step {
		try(n, 1, 0, 0)
		try(n, 3, n%3, n%5)
	}
	for _, n := range []int{1023, 1024, 1025, 4095, 4096, 4097, 8191, 8192} {
		try(n, 1, 0, 0)
	}
}
