package luma

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What follows computes everything sample by sample, as one would write it down.

func plainSum(p Plane) (s uint64) {
	for y := range p.Height() {
		s += sumBytes(p.Row(y))
	}
	return s
}

func plainCount(p Plane, level uint8) (n int) {
	for y := range p.Height() {
		n += int(countBytes(p.Row(y), level))
	}
	return n
}

func plainHistogram(p Plane) (h [256]uint64) {
	for y := range p.Height() {
		for _, v := range p.Row(y) {
			h[v]++
		}
	}
	return h
}

func plainCompare(p, q Plane, level uint8) (c Change) {
	for y := range p.Height() {
		for x, v := range p.Row(y) {
			d := int(v) - int(q.Row(y)[x])
			if d < 0 {
				d = -d
			}
			c.Sum += uint64(d)
			c.Most = max(c.Most, uint8(d))
			if d >= int(level) {
				c.Count++
			}
		}
	}
	return c
}

func plainChanged(p, q Plane, level uint8) (points []Point) {
	for y := range p.Height() {
		for x, v := range p.Row(y) {
			if distance(v, q.Row(y)[x]) >= level {
				points = append(points, Point{x, y})
			}
		}
	}
	return points
}

func plainHot(p Plane, level, contrast uint8) (points []Point) {
	for y := range p.Height() {
		for x, v := range p.Row(y) {
			hot := v >= level
			for _, d := range []Point{{-1, -1}, {0, -1}, {1, -1}, {-1, 0}, {1, 0}, {-1, 1}, {0, 1}, {1, 1}} {
				i, j := x+d.X, y+d.Y
				if contrast > 0 && i >= 0 && j >= 0 && i < p.Width() && j < p.Height() && int(p.Row(j)[i])+int(contrast) > int(v) {
					hot = false
				}
			}
			if hot {
				points = append(points, Point{x, y})
			}
		}
	}
	return points
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func samePoints(t *testing.T, what string, got, want []Point) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// agree checks that everything agrees with the above about two planes of one size.
func agree(t *testing.T, p, q Plane, level, contrast uint8) {
	t.Helper()
	same(t, "Sum", p.Sum(), plainSum(p))
	same(t, "Count", p.Count(level), plainCount(p, level))
	var h [256]uint64
	h[7] = 99
	p.Histogram(&h)
	same(t, "Histogram", h, plainHistogram(p))
	c, err := p.Compare(q, level)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Compare", c, plainCompare(p, q, level))
	room := p.Width()*p.Height() + 1
	changed, err := p.AppendChanged(make([]Point, 0, room), q, level)
	if err != nil {
		t.Fatal(err)
	}
	samePoints(t, "AppendChanged", changed, plainChanged(p, q, level))
	samePoints(t, "AppendHot", p.AppendHot(make([]Point, 0, room), level, contrast), plainHot(p, level, contrast))

	// And the rows by words alone, where vectors leave little of them.
	var s, n uint64
	for y := range p.Height() {
		s += sumWords(p.Row(y))
		n += countWords(p.Row(y), level)
	}
	same(t, "sumWords", s, plainSum(p))
	same(t, "countWords", int(n), plainCount(p, level))
	if t.Failed() {
		t.Fatalf("with %d by %d samples, strides %d and %d, level %d", p.Width(), p.Height(), p.stride, q.stride, level)
	}
}

// planes cuts two planes of one size out of samples, with bytes between the rows that no result may depend on.
func planes(t testing.TB, a, b []byte, width, height, gapA, gapB int) (p, q Plane) {
	t.Helper()
	p, err := Of(a, width, height, width+gapA)
	if err != nil {
		t.Fatal(err)
	}
	if q, err = Of(b, width, height, width+gapB); err != nil {
		t.Fatal(err)
	}
	return p, q
}

// fill makes samples that are random, or all at an end, or a dark picture with few bright ones, or nearly the same as before.
func fill(random *rand.Rand, b, before []byte) {
	kind := random.IntN(6)
	for i := range b {
		switch kind {
		case 0, 1:
			b[i] = byte(random.Uint32())
		case 2:
			b[i] = 255
		case 3:
			b[i] = 0
		case 4:
			b[i] = byte(random.IntN(4))
			if random.IntN(50) == 0 {
				b[i] = 250
			}
		case 5:
			b[i] = before[i] + byte(random.IntN(3)) - 1
		}
	}
}

// Every length up to some blocks at every alignment of both planes.
func TestLengthsAndAlignments(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	a, b := make([]byte, 512), make([]byte, 512)
	longest, step := 300, 1
	if testing.Short() {
		longest, step = 140, 5
	}
	for n := range longest {
		for at := 0; at < 64; at += step {
			fill(random, b, b)
			fill(random, a, b)
			p, q := planes(t, a[at:], b[at*7%61:], n, 1, 0, 0)
			agree(t, p, q, byte(random.Uint32()), 10)
		}
	}
}

func TestStrides(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	runs := 400
	if testing.Short() {
		runs = 50
	}
	for range runs {
		width, height := random.IntN(200), random.IntN(20)
		gapA, gapB := random.IntN(3)*random.IntN(40), random.IntN(3)*random.IntN(40)
		a, b := make([]byte, 64+240*20), make([]byte, 64+240*20)
		fill(random, b, b)
		fill(random, a, b)
		p, q := planes(t, a[random.IntN(64):], b[random.IntN(64):], width, height, gapA, gapB)
		for _, level := range []uint8{0, 1, 127, 128, 129, 255, byte(random.Uint32())} {
			agree(t, p, q, level, byte(random.IntN(30)))
		}
	}
}

// Lanes that count do not overflow: long rows of the largest values.
func TestLong(t *testing.T) {
	a, b := make([]byte, 1<<20+77), make([]byte, 1<<20+77)
	for i := range a {
		a[i] = 255
	}
	p, q := planes(t, a[3:], b[5:], 1<<20, 1, 0, 0)
	const n = 1 << 20
	if s := sumWords(p.Row(0)); p.Sum() != 255*n || s != 255*n {
		t.Errorf("sums are %d and %d", p.Sum(), s)
	}
	if p.Count(255) != n || countWords(p.Row(0), 0) != n || p.Mean() != 255 {
		t.Errorf("counts are %d and %d", p.Count(255), countWords(p.Row(0), 0))
	}
	if c, err := p.Compare(q, 255); err != nil || c != (Change{255 * n, 255, n}) || c.Mean(n) != 255 {
		t.Errorf("%+v, %v", c, err)
	}
	var h [256]uint64
	if p.Histogram(&h); h[255] != n {
		t.Errorf("%d in the histogram", h[255])
	}
}

// A brightness that summed 4 of every 16 bytes was a fault of a camera design: each sample counts by itself.
func TestEachSampleCounts(t *testing.T) {
	const width, height, stride = 70, 3, 75
	a := make([]byte, stride*height)
	background, err := Of(make([]byte, stride*height), width, height, stride)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		a[i] = 200
		p, err := Of(a, width, height, stride)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if i%stride < width {
			want = 1
		}
		c, err := p.Compare(background, 200)
		if err != nil || p.Sum() != uint64(200*want) || p.Count(200) != want || c.Count != want || len(p.AppendHot(make([]Point, 0, 4), 1, 1)) != want {
			t.Fatalf("byte %d: sum %d, count %d, %+v, %v", i, p.Sum(), p.Count(200), c, err)
		}
		a[i] = 0
	}
}

