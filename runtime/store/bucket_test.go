package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shelf is a bucket in memory that fails, and waits, as it is told.
type shelf struct {
	mu      sync.Mutex
	objects map[string]string
	fail    func(op string) error
	bad     string // an object that can be neither stored nor removed
	held    chan struct{}
}

func newShelf() *shelf { return &shelf{objects: map[string]string{}} }

func (b *shelf) op(ctx context.Context, op string) error {
	b.mu.Lock()
	fail, held := b.fail, b.held
	b.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if fail != nil {
		return fail(op)
	}
	return nil
}

func (b *shelf) set(fail func(op string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

func (b *shelf) isBad(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name == b.bad {
		return errTest
	}
	return nil
}

func (b *shelf) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

func (b *shelf) get(name string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[name]
	if !ok {
		return "", fmt.Errorf("object %s: %w", name, fs.ErrNotExist)
	}
	return o, nil
}

// Upload may fail before or after the object is there.
func (b *shelf) Upload(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := cmp.Or(b.isBad(name), b.op(ctx, "upload")); err != nil {
		return err
	}
	all, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if int64(len(all)) != size {
		return fmt.Errorf("%d bytes, not %d", len(all), size)
	}
	b.mu.Lock()
	b.objects[name] = string(all)
	b.mu.Unlock()
	return b.op(ctx, "uploaded")
}

func (b *shelf) ReadAt(ctx context.Context, name string, p []byte, at int64) error {
	if err := b.op(ctx, "read"); err != nil {
		return err
	}
	o, err := b.get(name)
	if err != nil {
		return err
	}
	if at+int64(len(p)) > int64(len(o)) {
		return io.ErrUnexpectedEOF
	}
	copy(p, o[at:])
	return nil
}

func (b *shelf) Size(ctx context.Context, name string) (int64, error) {
	if err := b.op(ctx, "size"); err != nil {
		return 0, err
	}
	o, err := b.get(name)
	return int64(len(o)), err
}

func (b *shelf) Delete(ctx context.Context, name string) error {
	if err := cmp.Or(b.isBad(name), b.op(ctx, "delete")); err != nil {
		return err
	}
	b.mu.Lock()
	delete(b.objects, name)
	b.mu.Unlock()
	return b.op(ctx, "deleted")
}

func (b *shelf) Names(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := b.op(ctx, "list"); err != nil {
			yield("", err)
			return
		}
		for _, n := range b.names() {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// kept fails unless the bucket has the objects of the segments that are there, and no other.
func (b *shelf) kept(t *testing.T, s *Store) {
	t.Helper()
	var want []string
	s.disk.mu.RLock()
	for _, g := range s.disk.list {
		if g.remote {
			want = append(want, g.name())
		}
	}
	s.disk.mu.RUnlock()
	slices.Sort(want)
	if got := b.names(); !slices.Equal(got, want) {
		t.Errorf("the bucket has %q, the store %q", got, want)
	}
}

// Cold frames go to the bucket, come from there, and go from there; a new folder finds them.
func TestBucket(t *testing.T) {
	p := newPool(t, 256, 64)
	b := newShelf()
	b.objects["somebody's"] = "file"
	o := small(p, t.TempDir())
	o.Bucket = b
	s := open(t, o)
	fillStore(t, s, p, 0, 200)
	delete(b.objects, "somebody's")
	b.kept(t, s)
	s.SetHot(256)
	st := s.Stats()
	if st.Remote.Frames < 100 || st.Remote.Frames != st.Cold.Frames || st.Remote.Bytes != st.Cold.Bytes || st.Unsent != 0 || st.Remote.Hits != 0 {
		t.Errorf("stats are %+v", st)
	}
	run(t, times(t, s), 0, 200)
	if st := s.Stats(); st.Remote.Hits == 0 || st.Remote.Hits != st.Cold.Hits {
		t.Errorf("stats are %+v", st)
	}
	if n := len(must(filepath.Glob(filepath.Join(o.Dir, "*.1.seg")))); n > 0 {
		t.Errorf("%d compressed segments are in the folder still", n)
	}
	s.Close()

	r := o
	r.Bucket = nil
	if s, err := Open(r); err == nil || !strings.Contains(err.Error(), "Options.Bucket") {
		t.Errorf("without the bucket: %v, %v", s, err)
	}
	r.Bucket, r.ReadOnly = b, true
	before := content(t, o.Dir)
	s = open(t, r)
	run(t, times(t, s), 0, 200)
	s.Close()
	if !maps.Equal(before, content(t, o.Dir)) {
		t.Error("a read-only store changed its folder")
	}

	// The folder's disk is lost: what was in the bucket is not.
	first := o
	o.Dir = t.TempDir()
	b.set(func(string) error { return errTest })
	if s, err := Open(o); !errors.Is(err, errTest) {
		t.Errorf("taking over what is out of reach: %v, %v", s, err)
	}
	b.set(nil)
	s = open(t, o)
	n := int64(len(times(t, s)))
	run(t, times(t, s), 0, n)
	if n != int64(st.Remote.Frames) {
		t.Errorf("%d frames of %d", n, st.Remote.Frames)
	}
	fillStore(t, s, p, n, n+100)
	run(t, times(t, s), 0, n+100)
	s.Close()
	b.set(func(string) error { return errTest }) // opening needs the bucket only the first time
	s = open(t, o)
	s.Close()
	b.set(nil)

	o.Keep.Frames = 20
	s = open(t, o)
	fillStore(t, s, p, n+100, n+200)
	if got := times(t, s); len(got) > 20+50 || got[len(got)-1] != n+199 {
		t.Errorf("%d frames are there", len(got))
	}
	b.kept(t, s)
	s.Close()

	// The old folder knows of objects that are gone: each frame says so, until its retention ends.
	first.Keep.Frames = 1
	s = open(t, first)
	settle(t, s)
	left := times(t, s)
	if run(t, left, 200-int64(len(left)), 200); len(left) > 34 {
		t.Errorf("%d frames are left", len(left))
	}
	if _, err := Open(Options{Hot: 1, Bucket: b}); err == nil {
		t.Error("a bucket without a folder")
	}
}

// The network is gone: everything goes on, in the folder, within Keep.Local; and to the bucket when it is back.
func TestBucketOutOfReach(t *testing.T) {
	for _, bad := range []string{"upload", "uploaded", "read", "delete", "deleted", "upload uploaded read delete deleted size list"} {
		t.Run(bad, func(t *testing.T) {
			p := newPool(t, 256, 64)
			b := newShelf()
			o := small(p, t.TempDir())
			o.Bucket, o.Keep.Frames, o.Warm = b, 120, 0
			s := open(t, o)
			fillStore(t, s, p, 0, 40)
			b.set(func(op string) error {
				if strings.Contains(" "+bad+" ", " "+op+" ") {
					return errTest
				}
				return nil
			})
			fill := func(lo, hi int64) {
				for i := lo; i < hi; i++ {
					mustPut(t, s, p, 200, i)
					if err := s.Sync(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			fill(40, 100)
			for id := s.Durable() - 60; id < s.Durable(); id++ {
				f, err := s.Get(t.Context(), id)
				if err == nil {
					check(t, f, 200, f.Time)
					f.Release()
				} else if !errors.Is(err, errTest) {
					t.Error(err)
				}
			}
			if strings.HasPrefix(bad, "upload") {
				for st := s.Stats(); !errors.Is(st.Err, errTest) || st.Unsent < 2; st = s.Stats() {
					if t.Context().Err() != nil {
						t.Fatalf("stats are %+v", st)
					}
					time.Sleep(time.Millisecond)
				}
			}
			fill(100, 140)
			s.Close()
			s = open(t, o) // out of reach still
			fill(140, 240)
			b.set(nil)
			poke(s.sender.wake)
			settle(t, s)
			b.kept(t, s)
			got := times(t, s)
			run(t, got, 240-int64(len(got)), 240)
			if len(got) < 120 || len(got) > 200 {
				t.Errorf("%d frames are there", len(got))
			}
		})
	}
}

// The disk does not fill while the bucket is out of reach, if Keep says so.
func TestKeepLocal(t *testing.T) {
	p := newPool(t, 256, 64)
	b := newShelf()
	o := small(p, t.TempDir())
	o.Bucket, o.Keep.Local, o.Warm = b, 20<<10, 4<<10
	s := open(t, o)
	for i := int64(0); i < 100; i += 20 { // in steps that Keep.Local has room for until they are in the bucket
		fillStore(t, s, p, i, i+20)
	}
	b.set(func(string) error { return errTest })
	for i := int64(100); i < 300; i++ {
		mustPut(t, s, p, 200, i)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for {
		st := s.Stats()
		n := int64(0)
		for _, name := range must(filepath.Glob(filepath.Join(o.Dir, "*"))) {
			if info, err := os.Stat(name); err == nil {
				n += info.Size()
			}
		}
		if local := st.Warm.Bytes + st.Cold.Bytes - st.Remote.Bytes; local <= 20<<10+o.Segment && n < 40<<10 {
			break
		}
		if t.Context().Err() != nil {
			t.Fatalf("%d bytes in the folder; stats are %+v", n, st)
		}
		time.Sleep(time.Millisecond)
	}
	b.set(nil)
	settle(t, s)
	got := times(t, s)
	run(t, got[:60], 0, 60) // these were in the bucket before
	if got[len(got)-1] != 299 || len(got) > 250 {
		t.Errorf("frames are %v", got)
	}
	b.kept(t, s)
}

// An object that cannot be stored holds up none of the others, nor does one that cannot be removed.
func TestBadObject(t *testing.T) {
	p := newPool(t, 256, 64)
	b := newShelf()
	o := small(p, t.TempDir())
	o.Bucket, o.Keep.Frames, o.Warm = b, 100, 1<<20
	s := open(t, o)
	fillStore(t, s, p, 0, 60)
	s.Close()
	b.set(func(string) error { return errTest })
	o.Warm = 0
	s = open(t, o) // compresses them, and sends none
	for st := s.Stats(); st.Unsent < 3; st = s.Stats() {
		if t.Context().Err() != nil {
			t.Fatalf("stats are %+v", st)
		}
		time.Sleep(time.Millisecond)
	}
	bad := segments(s)[0].name()
	b.mu.Lock()
	b.bad, b.fail = bad, nil
	b.mu.Unlock()
	for st := s.Stats(); st.Unsent != 1 || !errors.Is(st.Err, errTest); st = s.Stats() {
		if t.Context().Err() != nil {
			t.Fatalf("stats are %+v", st)
		}
		time.Sleep(time.Millisecond)
	}
	b.mu.Lock()
	b.bad = ""
	b.mu.Unlock()
	settle(t, s)
	run(t, times(t, s), 0, 60)
	b.mu.Lock()
	b.bad = bad
	b.mu.Unlock()
	for i := int64(60); i < 260; i++ {
		mustPut(t, s, p, 200, i)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for names := b.names(); len(names) < 2 || names[0] != bad || len(names) > 10 || names[1][:8] < "00000006"; names = b.names() {
		if t.Context().Err() != nil {
			t.Fatalf("the bucket has %q", names)
		}
		time.Sleep(time.Millisecond)
	}
	b.mu.Lock()
	b.bad = ""
	b.mu.Unlock()
	settle(t, s)
	b.kept(t, s)
}

// A bucket that never answers holds up only who asks for what it has.
func TestBucketHangs(t *testing.T) {
	p := newPool(t, 256, 64)
	b := newShelf()
	o := small(p, t.TempDir())
	o.Bucket = b
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	fillStore(t, s, p, 0, 100)
	s.SetHot(256)
	first := segments(s)[0].first
	b.mu.Lock()
	b.held = make(chan struct{})
	b.mu.Unlock()
	var waiting sync.WaitGroup
	for i := range ID(10) {
		ctx, cancel := contextThatEnds()
		if _, err := s.Get(ctx, first+i); !errors.Is(err, errTest) {
			t.Errorf("Get with a context that ended: %v", err)
		}
		cancel(nil)
		waiting.Go(func() {
			if f, err := s.Get(context.Background(), first+i); !errors.Is(err, ErrClosed) {
				t.Errorf("Get when the store was closed: %v, %v", f, err)
			}
		})
	}
	s.SetHot(2048)
	for i := int64(100); i < 300; i++ {
		mustPut(t, s, p, 200, i)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for id := s.Durable() - 20; id < s.Durable(); id++ { // warm ones
		f, err := s.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	for n := 0; n < 10; { // all wait
		s.hot.mu.Lock()
		n = 0
		for _, l := range s.hot.loads {
			n += l.waiters
		}
		s.hot.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	waiting.Wait()
}

// Bits that are wrong in the bucket, and in what the folder keeps of it.
func TestBucketRot(t *testing.T) {
	p := newPool(t, 256, 64)
	b := newShelf()
	o := small(p, t.TempDir())
	o.Bucket, o.Warm = b, 0
	s := open(t, o)
	fillStore(t, s, p, 0, 60)
	s.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	flip := func(s string) string {
		c := []byte(s)
		c[rng.IntN(len(c))] ^= 1 << rng.IntN(8)
		return string(c)
	}
	indexes := must(filepath.Glob(filepath.Join(o.Dir, "*.idx")))
	if len(indexes) < 3 {
		t.Fatal("nothing is in the bucket")
	}
	for round := range rounds(60, 3000) {
		path := indexes[rng.IntN(len(indexes))]
		name := strings.TrimSuffix(filepath.Base(path), ".idx") + ".seg"
		good, index := b.objects[name], must(os.ReadFile(path))
		switch round % 3 {
		case 0:
			b.objects[name] = flip(good)
		case 1:
			if err := os.WriteFile(path, []byte(flip(string(index))), 0o666); err != nil {
				t.Fatal(err)
			}
		default:
			if err := os.WriteFile(path, index[:rng.IntN(len(index))], 0o666); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		found, broken := countWhole(t, s, 60)
		if found+broken != 60 || broken > 1 || round%3 != 0 && broken > 0 {
			t.Errorf("round %d: %d frames, %d damaged, %+v", round, found, broken, s.Recovery())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		b.objects[name] = good
		if err := os.WriteFile(path, index, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// An object that somebody removed.
	delete(b.objects, b.names()[0])
	s = open(t, o)
	if _, err := s.Get(t.Context(), segments(s)[0].first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a frame whose object is gone: %v", err)
	}
}
