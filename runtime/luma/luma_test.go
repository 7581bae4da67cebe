package luma

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

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

// firstWord is where findWord stops: at a word that has such a byte, at such a byte before the words, or behind them.
func firstWord(p []byte, is func(x int) bool) int {
	head, w, _ := words(p)
	for x := range len(head) + 8*len(w) {
		if is(x) {
			if x < len(head) {
				return x
			}
			return x - (x-len(head))%8
		}
	}
	return len(head) + 8*len(w)
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
		row, other := p.Row(y), q.Row(y)
		s += sumWords(row)
		n += countWords(row, level)
		same(t, "findWord", findWord(row, level), firstWord(row, func(x int) bool { return row[x] >= level }))
		if at := findChangeWord(row, other, level); at != 0 {
			same(t, "findChangeWord", at, firstWord(row, func(x int) bool { return distance(row[x], other[x]) >= level }))
		}
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
		a, b := make([]byte, 64+280*20), make([]byte, 64+280*20)
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

// The sum of a bright picture of 8K does not fit in 32 bits.
func TestLargePicture(t *testing.T) {
	if testing.Short() {
		t.Skip("two pictures of 33 MB")
	}
	const width, height = 7680, 4320
	const n = width * height
	a := bytes.Repeat([]byte{255}, n)
	p, q := planes(t, a, make([]byte, n), width, height, 0, 0)
	if p.Sum() != 255*n || sumWords(a) != 255*n || p.Mean() != 255 {
		t.Errorf("sums %d and %d, mean %v", p.Sum(), sumWords(a), p.Mean())
	}
	if c, err := p.Compare(q, 1); err != nil || c != (Change{255 * n, 255, n}) {
		t.Errorf("%+v, %v", c, err)
	}
	if sum, most, count := compareBytes(a, q.pix, 1); sum != 255*n || most != 255 || count != n {
		t.Errorf("byte by byte %d, %d, %d", sum, most, count)
	}
}

func TestRow(t *testing.T) {
	p, _ := planes(t, make([]byte, 12), make([]byte, 12), 4, 3, 0, 0)
	if len(p.Row(2)) != 4 || cap(p.Row(0)) != 4 {
		t.Error("a row has another length, or room for more")
	}
	for _, y := range []int{-1, 3, 1 << (strconv.IntSize - 2)} { // four times the last is 0
		if fault(func() { p.Row(y) }) == nil {
			t.Errorf("there is a row %d", y)
		}
	}
}

// Tables are emptied before they overflow, wherever that is within a row.
func TestTally(t *testing.T) {
	a := make([]byte, 1000)
	for i := range a {
		a[i] = byte(i % 7)
	}
	for most := uint64(1); most < 1100; most += 13 {
		var h [256]uint64
		var counts tally
		for n, rest := 1, a; len(rest) > 0; n, rest = n%100+1, rest[min(n, len(rest)):] {
			counts.add(rest[:min(n, len(rest))], &h, most)
			for _, table := range counts.tables {
				for v, n := range table {
					if uint64(n) > most {
						t.Fatalf("%d of value %d in a table that may have %d", n, v, most)
					}
				}
			}
		}
		counts.move(&h)
		p, _ := planes(t, a, a, len(a), 1, 0, 0)
		same(t, "tally", h, plainHistogram(p))
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
