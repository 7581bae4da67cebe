package layout

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	rowBytes = 8
	cell     = 8 // columns a byte
)

// Paint colours a piece of text: what is "gap", "blank", "title", "line" (a cache line's border) or "field".
type Paint func(what, text string) string

// segment is the part of a field that lies in one row.
type segment struct {
	f        *Field
	from, to int64 // within the row
	first    bool  // the field's first row
}

// row is rowBytes bytes, or several that hold the middle of one field.
type row struct {
	offset   int64
	segments []segment
	folded   int64 // rows that this stands for; 0: itself
}

// rows cuts a layout into rows. Rows in the middle of a long field are folded into one.
func rows(l *Layout) []row {
	var list []row
	for at := int64(0); at < l.Size; at += rowBytes {
		r := row{offset: at}
		for i := range l.Fields {
			f := &l.Fields[i]
			from, to := max(f.Offset, at), min(f.Offset+f.Size, at+rowBytes)
			if from < to {
				r.segments = append(r.segments, segment{f, from - at, to - at, f.Offset >= at})
			}
		}
		if n := len(list); n > 0 && len(r.segments) == 1 && !r.segments[0].first && r.segments[0].f.Offset+r.segments[0].f.Size > at+rowBytes {
			last := &list[n-1]
			if last.folded > 0 {
				last.folded++
				continue
			}
			if len(last.segments) == 1 && last.segments[0].f == r.segments[0].f {
				r.folded = 1
			}
		}
		list = append(list, r)
	}
	return list
}

// Text draws a picture with a ruler in bytes, for a terminal of 80 columns.
func Text(p Picture, paint Paint) string {
	if paint == nil {
		paint = func(_, s string) string { return s }
	}
	var b strings.Builder
	b.WriteString(paint("title", p.Title+": "+p.summary()) + "\n       ")
	for i := range rowBytes {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-*d", cell, i), " ") + strings.Repeat(" ", min(rowBytes-1-i, 1)*(cell-1)))
	}
	b.WriteString("\n")
	for _, r := range rows(p.Layout) {
		if r.offset > 0 && r.offset%CacheLine == 0 && r.folded == 0 {
			b.WriteString(paint("line", fmt.Sprintf("%6s %s\n", "", strings.Repeat("╌", rowBytes*cell-1)+fmt.Sprintf(" cache line %d", r.offset/CacheLine))))
		}
		if r.folded > 0 {
			fmt.Fprintf(&b, "%6s %s\n", "⋮", paint("field", centred(fmt.Sprintf("%s more", plural(r.folded*rowBytes, "byte")), int(rowBytes*cell-1))))
			continue
		}
		fmt.Fprintf(&b, "%5d  ", r.offset)
		for i, s := range r.segments {
			width := int(s.to-s.from)*cell - 1
			what, text := "field", s.f.Name+" "+s.f.Type
			if utf8.RuneCountInString(text) > width {
				text = s.f.Name
			}
			switch {
			case s.f.Gap:
				what, text = "gap", strings.Repeat("░", width)
			case s.f.Blank:
				what, text = "blank", strings.Repeat("▒", width)
			case !s.first:
				text = "…"
			}
			b.WriteString(paint(what, centred(text, width)))
			if i < len(r.segments)-1 {
				b.WriteString("│")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// centred cuts or pads text to a width in columns.
func centred(text string, width int) string {
	if n := utf8.RuneCountInString(text); n > width {
		return string([]rune(text)[:max(width-1, 0)]) + "…"
	} else if n < width {
		left := (width - n) / 2
		return strings.Repeat(" ", left) + text + strings.Repeat(" ", width-n-left)
	}
	return text
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
