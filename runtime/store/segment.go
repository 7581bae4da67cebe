package store

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"sync"
	"time"
)

// segment is a file of frames. The newest is being written to; the others are complete.
type segment struct {
	number, salt uint32
	generation   int  // 0: frames as they were put; above: compressed
	remote       bool // it is in the bucket, and its index in the folder

	extent        // guarded by catalog.mu
	sealed bool   // it has its index; guarded by catalog.mu
	pins   uint64 // all its frames were pinned at this version of the pins; guarded by catalog.mu

	fails int       // times that the mover failed with it; guarded by catalog.mu
	wait  time.Time // when it tries again; guarded by catalog.mu

	mu      sync.Mutex
	f       file    // nil while it is not open
	entries []entry // of an open segment; those of the one that is written to grow
	users   int     // who have it open
	idle    bool    // close it when nobody has
	gone    bool    // it was replaced or removed
}

func (g *segment) name() string { return name(g.number, g.salt, g.generation) }

// raw reports whether its frames are stored as they were put.
func (g *segment) raw() bool { return g.generation == 0 }

func (g *segment) isGone() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gone
}

// errGone says that the segment was replaced meanwhile: look it up again.
var errGone = errors.New("segment was replaced")

// use opens the segment for the caller, who calls done.
func (d *catalog) use(g *segment) error {
	g.mu.Lock()
	if g.gone {
		g.mu.Unlock()
		return errGone
	}
	if g.f == nil {
		if err := d.openSegment(g); err != nil {
			g.mu.Unlock()
			return err
		}
	}
	g.users++
	g.idle = false
	g.mu.Unlock()
	d.recently(g)
	return nil
}

func (d *catalog) done(g *segment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users--; g.users == 0 && (g.idle || g.gone) {
		g.shut()
	}
}

// shut closes the file of a segment that nobody uses. The caller has its lock.
func (g *segment) shut() {
	if g.f != nil {
		g.f.Close()
	}
	g.f, g.idle = nil, false
	if g.sealed {
		g.entries = nil
	}
}

// release closes the segment as soon as nobody uses it; if it is gone, for good.
func (g *segment) release(gone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle, g.gone = true, g.gone || gone
	if g.users == 0 {
		g.shut()
	}
}

// recently keeps the segments open that were used last.
func (d *catalog) recently(g *segment) {
	const keep = 8
	d.recentMu.Lock()
	at := len(d.recent)
	for i, r := range d.recent {
		if r == g {
			at = i
		}
	}
	var last *segment
	switch {
	case at < len(d.recent):
	case len(d.recent) < keep:
		d.recent = append(d.recent, nil)
	default:
		at--
		last = d.recent[at]
	}
	copy(d.recent[1:at+1], d.recent[:at])
	d.recent[0] = g
	d.recentMu.Unlock()
	if last != nil {
		last.release(false)
	}
}

// openSegment opens the file and reads its index. The caller has g's lock.
func (d *catalog) openSegment(g *segment) error {
	f, err := file(object{d: d, name: g.name()}), error(nil)
	if !g.remote {
		if f, err = d.fs.Open(g.name()); err != nil {
			return err
		}
	}
	if g.entries == nil {
		if g.entries, err = d.readIndex(f, g); err != nil {
			f.Close()
			return err
		}
	}
	g.f = f
	return nil
}

// readIndex reads the index of a sealed segment, or makes it of the records if it is damaged.
func (d *catalog) readIndex(f file, g *segment) ([]entry, error) {
	if g.remote {
		if x, entries, err := d.tail(g, true); err == nil && x == g.extent {
			return entries, nil
		}
		d.counts.indexes.Add(1)
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if x, entries, err := d.sealedIndex(f, g.salt, size); err == nil && x == g.extent &&
		!(g.raw() && slices.ContainsFunc(entries, func(e entry) bool { return e.codec != asIs })) {
		return entries, nil
	} else if err != nil && !errors.Is(err, errNoIndex) {
		return nil, err
	}
	found, err := d.scan(f, g.salt, g.raw(), size)
	d.counts.indexes.Add(1)
	return found.entries, err
}

var errNoIndex = errors.New("segment has no whole index")

// sealedIndex reads the trailer and the index. The error is errNoIndex if they are not whole.
func (d *catalog) sealedIndex(f file, salt uint32, size int64) (x extent, entries []entry, err error) {
	if size < headerSize+trailerSize {
		return x, nil, errNoIndex
	}
	t := make([]byte, trailerSize)
	if err := readFull(f, t, size-trailerSize); err != nil {
		return x, nil, err
	}
	x, sum, ok := d.crc.trailer(t, salt, size)
	if !ok {
		return x, nil, errNoIndex
	}
	entries, err = d.index(f, x.size, x, sum)
	return x, entries, err
}

// index reads the entries of x, which begin at an offset. The error is errNoIndex if they are not whole.
func (d *catalog) index(f file, offset int64, x extent, sum uint32) ([]entry, error) {
	if x.count > math.MaxInt/entrySize {
		return nil, errNoIndex
	}
	b := make([]byte, x.count*entrySize)
	if err := readFull(f, b, offset); err != nil {
		return nil, err
	}
	if d.crc.of(b) != sum {
		return nil, errNoIndex
	}
	entries := make([]entry, x.count)
	for i := range entries {
		entries[i] = getEntry(b[i*entrySize:])
		if !entries[i].sane(x.size) || i > 0 && entries[i].id <= entries[i-1].id {
			return nil, errNoIndex
		}
	}
	return entries, nil
}

// readFull reads all of b. The error wraps ErrCorrupt if the file ends before.
func readFull(f file, b []byte, offset int64) error {
	n, err := f.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case err == nil, errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the file ends at %d, within its bytes %d to %d", ErrCorrupt, offset+int64(n), offset, offset+int64(len(b)))
	}
	return err
}

// find returns the entry of a frame, of a segment that the caller uses.
func (g *segment) find(id ID) (entry, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := sort.Search(len(g.entries), func(i int) bool { return g.entries[i].id >= id })
	if i == len(g.entries) || g.entries[i].id != id {
		return entry{}, false
	}
	return g.entries[i], true
}

// seek returns the ID of the first frame at or after id with a time in the range, of a segment that the caller uses.
func (g *segment) seek(id ID, from, to int64) (ID, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := sort.Search(len(g.entries), func(i int) bool { return g.entries[i].id >= id })
	for ; i < len(g.entries); i++ {
		if t := g.entries[i].time; t >= from && t < to {
			return g.entries[i].id, true
		}
	}
	return 0, false
}
