package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// series keeps one value a frame of a run of any length in a fixed number of points: when they are all taken, each two neighbours
// become their maximum.
type series struct {
	points   []int
	perPoint int // frames
	n        int // frames added
}

func newSeries() series { return series{points: make([]int, 0, 1024), perPoint: 1} }

func (s *series) add(v int) {
	if len(s.points) == cap(s.points) && s.n%s.perPoint == 0 {
		for i := range len(s.points) / 2 {
			s.points[i] = max(s.points[2*i], s.points[2*i+1])
		}
		s.points = s.points[:len(s.points)/2]
		s.perPoint *= 2
	}
	if s.n%s.perPoint == 0 {
		s.points = append(s.points, v)
	} else {
		p := &s.points[len(s.points)-1]
		*p = max(*p, v)
	}
	s.n++
}

// last is the latest point, 0 at the beginning.
func (s *series) last() int {
	if len(s.points) == 0 {
		return 0
	}
	return s.points[len(s.points)-1]
}

// waveform draws peaks, 0 to 32768, in one line of at most width characters.
func waveform(peaks []int, width int) string {
	bars := []rune(" ▁▂▃▄▅▆▇█") // one a level
	var b strings.Builder
	width = min(width, len(peaks))
	for x := range width {
		peak := slices.Max(peaks[x*len(peaks)/width : (x+1)*len(peaks)/width])
		b.WriteRune(bars[min(peak*len(bars)/32768, len(bars)-1)])
	}
	return b.String()
}

// occupancy draws how many blocks of each pool were out over time, as a picture in SVG.
func occupancy(frames, packets series) []byte {
	const width, height, left, above = 720.0, 220.0, 48.0, 48.0
	const bottom, right = above + height, left + width
	top := max(1, slices.Max(append([]int{1}, packets.points...)), slices.Max(append([]int{1}, frames.points...)))
	seconds := max(float64(packets.n), 1) * frameSize / rate
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", right+24, bottom+48)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n"+`<text x="%g" y="22" font-size="14">Blocks in use over time</text>`+"\n", left)
	fmt.Fprintf(&b, `<text x="%g" y="40" fill="#555">a frame lives from capture to packet; packets wait to be written once a second</text>`+"\n", left)
	for i := range 5 {
		f := float64(i) / 4
		y, x := bottom-height*f, left+width*f
		fmt.Fprintf(&b, `<path d="M%g %gH%g" stroke="#ddd"/><text x="%g" y="%g" text-anchor="end">%.4g</text>`, left, y, right, left-6, y+4, float64(top)*f)
		fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle">%.1f s</text>`+"\n", x, bottom+18, seconds*f)
	}
	for i, line := range []struct {
		name, colour string
		s            series
	}{{"packets", "#c0392b", packets}, {"frames", "#2471a3", frames}} {
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, line.colour)
		for k, v := range line.s.points {
			x := left + width*min(1, (float64(k)+0.5)*float64(line.s.perPoint)/max(float64(line.s.n), 1))
			fmt.Fprintf(&b, "%.1f,%.1f ", x, bottom-height*float64(v)/float64(top))
		}
		fmt.Fprintf(&b, `"/>`+"\n"+`<text x="%g" y="%g" fill="%s">%s: at most %d</text>`+"\n",
			left+110*float64(i), bottom+40, line.colour, line.name, slices.Max(append([]int{0}, line.s.points...)))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// progress shows one line that is written over, on a terminal only.
type progress struct{ out io.Writer }

func newProgress(out io.Writer) progress {
	if f, ok := out.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			return progress{out}
		}
	}
	return progress{}
}

func (p progress) show(now, total float64, peak int) {
	if p.out != nil {
		n := min(peak*30/32768, 30)
		fmt.Fprintf(p.out, "\r%6.1f of %.1f s  |%-30s|", now, total, strings.Repeat("#", n))
	}
}

func (p progress) end() {
	if p.out != nil {
		fmt.Fprintf(p.out, "\r%60s\r", "")
	}
}
