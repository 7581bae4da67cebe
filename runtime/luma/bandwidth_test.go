package luma

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkBandwidth tells how near everything comes to what one core can read: 64 frames of 1920x1080 are more than caches hold, 8 are not where a
// cache is large, and one is in the second level. What a core can read is the best of a loop in C with vectors, if there is a compiler, and two
// functions of the standard library, which only read; all take turns in one run, the best of which counts. times-read is how many times
// as long as that something takes for the same bytes, and Compare has as many bytes of the other picture. In Compare/background that is one
// picture for all, which stays in the cache, and only the frames count.
func BenchmarkBandwidth(b *testing.B) {
	for _, count := range []int{64, 8, 1} {
		b.Run(fmt.Sprint(count), func(b *testing.B) { bandwidth(b, count) })
	}
}

func bandwidth(b *testing.B, count int) {
	const width, height, rounds = 1920, 1080, 12
	const size = width * height
	pix, other := make([]byte, count*size), make([]byte, count*size)
	p, q := make([]Plane, count), make([]Plane, count)
	for i := range pix {
		pix[i], other[i] = byte(i*7%200), byte(i*5%200)
	}
	for i := range p {
		p[i], q[i] = planes(b, pix[i*size:], other[i*size:], width, height, 0, 0)
	}
	inC := reader(b, count*size)
	var s uint64
	var h [256]uint64
	const read = 3 // of these the first three only read
	benches := []struct {
		name  string
		bytes int
		f     func(i int)
	}{
		{"read/C", size, nil},
		{"read/IndexByte", size, func(i int) { s += uint64(bytes.IndexByte(p[i].pix, 255)) }},
		{"read/Count", size, func(i int) { s += uint64(bytes.Count(p[i].pix, []byte{255})) }},
		{"Mean", size, func(i int) { s += uint64(p[i].Mean()) }},
		{"Mean/words", size, func(i int) { s += sumWords(p[i].pix) }},
		{"Mean/plain", size, func(i int) { s += sumBytes(p[i].pix) }},
		{"Count", size, func(i int) { s += uint64(p[i].Count(201)) }},
		{"Compare", 2 * size, func(i int) { p[i].Compare(q[i], 201) }},
		{"Compare/background", size, func(i int) { p[i].Compare(q[0], 201) }},
		{"AppendHot", size, func(i int) { p[i].AppendHot(nil, 201, 30) }},
		{"AppendChanged", 2 * size, func(i int) { p[i].AppendChanged(nil, q[i], 201) }},
		{"Histogram", size, func(i int) { p[i].Histogram(&h) }},
	}
	best := make([]float64, len(benches)) // bytes a second
	for range rounds {
		for k, bench := range benches {
			if bench.f == nil {
				best[k] = max(best[k], inC())
				continue
			}
			began := time.Now()
			for i := range p {
				bench.f(i)
			}
			best[k] = max(best[k], float64(count*bench.bytes)/time.Since(began).Seconds())
		}
	}
	most := max(best[0], best[1], best[read-1])
	for k, bench := range benches {
		if best[k] == 0 {
			continue
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op") // leaves it out
			b.ReportMetric(best[k]/1e9, "GB/s")
			b.ReportMetric(most/best[k], "times-read")
		})
	}
}

// reader compiles testdata/read.c, which reads so many bytes, and returns a function that runs it; 0 is what that has measured without a compiler.
func reader(b *testing.B, n int) func() float64 {
	program := filepath.Join(b.TempDir(), "read")
	if out, err := exec.Command("cc", "-O3", "-march=native", "-o", program, filepath.Join("testdata", "read.c")).CombinedOutput(); err != nil {
		b.Logf("what C reads is not measured: %v\n%s", err, out)
		return func() float64 { return 0 }
	}
	return func() float64 {
		out, err := exec.Command(program, fmt.Sprint(n), fmt.Sprint(3+(64<<20)/n)).Output()
		if err != nil {
			b.Fatal(err)
		}
		rate, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			b.Fatal(err)
		}
		return rate
	}
}
