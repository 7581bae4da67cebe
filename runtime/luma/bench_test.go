package luma

import (
	"bytes"
	"fmt"
	"testing"
)

// Beside what memory gives: a copy, and the standard library's search for a byte that is not there, which only reads.
func BenchmarkPlane(b *testing.B) {
	for _, size := range []struct{ width, height int }{{640, 480}, {1280, 720}, {8192, 8192}} {
		n := size.width * size.height
		pix, other := make([]byte, n), make([]byte, n)
		for i := range pix {
			pix[i], other[i] = byte(i*7%200), byte(i*5%200)
		}
		p, _ := Of(pix, size.width, size.height, size.width)
		dark, _ := Of(make([]byte, n), size.width, size.height, size.width)
		day, _ := Of(bytes.Repeat([]byte{200}, n), size.width, size.height, size.width)
		q, _ := Of(other, size.width, size.height, size.width)
		var s uint64
		var h [256]uint64
		for _, bench := range []struct {
			name  string
			bytes int
			f     func()
		}{
			{"read", n, func() { s += uint64(bytes.IndexByte(pix, 255)) }},
			{"copy", n, func() { copy(other, pix) }},
			{"Sum", n, func() { s += p.Sum() }},
			{"Sum/words", n, func() { s += sumWords(pix) }},
			{"Sum/plain", n, func() { s += sumBytes(pix) }},
			{"Count", n, func() { s += uint64(p.Count(201)) }},
			{"Count/words", n, func() { s += countWords(pix, 201) }},
			{"Count/plain", n, func() { s += countBytes(pix, 201) }},
			{"Compare", 2 * n, func() { p.Compare(q, 201) }},
			{"Compare/plain", 2 * n, func() { compareBytes(pix, other, 201) }},
			{"AppendHot", n, func() { p.AppendHot(nil, 201, 0) }},
			{"AppendHot/words", n, func() { findWord(pix, 201) }},
			{"AppendHot/day", n, func() { day.AppendHot(nil, 100, 30) }},
			{"AppendChanged", 2 * n, func() { p.AppendChanged(nil, q, 201) }},
			{"AppendChanged/words", 2 * n, func() { findChangeWord(pix, other, 201) }},
			{"Histogram", n, func() { p.Histogram(&h) }},
			{"Histogram/night", n, func() { dark.Histogram(&h) }},
		} {
			b.Run(fmt.Sprintf("%dx%d/%s", size.width, size.height, bench.name), func(b *testing.B) {
				b.SetBytes(int64(bench.bytes))
				b.ReportAllocs()
				for b.Loop() {
					bench.f()
				}
			})
		}
	}
}
