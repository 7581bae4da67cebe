package store

import (
	"context"
	"fmt"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// writer puts the hot frames on disk, in order, on a goroutine of its own.
type writer struct {
	d       *catalog
	number  uint32 // of the last segment that was begun
	segment int64  // bytes at which the next is begun
	flush   time.Duration
	out     appender
	added   []entry
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

// urgent reports whether not to wait for more frames. The caller has h.mu.
func (h *hot) urgent() bool {
	return h.syncs > 0 || len(h.batch) > 0 || h.waiting >= h.budget/4 || h.next-max(h.flight, h.tail) > h.mask/4
}

func (s *Store) write() {
	w := &s.writer
	defer close(w.done)
	h := &s.hot
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	stop, pause := w.stop, time.Duration(0)
	// rest waits for d, or until the store is closed, or somebody wakes the writer for a reason, which is asked for with h.mu held.
	rest := func(d time.Duration, reason func() bool) {
		timer.Reset(d)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
				return
			case <-stop:
				stop = nil
				return
			case <-w.wake:
			}
			h.mu.Lock()
			found := reason()
			h.mu.Unlock()
			if found {
				return
			}
		}
	}
	for {
		h.mu.Lock()
		urgent, idle := h.urgent(), h.next == max(h.flight, h.tail) && len(h.batch) == 0
		h.mu.Unlock()
		switch {
		case idle && stop == nil:
			return
		case idle:
			select {
			case <-w.wake:
			case <-stop:
				stop = nil
			}
			continue
		case !urgent && stop != nil:
			rest(w.flush, h.urgent)
		}
		err := s.flushBatch()
		if err == nil {
			pause = 0
			continue
		}
		if stop == nil {
			return // Close tells
		}
		pause = min(max(2*pause, 10*time.Millisecond), 5*time.Second)
		rest(pause, func() bool { return h.syncs > 0 }) // who calls Sync wants to know
	}
}

// flushBatch writes the oldest frames that are not on disk, at most a quarter of the hot tier; those of the last try if it failed.
func (s *Store) flushBatch() error {
	h := &s.hot
	h.mu.Lock()
	h.attempts++
	if len(h.batch) == 0 {
		h.take()
	}
	batch := h.batch
	h.mu.Unlock()
	err := s.writer.write(batch)
	h.mu.Lock()
	if err == nil {
		h.used -= h.alone
		h.alone = 0
		h.flight = max(h.flight, h.tail)
		h.durable = h.flight
		h.batch = h.batch[:0]
	} else {
		err = fmt.Errorf("writing frames: %w", err)
		h.failed, h.failures = h.attempts, h.failures+1
	}
	h.err = err
	close(h.progress)
	h.progress = make(chan struct{})
	h.mu.Unlock()
	if err == nil {
		for i := range batch {
			batch[i].buf.Release()
			batch[i].buf = pool.Buf{}
		}
		s.trim()
		s.mover.signal()
	}
	return err
}

// take begins a batch. The caller has h.mu.
func (h *hot) take() {
	id := max(h.flight, h.tail)
	h.durable = id
	for sum := int64(0); id < h.next && len(h.batch) < cap(h.batch); id++ {
		sl := h.slots[id&h.mask]
		if sum += sl.size; sum > h.budget/4 && len(h.batch) > 0 {
			break
		}
		sl.buf.Retain()
		h.batch = append(h.batch, item{sl, id})
		h.waiting -= sl.size
	}
	h.flight = id
}

// write puts frames on disk and makes them known. After an error it may be called again with the same ones.
func (w *writer) write(batch []item) error {
	d := w.d
	g := d.active
	if g != nil && g.size >= w.segment {
		d.retire()
		g = nil
	}
	if g == nil {
		if w.number >= maxNumber {
			return errNumbers
		}
		w.number++
		var err error
		if g, err = d.begin(w.number, batch[0].id); err != nil {
			return fmt.Errorf("beginning segment %d: %w", w.number, err)
		}
	}
	w.out.start(g.f, g.salt, g.size)
	w.added = w.added[:0]
	for i := range batch {
		b := batch[i].buf.Bytes()
		e := entry{
			id: batch[i].id, time: batch[i].time, offset: w.out.end(),
			stored: uint32(len(b)), size: uint32(len(b)), sum: d.crc.of(b),
		}
		if err := w.out.add(d.crc, e, b); err != nil {
			return fmt.Errorf("writing %s: %w", g.name(), err)
		}
		w.added = append(w.added, e)
	}
	if err := w.out.drain(); err != nil {
		return fmt.Errorf("writing %s: %w", g.name(), err)
	}
	if err := g.f.Sync(); err != nil {
		// The kernel may have dropped what it could not write, and report success the next time. The frames are in memory still: they
		// are written once more, elsewhere, because the place may be bad.
		d.retire()
		return fmt.Errorf("syncing %s: %w", g.name(), err)
	}
	d.add(g, w.added)
	return nil
}

// Sync returns once all frames that were put before the call are on disk, except those that were dropped; see FullDrop. It makes the store
// write them now, and returns the error if that fails, or ctx's cause. The store tries again by itself; so may the caller.
func (s *Store) Sync(ctx context.Context) error {
	if s.disk == nil {
		return fmt.Errorf("syncing: %w", ErrNoFolder)
	}
	h := &s.hot
	h.mu.Lock()
	target, attempt := h.next, h.attempts
	h.syncs++
	for {
		durable, closed, failed, err, progress := h.durable, h.stopped, h.failed, h.err, h.progress
		if durable >= target || closed || failed > attempt {
			h.syncs--
			h.mu.Unlock()
			switch {
			case durable >= target:
				return nil
			case closed:
				return ErrClosed
			}
			return err
		}
		h.mu.Unlock()
		s.writer.signal()
		select {
		case <-progress:
			h.mu.Lock()
		case <-ctx.Done():
			h.mu.Lock()
			h.syncs--
			h.mu.Unlock()
			return context.Cause(ctx)
		}
	}
}

// Durable is an ID such that all frames before it are on disk, except those that were dropped.
func (s *Store) Durable() ID {
	if s.disk == nil {
		return 0
	}
	s.hot.mu.Lock()
	defer s.hot.mu.Unlock()
	return s.hot.durable
}

func (w *writer) signal() { poke(w.wake) }

// poke wakes a goroutine that waits at c, or will.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
