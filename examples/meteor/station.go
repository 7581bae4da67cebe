package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// The memory of the program is these frames, the store's work and the Go heap.
const (
	hotFrames  = 24       // of the hot tier; a quarter as many more are for frames read back from disk
	queued     = 4        // that wait for the archive, and for the detector
	warmBudget = 32 << 20 // bytes on disk as they came
	coldBudget = 64 << 20 // bytes on disk in all, without those of clips
	segment    = 4 << 20
)

// frame is what the bus shares.
type frame struct {
	pool.Buf
	Time int64 // nanoseconds since 1970
}

func (f frame) Retain() frame { f.Buf.Retain(); return f }

// station is everything behind the source.
type station struct {
	c        config
	frames   *pool.Pool // that the source fills
	loads    *pool.Pool // that the store reads from disk
	store    *store.Store
	taken    *bus.Topic[frame]
	readings *bus.Topic[reading]
	sights   *bus.Topic[sight]
	events   *events

	seen  atomic.Int64  // meteors
	lost  atomic.Uint64 // frames that came too fast for the archive
	final store.Stats   // of a store that was closed

	mu       sync.Mutex
	archived int64 // time of the newest frame in the store
	more     chan struct{}
}

func newStation(c config) (_ *station, err error) {
	s := &station{c: c, more: make(chan struct{})}
	size := c.width * c.height
	if s.loads, err = pool.New(size, pool.Options{Name: "loads", Max: hotFrames/4 + 4}); err != nil {
		return nil, err
	}
	// One is being filled, one is in the topic's history, and each of two subscribers has one in hand.
	if s.frames, err = pool.New(size, pool.Options{Name: "frames", Max: hotFrames + 2*queued + 4}); err != nil {
		return nil, errors.Join(err, s.loads.Close())
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
		Warm:    warmBudget,
		Segment: segment,
		Keep:    store.Keep{Bytes: coldBudget},
	})
	if err == nil {
		s.events, err = openEvents(filepath.Join(c.dir, "events"), s.store)
		if err != nil {
			err = errors.Join(err, s.store.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.frames.Close(), s.loads.Close())
	}
	s.taken = bus.New[frame]("sky.frame", bus.Options{History: 1})
	s.readings = bus.NewPlain[reading]("sky.reading", bus.Options{History: 250})
	s.sights = bus.NewPlain[sight]("sky.meteor", bus.Options{})
	return s, nil
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
	clips, err := s.sights.Subscribe(bus.SubOptions{Name: "clips", Events: keptEvents})
	if err != nil {
		return err
	}
	defer clips.Close()

	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group sync.WaitGroup
	start := func(f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				stop(err) // the first error counts
			}
		})
	}
	// The others end when the source has, and they are through with what it gave: their topics are closed then.
	rest := context.WithoutCancel(ctx)
	start(func() error { defer s.taken.Close(); return s.film(work, src) })
	start(func() error { defer s.reach(1<<63 - 1); return s.keep(rest, archive) })
	start(func() error { defer s.sights.Close(); return s.detect(rest, detect) })
	start(func() error { return s.clip(rest, clips) })
	group.Wait()
	return context.Cause(work)
}

// film publishes frames. A camera's frames are lost for whom they come too fast for; a simulated sky waits.
func (s *station) film(ctx context.Context, src source) error {
	for {
		b, err := s.frames.Wait(ctx)
		if err != nil {
			return err
		}
		at, err := src.next(ctx, b)
		if err == nil && s.c.device == "" {
			err = s.taken.PublishContext(ctx, frame{b, at})
		} else if err == nil {
			err = s.taken.Publish(frame{b, at})
		}
		b.Release()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// keep puts every frame into the store. When the hot tier is full of frames that are not on disk, it waits for the disk.
func (s *station) keep(ctx context.Context, sub *bus.Sub[frame]) error {
	defer sub.Close()
	for ev := range sub.Events(ctx) {
		s.lost.Add(ev.Lagged)
		_, err := s.store.Put(ev.Value.Buf, ev.Value.Time)
		for errors.Is(err, store.ErrFull) {
			if err = s.store.Sync(ctx); err == nil {
				_, err = s.store.Put(ev.Value.Buf, ev.Value.Time)
			}
		}
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		s.reach(ev.Value.Time)
	}
	return nil
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
	found := func() error {
		s.seen.Add(1)
		if err := s.events.picture(d); err != nil {
			return err
		}
		return s.sights.Publish(d.now)
	}
	for ev := range sub.Events(ctx) {
		r, begun, over, err := d.look(ev.Value.Bytes(), ev.Value.Time)
		if err == nil && begun {
			err = s.events.begin(d.now.From)
		}
		if err == nil && over {
			err = found()
		}
		if err == nil {
			err = s.readings.Publish(r)
		}
		if err != nil {
			return fmt.Errorf("detector: %w", err)
		}
	}
	if d.on { // when the night ended
		return found()
	}
	return nil
}

// clip exports each meteor's clip once all of its frames are there.
func (s *station) clip(ctx context.Context, sub *bus.Sub[sight]) error {
	defer sub.Close()
	for ev := range sub.Events(ctx) {
		s.wait(ev.Value.To + int64(after))
		if err := s.events.finish(ctx, ev.Value); err != nil {
			return fmt.Errorf("clip: %w", err)
		}
	}
	return nil
}

// close gives everything back: an error says what somebody kept.
func (s *station) close() error {
	s.taken.Close()
	s.readings.Close()
	s.sights.Close()
	s.final = s.store.Stats()
	err := s.store.Close()
	return errors.Join(err, s.frames.Close(), s.loads.Close())
}

// memory is what the page shows of the process, in bytes.
type memory struct {
	Resident int64  `json:"resident"`
	Heap     uint64 `json:"heap"`
	Pools    int64  `json:"pools"`
}

func (s *station) memory() memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	resident, _ := status("VmRSS") // 0 where there is no /proc
	return memory{Resident: resident, Heap: m.HeapAlloc, Pools: s.frames.Stats().BytesCommitted + s.loads.Stats().BytesCommitted}
}

const (
	before = 3 * time.Second // of a clip, ahead of the meteor
	after  = 1 * time.Second // and behind it
)
