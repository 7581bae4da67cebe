package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// small are options that make frames go through all tiers soon.
func small(p *pool.Pool, dir string) Options {
	return Options{Dir: dir, Pool: p, Hot: 2048, Segment: 4 << 10, Warm: 12 << 10, Flush: time.Nanosecond}
}

// segments are those on disk, oldest first.
func segments(s *Store) []*segment {
	s.disk.mu.RLock()
	defer s.disk.mu.RUnlock()
	return slices.Clone(s.disk.list)
}

// active is the one that frames are added to.
func active(s *Store) *segment {
	s.disk.mu.RLock()
	defer s.disk.mu.RUnlock()
	return s.disk.active
}

// settle waits until the mover has nothing to do.
func settle(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Sync(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	for {
		s.disk.mu.RLock()
		busy := len(s.disk.doomed) > 0
		warm, sealed := int64(0), 0
		for _, g := range s.disk.list {
			if g.raw() {
				warm += g.total()
			}
			if g.raw() && g != s.disk.active {
				sealed++
				busy = busy || !g.sealed
			}
			busy = busy || s.disk.bucket != nil && !g.raw() && !g.remote
		}
		busy = busy || sealed > 0 && warm > s.mover.warm
		s.disk.mu.RUnlock()
		busy = busy || s.disk.expired(s.mover.keep, time.Now()) != nil
		if !busy {
			return
		}
		if err := tb.Context().Err(); err != nil {
			tb.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestThroughAllTiers(t *testing.T) {
	testutil.OpenFDs(t)
	p := newPool(t, 256, 64)
	dir := t.TempDir()
	s := open(t, small(p, dir))
	if _, err := Open(small(p, dir)); !errors.Is(err, ErrBusy) {
		t.Errorf("a second store in the folder: %v", err)
	}
	var ids []ID
	for i := range int64(200) {
		id, err := put(t, s, p, int(i%257), i)
		for errors.Is(err, ErrFull) {
			s.Sync(t.Context())
			id, err = put(t, s, p, int(i%257), i)
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	settle(t, s)
	all := func(s *Store) {
		t.Helper()
		for i, id := range ids {
			f, err := s.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			check(t, f, i%257, int64(i))
			f.Release()
		}
		i := 50
		for f, err := range s.Range(t.Context(), 50, 1000) {
			if err != nil {
				t.Fatal(err)
			}
			if f.ID != ids[i] {
				t.Fatalf("frame %d is %d, want %d", i, f.ID, ids[i])
			}
			check(t, f, i%257, int64(i))
			f.Release()
			i++
		}
		if i != len(ids) {
			t.Errorf("the range ends after %d", i)
		}
	}
	all(s)
	st := s.Stats()
	if st.Hot.Hits == 0 || st.Warm.Hits == 0 || st.Cold.Hits == 0 || st.Warm.Frames+st.Cold.Frames != 200 || st.Warm.Bytes > 12<<10 ||
		st.Hot.Bytes > 2048 || st.Misses != 0 || st.Broken != 0 || st.Err != nil || st.Unsynced != 0 {
		t.Errorf("stats are %+v", st)
	}
	if hot, warm, cold := st.HitRates(); hot <= 0 || warm <= 0 || cold != 1 || hot > 1 || warm > 1 {
		t.Errorf("hit rates are %v, %v and %v", hot, warm, cold)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, small(p, dir))
	if r := s.Recovery(); r.Frames != 200 || r.Unsealed != 0 || r.Cut != 0 || r.Damaged != 0 || r.Unreadable != nil {
		t.Errorf("after Close: %+v", r)
	}
	all(s)
	if id := mustPut(t, s, p, 9, 200); id <= ids[199] {
		t.Errorf("ID %d follows %d", id, ids[199])
	}
}

// What is compressed already is stored as it is, noise fast, and all come back.
func TestCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	random := make([]byte, 100<<10)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	noise := make([]byte, 320*300)
	noisy(noise, 320)
	text := []byte(strings.Repeat("it shrinks a lot. ", 9999))
	z, err := newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var e encoder
	for _, test := range []struct {
		name  string
		frame []byte
		want  codec
		most  int
	}{
		{"empty", nil, asIs, 0}, {"one byte", random[:1], asIs, 1}, {"random", random, asIs, len(random)}, {"short random", random[:1000], asIs, 1000},
		{"noise", noise, zstdFrame, len(noise) * 3 / 4}, {"text", text, zstdFrame, 1000}, {"short text", text[:500], zstdFrame, 100},
		{"half", append(random[:60<<10:60<<10], text...), zstdFrame, 70 << 10},
	} {
		for _, hurry := range []bool{false, true} {
			stored, c, err := e.encode(test.frame, hurry)
			if err != nil || c != test.want || len(stored) > test.most {
				t.Errorf("%s: codec %d, %d of %d bytes, %v", test.name, c, len(stored), len(test.frame), err)
				continue
			}
			dst := append([]byte(nil), stored...)
			if c == zstdFrame {
				dst = make([]byte, len(test.frame))
				if err := decode(z, dst, stored); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
				if err := decode(z, dst[:len(dst)-1], stored); !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s: to a shorter frame: %v", test.name, err)
				}
			}
			if string(dst) != string(test.frame) {
				t.Errorf("%s comes back different", test.name)
			}
		}
	}
}

// A frame that many ask for is read once.
func TestReadsOnce(t *testing.T) {
	p := newPool(t, 256, 64)
	fs := &faulty{folder: newMemory(rand.New(rand.NewPCG(1, 1)))}
	o := small(p, "")
	o.fs = fs
	s := open(t, o)
	id := mustPut(t, s, p, 256, 1)
	for i := range int64(20) {
		mustPut(t, s, p, 256, i)
		s.Sync(t.Context())
	}
	settle(t, s)
	fs.hold()
	type result struct {
		f   Frame
		err error
	}
	c := make(chan result)
	for range 10 {
		go func() {
			f, err := s.Get(t.Context(), id)
			c <- result{f, err}
		}()
	}
	for n := 0; n < 10; {
		s.hot.mu.Lock()
		if l := s.hot.loads[id]; l != nil {
			n = l.waiters
		}
		s.hot.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := contextThatEnds()
	if _, err := s.Get(ctx, id); !errors.Is(err, errTest) {
		t.Errorf("Get with a context that ended: %v", err)
	}
	cancel(nil)
	reads := fs.reads.Load()
	fs.free()
	for range 10 {
		r := <-c
		if r.err != nil {
			t.Fatal(r.err)
		}
		check(t, r.f, 256, 1)
		r.f.Release()
	}
	if n := fs.reads.Load() - reads; n > 3 { // the trailer, the index, the frame
		t.Errorf("%d reads", n)
	}
	// And it stays hot.
	reads = fs.reads.Load()
	f, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	f.Release()
	if n := fs.reads.Load() - reads; n != 0 {
		t.Errorf("%d reads of a frame that was just read", n)
	}
}

// Each byte of each file may be wrong: no frame comes back that is not what was put, and all others do.
func TestBitRot(t *testing.T) {
	p := newPool(t, 256, 64)
	dir := t.TempDir()
	o := small(p, dir)
	s := open(t, o)
	for i := range int64(60) {
		mustPut(t, s, p, 200, i)
		s.Sync(t.Context())
	}
	settle(t, s)
	s.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for round := range rounds(60, 5000) {
		path := files[round%len(files)]
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte(nil), good...)
		at := rng.IntN(len(bad))
		if round%3 == 0 {
			at = len(bad) - 1 - rng.IntN(trailerSize+entrySize)
		}
		bad[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open(o)
		if err != nil {
			t.Fatalf("byte %d of %s: %v", at, path, err)
		}
		found, broken := 0, 0
		for f, err := range s.Range(t.Context(), 0, 60) {
			switch {
			case errors.Is(err, ErrCorrupt):
				broken++
				continue
			case err != nil:
				t.Fatalf("byte %d of %s: %v", at, path, err)
			}
			check(t, f, 200, f.Time)
			f.Release()
			found++
		}
		if found < 59 || broken > 1 {
			t.Errorf("byte %d of %s: %d frames, %d damaged", at, path, found, broken)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// The segment may have been written anew.
		for _, f := range must(filepath.Glob(filepath.Join(dir, "*"))) {
			if strings.HasSuffix(f, ".seg") && f != path && !contains(files, f) {
				os.Remove(f)
			}
		}
		if err := os.WriteFile(path, good, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// The same in a segment that was not sealed.
func TestBitRotUnsealed(t *testing.T) {
	p := newPool(t, 256, 64)
	rng := rand.New(rand.NewPCG(3, 3))
	m := newMemory(rng)
	o := Options{fs: m, Pool: p, Hot: 16 << 10, Flush: time.Nanosecond}
	s := open(t, o)
	for i := range int64(20) {
		mustPut(t, s, p, 200, i)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range rounds(120, 5000) {
		n := m.restart()
		o.fs = n
		var at int
		for _, f := range n.names {
			at = rng.IntN(len(f.data))
			f.data[at] ^= 1 << rng.IntN(8)
		}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for f, err := range s.Range(t.Context(), 0, 60) {
			if err != nil {
				t.Fatalf("byte %d: %v", at, err)
			}
			check(t, f, 200, f.Time)
			f.Release()
			found++
		}
		r := s.Recovery()
		lost := 20 - found
		if lost > 1 || lost == 1 && r.Cut+r.Damaged != 200+recordSize || r.Unsealed != 1 || r.Frames != uint64(found) {
			t.Errorf("byte %d: %d frames, %+v", at, found, r)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
