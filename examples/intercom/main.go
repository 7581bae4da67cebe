// Command intercom is a telephone between two machines: it sends the microphone as Opus in RTP over UDP, and plays what the other sends, at the
// same time. Packets that are lost are made good from the copy that the next one carries (FEC), or the sound is continued (PLC).
//
//	intercom -listen :5004 -peer 192.168.1.20:5004
//
// Without -peer it talks to itself. With -in and -out it needs no sound card: alsa-lib's file plugin reads a recording and writes what is
// played. -loss throws packets away, to hear what that sounds like.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/ffi/alsa"
	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

const (
	rate      = 48000
	frameSize = 960 // samples in 20 ms
	interval  = 20 * time.Millisecond
)

type config struct {
	listen, peer      string
	capture, playback string
	in, out           string
	seconds           float64
	speed             float64
	bitrate           int
	loss              int
	fec               bool
	seed              uint64
}

func main() {
	var c config
	flag.StringVar(&c.listen, "listen", "127.0.0.1:0", "receive at this UDP `address`")
	flag.StringVar(&c.peer, "peer", "", "send to this UDP `address`; default: to itself")
	flag.StringVar(&c.capture, "capture", "default", "ALSA `PCM` to record from")
	flag.StringVar(&c.playback, "playback", "default", "ALSA `PCM` to play on")
	flag.StringVar(&c.in, "in", "", "send this `file` instead: raw 16-bit samples, one channel at 48 kHz")
	flag.StringVar(&c.out, "out", "", "play into this `file` instead, raw samples as for -in")
	flag.Float64Var(&c.seconds, "seconds", 0, "hang up after so many `seconds`; 0 goes on until Ctrl-C")
	flag.Float64Var(&c.speed, "speed", 1, "run so many `times` as fast, with -in and -out")
	flag.IntVar(&c.bitrate, "bitrate", 24000, "Opus bitrate in `bit/s`")
	flag.IntVar(&c.loss, "loss", 0, "throw `percent` of the packets away")
	flag.BoolVar(&c.fec, "fec", true, "send each packet's sound a second time, coarsely, with the next")
	flag.Uint64Var(&c.seed, "seed", 1, "which packets -loss hits")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, c, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "intercom:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config, out io.Writer) (err error) {
	if c.loss < 0 || c.loss > 100 || !(c.speed > 0) || (c.speed != 1 && (c.in == "" || c.out == "")) {
		return errors.New("-loss is from 0 to 100; -speed is more than 0, and other than 1 only with -in and -out")
	}
	files, err := useFiles(&c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files()) }()
	conn, peer, err := dial(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
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

	want := alsa.Config{Rate: rate, Channels: 1, Period: frameSize}
	mic, err := alsa.Open(c.capture, alsa.Capture, want)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mic.Close()) }()
	ear, err := alsa.Open(c.playback, alsa.Playback, want)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ear.Close()) }()
	enc, err := newEncoder(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, enc.Close()) }()
	dec, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dec.Close()) }()

	if c.seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.seconds/c.speed*float64(time.Second)))
		defer cancel()
	}
	fmt.Fprintf(out, "sending from %s to %s, playing on %s\n", c.capture, peer, c.playback)
	s := &sender{mic: mic, enc: enc, frames: frames, packets: packets, conn: conn, peer: peer, pace: newPace(c, c.in), loss: c.loss, random: newRandom(c.seed)}
	r := &receiver{conn: conn, packets: packets}
	p := &player{from: &r.jitter, ear: ear, dec: dec, frames: frames, pace: newPace(c, c.out)}
	err = together(ctx, s.run, r.run, p.run)
	r.jitter.drop()
	fmt.Fprintf(out, "sent      %d packets, %d of them thrown away\n", s.sent, s.thrown)
	fmt.Fprintf(out, "received  %d packets, %d too late, %d passed over\n", r.received, r.jitter.late, r.jitter.skipped)
	fmt.Fprintf(out, "played    %d frames: %d received, %d made good by FEC, %d continued by PLC, %d silent\n", p.played, p.whole, p.fec, p.plc, p.silent)
	fmt.Fprintf(out, "xruns     %d recording, %d playing\n", mic.Stats().Xruns, ear.Stats().Xruns)
	return err
}

// together runs all until one fails, or ctx ends, which is no failure.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				errs[i] = err
			}
			cancel()
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// dial opens the socket, and says where to send.
func dial(c config) (*net.UDPConn, netip.AddrPort, error) {
	at, err := net.ResolveUDPAddr("udp", c.listen)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	self, ok := conn.LocalAddr().(*net.UDPAddr)
	if c.peer == "" && ok {
		return conn, self.AddrPort(), nil
	}
	to, err := net.ResolveUDPAddr("udp", c.peer)
	if err != nil {
		return nil, netip.AddrPort{}, errors.Join(err, conn.Close())
	}
	return conn, to.AddrPort(), nil
}
