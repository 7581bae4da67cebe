package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/poolgen/poolgen/ffi/hotplug"
	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/runtime/pool"
)

// maxPixels bounds the memory of a frame.
const maxPixels = 1920 * 1088

func checkSize(c config) error {
	if c.width < 64 || c.height < 48 || c.width%8 != 0 || c.width > maxPixels/c.height {
		return fmt.Errorf("frames of %dx%d: the width is a multiple of 8, from 64, the height from 48, and there are at most %d pixels", c.width, c.height, maxPixels)
	}
	if c.fps < 1 || c.fps > 1000 {
		return fmt.Errorf("%d frames a second: ask for 1 to 1000", c.fps)
	}
	return nil
}

// readable are the formats that begin with, or have, 8-bit brightness; the cheapest first.
var readable = [...]v4l2.FourCC{v4l2.FmtGREY, v4l2.FmtNV12, v4l2.FmtYUV420, v4l2.FmtYUYV}

// mostHalf is how many half frames in a row are passed over.
const mostHalf = 100

var (
	errHalf  = errors.New("half a frame")
	errStuck = errors.New("the camera sends nothing")
	errOther = errors.New("not the same camera")
)

// camera is a V4L2 device.
type camera struct {
	c      config
	device *v4l2.Device
	stream *v4l2.Stream
	format v4l2.Format
	known  bool // c has the size
	began  time.Time
	stuck  time.Duration // without a frame, after which the camera is opened anew
	alarm  *time.Timer   // that ends reading then
	reads  context.Context
	stop   context.CancelCauseFunc
	clock  clock
	first  int64 // time of the first frame, 0 before
}

// clock tells frames' times, which never step back, nor leap ahead when somebody sets the machine's clock: the first frame's is the machine's,
// the others' follow from the time between them.
type clock struct {
	wall time.Time     // of the first frame
	at   time.Duration // its timestamp
}

func (c *clock) time(f v4l2.Frame) int64 {
	if f.Clock != v4l2.ClockMonotonic { // the driver has no time that is of use
		if c.wall.IsZero() {
			c.wall = time.Now()
		}
		return c.wall.UnixNano() + int64(time.Since(c.wall))
	}
	if c.wall.IsZero() {
		c.wall, _ = f.Time()
		c.at = f.Timestamp
	}
	return c.wall.UnixNano() + int64(f.Timestamp-c.at)
}

func openCamera(c *config) (*camera, error) {
	v := &camera{c: *c, began: time.Now(), stuck: 10 * time.Second}
	if err := v.connect(); err != nil {
		return nil, err
	}
	v.known = true
	*c = v.c
	return v, nil
}

// connect opens the device and has it begin. It takes the size that the camera has, the first time.
func (v *camera) connect() (err error) {
	if v.device, err = v4l2.Open(v.c.device, v4l2.Options{}); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.close())
		}
	}()
	for _, want := range readable {
		v.format, err = v.device.SetFormat(v4l2.Capture, v4l2.Format{FourCC: want, Width: v.c.width, Height: v.c.height, Field: v4l2.FieldNone})
		if err == nil && v.format.FourCC == want {
			break
		}
	}
	if err != nil {
		return err
	}
	if !isReadable(v.format.FourCC) {
		return fmt.Errorf("%s has none of the formats %v: libv4l2 converts others", v.c.device, readable)
	}
	if !v.known { // else frames of another size have no place to go
		v.c.width, v.c.height = v.format.Width, v.format.Height
	}
	if v.c.width != v.format.Width || v.c.height != v.format.Height {
		return fmt.Errorf("%w: %s has frames of %dx%d now, and had %dx%d: start again", errOther, v.c.device, v.format.Width, v.format.Height, v.c.width, v.c.height)
	}
	if err := checkSize(v.c); err != nil {
		return err
	}
	_, err = v.device.SetInterval(v4l2.Capture, v4l2.Fraction{Numerator: 1, Denominator: uint32(v.c.fps)})
	if err != nil {
		err = nil // the camera has one rate only
	}
	if v.stream, err = v.device.Stream(v4l2.StreamConfig{}); err != nil {
		return err
	}
	return v.stream.Start()
}

// again waits for a camera that failed, perhaps because it was unplugged, or hangs, until it films again, or the night ends.
func (v *camera) again(ctx context.Context, _ error) error {
	_ = v.close() // of a device that is gone: there is nothing to be done about its errors
	if left := v.left(); left > 0 {
		night, end := context.WithTimeoutCause(ctx, left, io.EOF)
		defer end()
		ctx = night
	}
	// The kernel tells when a device comes; but not in every container, and udev may have to set the file's owner first.
	w, err := hotplug.Watch(hotplug.Video)
	if err == nil {
		defer w.Close()
	}
	for {
		if err := v.connect(); err == nil || errors.Is(err, errOther) {
			return err
		}
		pause, end := context.WithTimeout(ctx, time.Second)
		if w == nil {
			<-pause.Done()
		} else if _, err := w.Next(pause); err != nil {
			<-pause.Done()
		}
		end()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// left is how much of the night there is still, 0 if it has no end.
func (v *camera) left() time.Duration {
	if v.c.length == 0 {
		return 0
	}
	return max(v.c.length-time.Since(v.began), 1)
}

func isReadable(f v4l2.FourCC) bool {
	for _, r := range readable {
		if f == r {
			return true
		}
	}
	return false
}

func (v *camera) next(ctx context.Context, b pool.Buf) (at int64, err error) {
	for range mostHalf {
		if at, err = v.read(ctx, b); !errors.Is(err, errHalf) {
			return at, err
		}
	}
	return 0, err
}

func (v *camera) read(ctx context.Context, b pool.Buf) (int64, error) {
	if v.alarm == nil {
		reads, stop := context.WithCancelCause(ctx)
		v.reads, v.stop = reads, stop
		v.alarm = time.AfterFunc(v.stuck, func() { stop(fmt.Errorf("%s: %w for %v", v.c.device, errStuck, v.stuck)) })
	}
	v.alarm.Reset(v.stuck)
	fr, err := v.stream.Read(v.reads)
	v.alarm.Stop()
	if err != nil {
		return 0, err
	}
	defer fr.Release()
	at := v.clock.time(fr)
	if v.first == 0 {
		v.first = at
	}
	if v.c.length > 0 && at-v.first >= int64(v.c.length) {
		return 0, io.EOF
	}
	return at, brightness(b.Bytes(), fr.Bytes(), v.format)
}

// brightness copies the brightness of a frame of format f, from the driver's memory, into pix. A frame that is too short is an error: cameras
// give half a frame when a cable is loose.
func brightness(pix, src []byte, f v4l2.Format) error {
	step := 1
	if f.FourCC == v4l2.FmtYUYV {
		step = 2
	}
	stride := f.Planes[0].Stride
	if stride < step*f.Width || stride > len(src)/f.Height {
		return fmt.Errorf("%w: %d bytes, %s has lines of %d: look at the camera's cable", errHalf, len(src), f, stride)
	}
	for y := range f.Height {
		line, from := pix[y*f.Width:][:f.Width], src[y*stride:]
		if step == 1 {
			copy(line, from)
			continue
		}
		for x := range line {
			line[x] = from[2*x]
		}
	}
	return nil
}

func (v *camera) close() error {
	if v.alarm != nil {
		v.alarm.Stop()
		v.stop(nil)
		v.alarm = nil // the next reading has another
	}
	var err error
	if v.stream != nil {
		err = v.stream.Close()
	}
	if v.device != nil {
		err = errors.Join(err, v.device.Close())
	}
	v.stream, v.device = nil, nil
	return err
}
