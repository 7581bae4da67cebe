package ring_test

import (
	"fmt"
	"io"
	"testing"

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

// mirror is double-mapped bookkeeping without synchronisation and checks, on one mapping: for counting only.
type mirror struct {
	buf        []byte
	head, used int
}

//go:noinline
func (m *mirror) unused() []byte { return m.buf[(m.head+m.used)%(len(m.buf)/2):][:len(m.buf)/2-m.used] }

//go:noinline
func (m *mirror) content() []byte { return m.buf[m.head:][:m.used] }

//go:noinline
func (m *mirror) advance(n int) { m.used += n }

//go:noinline
func (m *mirror) consume(n int) {
	m.used -= n
	if m.head += n; m.head >= len(m.buf)/2 {
		m.head -= len(m.buf) / 2
	}
}

// BenchmarkBookkeeping is one round of Unused, Advance, Content and Consume, with no byte touched.
func BenchmarkBookkeeping(b *testing.B) {
	const n = 4096 - 64
	sink := 0
	b.Run("floor", func(b *testing.B) {
		m := &mirror{buf: make([]byte, 2<<16)}
		for b.Loop() {
			sink += len(m.unused())
			m.advance(n)
			sink += len(m.content())
			m.consume(n)
		}
	})
	for _, local := range []bool{true, false} {
		b.Run(fmt.Sprintf("ring/local=%v", local), func(b *testing.B) {
			r := newRing(b, 1<<16, ring.Options{Local: local})
			for b.Loop() {
				sink += len(r.Unused())
				r.Advance(n)
				sink += len(r.Content())
				r.Consume(n)
			}
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
