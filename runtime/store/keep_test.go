package store

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// fillStore puts frames of 200 bytes with the times from lo to hi-1, each on disk before the next.
func fillStore(t *testing.T, s *Store, p *pool.Pool, lo, hi int64) {
	t.Helper()
	for i := lo; i < hi; i++ {
		mustPut(t, s, p, 200, i)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, s)
}

// times are the times of all frames that are there, checked.
func times(t *testing.T, s *Store) (all []int64) {
	t.Helper()
	for f, err := range s.Range(t.Context(), 0, math.MaxInt64) {
		if err != nil {
			t.Fatal(err)
		}
		check(t, f, 200, f.Time)
		all = append(all, f.Time)
		f.Release()
	}
	return all
}

// run fails unless got is lo to hi-1.
func run(t *testing.T, got []int64, lo, hi int64) {
	t.Helper()
	for i, at := range got {
		if at != lo+int64(i) {
			t.Fatalf("frame %d has time %d; they are %v", i, at, got)
		}
	}
	if int64(len(got)) != hi-lo {
		t.Fatalf("frames are %v, want %d to %d", got, lo, hi-1)
	}
}

// What Keep says stays, and of the rest at most two segments.
func TestRetention(t *testing.T) {
	const each = 200 + recordSize + entrySize
	for _, test := range []struct {
		keep     Keep
		min, max int
	}{
		{Keep{Frames: 50}, 50, 84},
		{Keep{Age: 49}, 50, 84},
		{Keep{Bytes: 50 * each}, 34, 50},
		{Keep{Frames: 50, Age: 20, Bytes: 1 << 20}, 21, 55},
		{Keep{Frames: 1}, 1, 36},
	} {
		p := newPool(t, 256, 64)
		o := small(p, t.TempDir())
		o.Keep = test.keep
		s := open(t, o)
		fillStore(t, s, p, 0, 500)
		s.SetHot(256)
		got := times(t, s)
		run(t, got, 500-int64(len(got)), 500)
		st := s.Stats()
		if len(got) < test.min || len(got) > test.max || st.Cold.Left != uint64(500-len(got)) {
			t.Errorf("%+v: %d frames, want %d to %d; %+v", test.keep, len(got), test.min, test.max, st)
		}
		if n := test.keep.Bytes; n > 0 && st.Warm.Bytes+st.Cold.Bytes > n+o.Segment {
			t.Errorf("%+v: %d bytes", test.keep, st.Warm.Bytes+st.Cold.Bytes)
		}
		if f, err := s.Get(t.Context(), 1<<32); !errors.Is(err, ErrNotFound) {
			t.Errorf("the first frame: %+v, %v", f, err)
		}
	}
}

// An event in the middle keeps its frames, to the frame, while all others go; also over a restart, and until Unpin.
func TestPins(t *testing.T) {
	p := newPool(t, 256, 64)
	o := small(p, t.TempDir())
	o.Keep.Frames = 20
	s := open(t, o)
	fillStore(t, s, p, 0, 60)
	if err := s.Pin("meteor-1", 50, 70); err != nil { // from before the event, to after it
		t.Fatal(err)
	}
	if err := s.Pin("meteor-2", 65, 75); err != nil {
		t.Fatal(err)
	}
	if err := s.Pin("late", 350, math.MaxInt64); err != nil {
		t.Fatal(err)
	}
	fillStore(t, s, p, 60, 300)
	for range 2 {
		s.SetHot(256)
		got := times(t, s)
		run(t, got[:25], 50, 75)
		run(t, got[25:], 300-int64(len(got)-25), 300)
		if len(got) > 25+20+34 {
			t.Errorf("%d frames", len(got))
		}
		if pins := s.Pins(); len(pins) != 3 || pins[0].Name != "late" || pins[1] != (Pin{"meteor-1", 50, 70}) {
			t.Errorf("pins are %v", pins)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
	}
	if err := s.Unpin("meteor-1"); err != nil {
		t.Fatal(err)
	}
	fillStore(t, s, p, 300, 340)
	s.SetHot(256)
	got := times(t, s)
	run(t, got[:10], 65, 75)
	if got[10] < 280 {
		t.Errorf("unpinned frames are there: %v", got)
	}
	if err := s.Pin("meteor-2", 70, 72); err != nil { // replaces it
		t.Fatal(err)
	}
	fillStore(t, s, p, 340, 345)
	got = times(t, s)
	run(t, got[:2], 70, 72)
	if got[2] < 280 {
		t.Errorf("unpinned frames are there: %v", got)
	}
	for _, name := range []string{"", ".x", "a/b", "..", "ä", strings.Repeat("x", 101)} {
		if err := s.Pin(name, 0, 1); err == nil {
			t.Errorf("pin %q was taken", name)
		}
	}
	if err := s.Pin("x", 1, 1); err == nil {
		t.Error("an empty pin was taken")
	}
	if err := s.Unpin("x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unpinning what is not pinned: %v", err)
	}
	m := open(t, Options{Hot: 1})
	if err := m.Pin("x", 0, 1); !errors.Is(err, ErrNoFolder) {
		t.Errorf("pinning in memory: %v", err)
	}
}

// A damaged pin keeps everything.
func TestDamagedPin(t *testing.T) {
	p := newPool(t, 256, 64)
	o := small(p, t.TempDir())
	s := open(t, o)
	if err := s.Pin("meteor", 5, 10); err != nil {
		t.Fatal(err)
	}
	s.Close()
	path := filepath.Join(o.Dir, "meteor.pin")
	b := must(os.ReadFile(path))
	b[9] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	o.Keep.Frames = 1
	s = open(t, o)
	if r := s.Recovery(); len(r.DamagedPins) != 1 || r.DamagedPins[0] != "meteor" {
		t.Errorf("recovery is %+v", r)
	}
	fillStore(t, s, p, 0, 100)
	run(t, times(t, s), 0, 100)
	if err := s.Unpin("meteor"); err != nil {
		t.Fatal(err)
	}
	fillStore(t, s, p, 100, 110)
	if n := len(times(t, s)); n > 36 {
		t.Errorf("%d frames are left", n)
	}
}

