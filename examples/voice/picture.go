package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// bars is one character a level.
var bars = []rune(" ▁▂▃▄▅▆▇█")

// waveform draws the peaks in one line of the given width.
func waveform(peaks []int, width int) string {
	var b strings.Builder
	width = min(width, len(peaks))
	for x := range width {
		peak := 0
		for _, p := range peaks[x*len(peaks)/width : (x+1)*len(peaks)/width] {
			peak = max(peak, p)
		}
		b.WriteRune(bars[min(peak*len(bars)/32768, len(bars)-1)])
	}
	return b.String()
}

// occupancy draws how many blocks were out over time.
func occupancy(list []usage) []byte {
	const width, height, margin = 720.0, 240.0, 40.0
	top, end := 1, 0.001
	for _, u := range list {
		top, end = max(top, u.frames, u.packets), max(end, u.seconds)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width+2*margin, height+2*margin)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%g" y="24">blocks in use over time: packets wait to be written once a second</text>`+"\n", margin)
	fmt.Fprintf(&b, `<path d="M%g %gV%gH%g" fill="none" stroke="black"/>`+"\n", margin, margin, margin+height, margin+width)
	fmt.Fprintf(&b, `<text x="8" y="%g">%d</text><text x="8" y="%g">0</text><text x="%g" y="%g">%.1f s</text>`+"\n",
		margin+8, top, margin+height, margin+width-24, margin+height+20, end)
	for i, line := range []struct {
		name, colour string
		value        func(usage) int
	}{{"packets", "#c0392b", func(u usage) int { return u.packets }}, {"frames", "#2471a3", func(u usage) int { return u.frames }}} {
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, line.colour)
		for _, u := range list {
			fmt.Fprintf(&b, "%.1f,%.1f ", margin+width*u.seconds/end, margin+height-height*float64(line.value(u))/float64(top))
		}
		fmt.Fprintf(&b, `"/><text x="%g" y="%g" fill="%s">%s</text>`+"\n", margin+width-80, margin+16+16*float64(i), line.colour, line.name)
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
