package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Recovery is what Open found in the folder.
type Recovery struct {
	Frames      uint64
	Segments    int
	Unsealed    int      // segments with frames that the last process did not complete
	Cut         int64    // bytes after their last whole frame, cut off: what a crash left unfinished
	Damaged     int64    // bytes in front of it that are no frames, left out: the disk lost them
	Rebuilt     int      // complete segments whose index was damaged, and made anew of the frames
	DamagedPins []string // pins that are damaged: they keep everything, until Unpin
	Unreadable  []error  // segments that could not be read at all, left as they are
	ReadOnly    error    // why the store is read-only, unless Options.ReadOnly says so: its disk is. Nothing was cut off then
}

// Recovery tells what Open found.
func (s *Store) Recovery() Recovery {
	if s.disk == nil {
		return Recovery{}
	}
	return s.disk.report
}

// recover finds the segments and returns the number and the first ID for a new one.
func (d *catalog) recover() (uint32, ID, error) {
	names, err := d.fs.Names()
	if err != nil {
		return 0, 0, fmt.Errorf("listing segments: %w", err)
	}
	var files []*segment
	deleted := map[string]bool{}
	for _, n := range names {
		if isUnfinished(n) {
			d.doomed = append(d.doomed, doom{file: n})
		}
		if strings.HasSuffix(n, pinEnd) {
			d.readPin(n)
		}
		if number, salt, generation, ok := parseName(n); ok {
			files = append(files, &segment{number: number, salt: salt, generation: generation})
		}
		if g, ok := bucketFile(n, indexEnd); ok {
			if d.bucket == nil {
				return 0, 0, fmt.Errorf("%s tells of frames in a bucket; set Options.Bucket", n)
			}
			files = append(files, g)
		}
		if g, ok := bucketFile(n, deletedEnd); ok && d.bucket != nil {
			deleted[g.name()] = true
			d.doomed = append(d.doomed, doom{file: n, object: g.name()})
		}
	}
	files = slices.DeleteFunc(files, func(g *segment) bool {
		if deleted[g.name()] {
			d.doomed = append(d.doomed, doom{file: g.file()})
		}
		return deleted[g.name()]
	})
	if d.bucket != nil {
		more, err := d.takeOver(names)
		if err != nil {
			return 0, 0, err
		}
		files = append(files, more...)
	}
	// The youngest generation of a number comes first: an older one was about to be removed.
	slices.SortFunc(files, func(a, b *segment) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(b.generation, a.generation), cmp.Compare(a.salt, b.salt),
			cmp.Compare(a.file(), b.file())) // what is in the bucket is whole
	})
	var number uint32
	var first ID
	for len(files) > 0 {
		n := 1
		for n < len(files) && files[n].number == files[0].number {
			n++
		}
		g, least := d.pick(files[:n])
		number, first = files[0].number, max(first, least)
		files = files[n:]
		if g != nil {
			d.list = append(d.list, g)
			first = max(first, g.last)
		}
	}
	if err := d.complete(); err != nil {
		return 0, 0, err
	}
	if d.bucket != nil && !d.readOnly && len(d.report.Unreadable) == 0 {
		if err := d.tookOver(names); err != nil {
			return 0, 0, err
		}
	}
	if number >= maxNumber && !d.readOnly {
		return 0, 0, errNumbers
	}
	number++
	return number, max(ID(number)<<32, (first>>32+1)<<32), nil
}

// pick returns the best of the files of one number, if any holds frames, and the least ID that its frames may have.
func (d *catalog) pick(files []*segment) (best *segment, least ID) {
	for _, scan := range []bool{false, true} {
		for _, g := range files {
			id, err := d.examine(g, scan)
			least = max(least, id)
			switch {
			case err == nil && best == nil:
				best = g
			case err == nil || errors.Is(err, errNoIndex):
			case scan:
				d.report.Unreadable = append(d.report.Unreadable, fmt.Errorf("reading %s: %w", g.name(), err))
			}
			if best != nil {
				break
			}
		}
		if best != nil {
			break
		}
	}
	if best == nil {
		return nil, least
	}
	for _, g := range files {
		if g != best && g.name() == best.name() {
			d.doomed = append(d.doomed, doom{file: g.file()})
		} else if g != best {
			d.doomed = append(d.doomed, d.doomOf(g))
		}
	}
	if best.count == 0 {
		d.doomed = append(d.doomed, d.doomOf(best))
		return nil, least
	}
	return best, least
}

