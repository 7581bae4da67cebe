package store

import (
	"errors"
	"fmt"
	"slices"
)

// complete seals what a crash left open, and counts.
func (d *catalog) complete() error {
	for i, g := range d.list {
		if !g.sealed && i+1 < len(d.list) {
			g.clamp(d.list[i+1].first)
		}
	}
	d.list = slices.DeleteFunc(d.list, func(g *segment) bool {
		if g.count == 0 {
			d.doomed = append(d.doomed, d.doomOf(g))
		}
		return g.count == 0
	})
	for _, g := range d.list {
		if err := d.secure(g); err != nil {
			return err
		}
		d.report.Segments++
		d.report.Frames += uint64(g.count)
		d.newest = g.max
	}
	return nil
}

// secure makes sure that what was found in a segment stays, and seals it.
func (d *catalog) secure(g *segment) error {
	switch {
	case d.readOnly:
		return nil
	case !g.sealed:
		// A process that was killed may have left frames that are not synced, or whose sync failed, which no later one tells. So they
		// are written once more. The index must not reach the disk before they do.
		if err := d.syncSegment(g, g.extent.size); err != nil {
			return err
		}
		return d.seal(g)
	case g.raw(): // nor must the index be lost; that of a compressed segment is synced before it has its name
		return d.syncSegment(g, 0)
	}
	return nil
}

// syncSegment syncs a segment, after its first n bytes were written once more as they are.
func (d *catalog) syncSegment(g *segment, n int64) error {
	f, err := d.fs.Open(g.name())
	if err != nil {
		return err
	}
	w := window{f: f, size: n}
	for pos := int64(0); pos < n && err == nil; pos += windowSize {
		var b []byte
		if b, err = w.at(pos, int(min(windowSize, n-pos))); err == nil {
			_, err = f.WriteAt(b, pos)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("syncing %s: %w", g.name(), err)
	}
	return nil
}

// clamp takes out the frames from an ID on: a sync of theirs failed, so they were written once more, to the next segment.
func (g *segment) clamp(id ID) {
	if g.last < id {
		return
	}
	all := g.entries
	g.entries, g.extent = g.entries[:0:0], extent{size: headerSize}
	for _, e := range all {
		if e.id < id {
			g.entries = append(g.entries, e)
			g.extent.add(e)
		}
	}
}