func TestOf(t *testing.T) {
	for _, test := range []struct {
		n, width, height, stride int
		ok                       bool
	}{
		{0, 0, 0, 0, true}, {0, 0, 9, 0, true}, {0, 9, 0, 9, true}, {12, 4, 3, 4, true}, {14, 4, 3, 5, true},
		{13, 4, 3, 5, false}, {11, 4, 3, 4, false}, {100, 4, 3, 3, false}, {100, -1, 3, 3, false}, {100, 3, -1, 3, false},
		{100, 1, 1 << 30, 1 << 30, false}, {100, 4, 2, int(^uint(0) >> 1), false}, {4, 4, 1, int(^uint(0) >> 1), true}, {3, 4, 1, 4, false},
	} {
		p, err := Of(make([]byte, test.n), test.width, test.height, test.stride)
		if (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
		if err == nil && test.n == 0 && (p.Sum() != 0 || p.Mean() != 0 || p.Count(0) != 0) {
			t.Errorf("%+v is not empty", test)
		}
	}
	p, _ := Of(make([]byte, 100), 10, 10, 10)
	q, _ := Of(make([]byte, 100), 10, 9, 10)
	if _, err := p.Compare(q, 0); err == nil {
		t.Error("planes of different sizes were compared")
	}
	if _, err := p.AppendChanged(nil, q, 0); err == nil {
		t.Error("planes of different sizes were compared")
	}
	if c := (Change{}); c.Mean(0) != 0 {
		t.Error("a mean of nothing")
	}
}

func TestNoAllocations(t *testing.T) {
	a := make([]byte, 6400)
	p, _ := Of(a, 70, 80, 80)
	var h [256]uint64
	points := make([]Point, 0, 5)
	if n := testing.AllocsPerRun(20, func() {
		p.Mean()
		p.Count(3)
		p.Histogram(&h)
		p.Compare(p, 1)
		points, _ = p.AppendChanged(points[:0], p, 0)
		points = p.AppendHot(points[:0], 0, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(points) != 5 || points[4] != (Point{4, 0}) {
		t.Errorf("%v", points)
	}
}

func FuzzAgree(f *testing.F) {
	f.Add([]byte("some samples, and others that are compared with them"), uint8(7), uint8(1), uint8(2), uint8(100), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, width, gapA, gapB, level, contrast uint8) {
		half := len(data) / 2
		a, b := data[:half], data[half:]
		height := 0
		if stride := int(width) + int(max(gapA, gapB)); stride > 0 {
			height = half / stride
		}
		p, q := planes(t, a, b, int(width), height, int(gapA), int(gapB))
		agree(t, p, q, level, contrast)
	})
}
