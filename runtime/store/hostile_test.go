package store

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// segmentFile is a whole segment with n frames of 200 bytes, whose entries change may change before it is sealed.
func segmentFile(salt, number uint32, generation int, n int, change func(i int, e *entry, stored []byte) []byte) (string, []byte) {
	crc := newChecksum()
	b := make([]byte, headerSize)
	first := ID(number) << 32
	crc.putHeader(b, salt, number, first)
	x := extent{size: headerSize}
	var entries []entry
	for i := range n {
		stored := make([]byte, 200)
		fill(stored, int64(i))
		e := entry{id: first + ID(i), time: int64(i), offset: int64(len(b)), stored: 200, size: 200, sum: crc.of(stored)}
		if change != nil {
			stored = change(i, &e, stored)
		}
		head := make([]byte, recordSize)
		crc.putRecord(head, salt, e)
		b = append(append(b, head...), stored...)
		x.add(e)
		x.size = int64(len(b))
		entries = append(entries, e)
	}
	return name(number, salt, generation), append(b, crc.index(salt, x, entries)...)
}

// Sizes that lie under good checksums, in the index and in the records, are no frames; those beside them are.
func TestHostileSizes(t *testing.T) {
	bomb := must(newEncoder(1)).EncodeAll(make([]byte, 64<<20), nil)
	for name, change := range map[string]func(e *entry, stored []byte) []byte{
		"stored is 2^32-1":         func(e *entry, b []byte) []byte { e.stored = math.MaxUint32; return b },
		"stored is 2^31":           func(e *entry, b []byte) []byte { e.stored, e.codec = 1<<31, zstdFrame; return b },
		"size is 2^32-1":           func(e *entry, b []byte) []byte { e.size = math.MaxUint32; return b },
		"size is 2^30, compressed": func(e *entry, b []byte) []byte { e.size, e.codec = 1<<30, zstdFrame; return b },
		"offset is negative":       func(e *entry, b []byte) []byte { e.offset = -1; return b },
		"offset is 2^63-1":         func(e *entry, b []byte) []byte { e.offset = math.MaxInt64; return b },
		"offset is in the header":  func(e *entry, b []byte) []byte { e.offset = 5; return b },
		"codec is unknown":         func(e *entry, b []byte) []byte { e.codec = 200; return b },
		"compressed is nothing":    func(e *entry, b []byte) []byte { e.codec = zstdFrame; return b },
		"a bomb": func(e *entry, b []byte) []byte {
			e.codec, e.stored, e.size = zstdFrame, uint32(len(bomb)), 1<<16
			return bomb
		},
		"more stored than it holds": func(e *entry, b []byte) []byte { e.codec, e.size = zstdFrame, 10; return b },
		"the ID comes again":        func(e *entry, b []byte) []byte { e.id--; return b },
		"the ID is 2^64-1":          func(e *entry, b []byte) []byte { e.id = math.MaxUint64; return b },
	} {
		for generation := range 2 {
			for _, cut := range []int{0, 1} { // with its index, and without
				t.Run(name, func(t *testing.T) {
					p := newPool(t, 256, 64)
					o := small(p, t.TempDir())
					file, b := segmentFile(77, 1, generation, 5, func(i int, e *entry, stored []byte) []byte {
						if i == 2 {
							return change(e, stored)
						}
						return stored
					})
					if err := os.WriteFile(filepath.Join(o.Dir, file), b[:len(b)-cut], 0o666); err != nil {
						t.Fatal(err)
					}
					s, err := Open(o)
					if err != nil {
						if !strings.Contains(name, "2^64") {
							t.Fatal(err)
						}
						return
					}
					found := 0
					for f, err := range s.Range(t.Context(), 0, 100) {
						if err != nil {
							t.Log(err)
							continue
						}
						check(t, f, 200, f.Time)
						f.Release()
						found++
					}
					if found < 4 && !strings.Contains(name, "ID") {
						t.Errorf("%d frames, %+v", found, s.Recovery())
					}
					mustPut(t, s, p, 10, 6)
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					o.Warm, o.Segment = 0, 4<<10
					s = open(t, o)
					settle(t, s)
					if st := s.Stats(); st.Warm.Bytes+st.Cold.Bytes > 32<<10 || st.Err != nil {
						t.Errorf("a damaged frame grew: %+v", st)
					}
				})
			}
		}
	}
}

