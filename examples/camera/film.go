package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/runtime/pool"
)

// film captures until c.frames are there or ctx ends.
func film(ctx context.Context, c config, d *v4l2.Device, out io.Writer) (err error) {
	f, err := choose(d, c)
	if err != nil {
		return err
	}
	interval, err := d.SetInterval(v4l2.Capture, v4l2.Fraction{Numerator: 1, Denominator: uint32(max(c.fps, 1))})
	if err != nil {
		interval = v4l2.Fraction{Numerator: 1, Denominator: uint32(max(c.fps, 1))} // the camera has one rate only
	}
	fmt.Fprintf(out, "%s: %s, a frame every %v\n", d.Info().Card, f, interval.Duration().Round(time.Microsecond))

	pictures, err := NewPicturePool(pool.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pictures.Close()) }()
	s, err := d.Stream(v4l2.StreamConfig{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Start(); err != nil {
		return err
	}
	w, err := create(c.output, f, interval)
	if err != nil {
		return err
	}
	show := newPreview(c.preview, out)
	n, err := roll(c.frames, func() (PictureRef, error) { return take(ctx, s, pictures, f) }, w, show)
	if ctx.Err() != nil {
		err = nil // Ctrl-C: what there is counts
	}
	show.close()
	err = errors.Join(err, w.close())
	st, ps := s.Stats(), pictures.Stats()
	fmt.Fprintf(out, "%d frames, %d lost by the camera; pool: %d acquired, %d out, %d of %d blocks at most\n",
		n, st.Lost, ps.Acquired, ps.Outstanding, ps.HighWater, ps.Max)
	return err
}

// roll takes n pictures, or without an end if n is 0, and returns how many there were. The writer works while the next picture is taken.
func roll(frames int, take func() (PictureRef, error), w *writer, show *preview) (n int, err error) {
	queue := make(chan PictureRef, 2)
	broken, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		var err error
		for p := range queue {
			if err == nil {
				if err = w.write(p); err != nil {
					broken <- err // the disk may be full
				}
			}
			p.Release()
		}
	}()
	for err == nil && len(broken) == 0 && (n < frames || frames == 0) {
		var p PictureRef
		if p, err = take(); err == nil {
			show.offer(p)
			queue <- p
			n++
		}
	}
	close(queue)
	<-done
	if len(broken) > 0 {
		err = errors.Join(err, <-broken)
	}
	return n, err
}

// choose sets the first format that the camera has and this program can read.
func choose(d *v4l2.Device, c config) (v4l2.Format, error) {
	has, err := d.Formats(v4l2.Capture)
	if err != nil {
		return v4l2.Format{}, err
	}
	for _, want := range readable {
		for _, h := range has {
			if h.FourCC != want || h.Emulated {
				continue
			}
			f, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: want, Width: c.width, Height: c.height, Field: v4l2.FieldNone})
			if err != nil {
				return f, err
			}
			switch {
			case f.FourCC != want:
				continue
			case f.Width%2 != 0 || f.Height%2 != 0 || f.Width*f.Height*3/2 > PictureDataCap:
				return f, fmt.Errorf("%s is %s: this program takes even sizes up to 1920x1088; ask for another with -width and -height", d.Path(), f)
			}
			return f, nil
		}
	}
	return v4l2.Format{}, fmt.Errorf("%s has none of the formats %v: libv4l2 converts others", d.Path(), readable)
}

// take captures one picture. The caller releases it.
func take(ctx context.Context, s *v4l2.Stream, pictures *PicturePool, f v4l2.Format) (PictureRef, error) {
	fr, err := s.Read(ctx)
	if err != nil {
		return PictureRef{}, err
	}
	defer fr.Release()
	p, err := pictures.Wait(ctx)
	if err != nil {
		return PictureRef{}, err
	}
	v := p.Value()
	v.Sequence, v.Lost, v.PTS = fr.Sequence, fr.Lost, int64(fr.Timestamp)
	v.Width, v.Height = uint16(f.Width), uint16(f.Height)
	SetPictureDataLen(p, f.Width*f.Height*3/2)
	if err := convert(p, &fr, f); err != nil {
		p.Release()
		return PictureRef{}, err
	}
	return p, nil
}
