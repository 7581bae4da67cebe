// Command camera captures from a V4L2 camera into pooled pictures, and writes them as a Y4M film, or the last one as PNG or JPEG, while it
// shows them in the terminal.
//
// Each picture is converted once, from the driver's own memory into a block of a typed pool; the writer and the preview then share that
// block, and whichever is done last gives it back. A slow preview misses pictures, a slow writer makes the camera wait.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/poolgen/poolgen/ffi/v4l2"
)

type config struct {
	device        string
	width, height int
	fps           int
	frames        int
	output        string
	preview       int
	list          bool
}

func main() {
	var c config
	flag.StringVar(&c.device, "device", "", "V4L2 `node`, such as /dev/video0; default: the first that captures")
	flag.IntVar(&c.width, "width", 640, "ask for so many `pixels`")
	flag.IntVar(&c.height, "height", 480, "ask for so many `lines`")
	flag.IntVar(&c.fps, "fps", 30, "ask for so many frames a second")
	flag.IntVar(&c.frames, "n", 90, "stop after so many `frames`; 0 goes on until Ctrl-C")
	flag.StringVar(&c.output, "o", "camera.y4m", "write this `file`: .y4m is a film, .png and .jpg have the last picture")
	flag.IntVar(&c.preview, "preview", 0, "show pictures so many `columns` wide in the terminal; it needs 24-bit colours")
	flag.BoolVar(&c.list, "list", false, "list the cameras and what they have")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, c, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "camera:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config, out io.Writer) (err error) {
	if c.list {
		return list(out)
	}
	if c.device == "" {
		if c.device, err = firstCamera(); err != nil {
			return err
		}
	}
	d, err := v4l2.Open(c.device, v4l2.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return film(ctx, c, d, out)
}

// firstCamera is the node of the first device that captures video.
func firstCamera() (string, error) {
	all, err := v4l2.Devices()
	if err != nil {
		return "", err
	}
	for _, i := range all {
		if i.Capabilities&(v4l2.CapVideoCapture|v4l2.CapVideoCaptureMplane) != 0 {
			return i.Path, nil
		}
	}
	return "", errors.New("no camera: plug one in, or load the kernel's test driver (modprobe vivid)")
}

// list shows what there is.
func list(out io.Writer) error {
	all, err := v4l2.Devices()
	if err != nil {
		return err
	}
	for _, i := range all {
		fmt.Fprintf(out, "%s  %s (%s at %s): %s\n", i.Path, i.Card, i.Driver, i.Bus, i.Capabilities)
		d, err := v4l2.Open(i.Path, v4l2.Options{})
		if err != nil {
			fmt.Fprintf(out, "  %v\n", err)
			continue
		}
		formats, err := d.Formats(v4l2.Capture)
		if err != nil {
			formats = nil // no camera
		}
		for _, f := range formats {
			sizes, err := d.FrameSizes(f.FourCC)
			if err != nil {
				return errors.Join(err, d.Close())
			}
			fmt.Fprintf(out, "  %s  %s", f.FourCC, f.Description)
			for _, s := range sizes {
				fmt.Fprintf(out, "  %dx%d", s.Width.Max, s.Height.Max)
			}
			fmt.Fprintln(out)
		}
		if err := d.Close(); err != nil {
			return err
		}
	}
	return nil
}
