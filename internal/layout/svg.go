package layout

import (
	"fmt"
	"html"
	"strings"
)

const (
	unitWidth = 72 // of a byte, in pixels
	rowHeight = 34
	leftEdge  = 64
	topEdge   = 84
)

// style colours by class, in light and in dark, with colours that people tell apart who see red and green alike.
const style = `<style>
.ruler,.offset{font:12px ui-monospace,monospace;fill:#57606a}.title{font:600 15px system-ui,sans-serif;fill:#1f2328}
.name{font:600 13px ui-monospace,monospace;fill:#1f2328}.type{font:12px ui-monospace,monospace;fill:#57606a}
rect{stroke:#8c959f}.a1{fill:#fff8c5}.a2{fill:#ffe2cc}.a4{fill:#cfe8ff}.a8{fill:#d9d3ff}.blank{fill:#eaeef2}.gap{fill:url(#hatch)}
.line{stroke:#0969da;stroke-width:2;stroke-dasharray:6 4}.hatch{stroke:#8c959f}.fold{fill:#f6f8fa}
@media (prefers-color-scheme:dark){.ruler,.offset,.type{fill:#9da7b3}.title,.name{fill:#e6edf3}rect{stroke:#57606a}
.a1{fill:#4d430f}.a2{fill:#5a3415}.a4{fill:#123d63}.a8{fill:#3a2f73}.blank,.fold{fill:#262c36}.line{stroke:#58a6ff}}
</style>
<defs><pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="8" stroke-width="3"/></pattern></defs>
`

// SVG draws pictures below each other.
func SVG(title string, pictures []Picture) string {
	var body strings.Builder
	y := 16
	for _, p := range pictures {
		y = drawSVG(&body, p, y) + 32
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
%s%s</svg>
`, leftEdge+rowBytes*unitWidth+24, y, leftEdge+rowBytes*unitWidth+24, y, html.EscapeString("memory layout of "+title), style, body.String())
}

// drawSVG draws one picture from y on and returns where it ends.
func drawSVG(b *strings.Builder, p Picture, y int) int {
	fmt.Fprintf(b, "<text class=\"title\" x=\"8\" y=\"%d\">%s</text>\n<text class=\"type\" x=\"8\" y=\"%d\">%s</text>\n", y+14, html.EscapeString(p.Title), y+34, html.EscapeString(p.summary()))
	for i := range rowBytes {
		fmt.Fprintf(b, "<text class=\"ruler\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", leftEdge+i*unitWidth+unitWidth/2, y+topEdge-26, i)
	}
	y += topEdge - 16
	for _, r := range rows(p.Layout) {
		if r.folded > 0 {
			fmt.Fprintf(b, "<rect class=\"fold\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/><text class=\"type\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s more of %s</text>\n",
				leftEdge, y, rowBytes*unitWidth, rowHeight, leftEdge+rowBytes*unitWidth/2, y+22, plural(r.folded*rowBytes, "byte"), html.EscapeString(r.segments[0].f.Name))
			y += rowHeight
			continue
		}
		fmt.Fprintf(b, "<text class=\"offset\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text>\n", leftEdge-10, y+22, r.offset)
		for _, s := range r.segments {
			drawSegment(b, s, y)
		}
		if r.offset > 0 && r.offset%CacheLine == 0 {
			fmt.Fprintf(b, "<line class=\"line\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"><title>cache line %d begins</title></line>\n", leftEdge-52, y, leftEdge+rowBytes*unitWidth, y, r.offset/CacheLine)
		}
		y += rowHeight
	}
	return y
}

func drawSegment(b *strings.Builder, s segment, y int) {
	x, width := leftEdge+int(s.from)*unitWidth, int(s.to-s.from)*unitWidth
	class := fmt.Sprintf("a%d", min(s.f.Align, 8))
	tip := fmt.Sprintf("%s %s: offset %d, %s, aligned to %d", s.f.Name, s.f.Type, s.f.Offset, plural(s.f.Size, "byte"), s.f.Align)
	switch {
	case s.f.Gap:
		class, tip = "gap", fmt.Sprintf("gap: offset %d, %s", s.f.Offset, plural(s.f.Size, "byte"))
	case s.f.Blank:
		class = "blank"
	}
	fmt.Fprintf(b, "<g><title>%s</title><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", html.EscapeString(tip), class, x, y, width, rowHeight)
	if s.first && !s.f.Gap {
		room := width/8 - 1 // letters of about 8 pixels
		name, kind := cut(s.f.Name, room), ""
		if rest := room - len([]rune(s.f.Name)) - 1; rest >= 4 {
			kind = cut(s.f.Type, rest)
		}
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\"><tspan class=\"name\">%s</tspan>", x+width/2, y+22, html.EscapeString(name))
		if kind != "" {
			fmt.Fprintf(b, " <tspan class=\"type\">%s</tspan>", html.EscapeString(kind))
		}
		b.WriteString("</text>")
	}
	b.WriteString("</g>\n")
}

func cut(text string, room int) string {
	if r := []rune(text); len(r) > room {
		return string(r[:max(room-1, 0)]) + "…"
	}
	return text
}
