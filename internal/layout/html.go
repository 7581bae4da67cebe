package layout

import (
	"fmt"
	"html"
	"strings"
)

// HTML is a page by itself: per struct its pictures and a table of every field on every target.
func HTML(structs []Struct) string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Memory layout</title>
<style>
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.2}table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
th,td{border:1px solid color-mix(in srgb,currentColor 25%,transparent);padding:.25rem .6rem;text-align:right}th:nth-child(-n+2),td:nth-child(-n+2){text-align:left;font-family:ui-monospace,monospace}
caption{text-align:left;font-weight:600;padding:.4rem 0}pre{padding:.8rem;overflow:auto;background:color-mix(in srgb,currentColor 8%,transparent)}svg{max-width:100%;height:auto}
tr.gap td{opacity:.65;font-style:italic}
</style></head><body>
<h1>Memory layout</h1>
`)
	for _, s := range structs {
		fmt.Fprintf(&b, "<section><h2>%s</h2>\n", html.EscapeString(s.Name))
		if s.Note != "" {
			fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(s.Note))
		}
		b.WriteString(SVG(s.Name, s.Pictures))
		for _, p := range s.Pictures {
			fmt.Fprintf(&b, "<table><caption>%s: %s</caption><thead><tr><th>field</th><th>type</th><th>offset</th><th>size</th><th>align</th></tr></thead><tbody>\n",
				html.EscapeString(p.Title), html.EscapeString(p.summary()))
			for _, f := range p.Fields {
				if f.Gap {
					fmt.Fprintf(&b, "<tr class=\"gap\"><td>gap</td><td></td><td>%d</td><td>%d</td><td></td></tr>\n", f.Offset, f.Size)
					continue
				}
				fmt.Fprintf(&b, "<tr><td>%s</td><td>%s</td><td>%d</td><td>%d</td><td>%d</td></tr>\n", html.EscapeString(f.Name), html.EscapeString(f.Type), f.Offset, f.Size, f.Align)
			}
			b.WriteString("</tbody></table>\n")
		}
		if s.Suggestion != nil {
			fmt.Fprintf(&b, "<h3>A smaller order</h3><pre>%s</pre>\n", html.EscapeString(s.Suggestion.Source(s.Short)))
		}
		b.WriteString("</section>\n")
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

// Struct is all that is told of one struct.
type Struct struct {
	Name       string      `json:"name"`           // with its package
	Short      string      `json:"-"`              // without
	Note       string      `json:"note,omitempty"` // why C cannot hold it, or what poolgen makes of it
	Pictures   []Picture   `json:"layouts"`
	Suggestion *Suggestion `json:"suggestion,omitempty"`
}
