package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Keep is how long frames stay. What is zero sets no limit; the first limit that a frame passes ends its retention. Frames go by segments: one
// stays until the limits are passed by all of its segment, unless a [Store.Pin] has it. So there is up to a segment more on disk than is said
// here, and one more while it is being compressed.
type Keep struct {
	Age    time.Duration // by which a frame's Time is behind that of the newest on disk, taken as nanoseconds
	Bytes  int64         // of segments, those aside that pins have
	Frames int           // in segments, those aside that pins have
	Local  int64         // bytes of segments that are not in Options.Bucket, those aside that pins have: for when it is out of reach
}

// expired returns the oldest segment whose retention has ended and that is not known to be pinned as a whole, or nil.
func (d *catalog) expired(k Keep, now time.Time) (old *segment) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var bytes, local int64
	var frames int
	for i := len(d.list) - 1; i >= 0; i-- {
		g := d.list[i]
		held := d.pinned(g.min, g.max)
		over := k.Age > 0 && g.max < d.newest-int64(k.Age) && d.newest-int64(k.Age) < d.newest ||
			k.Bytes > 0 && bytes+g.total() > k.Bytes || k.Frames > 0 && frames >= k.Frames ||
			k.Local > 0 && !g.remote && local+g.total() > k.Local
		if over && g != d.active && !now.Before(g.wait) && (!held || g.pins != d.pinVersion) {
			old = g
		}
		if !held {
			bytes += g.total()
			frames += g.count
			if !g.remote {
				local += g.total()
			}
		}
	}
	return old
}

// expire ends the retention of a segment, except for the frames that pins have. Nobody pins meanwhile.
func (m *mover) expire(g *segment) error {
	d := m.d
	d.pinMu.Lock()
	defer d.pinMu.Unlock()
	var keep []entry
	if d.pinned(g.min, g.max) {
		if err := d.use(g); err != nil {
			return fmt.Errorf("trimming %s: %w", g.name(), err)
		}
		defer d.done(g)
		g.mu.Lock()
		for _, e := range g.entries {
			if d.pinned(e.time, e.time) {
				keep = append(keep, e)
			}
		}
		g.mu.Unlock()
	}
	switch {
	case len(keep) == 0:
		d.replace(g, nil)
	case len(keep) == g.count || g.remote: // the mover does not wait for the network
		d.mu.Lock()
		g.pins = d.pinVersion
		d.mu.Unlock()
		return nil
	default:
		if err := m.compress(g, keep, false); err != nil {
			return err
		}
	}
	d.counts.expired.Add(uint64(g.count - len(keep)))
	m.hot.expire(g.first, g.last, keep)
	return nil
}

// expire lets go of hot frames from first to last whose retention has ended, all but those in keep.
func (h *hot) expire(first, last ID, keep []entry) {
	var gone []pool.Buf
	h.mu.Lock()
	for id, e := range h.loaded.by {
		_, kept := slices.BinarySearchFunc(keep, id, func(e entry, id ID) int { return cmp.Compare(e.id, id) })
		if id >= first && id <= last && !kept {
			gone = append(gone, h.loaded.remove(h, e))
		}
	}
	for h.tail < h.durable && h.tail <= last {
		h.evicted++
		gone = append(gone, h.pop())
	}
	h.mu.Unlock()
	for _, b := range gone {
		b.Release()
	}
}

// SetHot changes Options.Hot. If it is less than what is hot, the store lets go of the frames that are on disk at once, and of the others
// when they are; so a program gives back memory that the system is short of, and takes it again later.
func (s *Store) SetHot(bytes int64) error {
	if bytes <= 0 {
		return fmt.Errorf("setting the hot budget to %d bytes; it must hold at least one frame", bytes)
	}
	h := &s.hot
	h.mu.Lock()
	h.budget = bytes
	h.mu.Unlock()
	s.trim()
	if s.disk != nil {
		s.writer.signal()
	}
	return nil
}

// trim lets frames go that the budget has no room for.
func (s *Store) trim() {
	h := &s.hot
	for {
		h.mu.Lock()
		if h.used <= h.budget || h.tail >= h.durable && h.loaded.used == 0 {
			h.mu.Unlock()
			return
		}
		b, ok := h.loaded.oldest(h)
		if !ok {
			h.evicted++
			b = h.pop()
		}
		h.mu.Unlock()
		b.Release()
	}
}