// A power cut while pinning: what Pin acknowledged holds.
func TestPowerCutsWhilePinning(t *testing.T) {
	p := newPool(t, 256, 64)
	for seed := range rounds(30, 1000) {
		rng := rand.New(rand.NewPCG(uint64(seed), 9))
		m := newMemory(rng)
		o := small(p, "")
		o.fs, o.Keep.Frames = m, 10
		s := open(t, o)
		fillStore(t, s, p, 0, 40)
		s.Sync(t.Context())
		there := times(t, s)
		m.mu.Lock()
		m.left = 1 + rng.IntN(60)
		m.mu.Unlock()
		err := s.Pin("event", 30, 50)
		var sure int64
		for i := int64(40); i < 90; i++ {
			if _, err := put(t, s, p, 200, i); err != nil || s.Sync(t.Context()) != nil {
				break
			}
			sure = i + 1
		}
		s.Close()
		o.fs = m.restart()
		s = open(t, o)
		if pins := s.Pins(); err == nil && (len(pins) != 1 || pins[0] != (Pin{"event", 30, 50})) {
			t.Fatalf("seed %d: pins are %v", seed, pins)
		}
		fillStore(t, s, p, 100, 150)
		if err == nil {
			var want []int64
			for _, at := range there {
				if at >= 30 {
					want = append(want, at)
				}
			}
			for at := int64(40); at < min(sure, 50); at++ {
				want = append(want, at)
			}
			got := times(t, s)
			for _, at := range want {
				found := false
				for _, g := range got {
					found = found || g == at
				}
				if !found {
					t.Fatalf("seed %d: frame %d is gone; there are %v of %v", seed, at, got, want)
				}
			}
		}
		s.Close()
	}
}

func TestExport(t *testing.T) {
	p := newPool(t, 256, 64)
	s := open(t, small(p, t.TempDir()))
	fillStore(t, s, p, 0, 60)
	var clip bytes.Buffer
	if n, err := s.Export(t.Context(), &clip, 10, 50); n != 40 || err != nil {
		t.Fatalf("%d frames, %v", n, err)
	}
	read := func(r io.Reader) (n int, err error) {
		for f, err := range ReadClip(r, p) {
			if err != nil {
				return n, err
			}
			check(t, f, 200, int64(10+n))
			f.Release()
			n++
		}
		return n, nil
	}
	if n, err := read(bytes.NewReader(clip.Bytes())); n != 40 || err != nil {
		t.Errorf("read %d frames, %v", n, err)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	for range rounds(120, 5000) {
		b := bytes.Clone(clip.Bytes())
		at := rng.IntN(len(b))
		b[at] ^= 1 << rng.IntN(8)
		// Some bits mean nothing to zstd: then all frames are right, which read checks.
		if n, err := read(bytes.NewReader(b)); !errors.Is(err, ErrCorrupt) && (err != nil || n != 40) {
			t.Fatalf("byte %d is wrong: %d frames, %v", at, n, err)
		}
		if n, err := read(bytes.NewReader(clip.Bytes()[:at])); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %d frames, %v", at, n, err)
		}
	}
	var none bytes.Buffer
	if n, err := s.Export(t.Context(), &none, 100, 200); n != 0 || err != nil {
		t.Errorf("exporting nothing: %d, %v", n, err)
	}
	if n, err := read(&none); n != 0 || err != nil {
		t.Errorf("reading nothing: %d, %v", n, err)
	}
	dir := filepath.Join(t.TempDir(), "clip")
	if n, err := s.ExportFolder(t.Context(), dir, ".raw", 20, 23); n != 3 || err != nil {
		t.Fatalf("%d files, %v", n, err)
	}
	b := must(os.ReadFile(filepath.Join(dir, "000001.raw")))
	want := make([]byte, 200)
	if fill(want, 21); !bytes.Equal(b, want) {
		t.Error("the second file is not the second frame")
	}
	if n, err := s.ExportFolder(t.Context(), dir, ".raw", 20, 23); n != 0 || !errors.Is(err, os.ErrExist) {
		t.Errorf("exporting over it: %d, %v", n, err)
	}
}

// Memory is given back at once, and taken again.
func TestSetHot(t *testing.T) {
	p := newPool(t, 256, 64)
	f := &faulty{folder: newMemory(rand.New(rand.NewPCG(1, 1)))}
	s := open(t, Options{Pool: p, Hot: 40 * 256, Flush: time.Nanosecond, fs: f})
	fillStore(t, s, p, 0, 40)
	f.hold()
	for i := range int64(10) {
		mustPut(t, s, p, 200, 40+i) // these cannot leave
	}
	if err := s.SetHot(5 * 256); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Hot.Frames != 10 || st.Hot.Budget != 5*256 {
		t.Errorf("stats are %+v", st)
	}
	f.free()
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for s.Stats().Hot.Frames > 5 { // the writer lets go right after
		time.Sleep(time.Millisecond)
	}
	run(t, times(t, s), 0, 50)
	s.SetHot(40 * 256)
	fillStore(t, s, p, 50, 90)
	if st := s.Stats(); st.Hot.Frames < 30 {
		t.Errorf("stats are %+v", st)
	}
	if s.SetHot(0) == nil {
		t.Error("a budget of 0 was taken")
	}
}
