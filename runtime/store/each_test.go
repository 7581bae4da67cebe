package store

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
)

// nth fails one operation that changes something, and those after it if they come at once.
func nth(f *faulty, n, burst int, err error) {
	var count atomic.Int64 // operations come from the writer and from the mover
	f.set(func(op, name string) error {
		if op == "read" {
			return nil
		}
		if i := count.Add(1); i > int64(n) && i <= int64(n+burst) {
			return err
		}
		return nil
	})
}

// Each operation on the disk fails once, or a few in a row: nothing is lost, and all goes on.
func TestEachOperationFails(t *testing.T) {
	for n := range rounds(60, 400) {
		for _, err := range []error{syscall.ENOSPC, syscall.EIO} {
			p := newPool(t, 256, 64)
			m := newMemory(rand.New(rand.NewPCG(uint64(n), 1)))
			f := &faulty{folder: m}
			o := small(p, "")
			o.fs, o.Warm = f, 4<<10
			s := open(t, o)
			nth(f, n, 1+n%4, err)
			if e := s.Pin("event", 10, 20); e != nil && !errors.Is(e, err) {
				t.Errorf("operation %d: pinning: %v", n, e)
			}
			for i := range int64(60) {
				mustPutOrRetry(t, s, func() error { _, err := put(t, s, p, 200, i); return err })
				if i%3 == 0 {
					for s.Sync(t.Context()) != nil {
					}
				}
			}
			for s.Sync(t.Context()) != nil {
			}
			settle(t, s)
			run(t, times(t, s), 0, 60)
			if st := s.Stats(); st.Dropped != 0 || st.Broken != 0 || st.Unsynced != 0 {
				t.Errorf("operation %d: %+v", n, st)
			}
			f.set(nil)
			if err := s.Close(); err != nil {
				t.Errorf("operation %d: %v", n, err)
			}
			o.fs = m.restart()
			s = open(t, o)
			run(t, times(t, s), 0, 60)
			settle(t, s)
			if names, _ := o.fs.Names(); len(s.Pins()) > 1 || len(names) > len(segments(s))+len(s.Pins()) {
				t.Errorf("operation %d: files are %q", n, names)
			}
			s.Close()
		}
	}
}

func mustPutOrRetry(t *testing.T, s *Store, put func() error) {
	t.Helper()
	for {
		err := put()
		if err == nil {
			return
		}
		if !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		_ = s.Sync(t.Context())
	}
}

// Each operation of a recovery fails: Open says so or goes on, and the next one finds everything.
func TestRecoveryFails(t *testing.T) {
	for n := range rounds(30, 300) {
		p := newPool(t, 256, 64)
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		m := newMemory(rng)
		o := small(p, "")
		o.fs = m
		s := open(t, o)
		for i := range int64(50) {
			mustPutOrSync(t, s, func() error { _, err := put(t, s, p, 200, i); return err })
		}
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		m = m.kill()
		s.Close()
		if n%2 == 1 {
			m = m.restart()
		}
		for _, err := range []error{syscall.EIO, syscall.ENOSPC} {
			f := &faulty{folder: m}
			nth(f, n/2, 1+n%3, err)
			o.fs = f
			s, e := Open(o)
			if e == nil {
				run(t, times(t, s), 0, 50)
				f.set(nil)
				if e := s.Close(); e != nil {
					t.Errorf("operation %d: closing: %v", n, e)
				}
			} else if !errors.Is(e, err) {
				t.Errorf("operation %d: opening: %v", n, e)
			}
			if n%4 < 2 {
				m = m.restart()
			}
		}
		o.fs = m
		s = open(t, o)
		run(t, times(t, s), 0, 50)
		s.Close()
	}
}