// examine reads the trailer of a segment, or its records. The error is errNoIndex if there is no trailer and it is not to scan.
func (d *catalog) examine(g *segment, scan bool) (least ID, err error) {
	if g.remote {
		return d.examineRemote(g, scan)
	}
	f, err := d.fs.Open(g.name())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	head := make([]byte, headerSize)
	if size >= headerSize {
		if err := readFull(f, head, 0); err != nil {
			return 0, err
		}
		if first, ok := d.crc.first(head, g.salt); ok {
			least = first
		}
	}
	if size >= headerSize+trailerSize {
		t := make([]byte, trailerSize)
		if err := readFull(f, t, size-trailerSize); err != nil {
			return least, err
		}
		if x, _, ok := d.crc.trailer(t, g.salt, size); ok {
			g.extent, g.sealed = x, true
			return least, nil
		}
	}
	if !scan {
		return least, errNoIndex
	}
	found, err := d.scan(f, g.salt, g.raw(), size)
	if err != nil {
		return least, err
	}
	g.extent, g.entries = found.extent, found.entries
	d.report.Damaged += found.damaged
	d.report.Cut += max(0, size-found.size)
	if g.raw() && g.count > 0 {
		d.report.Unsealed++
	} else if !g.raw() {
		d.report.Rebuilt++
	}
	return least, nil
}

// found is what scan made of a file.
type found struct {
	extent
	entries []entry
	damaged int64 // bytes between the records
}

// scan looks for whole records in a file of size bytes. Those that are stored as they were put it checks; others are checked when they are read.
func (d *catalog) scan(f file, salt uint32, raw bool, size int64) (found, error) {
	x := found{extent: extent{size: headerSize}, entries: []entry{}}
	w := window{f: f, size: size}
	var magic [4]byte
	binary.LittleEndian.PutUint32(magic[:], recordMagic)
	for pos := int64(headerSize); pos+recordSize <= size; {
		b, err := w.at(pos, recordSize)
		if err != nil {
			return x, err
		}
		e, ok := d.crc.record(b, salt, pos)
		if ok && e.sane(size) && (x.count == 0 || e.id > x.last) && (!raw || e.codec == asIs) {
			whole := true
			if raw {
				if whole, err = w.sums(d.crc, e); err != nil {
					return x, err
				}
			}
			if whole {
				x.damaged += pos - x.size
				x.add(e)
				x.entries = append(x.entries, e)
			}
			pos = e.end()
			continue
		}
		if pos, err = w.search(magic[:], pos+1); err != nil {
			return x, err
		}
	}
	return x, nil
}

// window reads a file piece by piece.
type window struct {
	f     file
	size  int64
	start int64
	buf   []byte
}

const windowSize = 64 << 10

// at is n bytes from pos on, all of which the file has, n at most windowSize; valid until the next call.
func (w *window) at(pos int64, n int) ([]byte, error) {
	if pos < w.start || pos+int64(n) > w.start+int64(len(w.buf)) {
		w.start = pos
		w.buf = slices.Grow(w.buf[:0], windowSize)[:min(windowSize, w.size-pos)]
		if got, err := w.f.ReadAt(w.buf, pos); got < len(w.buf) {
			w.buf = w.buf[:got]
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("the file shrank from %d to %d bytes: %w", w.size, pos+int64(got), io.ErrUnexpectedEOF)
			}
			return nil, err
		}
	}
	return w.buf[pos-w.start:][:n], nil
}

// sums reports whether the frame of a record has its checksum.
func (w *window) sums(crc checksum, e entry) (bool, error) {
	var sum uint32
	for pos, end := e.offset+recordSize, e.end(); pos < end; {
		b, err := w.at(pos, int(min(end-pos, windowSize)))
		if err != nil {
			return false, err
		}
		sum = crc.more(sum, b)
		pos += int64(len(b))
	}
	return sum == e.sum, nil
}

// search returns where the next magic is, from pos on, or the end of the file.
func (w *window) search(magic []byte, pos int64) (int64, error) {
	for pos+int64(len(magic)) <= w.size {
		n := w.start + int64(len(w.buf)) - pos // what is in the window already, or a new one: each byte is read once
		if pos < w.start || n < int64(len(magic)) {
			n = min(w.size-pos, windowSize)
		}
		b, err := w.at(pos, int(n))
		if err != nil {
			return pos, err
		}
		if i := bytes.Index(b, magic); i >= 0 {
			return pos + int64(i), nil
		}
		pos += int64(len(b) - len(magic) + 1)
	}
	return w.size, nil
}
