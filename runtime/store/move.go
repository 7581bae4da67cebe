package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// mover seals, compresses and removes segments on a goroutine of its own, the oldest first.
type mover struct {
	d       *catalog
	hot     *hot
	sender  *sender // nil without a bucket
	warm    int64   // bytes
	keep    Keep
	segment int64
	enc     encoder
	out     appender
	frame   []byte

	wake chan struct{}
	stop chan struct{}
	done chan struct{}
}

func (m *mover) signal() { poke(m.wake) }

var errStopped = errors.New("the store is being closed")

func (m *mover) stopping() bool {
	select {
	case <-m.stop:
		return true
	default:
		return false
	}
}

func (s *Store) move() {
	m := &s.mover
	defer close(m.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	pause := time.Duration(0)
	for !m.stopping() {
		did, waiting, err := m.step()
		if m.sender != nil {
			m.sender.signal()
		}
		if did || err != nil {
			s.disk.setError(err)
		} else if !waiting {
			s.disk.setError(nil)
		}
		switch {
		case did:
			pause = 0
			continue
		case err != nil:
			pause = min(max(2*pause, 10*time.Millisecond), 5*time.Second)
			timer.Reset(pause)
		case waiting:
			timer.Reset(10 * time.Millisecond)
		}
		select {
		case <-timer.C:
		case <-m.wake:
		case <-m.stop:
		}
		timer.Stop()
	}
}

// step does one thing that is to be done, and reports whether there was one. What failed waits for its next turn, and holds up nothing else.
func (m *mover) step() (did, waiting bool, err error) {
	d := m.d
	swept := d.sweep()
	var open, oldest *segment
	var warm int64
	now := time.Now()
	d.mu.RLock()
	for _, g := range d.list {
		if g.raw() {
			warm += g.total()
		}
		switch {
		case g == d.active:
		case now.Before(g.wait):
			waiting = true
		case !g.sealed && g.fails%2 == 0 && open == nil:
			open = g
		case g.raw() && oldest == nil:
			oldest = g
		}
	}
	d.mu.RUnlock()
	g := open
	if g != nil {
		err = d.seal(g)
	} else if g = d.expired(m.keep, now); g != nil {
		err = m.expire(g)
	} else if g = oldest; g != nil && warm > m.warm {
		if err = m.compress(g, nil, warm > m.warm+2*m.segment); err == nil {
			d.counts.compressed.Add(uint64(g.count))
		}
	} else if g = oldest; g != nil && !g.sealed {
		err = d.seal(g)
	} else {
		return false, waiting, swept
	}
	if err != nil {
		d.mu.Lock()
		g.fails++
		g.wait = time.Now().Add(min(10*time.Millisecond<<min(g.fails, 10), 5*time.Second))
		d.mu.Unlock()
	}
	return true, waiting, errors.Join(err, swept)
}

// compress puts a segment of compressed frames in the place of another. It has all of its frames, or those in keep.
func (m *mover) compress(g *segment, keep []entry, hurry bool) error {
	d := m.d
	if err := d.use(g); err != nil {
		return fmt.Errorf("compressing %s: %w", g.name(), err)
	}
	defer d.done(g)
	to := &segment{number: g.number, salt: rand.Uint32(), generation: g.generation + 1, extent: extent{size: headerSize}, users: 1, sealed: true}
	temporary := strings.TrimSuffix(to.name(), ".seg") + unfinished
	f, err := d.fs.Create(temporary)
	if err != nil {
		return fmt.Errorf("compressing %s: %w", g.name(), err)
	}
	to.f = f
	if err = m.rewrite(g, to, keep, hurry); err == nil {
		if err = f.Sync(); err == nil {
			if err = d.fs.Rename(temporary, to.name()); err == nil {
				err = d.fs.Sync()
			}
		}
	} else if errors.Is(err, errStopped) {
		f.Close()
		return d.fs.Remove(temporary)
	}
	if err != nil {
		f.Close()
		d.mu.Lock()
		d.doomed = append(d.doomed, doom{file: temporary}, doom{file: to.name()})
		d.mu.Unlock()
		return fmt.Errorf("compressing %s: %w", g.name(), err)
	}
	d.replace(g, to)
	d.recently(to)
	d.done(to)
	return nil
}

// rewrite writes the frames of g to the file of another segment, and its index.
func (m *mover) rewrite(g, to *segment, from []entry, hurry bool) error {
	d := m.d
	if from == nil {
		g.mu.Lock()
		from = g.entries
		g.mu.Unlock()
	}
	head := make([]byte, headerSize)
	d.crc.putHeader(head, to.salt, to.number, g.first)
	if _, err := to.f.WriteAt(head, 0); err != nil {
		return err
	}
	m.out.start(to.f, to.salt, headerSize)
	to.entries = make([]entry, 0, len(from))
	for _, e := range from {
		if m.stopping() {
			return errStopped
		}
		stored, err := m.stored(g, &e, hurry)
		if err != nil {
			return err
		}
		e.offset, e.stored = m.out.end(), uint32(len(stored))
		if err := m.out.add(d.crc, e, stored); err != nil {
			return err
		}
		to.extent.add(e)
		to.entries = append(to.entries, e)
	}
	if err := m.out.drain(); err != nil {
		return err
	}
	_, err := to.f.WriteAt(d.crc.index(to.salt, to.extent, to.entries), to.size)
	return err
}

// stored returns what to store of a frame of g, valid until the next call, and sets how. What is compressed is not looked into. A frame that is
// damaged is kept as it is, with a checksum that tells.
func (m *mover) stored(g *segment, e *entry, hurry bool) (stored []byte, err error) {
	m.frame = slices.Grow(m.frame[:0], int(e.stored))[:e.stored]
	err = m.d.fetch(g, *e, m.frame)
	switch {
	case errors.Is(err, ErrCorrupt): // it is not whole
		m.d.counts.damaged.Add(1)
		e.codec = zstdFrame
		return nil, nil
	case err != nil:
		return nil, err
	case e.codec != asIs:
		return m.frame, nil
	case m.d.crc.of(m.frame) != e.sum:
		m.d.counts.damaged.Add(1)
		return m.frame, nil
	}
	stored, e.codec, err = m.enc.encode(m.frame, hurry)
	return stored, err
}
