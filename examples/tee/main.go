// Command tee shows one camera to several programs at once: `tee capture` takes the pictures, `tee encode` makes JPEGs of them in another
// process, and measure/measure.c, which has no Go in it, measures them in a third.
//
//	go run ./examples/tee capture &
//	go run ./examples/tee encode -o last.jpg &
//	cc -O2 -Iinclude -o measure examples/tee/measure/measure.c && ./measure /tmp/poolgen-tee
//
// No picture is copied: each lies in a block that the first process has made, and the others read it there. Any of the three may be killed and
// started again while the others run on. What a killed subscriber had goes back to the pool; when the capturing process is
// killed the others keep what they have, and wait for the next one.
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
	socket        string
	device        string
	width, height int
	fps           int
	blocks        int
	every         time.Duration
	output        string
	all           bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tee:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	role := ""
	if len(args) > 0 {
		role, args = args[0], args[1:]
	}
	var c config
	flags := flag.NewFlagSet("tee "+role, flag.ContinueOnError)
	flags.StringVar(&c.socket, "socket", "/tmp/poolgen-tee", "the `path` where the processes meet")
	flags.DurationVar(&c.every, "every", time.Second, "say so often how it goes")
	work := capture
	switch role {
	case "capture":
		flags.StringVar(&c.device, "device", "", "V4L2 `node`, such as /dev/video0; default: a moving picture is drawn")
		flags.IntVar(&c.width, "width", 640, "ask for so many `pixels`")
		flags.IntVar(&c.height, "height", 480, "ask for so many `lines`")
		flags.IntVar(&c.fps, "fps", 30, "ask for so many pictures a second")
		flags.IntVar(&c.blocks, "blocks", 24, "memory for so many pictures")
	case "encode":
		work = encode
		flags.StringVar(&c.output, "o", "", "write the newest picture to this JPEG `file` all the time")
		flags.BoolVar(&c.all, "all", false, "tell of every picture")
	default:
		return fmt.Errorf("say `tee capture` or `tee encode`, and -h behind that for its flags, not %q", role)
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil // it has told
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there is no use for %q", flags.Args())
	}
	return work(ctx, c, out)
}
