package luma

import "fmt"

// Plane is a picture of 8-bit samples, row by row. Its zero value is empty.
type Plane struct {
	pix                   []byte
	width, height, stride int
}

// Of makes a plane of height rows of width samples, each stride bytes after the one before, the first at pix[0]. It keeps pix, and returns an error
// unless 0 <= width <= stride, 0 <= height, and all rows lie within pix.
func Of(pix []byte, width, height, stride int) (Plane, error) {
	switch {
	case width < 0 || height < 0:
		return Plane{}, fmt.Errorf("a plane of %d by %d samples: use a width and a height of 0 or more", width, height)
	case stride < width:
		return Plane{}, fmt.Errorf("rows of %d samples every %d bytes overlap: use a stride of at least %d", width, stride, width)
	case width == 0 || height == 0:
		return Plane{}, nil
	case len(pix) < width || height-1 > (len(pix)-width)/stride:
		return Plane{}, fmt.Errorf("%d rows of %d samples every %d bytes do not fit in %d bytes", height, width, stride, len(pix))
	}
	end := (height-1)*stride + width
	return Plane{pix[:end:end], width, height, stride}, nil
}

// Width is the number of samples in a row.
func (p Plane) Width() int { return p.width }

// Height is the number of rows.
func (p Plane) Height() int { return p.height }

// Row is the samples of row y, from 0 to Height-1; they are those that Of was given. It panics if there is no such row.
func (p Plane) Row(y int) []byte {
	if uint(y) >= uint(p.height) { // y*p.stride may be within pix after it has overflowed
		panic(fmt.Sprintf("luma: there is no row %d: the plane has %d", y, p.height))
	}
	return p.pix[y*p.stride:][:p.width:p.width]
}

// spans says as what rows to go through the plane: as one where no bytes are between them.
func (p Plane) spans() (rows, width int) {
	if p.stride == p.width {
		return min(p.height, 1), len(p.pix)
	}
	return p.height, p.width
}

// Sum is the sum of all samples.
func (p Plane) Sum() uint64 {
	seen(p.pix)
	var s uint64
	rows, width := p.spans()
	for y := range rows {
		s += sum(p.pix[y*p.stride:][:width])
	}
	return s
}

// Mean is the mean of all samples, 0 to 255; 0 for an empty plane.
func (p Plane) Mean() float64 {
	if p.width == 0 || p.height == 0 {
		return 0
	}
	return float64(p.Sum()) / (float64(p.width) * float64(p.height))
}

// Count is how many samples are at least level.
func (p Plane) Count(level uint8) int {
	seen(p.pix)
	var n uint64
	rows, width := p.spans()
	for y := range rows {
		n += count(p.pix[y*p.stride:][:width], level)
	}
	return int(n)
}

// Histogram counts how many samples have each value, and sets h to that.
func (p Plane) Histogram(h *[256]uint64) {
	seen(p.pix)
	*h = [256]uint64{}
	var t tally
	rows, width := p.spans()
	for y := range rows {
		t.add(p.pix[y*p.stride:][:width], h, tallied)
	}
	t.move(h)
}

// Change is how two planes differ.
type Change struct {
	Sum   uint64 // of the absolute differences of all samples
	Most  uint8  // the largest of them
	Count int    // how many are at least the level asked for
}

// Mean is the mean absolute difference of planes of n samples.
func (c Change) Mean(n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(c.Sum) / float64(n)
}

// Compare tells how p differs from a background of the same width and height; the strides may differ.
func (p Plane) Compare(background Plane, level uint8) (Change, error) {
	if err := p.same(background); err != nil {
		return Change{}, err
	}
	seen(p.pix)
	seen(background.pix)
	rows, width := p.spans()
	if p.stride != background.stride {
		rows, width = p.height, p.width
	}
	var c Change
	for y := range rows {
		s, most, n := compare(p.pix[y*p.stride:][:width], background.pix[y*background.stride:][:width], level)
		c.Sum += s
		c.Most = max(c.Most, most)
		c.Count += int(n)
	}
	return c, nil
}

func (p Plane) same(q Plane) error {
	if p.width != q.width || p.height != q.height {
		return fmt.Errorf("a plane of %d by %d samples is compared with one of %d by %d: use a background of the same size", p.width, p.height, q.width, q.height)
	}
	return nil
}

// Point is a place in a plane.
type Point struct{ X, Y int }

// AppendChanged appends to dst, row by row, where p differs from the background by at least level, until dst's capacity is full: it never
// allocates. Compare tells how many there are.
func (p Plane) AppendChanged(dst []Point, background Plane, level uint8) ([]Point, error) {
	if err := p.same(background); err != nil {
		return dst, err
	}
	seen(p.pix)
	seen(background.pix)
	for y := range p.height {
		a, b := p.Row(y), background.Row(y)
		for x := findChange(a, b, level); x < len(a); x += 1 + findChange(a[x+1:], b[x+1:], level) {
			if len(dst) == cap(dst) {
				return dst, nil
			}
			dst = append(dst, Point{x, y})
		}
	}
	return dst, nil
}

// AppendHot appends to dst, row by row, where samples are at least level, until dst's capacity is full: it never allocates. With a contrast above 0 they
// must also be at least that much brighter than each of their eight neighbours, as the pixels of a sensor are that are always bright, and stars and
// lamps are not.
func (p Plane) AppendHot(dst []Point, level, contrast uint8) []Point {
	seen(p.pix)
	for y := range p.height {
		row := p.Row(y)
		for x := 0; x < len(row); x++ {
			if row[x] < level {
				if x += find(row[x:], level); x == len(row) {
					break
				}
			}
			// In a bright area most are not brighter than the next one.
			if contrast > 0 && (x+1 < len(row) && int(row[x+1]) > int(row[x])-int(contrast) || !p.stands(x, y, contrast)) {
				continue
			}
			if len(dst) == cap(dst) {
				return dst
			}
			dst = append(dst, Point{x, y})
		}
	}
	return dst
}

// stands reports whether a sample is brighter than its neighbours by at least contrast.
func (p Plane) stands(x, y int, contrast uint8) bool {
	most := int(p.Row(y)[x]) - int(contrast) // that a neighbour may have
	from, to := max(x-1, 0), min(x+2, p.width)
	for j := max(y-1, 0); j <= min(y+1, p.height-1); j++ {
		for i, v := range p.Row(j)[from:to] {
			if int(v) > most && (j != y || from+i != x) {
				return false
			}
		}
	}
	return true
}
