package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// doom is a file to remove, after the object of that name if there may be one.
type doom struct {
	file, object string
	marked       bool // the file is empty, and its name says that it is to be removed
}

// doomOf is what is to be removed of a segment. One that was compressed may have got to the bucket.
func (d *catalog) doomOf(g *segment) doom {
	if d.bucket == nil || g.raw() {
		return doom{file: g.file()}
	}
	return doom{file: g.file(), object: g.name()}
}

// drop takes out an empty segment. Its file stays until there is a newer one: its number says which IDs were given out.
func (d *catalog) drop(g *segment) {
	d.mu.Lock()
	d.list = slices.DeleteFunc(d.list, func(s *segment) bool { return s == g })
	d.empty = append(d.empty, d.doomOf(g))
	d.mu.Unlock()
	g.release(true)
}

// replace puts a segment in the place of another, or takes it out if with is nil. Its file is to be removed then.
func (d *catalog) replace(g, with *segment) { d.swap(g, with, d.doomOf(g)) }

// swap is replace, and reports whether the segment was there. Its end is to be removed.
func (d *catalog) swap(g, with *segment, end doom) bool {
	d.mu.Lock()
	i := slices.Index(d.list, g)
	switch {
	case i < 0:
		d.mu.Unlock()
		return false
	case with == nil:
		d.list = slices.Delete(d.list, i, i+1)
	default:
		d.list[i] = with
	}
	d.doomed = append(d.doomed, end)
	d.mu.Unlock()
	d.recentMu.Lock()
	if i := slices.Index(d.recent, g); i >= 0 {
		d.recent = slices.Delete(d.recent, i, i+1)
	}
	d.recentMu.Unlock()
	g.release(true)
	return true
}

// sweep removes the files that are not needed any more. It tries all of them. Those with an object are the sender's; it only marks
// them.
func (d *catalog) sweep() error {
	d.mu.RLock()
	doomed, sending := slices.Clone(d.doomed), d.sending
	d.mu.RUnlock()
	var first error
	for _, x := range doomed {
		var err error
		switch {
		case x.object == "":
			if err = d.fs.Remove(x.file); err == nil || errors.Is(err, fs.ErrNotExist) {
				d.undoom(x.file)
				err = nil
			}
		case !x.marked && x.object != sending:
			err = d.mark(x)
		}
		if err != nil {
			first = cmp.Or(first, fmt.Errorf("removing %s: %w", x.file, err))
		}
	}
	return first
}

// undoom notes that a file is removed.
func (d *catalog) undoom(file string) {
	d.mu.Lock()
	d.doomed = slices.DeleteFunc(d.doomed, func(x doom) bool { return x.file == file })
	d.mu.Unlock()
}

// mark gives the room of a file back at once, and leaves a name that tells the next Open too that it and its object are to be removed.
func (d *catalog) mark(x doom) error {
	name := deletedName(x.object)
	if x.file != name {
		if err := d.fs.Rename(x.file, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := d.fs.Open(name)
	if errors.Is(err, fs.ErrNotExist) { // there is neither, so there was
		f, err = d.fs.Create(name)
	}
	if err == nil {
		err = errors.Join(f.Truncate(0), f.Close())
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, y := range d.doomed {
		if y.file == x.file {
			d.doomed[i].file, d.doomed[i].marked = name, true
		}
	}
	return nil
}
