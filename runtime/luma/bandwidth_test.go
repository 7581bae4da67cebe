package luma

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkBandwidth tells how near everything comes to what one core can read: 64 frames of 1920x1080 are more than caches hold, 8 are not where a
// cache is large, and one is in a cache. What a core can read is the best of a loop in C with vectors, if there is a compiler, and two functions of the
// standard library, which only read. All take turns in one run, and for each frame the best turn counts, as other programs only add to it. times-read is
// how many times as long as reading something takes for the same bytes; those of both pictures, for Compare. In Compare/background the other one is the
// same for all, and stays in the cache.
func BenchmarkBandwidth(b *testing.B) {
	for _, count := range []int{64, 8, 1} {
		b.Run(fmt.Sprint(count), func(b *testing.B) { bandwidth(b, count) })
	}
}

func bandwidth(b *testing.B, count int) {
	const width, height = 1920, 1080
	const size = width * height
	pix, other := make([]byte, count*size), make([]byte, count*size)
	p, q := make([]Plane, count), make([]Plane, count)
	random := rand.New(rand.NewPCG(7, 8))
	for i := range pix {
		both := random.Uint32()
		pix[i], other[i] = byte(both)%200, byte(both>>8)%200
	}
	for i := range p {
		p[i], q[i] = planes(b, pix[i*size:], other[i*size:], width, height, 0, 0)
	}
	reader := reader(b, size, count)
	var s uint64
	var h [256]uint64
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
		{"Compare/background", 2 * size, func(i int) { p[i].Compare(q[0], 201) }},
		{"AppendHot", size, func(i int) { p[i].AppendHot(nil, 201, 30) }},
		{"AppendChanged", 2 * size, func(i int) { p[i].AppendChanged(nil, q[i], 201) }},
		{"Histogram", size, func(i int) { p[i].Histogram(&h) }},
	}
	const rounds = 16
	var inC float64                               // bytes a second
	took := make([][]time.Duration, len(benches)) // the best, by frame
	for k := range took {
		took[k] = slices.Repeat([]time.Duration{time.Hour}, count)
	}
	for range rounds {
		inC = max(inC, reader())
		for k, bench := range benches[1:] {
			for i, best := range took[1+k] {
				began := time.Now()
				bench.f(i)
				took[1+k][i] = min(best, time.Since(began))
			}
		}
	}
	best := make([]float64, len(benches))
	for k, bench := range benches {
		var sum time.Duration
		for _, t := range took[k] {
			sum += t
		}
		best[k] = float64(count*bench.bytes) / sum.Seconds()
	}
	best[0] = inC
	most := max(best[0], best[1], best[2])
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

// reader compiles testdata/read.c, which reads so many pieces of size bytes, and returns a function that runs it; 0 is what that has measured without a
// compiler.
func reader(b *testing.B, size, pieces int) func() float64 {
	program := filepath.Join(b.TempDir(), "read")
	if out, err := exec.Command("cc", "-O3", "-march=native", "-o", program, filepath.Join("testdata", "read.c")).CombinedOutput(); err != nil {
		b.Logf("what C reads is not measured: %v\n%s", err, out)
		return func() float64 { return 0 }
	}
	return func() float64 {
		out, err := exec.Command(program, strconv.Itoa(size), strconv.Itoa(pieces), "4").Output()
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
