package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/poolgen/poolgen/ffi/v4l2"
)

// camera is a V4L2 device that gives pictures whose luma is easy to find.
type camera struct {
	d     *v4l2.Device
	s     *v4l2.Stream
	f     v4l2.Format
	frame v4l2.Frame // the newest; zero before the first
	has   bool
}

// steps is how many bytes there are from one luma value to the next, in the formats that openCamera takes.
var steps = [...]struct {
	format v4l2.FourCC
	step   int
}{{v4l2.FmtYUV420, 1}, {v4l2.FmtNV12, 1}, {v4l2.FmtYUYV, 2}}

func openCamera(c config) (*camera, error) {
	d, err := v4l2.Open(c.device, v4l2.Options{})
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*camera, error) { return nil, errors.Join(err, d.Close()) }
	for _, k := range steps {
		f, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: k.format, Width: c.width, Height: c.height, Field: v4l2.FieldNone})
		if err != nil {
			return fail(err)
		}
		if f.FourCC != k.format {
			continue // the driver has the last word
		}
		// A camera with one rate only refuses another.
		_, _ = d.SetInterval(v4l2.Capture, v4l2.Fraction{Numerator: 1, Denominator: uint32(c.fps)})
		s, err := d.Stream(v4l2.StreamConfig{})
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			return fail(err)
		}
		return &camera{d: d, s: s, f: f}, nil
	}
	return fail(fmt.Errorf("%s has no format with plain luma: examples/camera reads more", c.device))
}

func (c *camera) size() (width, height int) { return c.f.Width, c.f.Height }

func (c *camera) next(ctx context.Context) error {
	c.release()
	f, err := c.s.Read(ctx)
	if err == nil {
		c.frame, c.has = f, true
	}
	return err
}

func (c *camera) fill(luma []byte) error {
	for _, k := range steps {
		if k.format == c.f.FourCC {
			return copyLuma(luma, c.frame.Bytes(), c.f.Width, c.f.Height, c.f.Planes[0].Stride, k.step)
		}
	}
	return fmt.Errorf("no luma in %s", c.f)
}

// copyLuma takes every step-th byte of each line of src, which are stride bytes apart.
func copyLuma(luma, src []byte, width, height, stride, step int) error {
	if len(luma) < width*height || stride < width*step || len(src)/stride < height {
		return fmt.Errorf("a frame of %d bytes, %d a line, is none of %dx%d", len(src), stride, width, height)
	}
	for y := range height {
		to, from := luma[y*width:][:width], src[y*stride:][:width*step]
		if step == 1 {
			copy(to, from)
			continue
		}
		for x := range to {
			to[x] = from[x*step]
		}
	}
	return nil
}

func (c *camera) release() {
	if c.has {
		c.frame.Release()
		c.has = false
	}
}

func (c *camera) close() error {
	c.release()
	return errors.Join(c.s.Close(), c.d.Close())
}
