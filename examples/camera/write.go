package main

import (
	"bufio"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"

	"github.com/poolgen/poolgen/ffi/v4l2"
)

// writer writes pictures to a file.
type writer struct {
	name string
	f    *os.File
	b    *bufio.Writer
	kind string     // extension of the name
	last PictureRef // of a still: encoded at the end
	has  bool
}

// create makes the file. Its extension says what it is to be.
func create(name string, f v4l2.Format, interval v4l2.Fraction) (*writer, error) {
	kind := filepath.Ext(name)
	switch kind {
	case ".y4m", ".png", ".jpg", ".jpeg":
	default:
		return nil, fmt.Errorf("-o %s: it must end in .y4m, .png or .jpg", name)
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	w := &writer{name: name, f: file, b: bufio.NewWriterSize(file, 1<<16), kind: kind}
	if kind == ".y4m" {
		// The header of YUV4MPEG2, as mjpegtools describe it: frames a second, progressive, square pixels, chroma as in MPEG-2.
		_, err = fmt.Fprintf(w.b, "YUV4MPEG2 W%d H%d F%d:%d Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n", f.Width, f.Height, interval.Denominator, interval.Numerator)
	}
	return w, err
}

// write adds a picture.
func (w *writer) write(p PictureRef) error {
	if w.kind == ".y4m" {
		if _, err := w.b.WriteString("FRAME\n"); err != nil {
			return err
		}
		_, err := w.b.Write(PictureData(p))
		return err
	}
	w.drop()
	w.last, w.has = p.Retain(), true
	return nil
}

func (w *writer) drop() {
	if w.has {
		w.last.Release()
		w.has = false
	}
}

// close completes the file.
func (w *writer) close() error {
	defer w.drop()
	var err error
	switch {
	case w.kind == ".y4m":
	case !w.has:
		return errors.Join(fmt.Errorf("no picture for %s", w.name), w.f.Close(), os.Remove(w.name))
	case w.kind == ".png":
		err = png.Encode(w.b, full(w.last))
	default:
		err = jpeg.Encode(w.b, full(w.last), &jpeg.Options{Quality: 90})
	}
	return errors.Join(err, w.b.Flush(), w.f.Close())
}
