package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/pool"
)

// sleepShort gives the processor to others for a moment.
func sleepShort() { time.Sleep(20 * time.Microsecond) }

// victimPublishes publishes frames as fast as it can, and closes after some if told to. Its arguments are the path, after how many, or
// -1, and how many blocks it has: with few it often waits for one.
func victimPublishes(b *book, args []string) error {
	until, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	blocks, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	p, err := pool.New(mostFrame, pool.Options{Name: "soak", Max: blocks, Shared: true})
	if err != nil {
		return err
	}
	s, err := ipc.Listen(args[0], p, ipc.PublisherOptions{Slots: 4})
	if err != nil {
		return err
	}
	b.ready.Store(1)
	for n := uint64(0); n != uint64(until); n++ {
		f, err := s.Get(context.Background())
		if err != nil {
			return err
		}
		f.SetLen(fill(f.Bytes()[:mostFrame], 0, n))
		b.started.Store(uint32(n) + 1)
		if _, err := s.Publish(context.Background(), f, ipc.Meta{PTS: int64(n)}); err != nil {
			return err
		}
		b.done.Store(uint32(n) + 1)
		f.Release()
		b.steps.Add(1)
	}
	b.closing.Store(1)
	if err := s.Close(context.Background()); err != nil {
		return err
	}
	if n := p.Stats().Outstanding; n != 0 {
		return fmt.Errorf("%d blocks are out after Close", n)
	}
	for {
		b.steps.Add(1)
		sleepShort()
	}
}

// frameSink has three subscribers, which go from one publisher to the next.
type frameSink struct {
	*lane
	path string
}

// publisherLane kills publishers.
func publisherLane(t *testing.T, seed uint64) *lane {
	l := &frameSink{lane: newLane(t, "ipc publishers", seed)}
	l.path = filepath.Join(l.dir, "s")
	l.lane.round, l.lane.close = l.kill, func() error { return nil }
	return l.lane
}

// taken is what one subscriber received from one publisher.
type taken struct {
	policy ipc.Policy
	record
	err error
}

func (l *frameSink) kill() error {
	until := -1
	if l.rnd.IntN(4) == 0 {
		until = l.rnd.IntN(200)
	}
	v, err := l.start("publish", []any{l.path, until, []int{20, 64}[l.rnd.IntN(2)]})
	if err != nil {
		return err
	}
	var all [3]taken
	blocks := l.rnd.IntN(2) == 0
	var wg sync.WaitGroup
	for i := range all {
		all[i].policy = ipc.Policy(l.rnd.IntN(4))
		if blocks && i == 0 {
			all[i].policy = ipc.Block
		} else if !blocks && all[i].policy == ipc.Block {
			all[i].policy = ipc.DropOldest // the publisher never waits
		}
		h := holding{rnd: rand.New(rand.NewPCG(l.rnd.Uint64(), 3)), most: l.rnd.IntN(6)}
		wg.Go(func() { all[i].err = l.subscribe(v, &h, &all[i]) })
	}
	wg.Wait()
	<-v.done
	err = v.err
	started, done := l.book.started.Load(), l.book.done.Load()
	for _, s := range all {
		switch {
		case s.err != nil:
			err = errors.Join(err, fmt.Errorf("a subscriber that may %v: %w", s.policy, s.err))
		case s.seen == 0:
		case s.next > started || s.seen+s.lost != s.next-s.first:
			err = errors.Join(err, fmt.Errorf("a subscriber that may %v has seen %d frames and missed %d, from %d to %d of %d", s.policy, s.seen, s.lost, s.first, s.next, started))
		case s.policy == ipc.Block && (s.lost > 0 || s.next < done):
			err = errors.Join(err, fmt.Errorf("lost: %d of %d frames came, and %d are counted, to one who blocks", s.next, done, s.lost))
		}
		l.frames += uint64(s.seen)
		l.lost += uint64(s.lost)
		if s.seen > 0 && s.next < done {
			l.lost += uint64(done - s.next) // no frame came behind them that would tell
		}
	}
	return err
}

// subscribe receives what the victim publishes until its end.
func (l *frameSink) subscribe(v *victim, h *holding, r *taken) error {
	o := ipc.SubscriberOptions{Policy: r.policy, Slots: 1 << h.rnd.IntN(3)}
	var s *ipc.Subscriber
	err := eventually(func() string { return "the publisher lets us in" }, func() bool {
		for v.book.ready.Load() == 0 && !v.dead.Load() {
			time.Sleep(50 * time.Microsecond)
		}
		var err error
		s, err = ipc.Subscribe(context.Background(), l.path, o)
		return err == nil || v.dead.Load() || v.book.closing.Load() != 0
	})
	if err != nil || s == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		f, err := s.Receive(ctx)
		if errors.Is(err, ipc.ErrGone) || err == io.EOF && v.book.closing.Load() != 0 {
			if err == io.EOF && r.seen > 0 && r.policy == ipc.Block && r.next != v.book.done.Load() {
				return fmt.Errorf("the end comes after %d of %d frames", r.next, v.book.done.Load())
			}
			break
		}
		if err != nil {
			return errors.Join(err, s.Close())
		}
		seq := uint32(f.Sequence)
		if r.seen == 0 {
			r.first = seq - uint32(f.Lost)
		} else if seq != r.next+uint32(f.Lost) {
			return fmt.Errorf("frame %d after %d, %d lost", seq, r.next-1, f.Lost)
		}
		if err := h.add(f); err != nil {
			return err
		}
		r.next = seq + 1
		r.seen++
		r.lost += uint32(f.Lost)
		pause(h.rnd.IntN(200))
	}
	// What it had of a publisher that is gone stays as it was.
	first := h.rnd.IntN(2) == 0
	if first {
		err = s.Close()
	}
	for len(h.held) > 0 {
		if e := h.drop(); e != nil {
			return e
		}
	}
	return errors.Join(err, s.Close())
}
