package main

import (
	"bufio"
	"fmt"
	"io"
)

// preview shows pictures in a terminal: half blocks, two pixels above each other in one character.
type preview struct {
	columns int
	out     *bufio.Writer
	offered chan PictureRef
	done    chan struct{}
}

// newPreview starts a preview; 0 columns show nothing.
func newPreview(columns int, out io.Writer) *preview {
	s := &preview{columns: columns, offered: make(chan PictureRef, 1), done: make(chan struct{})}
	s.out = bufio.NewWriter(out)
	go func() {
		defer close(s.done)
		for p := range s.offered {
			s.draw(p)
			p.Release()
		}
	}()
	return s
}

// offer shows the picture, unless the one before is still being shown. The reference stays the caller's.
func (s *preview) offer(p PictureRef) {
	if s.columns <= 0 {
		return
	}
	mine := p.Retain()
	select {
	case s.offered <- mine:
	default:
		mine.Release()
	}
}

// close ends the preview, when the last picture is drawn.
func (s *preview) close() {
	close(s.offered)
	<-s.done
}

func (s *preview) draw(p PictureRef) {
	v := p.Value()
	w, h := int(v.Width), int(v.Height)
	y, cb, cr := planes(p)
	lines := s.columns * h / w / 2 // a character is about twice as high as wide
	fmt.Fprint(s.out, "\x1b[H")
	for l := range lines {
		for c := range s.columns {
			for half, code := range [...]int{38, 48} { // foreground for the upper pixel, background for the lower
				px, py := c*w/s.columns, (2*l+half)*h/(2*lines)
				at := py/2*(w/2) + px/2
				r, g, b := rgb(int(y[py*w+px]), int(cb[at]), int(cr[at]))
				fmt.Fprintf(s.out, "\x1b[%d;2;%d;%d;%dm", code, r, g, b)
			}
			fmt.Fprint(s.out, "▀")
		}
		fmt.Fprint(s.out, "\x1b[0m\n")
	}
	fmt.Fprintf(s.out, "frame %d, %d lost before it\x1b[K\n", v.Sequence, v.Lost)
	_ = s.out.Flush() // a terminal that went away is no reason to stop
}

// rgb converts limited-range YCbCr by the matrix of BT.601.
func rgb(y, cb, cr int) (r, g, b uint8) {
	y, cb, cr = 298*(y-16), cb-128, cr-128
	return clamp((y + 409*cr + 128) >> 8), clamp((y - 100*cb - 208*cr + 128) >> 8), clamp((y + 516*cb + 128) >> 8)
}
