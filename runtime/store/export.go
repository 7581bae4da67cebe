package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Export writes the frames with from <= Time < to as a clip, compressed, which [ReadClip] reads, and returns how many there were. It ends at
// the first that cannot be read, with its error, and then the clip is not whole.
func (s *Store) Export(ctx context.Context, w io.Writer, from, to int64) (int, error) {
	crc, salt := newChecksum(), rand.Uint32()
	x := extent{size: headerSize}
	var entries []entry
	var enc encoder
	b := make([]byte, headerSize)
	crc.putHeader(b, salt, 0, 0)
	if _, err := w.Write(b); err != nil {
		return 0, err
	}
	head := make([]byte, recordSize)
	for f, err := range s.Range(ctx, from, to) {
		if err != nil {
			return x.count, err
		}
		b, done := f.Bytes(), x.count
		stored, c, err := enc.encode(b, false)
		if err == nil {
			e := entry{id: f.ID, time: f.Time, offset: x.size, stored: uint32(len(stored)), size: uint32(len(b)), sum: crc.of(b), codec: c}
			crc.putRecord(head, salt, e)
			if _, err = w.Write(head); err == nil {
				_, err = w.Write(stored)
			}
			x.add(e)
			entries = append(entries, e)
		}
		f.Release()
		if err != nil {
			return done, fmt.Errorf("exporting frame %d: %w", f.ID, err)
		}
	}
	_, err := w.Write(crc.index(salt, x, entries))
	return x.count, err
}

// ExportFolder writes each of the frames with from <= Time < to to a file of its own, in a folder that it makes if it is not there: 000000, 000001
// and so on, with what extension says, such as ".jpg", behind it. It returns how many are complete; all are
// on disk if the error is nil. It does not overwrite files.
func (s *Store) ExportFolder(ctx context.Context, path, extension string, from, to int64) (int, error) {
	if err := makeFolder(path, syncFolder); err != nil {
		return 0, fmt.Errorf("exporting: %w", err)
	}
	n := 0
	for f, err := range s.Range(ctx, from, to) {
		if err != nil {
			return n, err
		}
		err := writeFile(filepath.Join(path, fmt.Sprintf("%06d%s", n, extension)), f.Bytes())
		f.Release()
		if err != nil {
			return n, fmt.Errorf("exporting frame %d: %w", f.ID, err)
		}
		n++
	}
	if err := syncFolder(path); err != nil {
		return n, fmt.Errorf("exporting: %w", err)
	}
	return n, nil
}

func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = osFile{f}.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// ReadClip gives the frames of a clip that Export wrote, each in a buffer of p, which the caller releases. An error is the last: it wraps ErrCorrupt
// if the clip is damaged or not whole, or is r's or p's.
func ReadClip(r io.Reader, p *pool.Pool) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		c := clip{r: r, pool: p, crc: newChecksum()}
		if err := c.begin(); err != nil {
			yield(Frame{}, fmt.Errorf("reading clip: %w", err))
			return
		}
		defer c.zstd.Close()
		for {
			f, err := c.next()
			if err == io.EOF { //nolint:errorlint // next's own, not r's
				return
			}
			if err != nil {
				yield(Frame{}, fmt.Errorf("reading clip after %d frames: %w", c.x.count, err))
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// clip reads a clip from front to back.
type clip struct {
	r       io.Reader
	pool    *pool.Pool
	crc     checksum
	zstd    *zstd.Decoder
	salt    uint32
	x       extent
	entries []entry
	stored  []byte
}

// whole tells an end that comes too early.
func whole(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the clip ends too early", ErrCorrupt)
	}
	return err
}

func (c *clip) begin() (err error) {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(c.r, head); err != nil {
		return whole(err)
	}
	c.salt, c.x.size = word(head, 8), headerSize
	if _, ok := c.crc.first(head, c.salt); !ok {
		return fmt.Errorf("%w: this is no clip", ErrCorrupt)
	}
	c.zstd, err = newDecoder()
	return err
}

func (c *clip) next() (Frame, error) {
	head := make([]byte, recordSize)
	if _, err := io.ReadFull(c.r, head); err != nil {
		return Frame{}, whole(err)
	}
	e, ok := c.crc.record(head, c.salt, c.x.size)
	if !ok {
		return Frame{}, c.end(head)
	}
	if e.size > 1<<30 || e.stored > e.size || e.codec == asIs && e.stored != e.size {
		return Frame{}, fmt.Errorf("%w: frame %d has impossible sizes", ErrCorrupt, e.id)
	}
	b, err := c.pool.Get()
	if err != nil {
		return Frame{}, err
	}
	if int64(e.size) > int64(b.Cap()) {
		err = fmt.Errorf("frame %d has %d bytes, and the pool's blocks %d", e.id, e.size, b.Cap())
	} else {
		b.SetLen(int(e.size))
		err = c.read(e, b.Bytes())
	}
	if err != nil {
		b.Release()
		return Frame{}, err
	}
	c.x.add(e)
	c.entries = append(c.entries, e)
	return Frame{Buf: b, ID: e.id, Time: e.time}, nil
}

func (c *clip) read(e entry, dst []byte) error {
	if e.codec == asIs {
		if _, err := io.ReadFull(c.r, dst); err != nil {
			return whole(err)
		}
	} else {
		c.stored = slices.Grow(c.stored[:0], int(e.stored))[:e.stored]
		if _, err := io.ReadFull(c.r, c.stored); err != nil {
			return whole(err)
		}
		if err := decode(c.zstd, dst, c.stored); err != nil {
			return err
		}
	}
	if sum := c.crc.of(dst); sum != e.sum {
		return fmt.Errorf("%w: the checksum of frame %d is %08x, not %08x", ErrCorrupt, e.id, sum, e.sum)
	}
	return nil
}

// end checks that what comes after the frames, of which b was read already, is their index, and nothing more.
func (c *clip) end(b []byte) error {
	want := c.crc.index(c.salt, c.x, c.entries)
	rest, err := io.ReadAll(io.LimitReader(c.r, int64(len(want))))
	switch {
	case err != nil:
		return err
	case string(append(b, rest...)) != string(want):
		return fmt.Errorf("%w: after it comes neither a frame nor the index of the clip", ErrCorrupt)
	}
	return io.EOF
}
