package store

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Whatever fails, and however long, nothing is lost, and all goes on when it works again.
func TestFailingDisk(t *testing.T) {
	for _, test := range []struct {
		op  string
		err error
	}{
		{"write", syscall.ENOSPC}, {"write", syscall.EROFS}, {"fsync", syscall.EIO}, {"create", syscall.ENOSPC}, {"sync", syscall.EIO},
		{"rename", syscall.EIO}, {"remove", syscall.EROFS}, {"truncate", syscall.EIO},
	} {
		t.Run(test.op+" "+test.err.Error(), func(t *testing.T) {
			p := newPool(t, 256, 64)
			m := newMemory(rand.New(rand.NewPCG(1, 1)))
			f := &faulty{folder: m}
			o := small(p, "")
			o.fs = f
			s := open(t, o)
			var ids []ID
			add := func() error {
				for {
					at := int64(len(ids))
					id, err := put(t, s, p, 250, at)
					if err == nil {
						ids = append(ids, id)
						return s.Sync(t.Context())
					}
					if !errors.Is(err, ErrFull) {
						t.Fatal(err)
					}
					if err := s.Sync(t.Context()); err != nil {
						return err
					}
				}
			}
			for round := range 8 {
				f.set(func(op, name string) error {
					if op == test.op && (op != "create" || strings.HasSuffix(name, ".0.seg")) {
						return &fs.PathError{Op: op, Path: name, Err: test.err}
					}
					return nil
				})
				refused := 0
				for range 20 {
					if err := add(); err != nil {
						refused++
						if !errors.Is(err, test.err) {
							t.Fatalf("syncing: %v", err)
						}
						if st := s.Stats(); !errors.Is(st.Err, test.err) || st.Failures == 0 {
							t.Fatalf("stats are %+v", st)
						}
					}
				}
				if (test.op == "write" || test.op == "fsync") && refused != 20 {
					t.Errorf("round %d: Sync failed %d times", round, refused)
				}
				f.set(nil)
				for range 20 {
					if err := add(); err != nil {
						t.Fatal(err)
					}
				}
			}
			settle(t, s)
			for range 2 {
				for i, id := range ids {
					g, err := s.Get(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					check(t, g, 250, int64(i))
					g.Release()
				}
				if st := s.Stats(); st.Dropped != 0 {
					t.Errorf("stats are %+v", st)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				o.fs = m.restart()
				s = open(t, o)
			}
			// Every file is in use: failures leave none behind.
			if n, _ := o.fs.Names(); len(n) != len(segments(s)) {
				settle(t, s)
				if n, _ := o.fs.Names(); len(n) != len(segments(s)) {
					t.Errorf("%d files, %d segments", len(n), len(segments(s)))
				}
			}
		})
	}
}

// A place on the disk that cannot be written to does not stop the store: it goes on in another file.
func TestBadPlace(t *testing.T) {
	p := newPool(t, 256, 64)
	f := &faulty{folder: newMemory(rand.New(rand.NewPCG(1, 1)))}
	o := small(p, "")
	o.fs, o.Warm, o.Flush = f, 1<<20, time.Hour
	s := open(t, o)
	fillStore(t, s, p, 0, 5)
	bad := active(s).name()
	f.set(func(op, name string) error {
		if op == "fsync" && name == bad {
			return syscall.EIO
		}
		return nil
	})
	mustPut(t, s, p, 200, 5)
	if err := s.Sync(t.Context()); err != nil && !errors.Is(err, syscall.EIO) { // it may have been tried again already
		t.Errorf("syncing: %v", err)
	}
	for i := int64(6); i < 20; i++ {
		mustPut(t, s, p, 200, i)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run(t, times(t, s), 0, 20)
	if n := s.Stats().Failures; n != 1 {
		t.Errorf("%d failures", n)
	}
	f.set(nil)
}

// Frames that a failed sync left in one file, in part, and that are in the next as a whole, come from there.
func TestFramesTwice(t *testing.T) {
	p := newPool(t, 256, 64)
	m := newMemory(rand.New(rand.NewPCG(1, 1)))
	f := &faulty{folder: m}
	o := small(p, "")
	o.fs, o.Hot, o.Warm, o.Flush = f, 1<<14, 1<<20, time.Hour
	s := open(t, o)
	fillStore(t, s, p, 0, 3)
	bad := active(s).name()
	f.set(func(op, name string) error {
		if (op == "fsync" || op == "truncate") && name == bad {
			return syscall.EIO
		}
		return nil
	})
	for i := int64(3); i < 6; i++ {
		mustPut(t, s, p, 200, i)
	}
	for s.Sync(t.Context()) != nil {
	}
	m.mu.Lock()
	i := m.names[bad]
	i.synced = append([]byte(nil), i.data[:headerSize+6*(200+recordSize)]...)
	i.synced[headerSize+4*(200+recordSize)+100] ^= 1
	i.writes = nil
	m.mu.Unlock()
	o.fs = m.restart()
	s = open(t, o)
	run(t, times(t, s), 0, 6)
	f.set(nil)
}

// An ID that was given out does not come again, also if nothing of its session got to the disk.
func TestIDsOnce(t *testing.T) {
	p := newPool(t, 256, 64)
	m := newMemory(rand.New(rand.NewPCG(1, 1)))
	var newest ID
	for range 5 {
		f := &faulty{folder: m}
		s, err := Open(Options{Pool: p, Hot: 16 * 256, fs: f, Flush: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		f.set(func(op, name string) error {
			if op == "fsync" || op == "create" {
				return syscall.EIO
			}
			return nil
		})
		id := mustPut(t, s, p, 10, 1)
		if id <= newest {
			t.Errorf("ID %d comes after %d", id, newest)
		}
		newest = id
		if err := s.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Errorf("syncing: %v", err)
		}
		s.Close()
		m = m.restart()
	}
}

// A segment that cannot be sealed, compressed or removed holds up none of the others.
func TestBadSegment(t *testing.T) {
	for _, bad := range []string{"truncate", "read", "remove"} {
		p := newPool(t, 256, 64)
		f := &faulty{folder: newMemory(rand.New(rand.NewPCG(1, 1)))}
		o := small(p, "")
		o.fs, o.Keep.Frames = f, 60
		s := open(t, o)
		name := active(s).name()
		f.set(func(op, n string) error {
			if op == bad && n == name {
				return syscall.EIO
			}
			return nil
		})
		for i := range int64(400) {
			mustPutOrSync(t, s, func() error { _, err := put(t, s, p, 200, i); return err })
		}
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		for { // all others go their way
			if st := s.Stats(); st.Warm.Bytes+st.Cold.Bytes < 200*(200+recordSize+entrySize) && st.Warm.Bytes < o.Warm+2*o.Segment {
				break
			}
			time.Sleep(time.Millisecond)
		}
		f.set(nil)
		settle(t, s)
		if names, _ := f.Names(); len(names) != len(segments(s)) {
			t.Errorf("%s: %d files, %d segments", bad, len(names), len(segments(s)))
		}
	}
}

// The disk stands still. Put does not, and tells exactly what it drops.
func TestStuckDisk(t *testing.T) {
	for _, full := range []Full{FullFail, FullDrop} {
		p := newPool(t, 256, 64)
		f := &faulty{folder: newMemory(rand.New(rand.NewPCG(1, 1)))}
		o := Options{Pool: p, Hot: 16 * 256, HotFrames: 32, Flush: time.Nanosecond, Full: full, fs: f}
		s := open(t, o)
		f.hold()
		var ids []ID
		refused := 0
		for i := range int64(100) {
			for i == 3 { // the first are being written
				s.hot.mu.Lock()
				n := len(s.hot.batch)
				s.hot.mu.Unlock()
				if n > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			id, err := put(t, s, p, 100, i)
			switch {
			case errors.Is(err, ErrFull):
				refused++
			case err != nil:
				t.Fatal(err)
			default:
				ids = append(ids, id)
			}
		}
		st := s.Stats()
		if full == FullFail && (refused != 84 || st.Refused != 84 || st.Dropped != 0 || st.Unsynced != 16) ||
			full == FullDrop && (refused != 0 || st.Dropped != 84 || st.Unsynced != 16 || len(ids) != 100) {
			t.Fatalf("%d refused, %+v", refused, st)
		}
		if st.Hot.Bytes > o.Hot || st.Hot.Frames != 16 {
			t.Errorf("stats are %+v", st)
		}
		there := func() (n int) {
			for i, id := range ids {
				g, err := s.Get(t.Context(), id)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if full == FullDrop {
					check(t, g, 100, int64(i))
				}
				g.Release()
				n++
			}
			return n
		}
		if n := there(); n != 16 {
			t.Errorf("%d frames are there", n)
		}
		n := 0
		for g, err := range s.Range(t.Context(), 0, 1000) {
			if err != nil {
				t.Fatal(err)
			}
			g.Release()
			n++
		}
		if n != 16 {
			t.Errorf("%d frames in the range", n)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errTest)
		if err := s.Sync(ctx); !errors.Is(err, errTest) {
			t.Errorf("Sync on a stuck disk: %v", err)
		}
		cancel()
		f.free()
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Unsynced != 0 || st.Hot.Bytes != int64(st.Hot.Frames)*256 || st.Warm.Frames != 16 || s.Durable() != ids[len(ids)-1]+1 {
			t.Errorf("stats are %+v", st)
		}
		if n := there(); n != 16 {
			t.Errorf("%d frames are on disk", n)
		}
		s.hot.mu.Lock()
		if h := &s.hot; h.waiting != 0 || h.alone != 0 {
			t.Errorf("%d bytes are waiting, %d are alone", h.waiting, h.alone)
		}
		s.hot.mu.Unlock()
		for i := range int64(100) { // and all its room is free again
			mustPutOrSync(t, s, func() error { _, err := put(t, s, p, 100, i); return err })
		}
	}
}

// Frames go from memory to the disk while a Range looks at what was on disk before.
func TestRangeWhileFramesMove(t *testing.T) {
	p := newPool(t, 256, 64)
	m := newMemory(rand.New(rand.NewPCG(1, 1)))
	o := Options{Pool: p, Hot: 20 * 256, Warm: 1 << 20, Flush: time.Hour, fs: m}
	s := open(t, o)
	for i := range int64(15) {
		mustPut(t, s, p, 200, i*1000) // so that the times in question may be among them
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f := &faulty{folder: m}
	o.fs = f
	s = open(t, o)
	for i := range int64(10) {
		mustPut(t, s, p, 200, 100+i)
	}
	asked, proceed := make(chan struct{}), make(chan struct{})
	f.set(func(op, name string) error {
		if op == "read" {
			f.set(nil)
			close(asked)
			<-proceed
		}
		return nil
	})
	go func() {
		<-asked
		for i := range int64(60) {
			mustPutOrSync(t, s, func() error { _, err := put(t, s, p, 200, 200+i); return err })
		}
		close(proceed)
	}()
	n := int64(0)
	for g, err := range s.Range(t.Context(), 90, 150) {
		if err != nil {
			t.Fatal(err)
		}
		check(t, g, 200, 100+n)
		g.Release()
		n++
	}
	if n != 10 {
		t.Errorf("%d frames", n)
	}
	select {
	case <-proceed:
	default:
		t.Error("nothing was read from the disk")
	}
}

func mustPutOrSync(t *testing.T, s *Store, put func() error) {
	t.Helper()
	err := put()
	for errors.Is(err, ErrFull) {
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = put()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Close tells what it could not write.
func TestCloseOnDeadDisk(t *testing.T) {
	p := newPool(t, 256, 64)
	f := &faulty{folder: newMemory(rand.New(rand.NewPCG(1, 1)))}
	s, err := Open(Options{Pool: p, Hot: 16 * 256, fs: f, Flush: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(op, name string) error { return syscall.EIO })
	mustPut(t, s, p, 10, 1)
	mustPut(t, s, p, 10, 1)
	if err := s.Close(); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "2 frames") {
		t.Errorf("closing: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if err := s.Sync(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("syncing after Close: %v", err)
	}
}

// Everything at once, for the race detector.
func TestConcurrent(t *testing.T) {
	t.Run("folder", func(t *testing.T) { testConcurrent(t, nil) })
	t.Run("bucket", func(t *testing.T) { testConcurrent(t, newShelf()) })
}

func testConcurrent(t *testing.T, bucket Bucket) {
	p := newPool(t, 256, 128)
	o := small(p, t.TempDir())
	o.Bucket = bucket
	o.Hot, o.Full, o.Keep.Frames = 32*256, FullDrop, 200
	s := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	var newest atomic.Uint64
	for g := range 3 {
		writers.Go(func() {
			for i := range rounds(200, 10000) {
				at := int64(i*3 + g)
				id, err := put(t, s, p, 200, at)
				if err != nil && !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				newest.Store(uint64(id))
				if i%20 == 0 {
					if err := s.Sync(ctx); err != nil {
						t.Error(err)
					}
				}
			}
		})
		readers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				f, err := s.Get(ctx, ID(newest.Load())-ID(i*37%300))
				if err == nil {
					if b := f.Bytes(); len(b) != 200 {
						t.Errorf("%d bytes", len(b))
					}
					f.Release()
				} else if !errors.Is(err, ErrNotFound) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	readers.Go(func() {
		for ctx.Err() == nil {
			last := ID(0)
			for f, err := range s.Range(ctx, math.MinInt64, math.MaxInt64) {
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					break
				}
				want := make([]byte, 200)
				if fill(want, f.Time); string(want) != string(f.Bytes()) || f.ID <= last {
					t.Errorf("frame %d after %d", f.ID, last)
				}
				last = f.ID
				f.Release()
			}
			s.Stats()
			s.Durable()
		}
	})
	readers.Go(func() {
		for i := int64(0); ctx.Err() == nil; i++ {
			if err := s.Pin("a", i, i+50); err != nil {
				t.Error(err)
			}
			if err := s.SetHot(256 * (16 + i%16)); err != nil {
				t.Error(err)
			}
			if i%5 == 4 {
				if err := s.Unpin("a"); err != nil {
					t.Error(err)
				}
			}
		}
	})
	writers.Wait()
	cancel()
	readers.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
