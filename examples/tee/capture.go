package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/pool"
)

// A picture in the arena is its luma, a byte a pixel, line by line. With it go, in ipc.Meta, the time it was taken (nanoseconds since 1970) as PTS, and
// width<<16 | height as User.

// source gives pictures.
type source interface {
	next(ctx context.Context) error // waits for the next one
	fill(luma []byte) error         // writes it
	size() (width, height int)
	close() error
}

// capture publishes pictures until ctx ends.
func capture(ctx context.Context, c config, out io.Writer) (err error) {
	if c.fps < 1 || c.width < 1 || c.height < 1 || c.width > 4096 || c.height > 4096 {
		return fmt.Errorf("%dx%d at %d pictures a second: from 1 to 4096 pixels and lines, and 1 picture", c.width, c.height, c.fps)
	}
	var s source
	if c.device == "" {
		s = &drawing{width: c.width, height: c.height, ticks: time.NewTicker(time.Second / time.Duration(c.fps))}
	} else if s, err = openCamera(c); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	width, height := s.size()
	pictures, err := pool.New(width*height, pool.Options{Name: "pictures", Max: c.blocks, Shared: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pictures.Close()) }()
	publisher, err := ipc.Listen(c.socket, pictures, ipc.PublisherOptions{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "pictures of %dx%d at %s\n", width, height, c.socket)
	missed := 0 // because every block was in use
	report := func() {
		st := publisher.Stats()
		fmt.Fprintf(out, "%d pictures, %d missed, %d subscribers, %d lent, %d dropped, %d left\n",
			st.Frames, missed, len(st.Subscribers), st.Lent, st.Lost, st.Left)
	}
	said := time.Now()
	for err == nil {
		if err = s.next(ctx); err != nil {
			break
		}
		publisher.Collect()
		b, full := pictures.Get()
		if full != nil {
			missed++
			continue
		}
		taken := time.Now()
		if err = s.fill(b.Bytes()); err == nil {
			_, err = publisher.Publish(ctx, b, ipc.Meta{PTS: taken.UnixNano(), User: uint32(width)<<16 | uint32(height)})
		}
		b.Release()
		if taken.Sub(said) >= c.every {
			report()
			said = taken
		}
	}
	if ctx.Err() != nil {
		err = nil // it was told to end
	}
	report()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err = errors.Join(err, publisher.Close(patience))
	if st := pictures.Stats(); st.Outstanding == 0 {
		fmt.Fprintf(out, "all %d blocks are back\n", st.Max)
	} else {
		err = errors.Join(err, fmt.Errorf("%d of %d blocks are lost", st.Outstanding, st.Max))
	}
	return err
}

// drawing is a source without a camera: a bright bar goes over a gradient, which grows brighter and darker.
type drawing struct {
	width, height int
	ticks         *time.Ticker
	n             int
}

func (d *drawing) size() (width, height int) { return d.width, d.height }
func (d *drawing) close() error              { d.ticks.Stop(); return nil }

func (d *drawing) next(ctx context.Context) error {
	select {
	case <-d.ticks.C:
		d.n++
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *drawing) fill(luma []byte) error {
	light := d.n % 128
	if light >= 64 {
		light = 127 - light
	}
	line := luma[:d.width]
	for x := range line {
		line[x] = byte(light + x*128/d.width)
	}
	bar := d.n * 4 % d.width
	for x := bar; x < min(bar+8, d.width); x++ {
		line[x] = 255
	}
	for y := 1; y < d.height; y++ {
		copy(luma[y*d.width:][:d.width], line)
	}
	return nil
}
