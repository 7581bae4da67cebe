package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/poolgen/poolgen/ffi/v4l2"
)

// readable are the formats that convert knows, the cheapest first.
var readable = [...]v4l2.FourCC{v4l2.FmtYUV420, v4l2.FmtNV12, v4l2.FmtYUYV, v4l2.FmtMJPEG}

// convert writes a frame of format f into the picture. A frame that is too short is an error: cameras give half a frame when a cable
// is loose.
func convert(p PictureRef, fr *v4l2.Frame, f v4l2.Format) error {
	y, cb, cr := planes(p)
	w, h, stride := f.Width, f.Height, f.Planes[0].Stride
	src := fr.Bytes()
	if least := map[v4l2.FourCC]int{v4l2.FmtYUV420: w, v4l2.FmtNV12: w, v4l2.FmtYUYV: 2 * w}[f.FourCC]; stride < least {
		return fmt.Errorf("%s has %d bytes a line, the camera says %d", f, least, stride)
	}
	need := map[v4l2.FourCC]int{v4l2.FmtYUV420: stride * h * 3 / 2, v4l2.FmtNV12: stride * h * 3 / 2, v4l2.FmtYUYV: stride * h}[f.FourCC]
	if len(src) < need || stride > len(src)/h && need != 0 { // the product may be too large for an int
		return fmt.Errorf("frame %d has %d bytes, %s needs %d: look at the camera's cable", fr.Sequence, len(src), f, need)
	}
	switch f.FourCC {
	case v4l2.FmtYUV420:
		chroma := src[stride*h:]
		for i := range h {
			copy(y[i*w:][:w], src[i*stride:])
		}
		for i := range h / 2 {
			copy(cb[i*w/2:][:w/2], chroma[i*stride/2:])
			copy(cr[i*w/2:][:w/2], chroma[stride*h/4+i*stride/2:])
		}
	case v4l2.FmtNV12:
		for i := range h {
			copy(y[i*w:][:w], src[i*stride:])
		}
		for i := range h / 2 {
			line := src[stride*(h+i):][:w]
			for j := range w / 2 {
				cb[i*w/2+j], cr[i*w/2+j] = line[2*j], line[2*j+1]
			}
		}
	case v4l2.FmtYUYV:
		for i := range h {
			line := src[i*stride:][:2*w]
			for j := range w {
				y[i*w+j] = line[2*j]
			}
			if i%2 == 0 { // 4:2:0 has the chroma of every other line
				for j := range w / 2 {
					cb[i/2*w/2+j], cr[i/2*w/2+j] = line[4*j+1], line[4*j+3]
				}
			}
		}
	default:
		return decode(y, cb, cr, w, h, src)
	}
	return nil
}

// decode is convert for Motion-JPEG, whose pictures have the full range.
func decode(y, cb, cr []byte, w, h int, src []byte) error {
	m, err := jpeg.Decode(bytes.NewReader(src))
	if err != nil {
		return fmt.Errorf("decoding a JPEG frame of %d bytes: %w", len(src), err)
	}
	img, ok := m.(*image.YCbCr)
	if !ok || img.Rect.Dx() != w || img.Rect.Dy() != h {
		return fmt.Errorf("a JPEG frame is a %T of %v, not %dx%d in colour", m, m.Bounds(), w, h)
	}
	for i := range h {
		for j := range w {
			y[i*w+j] = uint8(16 + int(img.Y[img.YOffset(j, i)])*219/255)
		}
	}
	for i := range h / 2 {
		for j := range w / 2 {
			o := img.COffset(2*j, 2*i)
			cb[i*w/2+j] = uint8(128 + (int(img.Cb[o])-128)*224/255)
			cr[i*w/2+j] = uint8(128 + (int(img.Cr[o])-128)*224/255)
		}
	}
	return nil
}

// full is the picture for image encoders, whose YCbCr has the full range.
func full(p PictureRef) *image.YCbCr {
	v := p.Value()
	img := image.NewYCbCr(image.Rect(0, 0, int(v.Width), int(v.Height)), image.YCbCrSubsampleRatio420)
	y, cb, cr := planes(p)
	for i, c := range y {
		img.Y[i] = clamp((int(c) - 16) * 255 / 219)
	}
	for i := range cb {
		img.Cb[i], img.Cr[i] = clamp((int(cb[i])-128)*255/224+128), clamp((int(cr[i])-128)*255/224+128)
	}
	return img
}

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }
