package ring_test

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/ring"
)

// plain is a ring as one writes it without a second mapping: what is split at the end is copied in two parts. It is the
// single-threaded floor of the bookkeeping.
type plain struct {
	buf        []byte
	head, tail int // ever read and written
}

func (p *plain) write(b []byte) {
	n := copy(p.buf[p.tail%len(p.buf):], b)
	copy(p.buf, b[n:])
	p.tail += len(b)
}

func (p *plain) read(b []byte) {
	n := copy(b, p.buf[p.head%len(p.buf):])
	copy(b[n:], p.buf)
	p.head += len(b)
}

// mirror is the bookkeeping of a double-mapped ring for one goroutine, without checks: the floor. Nothing is read or written, so one mapping
// does. Its functions are not inlined, as no library's are that check anything.
type mirror struct {
	buf              []byte
	size, head, used int
}

//go:noinline
func (m *mirror) unused() []byte {
	at := m.head + m.used
	if at >= m.size {
		at -= m.size
	}
	return m.buf[at:][: m.size-m.used : m.size-m.used]
}

//go:noinline
func (m *mirror) content() []byte { return m.buf[m.head:][:m.used:m.used] }

//go:noinline
func (m *mirror) advance(n int) { m.used += n }

//go:noinline
func (m *mirror) consume(n int) {
	m.used -= n
	if m.head += n; m.head >= m.size {
		m.head -= m.size
	}
}

// against measures two things in turn, so that both have the same machine, and reports the quicker runs of each.
func against(b *testing.B, rounds int, floor, f func()) {
	quickest := func(best time.Duration, f func()) time.Duration {
		start := time.Now()
		for range rounds {
			f()
		}
		return min(best, time.Since(start))
	}
	low, high := time.Duration(1<<62), time.Duration(1<<62)
	for b.Loop() {
		low = quickest(low, floor)
		high = quickest(high, f)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(low)/float64(rounds), "ns-floor")
	b.ReportMetric(float64(high)/float64(rounds), "ns-ring")
	b.ReportMetric(float64(high)/float64(low), "x-floor")
}

// BenchmarkBookkeeping is one round of Unused, Advance, Content and Consume, with no byte touched, beside mirror, and beside mirror with the two
// atomic stores that two goroutines cannot do without.
func BenchmarkBookkeeping(b *testing.B) {
	const n = 4096 - 64
	sink := 0
	var word [2]atomic.Uint32
	m := &mirror{buf: make([]byte, 2<<16), size: 1 << 16}
	floor := func() {
		sink += len(m.unused())
		m.advance(n)
		sink += len(m.content())
		m.consume(n)
	}
	atomics := func() {
		sink += len(m.unused())
		m.advance(n)
		word[0].Store(uint32(m.used))
		sink += len(m.content())
		m.consume(n)
		word[1].Store(uint32(m.head))
	}
	for _, c := range []struct {
		name  string
		local bool
		floor func()
	}{{"local", true, floor}, {"shared", false, floor}, {"shared/stores", false, atomics}} {
		b.Run(c.name, func(b *testing.B) {
			r := newRing(b, 1<<16, ring.Options{Local: c.local})
			against(b, 2000, c.floor, func() {
				sink += len(r.Unused())
				r.Advance(n)
				sink += len(r.Content())
				r.Consume(n)
			})
		})
	}
}

// BenchmarkInOut copies a portion in and out again.
func BenchmarkInOut(b *testing.B) {
	for _, n := range []int{200, 3840, 65000} {
		in, out := make([]byte, n), make([]byte, n)
		run := func(name string, f func()) {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
		middle := make([]byte, n)
		run("memcpy", func() { copy(middle, in); copy(out, middle) })
		p := &plain{buf: make([]byte, 1<<18)}
		run("plain", func() { p.write(in); p.read(out) })
		for _, local := range []bool{true, false} {
			r := newRing(b, 1<<18, ring.Options{Local: local})
			run(fmt.Sprintf("slices/local=%v", local), func() {
				r.Advance(copy(r.Unused(), in))
				r.Consume(copy(out, r.Content()))
			})
			run(fmt.Sprintf("io/local=%v", local), func() {
				_, _ = r.Write(in)
				_, _ = r.Read(out)
			})
		}
	}
}

// BenchmarkGoroutines streams between two goroutines, beside a channel of buffers and an io.Pipe.
func BenchmarkGoroutines(b *testing.B) {
	for _, n := range []int{200, 3840} {
		b.Run(fmt.Sprintf("%d/ring", n), func(b *testing.B) {
			r := newRing(b, 1<<18, ring.Options{})
			stream(b, n, r, r)
		})
		b.Run(fmt.Sprintf("%d/pipe", n), func(b *testing.B) {
			r, w := io.Pipe()
			stream(b, n, r, w)
		})
	}
}

func stream(b *testing.B, n int, r io.Reader, w io.Writer) {
	b.SetBytes(int64(n))
	in, out := make([]byte, n), make([]byte, n)
	done := make(chan error)
	count := b.N
	go func() {
		for range count {
			if _, err := io.ReadFull(r, out); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	b.ResetTimer()
	for range count {
		if _, err := w.Write(in); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
