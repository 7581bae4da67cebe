package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"github.com/poolgen/poolgen/runtime/pool"
)

// catalog is what is on disk.
type catalog struct {
	fs   folder
	crc  checksum
	pool *pool.Pool
	zstd *zstd.Decoder

	readOnly bool

	mu     sync.RWMutex
	list   []*segment // ascending by number, and so by the IDs that they hold
	active *segment   // the last of them, which frames are added to; nil after it failed
	doomed []string   // files to remove
	empty  []string   // files to remove when there is a newer segment

	err error // of the last thing that the mover tried

	newest int64 // time of the frame that was last written

	pinMu      sync.Mutex // held while pins change, before mu
	pins       []Pin      // guarded by mu
	pinVersion uint64     // rises when they change

	recentMu sync.Mutex
	recent   []*segment

	counts struct{ indexes, damaged, expired, compressed atomic.Uint64 }
	report Recovery
}

// lookup returns the segment that may have a frame, or nil.
func (d *catalog) lookup(id ID) *segment {
	d.mu.RLock()
	defer d.mu.RUnlock()
	i := sort.Search(len(d.list), func(i int) bool { return d.list[i] == d.active || d.list[i].last >= id })
	if i == len(d.list) || d.list[i].count == 0 || d.list[i].first > id || d.list[i].last < id {
		return nil
	}
	return d.list[i]
}

// seek returns the ID of the first frame at or after id with a time in the range.
func (d *catalog) seek(id ID, from, to int64) (ID, bool, error) {
	for {
		d.mu.RLock()
		var g *segment
		var last ID
		for _, s := range d.list {
			if s.count > 0 && s.last >= id && s.min < to && s.max >= from {
				g, last = s, s.last
				break
			}
		}
		d.mu.RUnlock()
		if g == nil {
			return 0, false, nil
		}
		switch err := d.use(g); {
		case errors.Is(err, errGone):
			continue
		case err != nil:
			return last, false, fmt.Errorf("looking for frames in %s: %w", g.name(), err)
		}
		found, ok := g.seek(id, from, to)
		d.done(g)
		if ok {
			return found, true, nil
		}
		id = last + 1
	}
}

// load reads a frame into a buffer of the pool, which the caller releases.
func (d *catalog) load(id ID, get func() (pool.Buf, error)) (b pool.Buf, e entry, raw bool, err error) {
	for {
		g := d.lookup(id)
		if g == nil {
			return b, e, false, ErrNotFound
		}
		switch err := d.use(g); {
		case errors.Is(err, errGone):
			continue
		case err != nil:
			return b, e, false, fmt.Errorf("opening %s: %w", g.name(), err)
		}
		defer d.done(g)
		e, ok := g.find(id)
		if !ok {
			return b, e, false, ErrNotFound
		}
		b, err = get()
		if err != nil {
			return b, e, false, err
		}
		if int64(e.size) > int64(b.Cap()) {
			err = fmt.Errorf("it has %d bytes, and the blocks of Options.Pool %d", e.size, b.Cap())
		} else {
			b.SetLen(int(e.size))
			err = d.read(g, e, b.Bytes(), nil)
		}
		if err != nil {
			b.Release()
			return b, e, false, fmt.Errorf("reading %s at %d: %w", g.name(), e.offset, err)
		}
		return b, e, g.raw(), nil
	}
}

// read reads a frame of a segment that the caller uses into dst, which has its size, and checks it. It uses scratch, which may be nil.
func (d *catalog) read(g *segment, e entry, dst []byte, scratch *[]byte) error {
	g.mu.Lock()
	f := g.f
	g.mu.Unlock()
	if e.codec == asIs {
		if err := readFull(f, dst, e.offset+recordSize); err != nil {
			return err
		}
	} else {
		var own []byte
		if scratch == nil {
			scratch = &own
		}
		*scratch = slices.Grow((*scratch)[:0], int(e.stored))[:e.stored]
		if err := readFull(f, *scratch, e.offset+recordSize); err != nil {
			return err
		}
		if err := decode(d.zstd, dst, *scratch); err != nil {
			return err
		}
	}
	if sum := d.crc.of(dst); sum != e.sum {
		return fmt.Errorf("%w: its checksum is %08x, not %08x", ErrCorrupt, sum, e.sum)
	}
	return nil
}

