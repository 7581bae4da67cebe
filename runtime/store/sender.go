package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// sender moves compressed segments to the bucket, and removes objects there, on a goroutine of its own: it alone waits for the network.
type sender struct {
	d      *catalog
	mover  *mover
	failed uint32 // the number of the segment that could not be sent the last time; others have their turns first
	wake   chan struct{}
	done   chan struct{}
}

func (w *sender) signal() { poke(w.wake) }

func (s *Store) send() {
	w := &s.sender
	defer close(w.done)
	d := w.d
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for pause := time.Duration(0); d.ctx.Err() == nil; {
		did, err := w.step()
		if d.ctx.Err() != nil {
			return
		}
		d.mu.Lock()
		d.sendErr = err
		d.mu.Unlock()
		switch {
		case err != nil:
			pause = min(max(2*pause, 10*time.Millisecond), time.Minute)
			timer.Reset(pause)
		case did:
			pause = 0
			continue
		}
		for waiting := true; waiting; {
			select {
			case <-d.ctx.Done():
				return
			case <-timer.C:
				waiting = false
			case <-w.wake:
				waiting = err != nil // new work does not make the network better
			}
		}
		timer.Stop()
	}
}

// step does one thing that is to be done. What failed holds up nothing of the other kind.
func (w *sender) step() (bool, error) {
	d := w.d
	d.mu.Lock()
	var next *segment
	for _, g := range d.list {
		if !g.remote && !g.raw() && g.sealed && (next == nil || next.number <= w.failed && g.number > w.failed) {
			next = g
		}
	}
	if next != nil {
		d.sending = next.name()
	}
	var doomed []doom
	for _, x := range d.doomed {
		if x.marked && x.object != d.sending {
			doomed = append(doomed, x)
		}
	}
	d.mu.Unlock()
	var sent error
	if next != nil {
		w.failed = 0
		if sent = w.upload(next); sent != nil {
			w.failed = next.number
		}
		d.mu.Lock()
		d.sending = ""
		d.mu.Unlock()
		w.mover.signal()
	}
	did := next != nil
	var removed error
	for _, x := range doomed {
		if err := w.remove(x); err != nil {
			removed = err
		} else {
			did = true
		}
	}
	return did, errors.Join(sent, removed)
}

func (w *sender) remove(x doom) error {
	d := w.d
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	if err := d.bucket.Delete(ctx, x.object); err != nil {
		return fmt.Errorf("removing %s from the bucket: %w", x.object, err)
	}
	if err := d.fs.Remove(x.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", x.file, err)
	}
	d.undoom(x.file)
	return nil
}

// upload moves a segment to the bucket: the object first, then the index in the folder, and the file goes when both last.
func (w *sender) upload(g *segment) error {
	d := w.d
	if err := d.use(g); err != nil {
		if errors.Is(err, errGone) {
			return nil
		}
		return fmt.Errorf("sending %s: %w", g.name(), err)
	}
	defer d.done(g)
	d.mu.RLock()
	to := &segment{number: g.number, salt: g.salt, generation: g.generation, extent: g.extent, sealed: true, remote: true, pins: g.pins}
	d.mu.RUnlock()
	g.mu.Lock()
	f, entries := g.f, g.entries
	g.mu.Unlock()
	size, err := f.Size()
	if err == nil && size != to.total() {
		err = fmt.Errorf("%w: it has %d bytes, not %d", ErrCorrupt, size, to.total())
	}
	if err == nil {
		err = d.bucket.Upload(d.ctx, g.name(), io.NewSectionReader(f, 0, size), size)
	}
	if err == nil {
		err = d.writeTail(to, to.extent, entries)
	}
	if err != nil {
		return fmt.Errorf("sending %s to the bucket: %w", g.name(), err)
	}
	if !d.swap(g, to, doom{file: g.file()}) { // its retention ended meanwhile; the object goes with the file
		d.mu.Lock()
		d.doomed = append(d.doomed, doom{file: to.file(), object: to.name()})
		d.mu.Unlock()
	}
	d.counts.sent.Add(1)
	return nil
}
