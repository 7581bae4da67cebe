package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/metrics"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// The memory of the program is these frames, the store's work and the Go heap.
const (
	hotFrames = 24 // of the hot tier; a quarter as many more are for frames read back from disk
	queued    = 4  // that wait for the archive, and for the detector
	making    = 4  // events of which the clip is being made, or waits for that; there is none of more that come meanwhile
)

// frame is what the bus shares.
type frame struct {
	pool.Buf
	Time int64 // nanoseconds since 1970
}

func (f frame) Retain() frame { f.Buf.Retain(); return f }

const (
	before = 3 * time.Second // of a clip, ahead of the meteor
	after  = 1 * time.Second // and behind it
)

// station is everything behind the source.
type station struct {
	c        config
	frames   *pool.Pool // that the source fills
	loads    *pool.Pool // that the store reads from disk
	trails   *pool.Pool // pictures of meteors
	store    *store.Store
	taken    *bus.Topic[frame]
	readings *bus.Topic[reading]
	sights   *bus.Topic[sight]
	events   *events

	newest  newest
	watcher *metrics.Watcher // of the memory; nil where the machine tells nothing of it
	watched http.Handler     // its pages

	seen  atomic.Int64  // meteors
	lost  atomic.Uint64 // frames that came too fast for the archive, or that the disk had no room for
	final store.Stats   // of a store that was closed

	mu       sync.Mutex
	archived int64 // time of the newest frame in the store
	more     chan struct{}
	problem  string // the last
	subs     []interface{ Stats() bus.SubStats }
}

func newStation(c config) (_ *station, err error) {
	s := &station{c: c, more: make(chan struct{})}
	size := c.width * c.height
	for _, p := range []struct {
		pool **pool.Pool
		name string
		max  int
	}{
		{&s.loads, "loads", hotFrames/4 + 4},
		// One is being filled, one is in the topic's history, each of two subscribers has one in hand, a picture for browsers is made of one, and
		// one waits there.
		{&s.frames, "frames", hotFrames + 2*queued + 6},
		{&s.trails, "trails", making},
	} {
		if *p.pool, err = pool.New(size, pool.Options{Name: p.name, Max: p.max}); err != nil {
			return nil, errors.Join(err, s.closePools())
		}
	}
	full := store.FullFail // a simulated sky waits for a slow disk
	if c.device != "" {
		full = store.FullDrop // a camera does not
	}
	s.store, err = store.Open(store.Options{
		Dir:     filepath.Join(c.dir, "store"),
		Pool:    s.loads,
		Hot:     int64(hotFrames * s.frames.Stats().Stride),
		Full:    full,
		Warm:    c.disk / 2,
		Segment: min(c.disk/16, 8<<20),
		Keep:    store.Keep{Bytes: c.disk},
	})
	if err == nil {
		s.events, err = openEvents(filepath.Join(c.dir, "events"), c.width, c.height, s.store)
		if err != nil {
			err = errors.Join(err, s.store.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.closePools())
	}
	s.taken = bus.New[frame]("sky.frame", bus.Options{History: 1})
	s.readings = bus.NewPlain[reading]("sky.reading", bus.Options{History: 250})
	s.sights = bus.New[sight]("sky.meteor", bus.Options{})
	s.watchMemory()
	return s, nil
}

func (s *station) closePools() error {
	var err error
	for _, p := range []*pool.Pool{s.frames, s.loads, s.trails} {
		if p != nil {
			err = errors.Join(err, p.Close())
		}
	}
	return err
}

// trouble tells of what the program can live with.
func (s *station) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem != err.Error() && s.c.warn != nil {
		fmt.Fprintf(s.c.warn, "meteor: %v\n", err)
	}
	s.problem = err.Error()
}

// watch runs the source, the archive, the detector and the clipper until the source or ctx ends, and the others have done their work.
func (s *station) watch(ctx context.Context, src source) error {
	archive, err := s.taken.Subscribe(bus.SubOptions{Name: "archive", Policy: bus.Block, Events: queued, Batch: 1})
	if err != nil {
		return err
	}
	defer archive.Close()
	detect, err := s.taken.Subscribe(bus.SubOptions{Name: "detector", Policy: bus.Block, Events: queued, Batch: 1})
	if err != nil {
		return err
	}
	defer detect.Close()
	clips, err := s.sights.Subscribe(bus.SubOptions{Name: "clips", Events: making})
	if err != nil {
		return err
	}
	defer clips.Close()
	s.mu.Lock()
	s.subs = append(s.subs, archive, detect, clips)
	s.mu.Unlock()

	work, stop := context.WithCancel(ctx)
	defer stop()
	errs := make(chan error, 4)
	start := func(f func() error) {
		go func() {
			err := f()
			if err != nil {
				stop()
			}
			errs <- err
		}()
	}
	// The others end when the source has, and they are through with what it gave: their topics are closed then.
	rest := context.WithoutCancel(ctx)
	start(func() error { defer s.taken.Close(); return s.film(work, src) })
	start(func() error { defer s.reach(1<<63 - 1); s.keep(rest, archive); return nil })
	start(func() error { defer s.sights.Close(); return s.detect(rest, detect) })
	start(func() error { s.clip(rest, clips); return nil })
	return errors.Join(<-errs, <-errs, <-errs, <-errs)
}