// begin makes a new segment to write to, whose name lasts when it returns.
func (d *catalog) begin(number uint32, first ID) (*segment, error) {
	g := &segment{number: number, salt: rand.Uint32(), users: 1, entries: []entry{}, extent: extent{size: headerSize}}
	f, err := d.fs.Create(g.name())
	if err != nil {
		return nil, err
	}
	var b [headerSize]byte
	d.crc.putHeader(b[:], g.salt, number, first)
	if _, err = f.WriteAt(b[:], 0); err == nil {
		if err = f.Sync(); err == nil {
			err = d.fs.Sync()
		}
	}
	if err != nil {
		f.Close()
		if d.fs.Remove(g.name()) != nil {
			d.mu.Lock()
			d.doomed = append(d.doomed, g.name())
			d.mu.Unlock()
		}
		return nil, err
	}
	g.f = f
	d.mu.Lock()
	d.list = append(d.list, g)
	d.active = g
	d.doomed, d.empty = append(d.doomed, d.empty...), nil
	d.mu.Unlock()
	return g, nil
}

// add makes frames of the active segment known that are on disk now.
func (d *catalog) add(g *segment, entries []entry) {
	d.mu.Lock()
	g.mu.Lock()
	for _, e := range entries {
		g.extent.add(e)
		d.newest = e.time
	}
	g.entries = append(g.entries, entries...)
	g.mu.Unlock()
	d.mu.Unlock()
}

// retire ends the writing to the active segment. What it holds stays; it is sealed later.
func (d *catalog) retire() {
	d.mu.Lock()
	g := d.active
	d.active = nil
	d.mu.Unlock()
	if g == nil {
		return
	}
	if g.count == 0 {
		d.drop(g)
	} else {
		d.recently(g)
	}
	d.done(g)
}

// drop takes out an empty segment. Its file stays until there is a newer one: its number says which IDs were given out.
func (d *catalog) drop(g *segment) {
	d.mu.Lock()
	d.list = slices.DeleteFunc(d.list, func(s *segment) bool { return s == g })
	d.empty = append(d.empty, g.name())
	d.mu.Unlock()
	g.release(true)
}

// seal writes the index of a segment that is not written to any more.
func (d *catalog) seal(g *segment) error {
	if err := d.use(g); err != nil {
		return err
	}
	defer d.done(g)
	d.mu.RLock()
	x := g.extent
	d.mu.RUnlock()
	g.mu.Lock()
	f, entries := g.f, g.entries
	g.mu.Unlock()
	err := f.Truncate(x.size)
	if err == nil {
		if _, err = f.WriteAt(d.crc.index(g.salt, x, entries), x.size); err == nil {
			err = f.Sync()
		}
	}
	if err != nil {
		return fmt.Errorf("sealing %s: %w", g.name(), err)
	}
	d.mu.Lock()
	g.mu.Lock()
	g.sealed = true
	g.mu.Unlock()
	d.mu.Unlock()
	return nil
}

// replace puts a segment in the place of another, or takes it out if with is nil. Its file is to be removed then.
func (d *catalog) replace(g, with *segment) {
	d.mu.Lock()
	i := slices.Index(d.list, g)
	if with == nil {
		d.list = slices.Delete(d.list, i, i+1)
	} else {
		d.list[i] = with
	}
	d.doomed = append(d.doomed, g.name())
	d.mu.Unlock()
	d.recentMu.Lock()
	if i := slices.Index(d.recent, g); i >= 0 {
		d.recent = slices.Delete(d.recent, i, i+1)
	}
	d.recentMu.Unlock()
	g.release(true)
}

// sweep removes the files that are not needed any more. It tries all of them.
func (d *catalog) sweep() error {
	d.mu.Lock()
	doomed := d.doomed
	d.doomed = nil
	d.mu.Unlock()
	var left []string
	var first error
	for _, name := range doomed {
		if err := d.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			left, first = append(left, name), cmp.Or(first, fmt.Errorf("removing %s: %w", name, err))
		}
	}
	d.mu.Lock()
	d.doomed = append(left, d.doomed...)
	d.mu.Unlock()
	return first
}

func (d *catalog) setError(err error) {
	d.mu.Lock()
	d.err = err
	d.mu.Unlock()
}

// close closes all files, after an attempt to seal the newest segment: the next Open is faster then.
func (d *catalog) close() error {
	d.retire()
	d.mu.Lock()
	list := d.list
	d.list = nil
	d.mu.Unlock()
	for _, g := range list {
		if !g.sealed && !d.readOnly {
			_ = d.seal(g) // its frames are on disk in any case
		}
		g.release(true)
	}
	if !d.readOnly {
		_ = d.sweep()
	}
	d.zstd.Close()
	return d.fs.Close()
}
