package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"
)

// Bucket is where objects are kept by name, such as one at a cloud provider: the package bucket below this one has them. Its methods may be
// called from any goroutine.
type Bucket interface {
	// Upload stores the size bytes that r has as an object, in place of one of that name. When it returns nil the object is whole and lasts.
	Upload(ctx context.Context, name string, r io.Reader, size int64) error
	// ReadAt fills b from offset on. The error wraps fs.ErrNotExist if there is no such object.
	ReadAt(ctx context.Context, name string, b []byte, offset int64) error
	// Size of an object in bytes. The error wraps fs.ErrNotExist if there is none.
	Size(ctx context.Context, name string) (int64, error)
	// Delete removes an object, if there is one.
	Delete(ctx context.Context, name string) error
	// Names are those of all objects, in any order; an error is the last.
	Names(ctx context.Context) iter.Seq2[string, error]
}

const (
	indexEnd   = ".idx"   // ends the name of the index of a segment that is in the bucket
	deletedEnd = ".del"   // ends that of an empty file, of a segment that is to be removed from there
	taken      = "bucket" // a file that says that the folder knows all that the bucket has
	patience   = time.Minute
)

// object is a segment in the bucket, as a file.
type object struct {
	file // nil: nothing writes to it
	d    *catalog
	name string
}

func (o object) ReadAt(b []byte, at int64) (int, error) {
	ctx, cancel := context.WithTimeout(o.d.ctx, patience)
	defer cancel()
	if err := o.d.bucket.ReadAt(ctx, o.name, b, at); err != nil {
		return 0, o.d.closedOr(fmt.Errorf("from the bucket: %w", err))
	}
	return len(b), nil
}

func (o object) Size() (int64, error) {
	ctx, cancel := context.WithTimeout(o.d.ctx, patience)
	defer cancel()
	return o.d.bucket.Size(ctx, o.name)
}

func (o object) Close() error { return nil }

// closedOr is err, or that the store was closed meanwhile.
func (d *catalog) closedOr(err error) error {
	if d.ctx.Err() != nil {
		return context.Cause(d.ctx)
	}
	return err
}

// file is what is called in the folder what the folder has of a segment.
func (g *segment) file() string {
	if g.remote {
		return indexName(g.name())
	}
	return g.name()
}

func indexName(segment string) string   { return strings.TrimSuffix(segment, ".seg") + indexEnd }
func deletedName(segment string) string { return strings.TrimSuffix(segment, ".seg") + deletedEnd }

// bucketFile reads the name of a file that tells of a segment in the bucket.
func bucketFile(name, end string) (g *segment, ok bool) {
	stem, ok := strings.CutSuffix(name, end)
	number, salt, generation, whole := parseName(stem + ".seg")
	return &segment{number: number, salt: salt, generation: generation, remote: true}, ok && whole
}

// tail reads what the folder keeps of a segment in the bucket: the index and the trailer; the entries only if asked for. The error is
// errNoIndex if they are not whole.
func (d *catalog) tail(g *segment, index bool) (x extent, entries []entry, err error) {
	f, err := d.fs.Open(g.file())
	if err != nil {
		return x, nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return x, nil, err
	}
	if size < trailerSize {
		return x, nil, errNoIndex
	}
	t := make([]byte, trailerSize)
	if err := readFull(f, t, size-trailerSize); err != nil {
		return x, nil, err
	}
	records := int64(double(t, 16))
	if records < headerSize || records > 1<<40 {
		return x, nil, errNoIndex
	}
	x, sum, ok := d.crc.trailer(t, g.salt, records+size)
	if !ok {
		return x, nil, errNoIndex
	}
	if index {
		entries, err = d.index(f, 0, x, sum)
	}
	return x, entries, err
}

// writeTail makes the folder know of a segment in the bucket, for good.
func (d *catalog) writeTail(g *segment, x extent, entries []entry) error {
	temporary := g.file() + unfinished
	if err := d.fs.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.fs.Create(temporary)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(d.crc.index(g.salt, x, entries), 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.fs.Rename(temporary, g.file())
	}
	if err != nil {
		return errors.Join(err, d.fs.Remove(temporary))
	}
	return d.fs.Sync()
}

// examineRemote is examine of a segment in the bucket. It asks the bucket if the folder's index is damaged and it is to scan.
func (d *catalog) examineRemote(g *segment, scan bool) (least ID, err error) {
	x, _, err := d.tail(g, false)
	if err == nil || !scan || !errors.Is(err, errNoIndex) && !errors.Is(err, fs.ErrNotExist) {
		g.extent, g.sealed = x, err == nil
		return x.first, err
	}
	o := object{d: d, name: g.name()}
	size, err := o.Size()
	if err != nil {
		return 0, err
	}
	x, entries, err := d.sealedIndex(o, g.salt, size)
	if err != nil {
		return 0, err
	}
	g.extent, g.sealed = x, true
	d.report.Rebuilt++
	if d.readOnly {
		return x.first, nil
	}
	return x.first, d.writeTail(g, x, entries)
}

// takeOver finds the segments that the bucket has and the folder, which is new or had no bucket, does not know.
func (d *catalog) takeOver(names []string) (found []*segment, err error) {
	known := map[string]bool{}
	for _, n := range names {
		if n == taken {
			return nil, nil
		}
		known[n] = true
	}
	ctx, cancel := context.WithTimeout(d.ctx, 10*patience)
	defer cancel()
	for n, err := range d.bucket.Names(ctx) {
		if err != nil {
			return nil, fmt.Errorf("listing the bucket: %w", err)
		}
		number, salt, generation, ok := parseName(n)
		if ok && generation > 0 && !known[n] && !known[indexName(n)] && !known[deletedName(n)] {
			found = append(found, &segment{number: number, salt: salt, generation: generation, remote: true})
		}
	}
	return found, nil
}

// tookOver notes that the folder knows what the bucket has.
func (d *catalog) tookOver(names []string) error {
	for _, n := range names {
		if n == taken {
			return nil
		}
	}
	f, err := d.fs.Create(taken)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), d.fs.Sync())
}
