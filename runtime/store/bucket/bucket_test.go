package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
	"github.com/poolgen/poolgen/runtime/store/bucket"
)

// each runs a test with a bucket in memory and with one of files.
func each(t *testing.T, test func(t *testing.T, b *bucket.Bucket)) {
	t.Run("memory", func(t *testing.T) { test(t, closed(t, bucket.Of(memblob.OpenBucket(nil)))) })
	for name, query := range map[string]string{"files": "", "prefix": "?prefix=cam7/"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b, err := bucket.Open(t.Context(), "file://"+dir+query)
			if err != nil {
				t.Fatal(err)
			}
			test(t, closed(t, b))
			if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				if name == "prefix" && err == nil && !e.IsDir() && !strings.HasPrefix(path, dir+"/cam7/") {
					t.Errorf("%s is outside of the prefix", path)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func closed(t *testing.T, b *bucket.Bucket) *bucket.Bucket {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func names(t *testing.T, b *bucket.Bucket) (all []string) {
	t.Helper()
	for n, err := range b.Names(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

func TestObjects(t *testing.T) {
	each(t, func(t *testing.T, b *bucket.Bucket) {
		ctx := t.Context()
		big := bytes.Repeat([]byte("0123456789"), 1<<20)
		for _, o := range []struct {
			name    string
			content []byte
		}{{"big", []byte("is replaced")}, {"big", big}, {"00000001-0000004d.1.seg", []byte("abc")}, {"none", nil}} {
			if err := b.Upload(ctx, o.name, bytes.NewReader(o.content), int64(len(o.content))); err != nil {
				t.Fatal(err)
			}
			if n, err := b.Size(ctx, o.name); n != int64(len(o.content)) || err != nil {
				t.Errorf("%s has %d bytes, %v", o.name, n, err)
			}
		}
		p := make([]byte, 10)
		if err := b.ReadAt(ctx, "big", p, 9<<20+5); err != nil || string(p) != string(big[9<<20+5:][:10]) {
			t.Errorf("read %q, %v", p, err)
		}
		if err := b.ReadAt(ctx, "none", nil, 0); err != nil {
			t.Error(err)
		}
		if err := b.ReadAt(ctx, "big", p, int64(len(big)-5)); err == nil {
			t.Error("read past the end")
		}
		if got := names(t, b); !slices.Equal(got, []string{"00000001-0000004d.1.seg", "big", "none"}) {
			t.Errorf("names are %q", got)
		}
		for range 2 {
			if err := b.Delete(ctx, "big"); err != nil {
				t.Error(err)
			}
		}
		if err := b.ReadAt(ctx, "big", p, 0); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reading what was deleted: %v", err)
		}
		if _, err := b.Size(ctx, "big"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the size of what was deleted: %v", err)
		}
		// What was not whole is not there.
		if err := b.Upload(ctx, "short", bytes.NewReader(big[:100]), 101); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("uploading too little: %v", err)
		}
		wrong := errors.New("the disk is gone")
		if err := b.Upload(ctx, "short", io.MultiReader(bytes.NewReader(big), failing{wrong}), int64(len(big))+1); !errors.Is(err, wrong) {
			t.Errorf("uploading from a reader that fails: %v", err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := b.Upload(gone, "short", bytes.NewReader(big), int64(len(big))); err == nil {
			t.Error("uploading after the context's end")
		}
		if got := names(t, b); !slices.Equal(got, []string{"00000001-0000004d.1.seg", "none"}) {
			t.Errorf("names are %q", got)
		}
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A store's cold frames go there and come back, also to a store in a new folder.
func TestStore(t *testing.T) {
	each(t, func(t *testing.T, b *bucket.Bucket) {
		p, err := pool.New(256, pool.Options{Max: 32})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}()
		o := store.Options{Dir: t.TempDir(), Pool: p, Hot: 4096, Segment: 4 << 10, Flush: time.Millisecond, Bucket: b}
		s, err := store.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(100) {
			buf, err := p.Get()
			if err != nil {
				t.Fatal(err)
			}
			buf.SetLen(copy(buf.Bytes(), strings.Repeat(string(rune('a'+i%26)), 200)))
			_, err = s.Put(buf, i)
			buf.Release()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for st := s.Stats(); st.Unsent > 0 || st.Remote.Frames < 64; st = s.Stats() {
			if st.Err != nil || t.Context().Err() != nil {
				t.Fatalf("stats are %+v", st)
			}
			time.Sleep(time.Millisecond)
		}
		remote := s.Stats().Remote.Frames
		count := func() (n int) {
			for f, err := range s.Range(t.Context(), math.MinInt64, math.MaxInt64) {
				if err != nil {
					t.Fatal(err)
				}
				if want := strings.Repeat(string(rune('a'+f.Time%26)), 200); f.Time != int64(n) || string(f.Bytes()) != want {
					t.Errorf("frame %d has time %d and %q", n, f.Time, f.Bytes())
				}
				f.Release()
				n++
			}
			return n
		}
		if err := s.SetHot(256); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 100 || s.Stats().Remote.Hits == 0 {
			t.Errorf("%d frames, %+v", n, s.Stats())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(o.Dir); err != nil {
			t.Fatal(err)
		}
		if s, err = store.Open(o); err != nil {
			t.Fatal(err)
		}
		// Another segment may have been full, and sent, since they were counted.
		if n, there := count(), s.Stats().Remote.Frames; n < remote || n != there {
			t.Errorf("%d frames in a new folder, of %d in the bucket, which had %d before", n, there, remote)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, address := range []string{"", "frames", "nothing://x", "file:///does/not/exist", ":", "file://" + t.TempDir() + "?unknown=1"} {
		if b, err := bucket.Open(t.Context(), address); err == nil {
			b.Close()
			t.Errorf("%q was opened", address)
		}
	}
}
