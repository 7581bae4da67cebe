package ring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

func newWriter(tb testing.TB, o ring.FrameOptions) *ring.FrameWriter {
	tb.Helper()
	w, err := ring.NewFrameWriter(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.Unmap(); err != nil {
			tb.Error(err)
		}
	})
	return w
}

// openFrames opens what this process has a descriptor of: memory, or a file.
func openFrames(fd int) (*ring.FrameReader, error) {
	if seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err == nil && seals&unix.F_SEAL_SHRINK != 0 {
		return ring.OpenFrameReader(fd)
	}
	return ring.OpenFrameFile(fmt.Sprintf("/proc/self/fd/%d", fd))
}

func newReader(tb testing.TB, fd int) *ring.FrameReader {
	tb.Helper()
	r, err := openFrames(fd)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Unmap(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// frameBytes is what frame seq of these tests contains: its length and every byte follow from the number.
func frameBytes(seq uint64, most int) []byte {
	b := make([]byte, int(seq*7919%uint64(most+1)))
	fillFrame(b, seq)
	return b
}

func fillFrame(b []byte, seq uint64) {
	for i := range b {
		b[i] = byte(seq*31 + uint64(i)*7 + seq>>8)
	}
}

func mustWrite(tb testing.TB, w *ring.FrameWriter, most int) uint64 {
	tb.Helper()
	seq := w.Next()
	got, err := w.Write(frameBytes(seq, most), int64(seq)*3-5)
	if err != nil || got != seq {
		tb.Fatal(got, err)
	}
	return seq
}

// mustTry reads a frame that is there, and checks all of it.
func mustTry(tb testing.TB, r *ring.FrameReader, most int) (f ring.Frame, ok bool) {
	tb.Helper()
	f, ok, err := r.TryNext()
	if err != nil {
		tb.Fatal(err)
	}
	if ok && (!bytes.Equal(f.Bytes(), frameBytes(f.Seq, most)) || f.Time != int64(f.Seq)*3-5 || !f.Valid() || cap(f.Bytes()) != f.Len()) {
		tb.Fatalf("frame %d is not what was written: %d bytes, time %d, valid %v", f.Seq, f.Len(), f.Time, f.Valid())
	}
	return f, ok
}

func TestFrames(t *testing.T) {
	testutil.OpenFDs(t)
	const most = 300
	w, err := ring.NewFrameWriter(ring.FrameOptions{Name: "frames", Frames: 4, MaxFrame: most})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ring.OpenFrameReader(w.FD())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := mustTry(t, r, most); ok {
		t.Fatal("a frame in an empty ring")
	}
	for range 3 {
		mustWrite(t, w, most)
	}
	for seq := range uint64(3) {
		if f, ok := mustTry(t, r, most); !ok || f.Seq != seq || f.Missed != 0 {
			t.Fatal(f, ok)
		}
	}
	for range 10 {
		mustWrite(t, w, most)
	}
	// Of 4 frames 4 are there.
	if f, ok := mustTry(t, r, most); !ok || f.Seq != 9 || f.Missed != 6 {
		t.Fatal(f.Seq, f.Missed, ok)
	}
	f, _ := mustTry(t, r, most)
	if room, err := w.Reserve(most); err != nil || len(room) != most {
		t.Fatal(len(room), err)
	}
	if !f.Valid() {
		t.Fatal("frame 10 was given up too early")
	}
	for range 4 {
		mustWrite(t, w, most)
	}
	if f.Valid() {
		t.Fatal("frame 10 is valid after frame 16")
	}
	_, err = f.Copy(make([]byte, most))
	wantErr(t, err, ring.ErrOverwritten, "frame 10")
	if s := r.Stats(); s != (ring.FrameStats{Seen: 4, Missed: 7}) {
		t.Fatalf("%+v", s)
	}
	if err := r.SkipToNewest(); err != nil {
		t.Fatal(err)
	}
	if f, ok := mustTry(t, r, most); !ok || f.Seq != 16 || f.Missed != 0 {
		t.Fatal(f, ok)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		_, _ = w.Write(frameBytes(17, most), 0)
	}()
	if f, err := r.Next(t.Context()); err != nil || f.Seq != 17 {
		t.Fatal(f, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the cause")
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	_, err = r.Next(ctx)
	wantErr(t, err, cause, "waiting for a frame")
	// One writer at a time; a reader has no lock.
	_, err = ring.OpenFrameWriter(w.FD())
	wantErr(t, err, ring.ErrBusy, "another writer")
	again := w.FD()
	own := file(t, again)
	done := make(chan error)
	go func() { _, err := r.Next(t.Context()); done <- err }()
	sleeping()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != io.EOF {
		t.Fatal(err)
	}
	if _, err := w.Write(nil, 0); !errors.Is(err, ring.ErrClosed) {
		t.Fatal(err)
	}
	w2, err := ring.OpenFrameWriter(int(own.Fd()))
	if err != nil || w2.Next() != 18 {
		t.Fatal(w2, err)
	}
	mustWrite(t, w2, most)
	if f, ok := mustTry(t, r, most); !ok || f.Seq != 18 || f.Missed != 0 {
		t.Fatal(f, ok)
	}
	go func() { _, err := r.Next(t.Context()); done <- err }()
	sleeping()
	kept := f.Bytes()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, <-done, ring.ErrClosed, "")
	func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		wantPanic(t, "invalid memory address", func() { fmt.Fprint(io.Discard, kept[0]) })
	}()
	if err := errors.Join(r.Unmap(), w.Unmap(), w2.Unmap(), own.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestReserveTakesTheOldest, and no other, when everything is full.
func TestReserveTakesTheOldest(t *testing.T) {
	w := newWriter(t, ring.FrameOptions{Frames: 4, MaxFrame: 64, Fixed: true})
	r := newReader(t, w.FD())
	var frames []ring.Frame
	for range 4 {
		if _, err := w.Write(make([]byte, 64), 0); err != nil {
			t.Fatal(err)
		}
		f, _, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	for i := range frames {
		if !frames[i].Valid() {
			t.Fatalf("frame %d was given up before its place was needed", i)
		}
		if _, err := w.Reserve(64); err != nil {
			t.Fatal(err)
		}
		if frames[i].Valid() {
			t.Fatalf("frame %d is valid while it is overwritten", i)
		}
		if _, err := w.Publish(64, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFramesAreReadOnly: a reader cannot write where the writer does.
func TestFramesAreReadOnly(t *testing.T) {
	w := newWriter(t, ring.FrameOptions{MaxFrame: 100})
	r := newReader(t, w.FD())
	mustWrite(t, w, 100)
	mustWrite(t, w, 100)
	mustTry(t, r, 100)
	f, _ := mustTry(t, r, 100)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	wantPanic(t, "invalid memory address", func() { f.Bytes()[0]++ })
}

// TestFrameModel does random operations on one writer and three readers and keeps account.
func TestFrameModel(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		most := 1 + rnd.IntN(2000)
		o := ring.FrameOptions{Name: "model", Frames: 2 + rnd.IntN(20), MaxFrame: most}
		if rnd.IntN(2) == 0 {
			o.Bytes = most + rnd.IntN(8*most)
		}
		path := filepath.Join(t.TempDir(), "ring")
		var w *ring.FrameWriter
		var err error
		file := seed%2 == 1
		if file {
			if w, err = ring.CreateFrameFile(path, o); err != nil {
				t.Fatal(err)
			}
		} else {
			w = newWriter(t, o)
		}
		readers := make([]*ring.FrameReader, 3)
		expect := make([]uint64, len(readers))
		for i := range readers {
			readers[i] = newReader(t, w.FD())
		}
		for range 4000 {
			switch i := rnd.IntN(8); {
			case i < 3:
				mustWrite(t, w, most)
			case i < 6:
				for range rnd.IntN(6) {
					f, ok := mustTry(t, readers[i-3], most)
					if !ok {
						break
					}
					if f.Seq != expect[i-3]+f.Missed {
						t.Fatalf("seed %d: frame %d after %d, %d missed", seed, f.Seq, expect[i-3], f.Missed)
					}
					expect[i-3] = f.Seq + 1
					if s := readers[i-3].Stats(); s.Seen+s.Missed != f.Seq+1 || s.Damaged != 0 {
						t.Fatalf("frame %d: %+v", f.Seq, s)
					}
				}
			case i == 6:
				if _, err := w.Reserve(rnd.IntN(most + 1)); err != nil {
					t.Fatal(err)
				}
			case file && rnd.IntN(20) == 0:
				next := w.Next()
				if err := w.Unmap(); err != nil {
					t.Fatal(err)
				}
				if w, err = ring.CreateFrameFile(path, o); err != nil || w.Next() != next {
					t.Fatal(w, err)
				}
			}
		}
		if file {
			if err := w.Unmap(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFramesConcurrently has readers copy and promote while the writer overwrites.
func TestFramesConcurrently(t *testing.T) {
	const most, total = 3000, 20000
	w := newWriter(t, ring.FrameOptions{Name: "concurrent", Frames: 16, MaxFrame: most, Bytes: 8 * most})
	p, err := pool.New(most, pool.Options{Max: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var wg sync.WaitGroup
	for k := range 3 {
		r := newReader(t, w.FD())
		wg.Go(func() {
			b := make([]byte, most)
			var next, torn uint64
			for {
				f, err := r.Next(t.Context())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Error(err)
					return
				}
				if f.Seq != next+f.Missed-torn {
					t.Errorf("frame %d after %d, %d missed", f.Seq, next, f.Missed)
				}
				next, torn = f.Seq+1, 0
				var got []byte
				if k == 0 {
					buf, e := f.Promote(p)
					if err = e; e == nil {
						got = append(b[:0], buf.Bytes()...)
						buf.Release()
					}
				} else {
					n, e := f.Copy(b)
					got, err = b[:n], e
				}
				switch {
				case errors.Is(err, ring.ErrOverwritten):
					torn = 1 // and in the next frame's Missed
				case err != nil:
					t.Error(err)
				case !bytes.Equal(got, frameBytes(f.Seq, most)):
					t.Errorf("frame %d is torn", f.Seq)
				}
			}
			if s := r.Stats(); s.Seen+s.Missed != total || s.Damaged != 0 || s.Seen == 0 {
				t.Errorf("%+v of %d", s, total)
			}
		})
	}
	for i := range total {
		mustWrite(t, w, most)
		if i%64 == 0 {
			time.Sleep(10 * time.Microsecond)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if s := p.Stats(); s.Outstanding != 0 {
		t.Errorf("%d buffers left", s.Outstanding)
	}
}

// TestReadOnlyDescriptor: a reader that cannot be woken looks.
func TestReadOnlyDescriptor(t *testing.T) {
	w := newWriter(t, ring.FrameOptions{MaxFrame: 100})
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", w.FD()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := newReader(t, int(f.Fd()))
	go func() {
		time.Sleep(10 * time.Millisecond)
		_, _ = w.Write([]byte("x"), 0)
		_ = w.Sync()
		time.Sleep(10 * time.Millisecond)
		_ = w.Unmap()
	}()
	if f, err := r.Next(t.Context()); err != nil || string(f.Bytes()) != "x" {
		t.Fatal(f, err)
	}
	if _, err := r.Next(t.Context()); err != io.EOF {
		t.Fatal(err)
	}
}

// TestCounterWraps passes 2^32 frames, also with a writer that died in the middle.
func TestCounterWraps(t *testing.T) {
	const nextWord, oldestWord, max32 = 64 / 4, 128 / 4, 1<<32 - 1
	for _, c := range []struct {
		early, low, late uint32
		want             uint64
	}{
		{0, max32 - 2, 0, max32 - 2},
		{1, max32, 0, max32},
		{1, 0, 0, max32 + 1},
		{1, 0, 1, max32 + 1},
		{max32, max32 - 5, max32, 1<<64 - 6},
	} {
		w := newWriter(t, ring.FrameOptions{Frames: 4, MaxFrame: 50})
		f := file(t, w.FD())
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		words := words(t, int(f.Fd()), 0)
		for _, at := range []int{nextWord, oldestWord} {
			words[at], words[at+1], words[at+2] = c.early, c.low, c.late
		}
		early := newReader(t, int(f.Fd()))
		if _, ok, err := early.TryNext(); ok || err != nil {
			t.Fatal(ok, err)
		}
		w, err := ring.OpenFrameWriter(int(f.Fd()))
		if err != nil || w.Next() != c.want {
			t.Fatal(w.Next(), err)
		}
		r := newReader(t, int(f.Fd()))
		for i := range uint64(5) {
			mustWrite(t, w, 50)
			for _, r := range []*ring.FrameReader{r, early} {
				if f, ok := mustTry(t, r, 50); !ok || f.Seq != c.want+i || f.Missed != 0 {
					t.Fatal(f, ok)
				}
			}
		}
		if err := w.Unmap(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFrameMisuse(t *testing.T) {
	for _, o := range []ring.FrameOptions{
		{}, {MaxFrame: -1}, {MaxFrame: 1<<30 + 1}, {MaxFrame: 1, Frames: 1}, {MaxFrame: 1, Frames: 1<<20 + 1},
		{MaxFrame: 1, Bytes: -1}, {MaxFrame: 1, Bytes: 1<<30 + 1}, {MaxFrame: 1 << 25, Frames: 64},
	} {
		if _, err := ring.NewFrameWriter(o); err == nil {
			t.Errorf("made %+v", o)
		}
	}
	w := newWriter(t, ring.FrameOptions{Name: "misused", MaxFrame: 100, Fixed: true})
	wantPanic(t, "0 bytes are reserved", func() { _, _ = w.Publish(0, 0) })
	for _, n := range []int{-1, 101} {
		_, err := w.Reserve(n)
		wantErr(t, err, err, "it is from 0 to 100")
	}
	if _, err := w.Reserve(90); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 91} {
		wantPanic(t, "90 bytes are reserved", func() { _, _ = w.Publish(n, 0) })
	}
	_, err := w.Publish(90, 0)
	wantErr(t, err, err, "all have 100")
	if _, err := w.Write(make([]byte, 100), 0); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, w.FD())
	f, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Copy(make([]byte, 99))
	wantErr(t, err, io.ErrShortBuffer, "100 bytes into 99")
	path := filepath.Join(t.TempDir(), "ring")
	w2, err := ring.CreateFrameFile(path, ring.FrameOptions{MaxFrame: 100})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ring.CreateFrameFile(path, ring.FrameOptions{MaxFrame: 100})
	wantErr(t, err, ring.ErrBusy, path)
	if err := w2.Unmap(); err != nil {
		t.Fatal(err)
	}
	_, err = ring.CreateFrameFile(path, ring.FrameOptions{MaxFrame: 200})
	wantErr(t, err, err, "use the same options")
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	_, err = ring.CreateFrameFile(filepath.Join(t.TempDir(), "no", "such"), ring.FrameOptions{MaxFrame: 200})
	wantErr(t, err, os.ErrNotExist, "no/such")
}

func TestFrameAllocations(t *testing.T) {
	inFile, err := ring.CreateFrameFile(filepath.Join(t.TempDir(), "ring"), ring.FrameOptions{MaxFrame: 4000})
	if err != nil {
		t.Fatal(err)
	}
	defer inFile.Unmap()
	for _, w := range []*ring.FrameWriter{newWriter(t, ring.FrameOptions{MaxFrame: 4000}), inFile} {
		r := newReader(t, w.FD())
		b := make([]byte, 4000)
		ctx, cancel := context.WithCancel(t.Context())
		n := testing.AllocsPerRun(100, func() {
			_, _ = w.Write(b, 0)
			f, err := r.Next(ctx)
			if err != nil || !f.Valid() {
				t.Fatal(err)
			}
			_, _ = f.Copy(b)
		})
		cancel()
		if n != 0 {
			t.Errorf("%v allocations a round", n)
		}
	}
}

func BenchmarkFrames(b *testing.B) {
	for _, n := range []int{200, 3840, 900 << 10} {
		in, out := make([]byte, n), make([]byte, n)
		b.Run(fmt.Sprintf("%d/memcpy", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				copy(out, in)
			}
		})
		b.Run(fmt.Sprintf("%d/in_place", n), func(b *testing.B) {
			w := newWriter(b, ring.FrameOptions{MaxFrame: n, Frames: 4})
			r := newReader(b, w.FD())
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Reserve(n)
				_, _ = w.Publish(n, 0)
				if f, ok, err := r.TryNext(); !ok || !f.Valid() {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/copy", n), func(b *testing.B) {
			w := newWriter(b, ring.FrameOptions{MaxFrame: n, Frames: 4})
			r := newReader(b, w.FD())
			b.SetBytes(int64(n))
			for b.Loop() {
				_, _ = w.Write(in, 0)
				f, _, _ := r.TryNext()
				if _, err := f.Copy(out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
