package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

	bucket   Bucket // nil if there is none
	ctx      context.Context
	cancel   context.CancelCauseFunc
	readOnly bool

	mu     sync.RWMutex
	list   []*segment // ascending by number, and so by the IDs that they hold
	active *segment   // the last of them, which frames are added to; nil after it failed
	doomed []doom     // files to remove
	empty  []doom     // files to remove when there is a newer segment

	err     error  // of the last thing that the mover tried
	sendErr error  // of the last that the sender tried
	sending string // the name of the segment that is on its way to the bucket

	newest int64 // time of the frame that was last written

	pinMu      sync.Mutex // held while pins change, before mu
	pins       []Pin      // guarded by mu
	pinVersion uint64     // rises when they change

	recentMu sync.Mutex
	recent   []*segment

	counts struct{ indexes, damaged, expired, compressed, sent atomic.Uint64 }
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
		case err != nil && g.isGone():
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
func (d *catalog) load(id ID, get func() (pool.Buf, error)) (b pool.Buf, e entry, g *segment, err error) {
	for {
		if g = d.lookup(id); g == nil {
			return b, e, nil, ErrNotFound
		}
		if b, e, err = d.loadFrom(g, id, get); err == nil || !g.isGone() { // else what it was may have been removed
			return b, e, g, err
		}
	}
}

func (d *catalog) loadFrom(g *segment, id ID, get func() (pool.Buf, error)) (b pool.Buf, e entry, err error) {
	if err := d.use(g); err != nil {
		return b, e, fmt.Errorf("opening %s: %w", g.name(), err)
	}
	defer d.done(g)
	e, ok := g.find(id)
	if !ok {
		return b, e, ErrNotFound
	}
	if b, err = get(); err != nil {
		return b, e, err
	}
	if int64(e.size) > int64(b.Cap()) {
		err = fmt.Errorf("it has %d bytes, and the blocks of Options.Pool %d", e.size, b.Cap())
	} else {
		b.SetLen(int(e.size))
		err = d.read(g, e, b.Bytes())
	}
	if err != nil {
		b.Release()
		return b, e, fmt.Errorf("reading %s at %d: %w", g.name(), e.offset, err)
	}
	return b, e, nil
}

// fetch reads what is stored of a frame of a segment that the caller uses.
func (d *catalog) fetch(g *segment, e entry, stored []byte) error {
	g.mu.Lock()
	f := g.f
	g.mu.Unlock()
	return readFull(f, stored, e.offset+recordSize)
}

// read reads a frame of a segment that the caller uses into dst, which has its size, and checks it.
func (d *catalog) read(g *segment, e entry, dst []byte) error {
	if e.codec == asIs {
		if err := d.fetch(g, e, dst); err != nil {
			return err
		}
	} else {
		stored := make([]byte, e.stored)
		if err := d.fetch(g, e, stored); err != nil {
			return err
		}
		if err := decode(d.zstd, dst, stored); err != nil {
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
			d.doomed = append(d.doomed, d.doomOf(g))
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
