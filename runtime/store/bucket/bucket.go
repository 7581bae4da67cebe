package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:
	"gocloud.dev/gcerrors"

	"github.com/poolgen/poolgen/runtime/store"
)

var _ store.Bucket = (*Bucket)(nil)

// Bucket is a [store.Bucket]. Its methods may be called from any goroutine.
type Bucket struct {
	b    *blob.Bucket
	base string // what comes before the name of an object in the path of its file; empty unless objects are files
}

// Open opens the bucket of a URL, in the form that gocloud.dev/blob and its drivers say. The caller owns it and calls Close, after that of the
// store. An error that says that no driver is registered means that the program must import one.
func Open(ctx context.Context, address string) (*Bucket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("opening bucket: %w", err)
	}
	b := &Bucket{}
	if u.Scheme == "file" {
		q := u.Query()
		dir := u.Path
		if u.Host == "." {
			dir = strings.TrimPrefix(dir, "/")
		}
		b.base = filepath.Clean(dir) + "/" + q.Get("prefix")
		for option, value := range map[string]string{
			"no_tmp_dir": "true", // else a rename between two disks
			"metadata":   "skip",
		} {
			if !q.Has(option) {
				q.Set(option, value)
			}
		}
		u.RawQuery = q.Encode()
	}
	if b.b, err = blob.OpenBucket(ctx, u.String()); err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", u.Redacted(), err)
	}
	return b, nil
}

// Of makes a bucket of one of gocloud.dev/blob that was opened in another way. Close closes it. If its objects are files of this machine
// they may be lost in a power cut, with the frames in them: Open syncs them.
func Of(b *blob.Bucket) *Bucket { return &Bucket{b: b} }

// Close ends the use of the bucket. No store may have it any more.
func (b *Bucket) Close() error { return b.b.Close() }

// Upload stores an object in parts of at most 5 MiB, one at a time.
func (b *Bucket) Upload(ctx context.Context, name string, r io.Reader, size int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.b.NewWriter(ctx, name, &blob.WriterOptions{ContentType: "application/octet-stream", BufferSize: 5 << 20, MaxConcurrency: 1})
	if err != nil {
		return err
	}
	n, err := io.Copy(w, r)
	if err == nil && n != size {
		err = fmt.Errorf("it has %d bytes, not %d: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		cancel() // so that Close stores nothing
		return errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return err
	}
	if b.base == "" {
		return nil
	}
	path := b.base + name
	return errors.Join(syncPath(path), syncPath(filepath.Dir(path)))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ReadAt fills p from offset on.
func (b *Bucket) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if len(p) == 0 {
		return nil
	}
	r, err := b.b.NewRangeReader(ctx, name, offset, int64(len(p)), nil)
	if err != nil {
		return known(err)
	}
	_, err = io.ReadFull(r, p)
	return errors.Join(err, r.Close())
}

// Size of an object in bytes.
func (b *Bucket) Size(ctx context.Context, name string) (int64, error) {
	a, err := b.b.Attributes(ctx, name)
	if err != nil {
		return 0, known(err)
	}
	return a.Size, nil
}

// Delete removes an object, if there is one.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := known(b.b.Delete(ctx, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Names are those of all objects.
func (b *Bucket) Names(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		objects := b.b.List(nil)
		for {
			o, err := objects.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", err)
				return
			}
			if !yield(o.Key, nil) {
				return
			}
		}
	}
}

// known makes an error fs.ErrNotExist too if it says that.
func known(err error) error {
	if err != nil && gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}
