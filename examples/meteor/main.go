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
	"io/fs"
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
	disk          int64 // bytes for frames
	memory        int64 // bytes that the process may have; 0 is what its cgroup may
	listen        string

	warn     io.Writer           // for what goes wrong on the way; nil for nobody
	start    time.Time           // of the simulated night
	progress func(time.Duration) // called with each frame's time since start; nil for none
	machine  fs.FS               // with proc and sys; nil for this one's
}

func main() {
	c, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // the flag set has told
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, c, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "meteor:", err)
		os.Exit(1)
	}
}

// parse reads the command line. What is wrong with it is on standard error already.
func parse(args []string) (config, error) {
	c := config{warn: os.Stderr, start: time.Now()}
	f := flag.NewFlagSet("meteor", flag.ContinueOnError)
	f.StringVar(&c.device, "device", "", "V4L2 `node`, such as /dev/video0; default: a simulated sky")
	f.IntVar(&c.width, "width", 640, "ask for so many `pixels`, a multiple of 8")
	f.IntVar(&c.height, "height", 480, "ask for so many `lines`")
	f.IntVar(&c.fps, "fps", 25, "ask for so many frames a second")
	f.DurationVar(&c.length, "for", 0, "stop after so much `time` of the night; 0 goes on until Ctrl-C")
	f.Float64Var(&c.speed, "speed", 1, "simulate so many `times` as fast as time goes by; 0 is as fast as possible")
	f.Uint64Var(&c.seed, "seed", 1, "which night to simulate")
	f.StringVar(&c.dir, "dir", "", "keep frames, pictures and clips in this `folder`; default: a temporary one, which is removed at the end")
	disk := f.Int64("disk", 0, "`MiB` of the disk for frames that belong to no clip; default: 64, or ten seconds of them if that is more")
	memory := f.Int64("memory", 0, "`MiB` of memory that the program may have; default: what GOMEMLIMIT or its cgroup says")
	f.StringVar(&c.listen, "listen", "127.0.0.1:8080", "show the page at this `address`; empty for none")
	if err := f.Parse(args); err != nil {
		return config{}, err
	}
	c.disk, c.memory = *disk<<20, *memory<<20
	err := c.check()
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("%q: every argument is a flag", f.Arg(0))
	case *disk < 0 || *disk > 1<<30:
		err = fmt.Errorf("-disk %d: 0 to %d MiB", *disk, 1<<30)
	case *memory < 0 || *memory > 1<<30 || *memory > 0 && *memory < 24:
		err = fmt.Errorf("-memory %d: 24 to %d MiB, or 0", *memory, 1<<30)
	case c.device != "" && c.speed != 1:
		err = fmt.Errorf("-speed %v: a camera has its own", c.speed)
	}
	if err != nil {
		fmt.Fprintln(f.Output(), "meteor:", err)
	}
	return c, err
}

// check is nil if c makes sense before a camera has had its say.
func (c *config) check() error {
	if c.length < 0 {
		return fmt.Errorf("a night of %v: it has a length, or 0 for none", c.length)
	}
	if !(c.speed >= 0 && c.speed <= 1e6) {
		return fmt.Errorf("a speed of %v: it is 0 to a million", c.speed)
	}
	return checkSize(*c)
}

// budget sets c.disk to something reasonable, or says that it is not.
func (c *config) budget() error {
	second := int64(c.width * c.height * c.fps)
	least := 2 * second * int64((before+2*time.Second)/time.Second) // so that the seconds before a meteor are there when it is seen
	if c.disk == 0 {
		c.disk = max(64<<20, least)
	}
	if c.disk < least {
		return fmt.Errorf("%d MiB of the disk: frames of %dx%d, %d a second, need %d at least", c.disk>>20, c.width, c.height, c.fps, (least+1<<20-1)>>20)
	}
	return nil
}

// run watches until the night or ctx ends.
func run(ctx context.Context, c config, out io.Writer) (err error) {
	if err := c.check(); err != nil {
		return err
	}
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
	err = errors.Join(st.watch(ctx, src), leave(), st.close())
	ps, ss := st.frames.Stats(), st.final
	fmt.Fprintf(out, "%d frames, %d meteors; pool: %d acquired, %d out, %d of %d blocks at most; store: %d lost, %d left the hot tier, %d were compressed\n",
		ss.Puts, st.seen.Load(), ps.Acquired, ps.Outstanding, ps.HighWater, ps.Max, st.lost.Load()+ss.Dropped, ss.Hot.Left, ss.Warm.Left)
	return err
}
