package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// source fills frames.
type source interface {
	// next fills b and returns the frame's time in nanoseconds since 1970. It returns io.EOF at the end of the night.
	next(ctx context.Context, b pool.Buf) (int64, error)
	// again makes the source ready after an error of next, which it is told, or returns one that ends the night.
	again(ctx context.Context, err error) error
	close() error
}

// open makes the source that c asks for, and writes into c the size that it really has, and what follows from that.
func open(c *config) (source, error) {
	if c.device == "" {
		s, err := newSky(*c)
		if err != nil {
			return nil, err
		}
		return s, c.budget()
	}
	v, err := openCamera(c)
	if err != nil {
		return nil, err
	}
	if err := c.budget(); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// meteor is what the simulated sky has planted.
type meteor struct {
	from, to float64 // seconds since the start of the night
	x, y     float64 // where it begins, in pixels
	vx, vy   float64 // pixels a second
	light    float64 // levels above the sky
}

// sky is a simulated night: stars, noise, a slowly changing glow, now and then particles that hit a few pixels of the sensor, and meteors.
// The same seed gives the same night.
type sky struct {
	c      config
	stars  []byte
	noise  []byte
	dice   *rand.Rand // for meteors only, so that the list does not depend on the frames
	now    meteor     // the one that comes next, or is seen
	n      int        // frames so far
	began  time.Time
	pacing *time.Timer
}

const (
	noiseLevels = 8
	glowLevels  = 32
	glowPeriod  = 120 // seconds
	tail        = 0.15
)

func newSky(c config) (*sky, error) {
	if err := checkSize(c); err != nil {
		return nil, err
	}
	s := &sky{c: c, stars: make([]byte, c.width*c.height), noise: make([]byte, 1<<16), dice: rand.New(rand.NewPCG(c.seed, 1)), began: time.Now()}
	r := rand.New(rand.NewPCG(c.seed, 2))
	for i := range s.noise {
		s.noise[i] = byte(r.IntN(noiseLevels))
	}
	for y := range c.height {
		for x := range c.width {
			s.stars[y*c.width+x] = byte(12 + 12*y/c.height) // brighter at the horizon
		}
	}
	for range c.width * c.height / 1500 {
		x, y, light := 1+r.IntN(c.width-2), 1+r.IntN(c.height-2), 20+r.IntN(100)
		s.stars[y*c.width+x] += byte(min(light, 200-int(s.stars[y*c.width+x])))
		for _, at := range []int{y*c.width + x - 1, y*c.width + x + 1, (y-1)*c.width + x, (y+1)*c.width + x} {
			s.stars[at] = byte(min(int(s.stars[at])+light/3, 200))
		}
	}
	s.plan()
	return s, nil
}

// plan rolls the dice for the next meteor.
func (s *sky) plan() {
	w, h := float64(s.c.width), float64(s.c.height)
	m := meteor{from: s.now.to + 7 + 16*s.dice.Float64(), x: w * (0.35 + 0.3*s.dice.Float64()), y: h * (0.35 + 0.3*s.dice.Float64())}
	angle, speed := 2*math.Pi*s.dice.Float64(), h*(0.35+0.25*s.dice.Float64())
	m.to = m.from + 0.3 + 0.4*s.dice.Float64()
	m.vx, m.vy, m.light = speed*math.Cos(angle), speed*math.Sin(angle), 60+60*s.dice.Float64()
	s.now = m
}

// planted lists the meteors of the night's first seconds.
func planted(c config, seconds float64) (all []meteor) {
	s := sky{c: c, dice: rand.New(rand.NewPCG(c.seed, 1))}
	for s.plan(); s.now.from < seconds; s.plan() {
		all = append(all, s.now)
	}
	return all
}

func (s *sky) next(ctx context.Context, b pool.Buf) (int64, error) {
	at := time.Duration(s.n) * time.Second / time.Duration(s.c.fps)
	if s.c.length > 0 && at >= s.c.length {
		return 0, io.EOF
	}
	if err := s.pace(ctx, at); err != nil {
		return 0, err
	}
	s.paint(b.Bytes(), at.Seconds())
	s.n++
	if s.c.progress != nil {
		s.c.progress(at)
	}
	return s.c.start.Add(at).UnixNano(), nil
}

// pace waits until the frame is due.
func (s *sky) pace(ctx context.Context, at time.Duration) error {
	if s.c.speed <= 0 {
		return context.Cause(ctx)
	}
	wait := time.Until(s.began.Add(time.Duration(float64(at) / s.c.speed)))
	if wait <= 0 {
		return context.Cause(ctx)
	}
	if s.pacing == nil {
		s.pacing = time.NewTimer(wait)
	} else {
		s.pacing.Reset(wait)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.pacing.C:
		return nil
	}
}

// paint draws the sky at so many seconds. It depends on the seed, the frame's number and the time, and on nothing else.
func (s *sky) paint(pix []byte, at float64) {
	r := rand.NewPCG(s.c.seed, uint64(s.n)+3)
	glow := uint64(glowLevels*(0.5-0.5*math.Cos(2*math.Pi*at/glowPeriod))) * 0x0101010101010101
	for row := 0; row < len(pix); row += s.c.width {
		noise := s.noise[r.Uint64()%uint64(len(s.noise)-s.c.width):]
		line, stars := pix[row:row+s.c.width], s.stars[row:]
		for i := 0; i < len(line); i += 8 { // eight pixels at once: no sum is above 255
			sum := binary.NativeEndian.Uint64(stars[i:]) + binary.NativeEndian.Uint64(noise[i:]) + glow
			binary.NativeEndian.PutUint64(line[i:], sum)
		}
	}
	if hit := r.Uint64(); hit%100 == 0 {
		for i := range 3 {
			pix[(hit>>8+uint64(i))%uint64(len(pix))] = 255
		}
	}
	for at > s.now.to+tail {
		s.plan()
	}
	s.streak(pix, at)
}

// streak draws the meteor with its tail.
func (s *sky) streak(pix []byte, at float64) {
	m := s.now
	for t := max(at-tail, m.from); t <= min(at, m.to); t += tail / 200 {
		light := m.light * (1 - (at-t)/tail)
		x, y := int(m.x+m.vx*(t-m.from)), int(m.y+m.vy*(t-m.from))
		for _, d := range [4][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
			if x, y := x+d[0], y+d[1]; 0 <= x && x < s.c.width && 0 <= y && y < s.c.height {
				i := y*s.c.width + x
				pix[i] = max(pix[i], byte(min(int(s.stars[i])+glowLevels+int(light), 255)))
			}
		}
	}
}

func (s *sky) again(_ context.Context, err error) error { return err }

func (s *sky) close() error { return nil }