// A trailer whose numbers lie.
func TestHostileTrailer(t *testing.T) {
	for _, change := range []func(x *extent){
		func(x *extent) { x.count = math.MaxInt32 },
		func(x *extent) { x.count, x.size = math.MaxInt32, x.size-math.MaxInt32*entrySize },
		func(x *extent) { x.count = -1 },
		func(x *extent) { x.count, x.size = x.count+1, x.size-entrySize },
		func(x *extent) { x.size = math.MaxInt64 },
		func(x *extent) { x.first, x.last = 0, math.MaxUint64 },
		func(x *extent) { x.min, x.max = math.MaxInt64, math.MinInt64 },
	} {
		p := newPool(t, 256, 64)
		o := small(p, t.TempDir())
		file, b := segmentFile(77, 1, 0, 5, nil)
		crc := newChecksum()
		trailer := b[len(b)-trailerSize:]
		x, _, ok := crc.trailer(trailer, 77, int64(len(b)))
		if !ok {
			t.Fatal("the trailer is not whole")
		}
		change(&x)
		setWord(trailer, 12, uint32(x.count))
		setDouble(trailer, 16, x.size)
		setDouble(trailer, 24, x.min)
		setDouble(trailer, 32, x.max)
		setDouble(trailer, 40, x.first)
		setDouble(trailer, 48, x.last)
		crc.close(trailer, trailerSize)
		if err := os.WriteFile(filepath.Join(o.Dir, file), b, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open(o)
		if err != nil {
			t.Logf("%+v: %v", x, err)
			continue
		}
		for f, err := range s.Range(t.Context(), 0, 100) {
			if err == nil {
				check(t, f, 200, f.Time)
				f.Release()
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Segments and clips may hold anything; its checksums may be right.
func FuzzSegment(f *testing.F) {
	for generation := range 2 {
		_, b := segmentFile(77, 1, generation, 3, nil)
		f.Add(b, generation, uint8(255))
		f.Add(b[:len(b)-1], generation, uint8(0))
		f.Add(b[:300], generation, uint8(1))
	}
	var clip bytes.Buffer
	p := newPool(f, 256, 64)
	s := open(f, Options{Hot: 4096})
	for i := range int64(3) {
		mustPut(f, s, p, 200, i)
	}
	if _, err := s.Export(f.Context(), &clip, 0, 10); err != nil {
		f.Fatal(err)
	}
	f.Add(clip.Bytes(), 1, uint8(255))
	f.Fuzz(func(t *testing.T, b []byte, generation int, seal uint8) {
		crc := newChecksum()
		salt := uint32(77)
		if len(b) >= 12 {
			salt = word(b, 8)
		}
		if seal&1 != 0 && len(b) >= headerSize {
			crc.close(b, headerSize)
		}
		if seal&2 != 0 { // every record's checksum is right
			for at := headerSize; at+recordSize <= len(b); at++ {
				if word(b, at) == recordMagic {
					crc.close(b[at:], recordSize)
				}
			}
		}
		if seal&4 != 0 && len(b) >= headerSize+trailerSize {
			trailer := b[len(b)-trailerSize:]
			if at := double(trailer, 16); at < uint64(len(b)-trailerSize) {
				setWord(trailer, 56, crc.of(b[at:len(b)-trailerSize]))
			}
			crc.close(trailer, trailerSize)
		}
		for frame, err := range ReadClip(bytes.NewReader(b), p) {
			if err == nil {
				frame.Release()
			}
		}
		m := newMemory(rand.New(rand.NewPCG(1, 1)))
		m.names[name(1, salt, generation&3)] = &inode{data: b}
		o := small(p, "")
		o.fs, o.Warm = m, 0
		s, err := Open(o)
		if err != nil {
			return
		}
		defer s.Close()
		last := ID(0)
		for frame, err := range s.Range(t.Context(), math.MinInt64, math.MaxInt64) {
			if err != nil {
				continue
			}
			if frame.ID <= last && last != 0 {
				t.Errorf("frame %d comes after %d", frame.ID, last)
			}
			last = frame.ID
			frame.Release()
		}
		if id := mustPut(t, s, p, 10, 6); id <= last {
			t.Errorf("ID %d was given out again, after %d", id, last)
		}
	})
}

// What is not the store's stays as it is, and disturbs nothing.
func TestForeignFiles(t *testing.T) {
	p := newPool(t, 256, 64)
	o := small(p, t.TempDir())
	mine := []string{"00000001-0000004d.0.tmp", "meteor.pin.tmp"}
	others := []string{"notes.tmp", "notes", "1-2.3.seg", ".tmp", ".pin.tmp", "00000001-0000004d.0.seg.bak"}
	for _, f := range append(mine, others...) {
		if err := os.WriteFile(filepath.Join(o.Dir, f), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "folder.tmp", "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	s := open(t, o)
	fillStore(t, s, p, 0, 100)
	if st := s.Stats(); st.Err != nil {
		t.Errorf("stats are %+v", st)
	}
	for _, f := range append(others, "folder.tmp/x") {
		if _, err := os.Stat(filepath.Join(o.Dir, f)); err != nil {
			t.Error(err)
		}
	}
	for _, f := range mine {
		if _, err := os.Stat(filepath.Join(o.Dir, f)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there still: %v", f, err)
		}
	}
}

// A file whose number is the last leaves no number for the next.
func TestLastNumber(t *testing.T) {
	p := newPool(t, 256, 64)
	for _, number := range []uint32{math.MaxUint32, maxNumber, maxNumber - 1} {
		o := small(p, t.TempDir())
		file, b := segmentFile(77, number, 0, 5, nil)
		if err := os.WriteFile(filepath.Join(o.Dir, file), b, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open(o)
		if number >= maxNumber {
			if err == nil || !strings.Contains(err.Error(), "number") {
				t.Errorf("opening: %v, %v", s, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(200) { // no segment can be begun after this one
			if _, err := put(t, s, p, 200, i); err != nil {
				break
			}
			if err := s.Sync(t.Context()); err != nil {
				if !strings.Contains(err.Error(), "number") {
					t.Fatal(err)
				}
				break
			}
			if i == 199 {
				t.Error("segment numbers began anew")
			}
		}
		s.Close()
	}
}

// A frame full of what a record begins with, behind a torn one, is looked through once.
func TestScanIsLinear(t *testing.T) {
	file, b := segmentFile(77, 1, 0, 3, nil)
	b[headerSize] ^= 1
	for i := 0; i < 1<<20; i += 4 {
		b = append(b, 0x71, 0x9e, 0xb2, 0x46)
	}
	m := newMemory(rand.New(rand.NewPCG(1, 1)))
	m.names[file] = &inode{data: b}
	d := &catalog{fs: m, crc: newChecksum()}
	f := &counted{file: must(m.Open(file))}
	found, err := d.scan(f, 77, true, int64(len(b)))
	if err != nil || found.count != 2 || f.read > 2*len(b) {
		t.Errorf("%d frames, %d of %d bytes read, %v", found.count, f.read, len(b), err)
	}
}

type counted struct {
	file
	read int
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.file.ReadAt(b, at)
	c.read += n
	return n, err
}

// No frame is so large that it could not be read back.
func TestLargestFrame(t *testing.T) {
	for _, n := range []int{maxFrame + 1, math.MaxInt} {
		if q, err := pool.New(n, pool.Options{Max: 1}); err == nil {
			q.Close()
			t.Errorf("a pool has blocks of %d bytes", n)
		}
	}
}

// Frames behind the first 4 GiB of a file, also on 32 bit.
func TestLargeFile(t *testing.T) {
	p := newPool(t, 256, 64)
	o := small(p, t.TempDir())
	o.Warm = 8 << 30
	const far = 5<<30 - 100
	crc := newChecksum()
	head := make([]byte, headerSize)
	crc.putHeader(head, 77, 1, 1<<32)
	frame := make([]byte, 200)
	fill(frame, 3)
	e := entry{id: 1<<32 + 5, time: 3, offset: far, stored: 200, size: 200, sum: crc.of(frame)}
	record := make([]byte, recordSize)
	crc.putRecord(record, 77, e)
	x := extent{size: headerSize}
	x.add(e)
	path := filepath.Join(o.Dir, name(1, 77, 0))
	f := must(os.Create(path))
	defer f.Close()
	for _, w := range []struct {
		b  []byte
		at int64
	}{{head, 0}, {record, far}, {frame, far + recordSize}, {crc.index(77, x, []entry{e}), e.end()}} {
		if _, err := f.WriteAt(w.b, w.at); err != nil {
			t.Skipf("writing a file with holes: %v", err)
		}
	}
	s := open(t, o)
	g, err := s.Get(t.Context(), e.id)
	if err != nil {
		t.Fatal(err)
	}
	check(t, g, 200, 3)
	g.Release()
	if st := s.Stats(); st.Warm.Bytes != far+recordSize+200+entrySize+trailerSize+headerSize+trailerSize {
		t.Errorf("stats are %+v", st)
	}
	s.Close()
	s.mover.warm = 0
	o.Warm, o.Keep.Bytes = 0, 1<<30 // its retention has ended
	s = open(t, o)
	settle(t, s)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
}

// Folders that Open makes last, as do their names.
func TestFoldersLast(t *testing.T) {
	base := t.TempDir()
	var synced []string
	note := func(path string) error { synced = append(synced, path); return nil }
	if err := makeFolder(filepath.Join(base, "a", "b", "c"), note); err != nil {
		t.Fatal(err)
	}
	if want := []string{base, filepath.Join(base, "a"), filepath.Join(base, "a", "b")}; strings.Join(synced, ":") != strings.Join(want, ":") {
		t.Errorf("synced %q, want %q", synced, want)
	}
	synced = nil
	if err := makeFolder(filepath.Join(base, "a", "b", "c"), note); err != nil || synced != nil {
		t.Errorf("a folder that is there: synced %q, %v", synced, err)
	}
	if err := makeFolder(filepath.Join(base, "a", "d"), func(string) error { return errTest }); !errors.Is(err, errTest) {
		t.Errorf("a folder whose name may not last: %v", err)
	}
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := makeFolder(filepath.Join(base, "file"), note); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file instead of a folder: %v", err)
	}
}

// A disk that stands still, and callers that give up, pile nothing up.
func TestAbandonedLoads(t *testing.T) {
	p := newPool(t, 256, 64)
	fs := &faulty{folder: newMemory(rand.New(rand.NewPCG(1, 1)))}
	o := small(p, "")
	o.fs = fs
	s := open(t, o)
	fillStore(t, s, p, 0, 60)
	first := segments(s)[0].first
	fs.hold()
	ctx, cancel := contextThatEnds()
	defer cancel(nil)
	for i := range ID(40) {
		if f, err := s.Get(ctx, first+i); err == nil {
			f.Release()
		} else if !errors.Is(err, errTest) {
			t.Error(err)
		}
	}
	for { // those that were about to begin either begin or give up
		s.hot.mu.Lock()
		n := len(s.hot.loads)
		s.hot.mu.Unlock()
		if n <= loaders {
			break
		}
		if t.Context().Err() != nil {
			t.Fatalf("%d reads wait for nobody", n)
		}
		time.Sleep(time.Millisecond)
	}
	fs.free()
	run(t, times(t, s), 0, 60)
}

// A pin that could not be replaced is there as it was, also after a restart.
func TestPinComesBack(t *testing.T) {
	p := newPool(t, 256, 64)
	for _, bad := range []string{"create", "write", "fsync", "rename", "sync"} {
		m := newMemory(rand.New(rand.NewPCG(1, 1)))
		f := &faulty{folder: m}
		o := small(p, "")
		o.fs = f
		s := open(t, o)
		if err := s.Pin("meteor", 5, 10); err != nil {
			t.Fatal(err)
		}
		failed := false
		f.set(func(op, name string) error {
			if op == bad && !failed {
				failed = true
				return syscall.EIO
			}
			return nil
		})
		if err := s.Pin("meteor", 20, 30); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: pinning: %v", bad, err)
		}
		failed = false
		if err := s.Pin("other", 20, 30); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: pinning: %v", bad, err)
		}
		f.set(nil)
		for range 2 {
			if pins := s.Pins(); len(pins) != 1 || pins[0] != (Pin{"meteor", 5, 10}) {
				t.Errorf("%s: pins are %v", bad, pins)
			}
			s.Close()
			o.fs = m.restart()
			s = open(t, o)
		}
	}
}

// A clock that jumps back ends no retention, and one that comes back from the future only what was put before.
func TestClockJumps(t *testing.T) {
	p := newPool(t, 256, 64)
	o := small(p, t.TempDir())
	o.Keep.Age = 50
	s := open(t, o)
	fillStore(t, s, p, 1000, 1040)
	fillStore(t, s, p, 0, 40) // a device without a battery starts, and does not know the time yet
	if got := times(t, s); len(got) != 80 {
		t.Errorf("%d frames after the clock jumped back", len(got))
	}
	fillStore(t, s, p, 1041, 1080)
	s.SetHot(256)
	got := times(t, s)
	for _, at := range got {
		if at == 20 { // not in one segment with a newer one
			t.Errorf("the frame of %d is there still: %v", at, got)
		}
	}
	for i, at := range got[len(got)-39:] {
		if at != 1041+int64(i) {
			t.Errorf("frames are %v", got)
		}
	}
}

// Files that shrink and rot under a running store are errors, and frames elsewhere stay readable.
func TestFilesChangeUnderneath(t *testing.T) {
	p := newPool(t, 256, 64)
	o := small(p, t.TempDir())
	o.Warm = 1 << 20
	s := open(t, o)
	fillStore(t, s, p, 0, 100)
	s.SetHot(256)
	run(t, times(t, s), 0, 100) // the last segments are open now
	files := must(filepath.Glob(filepath.Join(o.Dir, "*.seg")))
	for i, path := range files[:len(files)-1] {
		b := must(os.ReadFile(path))
		b[len(b)/3] ^= 1
		if err := os.WriteFile(path, b[:len(b)-i%2*len(b)/2], 0o666); err != nil {
			t.Fatal(err)
		}
	}
	found, broken := countWhole(t, s, 100)
	if found+broken < 50 || found < 20 || broken < len(files)-1 {
		t.Errorf("%d frames, %d damaged", found, broken)
	}
}

// However many segments there are, few files are open.
func TestOpenFiles(t *testing.T) {
	testutil.OpenFDs(t)
	p := newPool(t, 256, 64)
	o := small(p, t.TempDir())
	s := open(t, o)
	fillStore(t, s, p, 0, 250)
	s.SetHot(256)
	for range 2 {
		run(t, times(t, s), 0, 250)
	}
	s.disk.mu.RLock()
	defer s.disk.mu.RUnlock()
	n := 0
	for _, g := range s.disk.list {
		g.mu.Lock()
		if g.f != nil {
			n++
		}
		g.mu.Unlock()
	}
	if n > 12 || len(s.disk.list) < 13 {
		t.Errorf("%d of %d segments are open", n, len(s.disk.list))
	}
}

// countWhole counts the frames of 200 bytes before a time that are as they were put, and those that are damaged.
func countWhole(t *testing.T, s *Store, before int64) (found, broken int) {
	t.Helper()
	for f, err := range s.Range(t.Context(), 0, before) {
		if errors.Is(err, ErrCorrupt) {
			broken++
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		check(t, f, 200, f.Time)
		f.Release()
		found++
	}
	return found, broken
}
