package store

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A store that only reads serves what is there, after a crash too, and changes nothing; many may do so at once.
func TestReadOnly(t *testing.T) {
	p := newPool(t, 256, 64)
	dir := t.TempDir()
	o := small(p, dir)
	s := open(t, o)
	fillStore(t, s, p, 0, 100)
	if err := s.Pin("meteor", 5, 10); err != nil {
		t.Fatal(err)
	}
	r := o
	r.ReadOnly, r.Keep.Frames, r.Warm = true, 1, 0
	if s, err := Open(r); !errors.Is(err, ErrBusy) {
		t.Fatalf("reading what is being written: %v, %v", s, err)
	}
	unsealed := segmentOf(t, s, dir)
	s.Close()
	// What a crash leaves: a segment without its index and with a torn end, and a file that is not finished.
	for name, b := range map[string][]byte{unsealed.name: append(unsealed.b, "torn"...), "7fffff00-0000004d.1.tmp": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	before := content(t, dir)
	a, b := open(t, r), open(t, r)
	if s, err := Open(o); !errors.Is(err, ErrBusy) {
		t.Errorf("writing what is being read: %v, %v", s, err)
	}
	for _, s := range []*Store{a, b} {
		run(t, times(t, s), 0, 100)
		run(t, times(t, s), 0, 100)
		if rec := s.Recovery(); rec.Unsealed != 1 || rec.ReadOnly != nil || rec.Frames != 100 || rec.Cut != 4 {
			t.Errorf("recovery is %+v", rec)
		}
		if _, err := put(t, s, p, 1, 1); !errors.Is(err, ErrReadOnly) {
			t.Errorf("Put: %v", err)
		}
		if err := s.Pin("x", 1, 2); !errors.Is(err, ErrReadOnly) {
			t.Errorf("Pin: %v", err)
		}
		if err := s.Unpin("meteor"); !errors.Is(err, ErrReadOnly) {
			t.Errorf("Unpin: %v", err)
		}
		if pins := s.Pins(); len(pins) != 1 {
			t.Errorf("pins are %v", pins)
		}
		if err := s.Sync(t.Context()); err != nil {
			t.Errorf("Sync: %v", err)
		}
		if err := s.SetHot(1024); err != nil {
			t.Error(err)
		}
		if st := s.Stats(); st.Err != nil || st.Unsynced != 0 || st.Warm.Frames+st.Cold.Frames != 100 {
			t.Errorf("stats are %+v", st)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := put(t, s, p, 1, 1); !errors.Is(err, ErrClosed) {
			t.Errorf("Put after Close: %v", err)
		}
	}
	if after := content(t, dir); !maps.Equal(before, after) {
		t.Errorf("the folder changed: %d files were there, %d are", len(before), len(after))
	}
	s = open(t, o)
	run(t, times(t, s), 0, 100)
	s.Close()
	r.Dir = filepath.Join(dir, "none")
	if s, err := Open(r); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v, %v", s, err)
	}
	if _, err := os.Stat(r.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there now: %v", err)
	}
	if s, err := Open(Options{Hot: 1, ReadOnly: true}); err == nil {
		s.Close()
		t.Error("a read-only store without a folder")
	}
}

type segmentBytes struct {
	name string
	b    []byte
}

// segmentOf is the newest segment that has frames, as it is before it is sealed.
func segmentOf(t *testing.T, s *Store, dir string) segmentBytes {
	t.Helper()
	s.disk.mu.RLock()
	defer s.disk.mu.RUnlock()
	for i := len(s.disk.list) - 1; i >= 0; i-- {
		if g := s.disk.list[i]; g.count > 0 {
			return segmentBytes{g.name(), must(os.ReadFile(filepath.Join(dir, g.name())))[:g.size]}
		}
	}
	t.Fatal("no segment has frames")
	return segmentBytes{}
}

func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, e := range must(os.ReadDir(dir)) {
		all[e.Name()] = string(must(os.ReadFile(filepath.Join(dir, e.Name()))))
	}
	return all
}

// A disk that is read-only is found out at whichever step of Open it shows.
func TestReadOnlyDisk(t *testing.T) {
	p := newPool(t, 256, 64)
	for _, bad := range []string{"create", "write", "fsync", "truncate", "sync"} {
		m := newMemory(rand.New(rand.NewPCG(1, 1)))
		o := small(p, "")
		o.fs = m
		s := open(t, o)
		fillStore(t, s, p, 0, 50)
		mustPut(t, s, p, 200, 50)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		m = m.kill()
		s.Close()
		f := &faulty{folder: m}
		f.set(func(op, name string) error {
			if op != "read" && strings.Contains(bad+" remove rename", op) {
				return syscall.EROFS
			}
			return nil
		})
		o.fs = f
		s = open(t, o)
		if r := s.Recovery(); !errors.Is(r.ReadOnly, syscall.EROFS) {
			t.Errorf("%s: recovery is %+v", bad, r)
		}
		run(t, times(t, s), 0, 51)
		if _, err := put(t, s, p, 1, 1); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: Put: %v", bad, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
