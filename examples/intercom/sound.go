package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// useFiles replaces the PCMs by files, as far as c says, and returns what removes the configuration again.
func useFiles(c *config) (func() error, error) {
	if c.in == "" && c.out == "" {
		return func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "intercom-")
	if err != nil {
		return nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	conf := ""
	if c.in == "" || c.out == "" {
		conf = "</usr/share/alsa/alsa.conf>\n" // the other is a card's
	}
	if c.in != "" {
		if _, err := os.Stat(c.in); err != nil {
			_ = remove()
			return nil, err
		}
		conf += fmt.Sprintf("pcm.intercomin { type file slave.pcm { type null } file /dev/null infile %q format raw }\n", c.in)
		c.capture = "intercomin"
	}
	if c.out != "" {
		conf += fmt.Sprintf("pcm.intercomout { type file slave.pcm { type null } file %q format raw }\n", c.out)
		c.playback = "intercomout"
	}
	name := filepath.Join(dir, "asound.conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		_ = remove()
		return nil, err
	}
	return remove, os.Setenv("ALSA_CONFIG_PATH", name)
}

// pace waits for the time of each frame where no sound card does: files take and give sound at any speed.
type pace struct {
	every time.Duration // 0: the card does
	due   time.Time
	timer *time.Timer
}

func newPace(c config, file string) *pace {
	if file == "" {
		return &pace{}
	}
	return &pace{every: time.Duration(float64(interval) / c.speed), due: time.Now(), timer: time.NewTimer(time.Hour)}
}

func (p *pace) wait(ctx context.Context) error {
	if p.every == 0 {
		return ctx.Err()
	}
	p.due = p.due.Add(p.every)
	p.timer.Reset(time.Until(p.due))
	select {
	case <-p.timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }
