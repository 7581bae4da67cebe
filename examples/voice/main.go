// Command voice records sound from ALSA into pooled frames, encodes it with Opus into an Ogg file, and plays that file back.
//
// It uses the sound card if the machine has one; otherwise alsa-lib's file plugin reads speech recordings and writes what is played
// into a file. Stop it with Ctrl-C: the file is valid at any time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

const (
	rate      = 48000
	frameSize = 960  // samples in 20 ms
	preSkip   = 3840 // samples that an Ogg Opus player drops at the start: what the Ogg writer puts in the header
)

type config struct {
	output, svg       string
	capture, playback string
	seconds           float64
	bitrate           int
	wavs              []string
}

func main() {
	var c config
	flag.StringVar(&c.output, "o", "build/voice.opus", "write the Ogg Opus `file`")
	flag.StringVar(&c.svg, "svg", "build/voice-pool.svg", "draw the pools' occupancy over time into `file`")
	flag.StringVar(&c.capture, "capture", "", "ALSA `PCM` to record from; default: the sound card, or else recordings")
	flag.StringVar(&c.playback, "playback", "", "ALSA `PCM` to play on; default: the sound card, or else a file")
	flag.Float64Var(&c.seconds, "seconds", 10, "record for so many `seconds`; recordings end by themselves")
	flag.IntVar(&c.bitrate, "bitrate", 24000, "Opus bitrate in `bit/s`")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: voice [flags] [recording.wav ...]  (16-bit mono WAV at 48 kHz)")
		flag.PrintDefaults()
	}
	flag.Parse()
	c.wavs = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, c, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "voice:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config, out io.Writer) (err error) {
	for _, f := range []string{c.output, c.svg} {
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			return err
		}
	}
	s, err := openSource(&c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	version, err := opus.Version()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "from %s\n%s, %d bit/s; level meter in %s\n", s.describe, version, c.bitrate, meterName)

	frames, err := NewFramePool(pool.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, frames.Close()) }()
	packets, err := NewPacketPool(pool.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, packets.Close()) }()

	r, err := record(ctx, c, s, frames, packets, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "recorded  %d frames, %.2f s, %d bytes of Opus, %d xruns\n", r.frames, float64(r.samples)/rate, r.bytes, r.xruns)
	allocs := "too short to count allocations"
	if r.allocs >= 0 {
		allocs = fmt.Sprintf("%.2f allocations per frame for capture, meter and encoder (median second)", r.allocs)
	}
	fmt.Fprintf(out, "          %s; %.1f in the Ogg writer\n", allocs, r.muxAllocs)
	fmt.Fprintf(out, "          %s\n", waveform(r.peaks.points, 72))
	if ctx.Err() != nil || r.broken != nil {
		fmt.Fprintln(out, "stopped   before its end; it is not played")
	} else {
		played, xruns, err := play(ctx, c, s, frames)
		if err != nil && ctx.Err() == nil {
			return err
		}
		fmt.Fprintf(out, "played    %.2f s on %s, %d xruns\n", float64(played)/rate, s.playbackName, xruns)
	}
	for _, st := range []pool.Stats{frames.Stats(), packets.Stats()} {
		fmt.Fprintf(out, "pool %-7s acquired %d = released %d + outstanding %d; high water %d of %d blocks, %d KiB; misses %d, stale %d\n",
			st.Name, st.Acquired, st.Released, st.Outstanding, st.HighWater, st.Max, st.BytesCommitted>>10, st.Misses, st.Stale)
	}
	if err := os.WriteFile(c.svg, occupancy(r.inUse.frames, r.inUse.packets), 0o644); err != nil {
		return fmt.Errorf("drawing the occupancy: %w", err)
	}
	fmt.Fprintf(out, "wrote     %s and %s\n", c.output, c.svg)
	if r.broken != nil {
		return fmt.Errorf("recording ended early, %s has what came before: %w", c.output, r.broken)
	}
	return nil
}
