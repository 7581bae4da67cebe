package store

import (
	"container/list"
	"context"
	"errors"
	"fmt"

	"github.com/poolgen/poolgen/runtime/pool"
)

// loaders is how many frames are read from disk at a time.
const loaders = 4

// loaded are frames that were read from disk, which stay hot for a while: the one that was used longest ago leaves first. hot.mu guards it.
type loaded struct {
	by    map[ID]*list.Element
	order *list.List // of Frame, the last used in front
	used  int64      // charged for them
}

func (l *loaded) init() { l.by, l.order = make(map[ID]*list.Element), list.New() }

func (l *loaded) lookup(id ID) (Frame, bool) {
	e := l.by[id]
	if e == nil {
		return Frame{}, false
	}
	l.order.MoveToFront(e)
	f := e.Value.(*Frame)
	return Frame{Buf: f.Buf.Retain(), ID: id, Time: f.Time}, true
}

// oldest takes out the frame that was used longest ago. The caller releases it, without the lock.
func (l *loaded) oldest(h *hot) (pool.Buf, bool) {
	e := l.order.Back()
	if e == nil {
		return pool.Buf{}, false
	}
	return l.remove(h, e), true
}

func (l *loaded) remove(h *hot, e *list.Element) pool.Buf {
	f := l.order.Remove(e).(*Frame)
	delete(l.by, f.ID)
	n := int64(f.Buf.Cap())
	l.used -= n
	h.used -= n
	return f.Buf
}

// keep takes over a reference to a frame that was read, and those to give back instead it adds to gone.
func (l *loaded) keep(h *hot, f Frame, gone []pool.Buf) []pool.Buf {
	n := int64(f.Buf.Cap())
	for l.used > 0 && l.used+n > h.budget/4 {
		b, _ := l.oldest(h)
		gone = append(gone, b)
	}
	for h.used+n > h.budget && h.tail < h.durable && n <= h.budget/4 {
		h.evicted++
		gone = append(gone, h.pop())
	}
	if h.closed || l.used+n > h.budget/4 || h.used+n > h.budget || l.by[f.ID] != nil {
		return append(gone, f.Buf)
	}
	l.by[f.ID] = l.order.PushFront(&f)
	l.used += n
	h.used += n
	return gone
}

// load is a frame that is being read, once for all who ask.
type load struct {
	done    chan struct{}
	left    chan struct{} // closed when nobody waits any more, unless it has begun
	begun   bool
	waiters int // each gets a reference
	frame   Frame
	err     error
}

// Get returns a frame with a reference that the caller releases. A hot one comes at once; ctx ends the wait for one that must be read. The
// error wraps ErrNotFound, ErrCorrupt or ErrClosed, or is ctx's cause, the pool's, or the disk's.
func (s *Store) Get(ctx context.Context, id ID) (Frame, error) {
	h := &s.hot
	h.mu.Lock()
	f, ok := h.lookup(id)
	if ok {
		h.hits++
		h.hitBytes += uint64(f.Buf.Len())
		h.mu.Unlock()
		return f, nil
	}
	return s.fetch(ctx, id)
}

// fetch is Get of a frame that is not hot. It begins with h.mu locked.
func (s *Store) fetch(ctx context.Context, id ID) (Frame, error) {
	h := &s.hot
	if h.closed {
		h.mu.Unlock()
		return Frame{}, ErrClosed
	}
	if s.disk == nil || s.disk.lookup(id) == nil {
		h.misses++
		h.mu.Unlock()
		return Frame{}, fmt.Errorf("getting frame %d: %w", id, ErrNotFound)
	}
	l := h.loads[id]
	if l == nil {
		l = &load{done: make(chan struct{}), left: make(chan struct{})}
		h.loads[id] = l
		s.loading.Go(func() { s.load(id, l) })
	}
	l.waiters++
	h.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		h.mu.Lock()
		if h.loads[id] == l {
			if l.waiters--; l.waiters == 0 && !l.begun {
				delete(h.loads, id)
				close(l.left)
			}
			h.mu.Unlock()
			return Frame{}, context.Cause(ctx)
		}
		h.mu.Unlock() // it came meanwhile
	}
	if l.err != nil {
		return Frame{}, l.err
	}
	return l.frame, nil
}

// load reads a frame for all who wait for it.
func (s *Store) load(id ID, l *load) {
	h := &s.hot
	slots := s.slots
	if g := s.disk.lookup(id); g != nil && g.remote {
		slots = s.far // so that a slow network holds up nothing else
	}
	select {
	case slots <- struct{}{}:
	case <-l.left:
		return
	}
	h.mu.Lock()
	l.begun = h.loads[id] == l
	h.mu.Unlock()
	if !l.begun { // both came at once
		<-slots
		return
	}
	expired := s.disk.counts.expired.Load()
	b, e, g, err := s.disk.load(id, s.block)
	<-slots
	var gone []pool.Buf
	h.mu.Lock()
	switch {
	case err == nil:
		l.frame = Frame{Buf: b, ID: id, Time: e.time}
		for range l.waiters {
			b.Retain()
		}
		switch {
		case g.raw():
			h.warmHits += uint64(l.waiters)
		case g.remote:
			h.remoteHits += uint64(l.waiters)
			fallthrough
		default:
			h.coldHits += uint64(l.waiters)
		}
		if s.disk.counts.expired.Load() == expired {
			gone = h.loaded.keep(h, l.frame, gone)
		} else { // maybe this one
			gone = append(gone, b)
		}
	case errors.Is(err, ErrNotFound):
		h.misses += uint64(l.waiters)
	default:
		h.broken += uint64(l.waiters)
	}
	if err != nil {
		l.err = fmt.Errorf("getting frame %d: %w", id, err)
	}
	delete(h.loads, id)
	h.mu.Unlock()
	close(l.done)
	for _, b := range gone {
		b.Release()
	}
}

// block takes a buffer to read a frame into. If the pool has none, frames that were read before make room.
func (s *Store) block() (pool.Buf, error) {
	h := &s.hot
	for {
		b, err := s.disk.pool.Get()
		if !errors.Is(err, pool.ErrLimit) {
			return b, err
		}
		h.mu.Lock()
		old, ok := h.loaded.oldest(h)
		h.mu.Unlock()
		if !ok {
			return b, fmt.Errorf("taking a buffer of Options.Pool: %w", err)
		}
		old.Release()
	}
}
