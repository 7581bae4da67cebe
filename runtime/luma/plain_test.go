package luma

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
