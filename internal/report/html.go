package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

const style = `:root{color-scheme:light dark;--a:#2a78d6;--b:#d9730d;--c:#3f8f5b}
@media(prefers-color-scheme:dark){:root{--a:#6cb0ff;--b:#ffa657;--c:#7ee2a8}}
body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}h1,h2{line-height:1.2}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent);padding:.2rem .7rem;text-align:right}th:first-child,td:first-child{text-align:left}
figure{margin:1rem 0}figcaption{font-weight:600}svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.a{stroke:var(--a);fill:var(--a)}.b{stroke:var(--b);fill:var(--b)}.c{stroke:var(--c);fill:var(--c)}polyline{fill:none!important;stroke-width:2}.grid{stroke:currentColor;opacity:.2}
.bar{stroke:none}.most{opacity:.4;stroke:none}.frame{fill:none;stroke:currentColor;opacity:.4}
.advice li{margin:.5rem 0}.advice small{display:block;opacity:.75}`

// HTML is the report as one page that needs nothing else.
func (r *Report) HTML() string {
	var b strings.Builder
	title := html.EscapeString(r.heading())
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"+
		"<title>%s</title>\n<style>%s</style></head><body>\n<h1>Memory report</h1>\n<p>%s</p>\n", title, style, title)
	b.WriteString("<h2>Recommendations</h2>\n")
	if len(r.Recommendations) == 0 {
		b.WriteString("<p>None.</p>\n")
	} else {
		b.WriteString("<ul class=\"advice\">\n")
		for _, c := range r.Recommendations {
			fmt.Fprintf(&b, "<li><b>%s</b>: %s<small>%s</small></li>\n", html.EscapeString(clean(c.About)), html.EscapeString(clean(c.Text)), html.EscapeString(clean(c.Figures)))
		}
		b.WriteString("</ul>\n")
	}
	b.WriteString(r.charts())
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "<h2>%s</h2>\n<div class=\"wide\"><table><thead><tr>", html.EscapeString(s.title))
		for _, h := range s.header {
			fmt.Fprintf(&b, "<th scope=\"col\">%s</th>", html.EscapeString(h))
		}
		b.WriteString("</tr></thead><tbody>\n")
		for _, row := range s.rows {
			b.WriteString("<tr>")
			for _, cell := range row {
				fmt.Fprintf(&b, "<td>%s</td>", html.EscapeString(cell))
			}
			b.WriteString("</tr>\n")
		}
		b.WriteString("</tbody></table></div>\n")
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

func (r *Report) charts() string {
	var b strings.Builder
	if len(r.History) > 1 {
		b.WriteString("<h2>Over time</h2>\n")
		series := func(name, class string, value func(*Sample) float64) line {
			l := line{name: name, class: class}
			for i := range r.History {
				s := &r.History[i]
				l.points = append(l.points, point{-s.Ago, value(s)})
			}
			return l
		}
		b.WriteString(lines("Memory", func(v float64) string { return Bytes(int64(v)) }, []line{
			series("resident", "a", func(s *Sample) float64 { return float64(s.Resident) }),
			series("off the Go heap", "b", func(s *Sample) float64 { return float64(s.OffHeap) }),
			series("Go", "c", func(s *Sample) float64 { return float64(s.Go) }),
		}))
		b.WriteString(lines("Buffers acquired a second", func(v float64) string { return fmt.Sprintf("%.0f", v) }, []line{
			series("all pools", "a", func(s *Sample) float64 { return s.Rate }),
		}))
	}
	var pools, tiers []bar
	for _, p := range r.Pools {
		pools = append(pools, bar{p.Name, share(float64(p.Outstanding), float64(p.Max)), share(float64(p.HighWater), float64(p.Max)),
			fmt.Sprintf("%d now, %d at most, of %d", p.Outstanding, p.HighWater, p.Max)})
	}
	for _, s := range r.Stores {
		for _, t := range s.Tiers {
			tiers = append(tiers, bar{s.Name + ", " + t.Name, share(t.HitRate, 1), 0, percent(t.HitRate)})
		}
	}
	b.WriteString(bars("Blocks in use", pools))
	b.WriteString(bars("Hit rate, of what no tier before had", tiers))
	return b.String()
}

// share is v of all, from 0 to 1 whatever the figures are.
func share(v, all float64) float64 {
	if s := v / all; s > 0 {
		return min(s, 1)
	}
	return 0
}

type point struct{ x, y float64 }

type line struct {
	name, class string
	points      []point
}

// lines is a chart of values over seconds.
func lines(title string, unit func(float64) string, all []line) string {
	const width, height, left, top, bottom = 720, 220, 90, 26, 24
	low, high, most := math.Inf(1), math.Inf(-1), 0.0
	for _, l := range all {
		for _, p := range l.points {
			if !(math.Abs(p.x) < 1e15 && math.Abs(p.y) < 1e18) {
				return "" // not from one of ours
			}
			low, high, most = min(low, p.x), max(high, p.x), max(most, p.y)
		}
	}
	if !(high > low) {
		return ""
	}
	most = max(most*1.05, 1)
	x := func(v float64) float64 { return left + (v-low)/(high-low)*(width-left-10) }
	y := func(v float64) float64 { return top + (1-min(max(v/most, 0), 1))*(height-top-bottom) }
	var b strings.Builder
	fmt.Fprintf(&b, "<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n",
		html.EscapeString(title), width, height, width, height, html.EscapeString(title))
	for i := range 5 {
		v := most * float64(i) / 4
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			left, width-10, y(v), y(v), left-6, y(v)+4, html.EscapeString(unit(v)))
	}
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">%.0f s</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.0f s</text>\n", left, height-6, low, width-10, height-6, high)
	for i, l := range all {
		fmt.Fprintf(&b, "<polyline class=\"%s\" points=\"", l.class)
		for _, p := range l.points {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(p.x), y(p.y))
		}
		fmt.Fprintf(&b, "\"/><rect class=\"%s\" x=\"%d\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"%d\" y=\"14\">%s</text>\n",
			l.class, left+i*160, left+18+i*160, html.EscapeString(l.name))
	}
	b.WriteString("</svg></figure>\n")
	return b.String()
}

// bar is a share, and a larger one behind it.
type bar struct {
	name        string
	value, most float64
	text        string
}

func bars(title string, all []bar) string {
	if len(all) == 0 {
		return ""
	}
	const width, row, left, length = 720, 26, 200, 300
	var b strings.Builder
	height := row*len(all) + 6
	fmt.Fprintf(&b, "<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n",
		html.EscapeString(title), width, height, width, height, html.EscapeString(title))
	for i, e := range all {
		y := i*row + 6
		name := clean(e.name)
		if runes := []rune(name); len(runes) > 28 {
			name = string(runes[:27]) + "…"
		}
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text><rect class=\"a most\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"16\"/>"+
			"<rect class=\"a bar\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"16\"/><rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"16\"/><text x=\"%d\" y=\"%d\">%s</text>\n",
			left-8, y+13, html.EscapeString(name), left, y, e.most*length, left, y, e.value*length, left, y, length, left+length+10, y+13, html.EscapeString(clean(e.text)))
	}
	b.WriteString("</svg></figure>\n")
	return b.String()
}