// film publishes frames, until ctx ends or there are no more. A camera's frames are lost for whom they come too fast for; a simulated sky waits.
func (s *station) film(ctx context.Context, src source) error {
	for {
		b, err := s.frames.Wait(ctx)
		if err == nil {
			err = s.shoot(ctx, src, b)
			b.Release()
		}
		if errors.Is(err, io.EOF) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *station) shoot(ctx context.Context, src source, b pool.Buf) error {
	at, err := src.next(ctx, b)
	if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		s.trouble(err)
		return src.again(ctx, err)
	}
	if err != nil {
		return err
	}
	if s.c.device != "" {
		return s.taken.Publish(frame{b, at})
	}
	return s.taken.PublishContext(ctx, frame{b, at})
}

// keep puts every frame into the store. Those that it has no room for, because the disk is full or broken, are lost: the detector and the page
// go on, and so does the archive once the disk is well.
func (s *station) keep(ctx context.Context, sub *bus.Sub[frame]) {
	defer sub.Close()
	for ev := range sub.Events(ctx) {
		s.lost.Add(ev.Lagged)
		if err := s.put(ctx, ev.Value); err != nil {
			s.lost.Add(1)
			s.trouble(fmt.Errorf("frames are lost: %w", err))
		}
		s.reach(ev.Value.Time)
	}
}

// put waits for the disk when the hot tier is full of frames that are not there yet.
func (s *station) put(ctx context.Context, f frame) error {
	for {
		_, err := s.store.Put(f.Buf, f.Time)
		if !errors.Is(err, store.ErrFull) {
			return err
		}
		if err := s.store.Sync(ctx); err != nil {
			return err
		}
	}
}

// reach notes that the store has the frames up to this time.
func (s *station) reach(time int64) {
	s.mu.Lock()
	s.archived = time
	close(s.more)
	s.more = make(chan struct{})
	s.mu.Unlock()
}

// wait sleeps until the store has the frames before this time, or has all.
func (s *station) wait(time int64) {
	for {
		s.mu.Lock()
		archived, more := s.archived, s.more
		s.mu.Unlock()
		if archived >= time {
			return
		}
		<-more
	}
}

// detect tells of meteors: it pins the frames from some seconds before one as soon as it is seen, and publishes it when it is over.
func (s *station) detect(ctx context.Context, sub *bus.Sub[frame]) error {
	defer sub.Close()
	d := newDetector(s.c.width, s.c.height)
	for ev := range sub.Events(ctx) {
		r, begun, over, err := d.look(ev.Value.Bytes(), ev.Value.Time)
		if err == nil && begun {
			if err := s.events.begin(d.now.From); err != nil {
				s.trouble(err) // perhaps the disk is full; it may not be any more when the meteor is over
			}
		}
		if err == nil && over {
			err = s.found(ctx, d)
		}
		if err == nil {
			err = s.readings.Publish(r)
		}
		if err != nil {
			return fmt.Errorf("detector: %w", err)
		}
	}
	if d.on { // when the night ended
		return s.found(ctx, d)
	}
	return nil
}

// found publishes the detector's meteor with its picture.
func (s *station) found(ctx context.Context, d *detector) error {
	s.seen.Add(1)
	get := s.trails.Get
	if s.c.device == "" {
		// A simulated sky waits here too. It does not wait for itself: at least quiet passes between meteors, so the frames after the first of
		// those that hold a block were published before this.
		get = func() (pool.Buf, error) { return s.trails.Wait(ctx) }
	}
	b, err := get()
	if errors.Is(err, pool.ErrLimit) {
		s.trouble(fmt.Errorf("no clip of %s: those of %d others are being made", named(d.now.From), making))
		if err := s.events.forget(named(d.now.From)); err != nil {
			s.trouble(err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer b.Release()
	copy(b.Bytes(), d.trail)
	now := d.now
	now.Buf = b
	return s.sights.Publish(now)
}

// clip makes each meteor's clip once all of its frames are there.
func (s *station) clip(ctx context.Context, sub *bus.Sub[sight]) {
	defer sub.Close()
	for ev := range sub.Events(ctx) {
		s.wait(ev.Value.To + int64(after))
		if err := s.events.finish(ctx, ev.Value); err != nil {
			s.trouble(err)
		}
	}
}

// close gives everything back: an error says what somebody kept.
func (s *station) close() error {
	s.taken.Close()
	s.readings.Close()
	s.sights.Close()
	s.final = s.store.Stats()
	var err error
	if s.watcher != nil {
		err = s.watcher.Close()
	}
	err = errors.Join(err, s.store.Close())
	return errors.Join(err, s.closePools())
}
