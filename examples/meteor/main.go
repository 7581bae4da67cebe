// Command meteor watches the night sky for meteors: a camera, or a simulated sky, fills pooled frames; a bus shares each of them, without a
// copy, with an archive and a detector; the archive is a store with three tiers, and every meteor becomes a clip that begins some seconds before
// it. A web page shows what happens.
//
//	meteor -listen 127.0.0.1:8080
//	meteor -device /dev/video0 -dir /var/lib/meteor
//	meteor -for 1h -speed 0 -listen ""
//
// The second films with a camera. The third simulates an hour as fast as the machine can, without a page.
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
	"time"
)

type config struct {
	device        string
	width, height int
	fps           int
	length        time.Duration
	speed         float64
	seed          uint64
	dir           string
	listen        string

	start    time.Time           // of the simulated night
	progress func(time.Duration) // called with each frame's time since start; nil for none
}

func main() {
	c := config{start: time.Now()}
	flag.StringVar(&c.device, "device", "", "V4L2 `node`, such as /dev/video0; default: a simulated sky")
	flag.IntVar(&c.width, "width", 640, "ask for so many `pixels`, a multiple of 8")
	flag.IntVar(&c.height, "height", 480, "ask for so many `lines`")
	flag.IntVar(&c.fps, "fps", 25, "ask for so many frames a second")
	flag.DurationVar(&c.length, "for", 0, "stop after so much `time` of the night; 0 goes on until Ctrl-C")
	flag.Float64Var(&c.speed, "speed", 1, "simulate so many `times` as fast as time goes by; 0 is as fast as possible")
	flag.Uint64Var(&c.seed, "seed", 1, "which night to simulate")
	flag.StringVar(&c.dir, "dir", "", "keep frames, pictures and clips in this `folder`; default: a temporary one, which is removed at the end")
	flag.StringVar(&c.listen, "listen", "127.0.0.1:8080", "show the page at this `address`; empty for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, c, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "meteor:", err)
		os.Exit(1)
	}
}

// run watches until the night or ctx ends.
func run(ctx context.Context, c config, out io.Writer) (err error) {
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "meteor"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	}
	src, err := open(&c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	st, err := newStation(c)
	if err != nil {
		return err
	}
	leave := func() error { return nil }
	if c.listen != "" {
		if leave, err = st.serve(c.listen, out); err != nil {
			return errors.Join(err, st.close())
		}
	}
	err = st.watch(ctx, src)
	if ctx.Err() != nil {
		err = nil // Ctrl-C: what there is counts
	}
	err = errors.Join(err, leave(), st.close())
	ps, ss := st.frames.Stats(), st.final
	fmt.Fprintf(out, "%d frames, %d meteors; pool: %d acquired, %d out, %d of %d blocks at most; store: %d dropped, %d left the hot tier, %d were compressed\n",
		ss.Puts, st.seen.Load(), ps.Acquired, ps.Outstanding, ps.HighWater, ps.Max, ss.Dropped, ss.Hot.Left, ss.Warm.Left)
	return err
}
