package ring_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

const crashMost = 5000

// crashOptions make the writer go round every few frames.
func crashOptions() ring.FrameOptions {
	return ring.FrameOptions{Name: "crash", Frames: 8, MaxFrame: crashMost, Bytes: 3 * crashMost}
}

// childFrames writes frames without end, to a file or to the memfd at descriptor 3.
func childFrames() error {
	var w *ring.FrameWriter
	var err error
	if len(os.Args) > 1 {
		w, err = ring.CreateFrameFile(os.Args[1], crashOptions())
	} else {
		w, err = ring.OpenFrameWriter(3)
	}
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		seq := w.Next()
		b, err := w.Reserve(crashMost)
		if err != nil {
			return err
		}
		n := copy(b, frameBytes(seq, crashMost))
		if _, err := w.Publish(n, int64(seq)*3-5); err != nil {
			return err
		}
		if first {
			fmt.Println("going")
		}
	}
}

// childRead reads the ring at descriptor 3 until its end.
func childRead() error {
	r, err := ring.OpenFrameReader(3)
	if err != nil {
		return err
	}
	fmt.Println("going")
	b := make([]byte, crashMost)
	for {
		f, err := r.Next(context.Background())
		if err == io.EOF {
			s := r.Stats()
			fmt.Println(s.Seen+s.Missed, s.Damaged)
			return r.Unmap()
		}
		if err != nil {
			return err
		}
		n, err := f.Copy(b)
		if err == nil && !bytes.Equal(b[:n], frameBytes(f.Seq, crashMost)) {
			return fmt.Errorf("frame %d is torn", f.Seq)
		}
	}
}

// TestKilledFrameWriter kills writers at any instruction. Those that read see whole frames only and lose count of none, and the next
// writer goes on behind the last.
func TestKilledFrameWriter(t *testing.T) {
	rounds := 25
	if emulator() != "" || testing.Short() {
		rounds = 5
	}
	for _, inFile := range []bool{false, true} {
		t.Run(fmt.Sprintf("file=%v", inFile), func(t *testing.T) {
			testutil.OpenFDs(t)
			rnd := rand.New(rand.NewPCG(11, 11))
			var args []string
			path := filepath.Join(t.TempDir(), "ring")
			open := func() (*ring.FrameWriter, error) { return ring.CreateFrameFile(path, crashOptions()) }
			var w *ring.FrameWriter
			var err error
			if inFile {
				args = []string{path}
				w, err = open()
			} else {
				w, err = ring.NewFrameWriter(crashOptions())
			}
			if err != nil {
				t.Fatal(err)
			}
			f := file(t, w.FD())
			if !inFile {
				open = func() (*ring.FrameWriter, error) { return ring.OpenFrameWriter(int(f.Fd())) }
			}
			if err := w.Unmap(); err != nil {
				t.Fatal(err)
			}
			r, err := openFrames(int(f.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, crashMost)
			var next, torn uint64
			read := func() {
				for {
					f, ok, err := r.TryNext()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						return
					}
					if f.Seq != next+f.Missed-torn {
						t.Fatalf("frame %d after %d, %d missed", f.Seq, next, f.Missed)
					}
					next, torn = f.Seq+1, 0
					n, err := f.Copy(b)
					switch {
					case errors.Is(err, ring.ErrOverwritten):
						torn = 1
					case err != nil || !bytes.Equal(b[:n], frameBytes(f.Seq, crashMost)):
						t.Fatalf("frame %d is torn: %v", f.Seq, err)
					}
				}
			}
			for round := range rounds {
				cmd := command(t, "frames", args, f)
				startAndHear(t, cmd)
				for end := time.Now().Add(time.Duration(rnd.IntN(5000)) * time.Microsecond); time.Now().Before(end); {
					read()
				}
				kill(t, cmd)
				read()
				if round%4 != 0 {
					continue // the next process recovers
				}
				w, err := open()
				if err != nil {
					t.Fatal(err)
				}
				mustWrite(t, w, crashMost)
				read()
				if next != w.Next() {
					t.Fatalf("the reader is at %d, the writer at %d", next, w.Next())
				}
				if err := w.Unmap(); err != nil {
					t.Fatal(err)
				}
			}
			if s := r.Stats(); s.Seen+s.Missed != next || s.Damaged != 0 || s.Seen == 0 {
				t.Fatalf("%+v at %d", s, next)
			}
			if err := r.Unmap(); err != nil {
				t.Fatal(err)
			}
			f.Close()
		})
	}
}

// asleep waits until the word says that somebody sleeps, and takes that back.
func asleep(armed *uint32) {
	w := (*atomic.Uint32)(unsafe.Pointer(armed))
	for w.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	sleeping() // it says so before its last look
	w.Store(0)
}

// TestTakeOverWakes: a writer that died between publishing and waking leaves readers asleep, and its successor wakes them.
func TestTakeOverWakes(t *testing.T) {
	w := newWriter(t, crashOptions())
	r := newReader(t, w.FD())
	done := make(chan error, 1)
	go func() { _, err := r.Next(t.Context()); done <- err }()
	asleep(&words(t, w.FD(), area)[0])
	mustWrite(t, w, crashMost)
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	next, err := ring.OpenFrameWriter(w.FD())
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := next.Unmap(); err != nil {
		t.Fatal(err)
	}
	// The same with a byte ring.
	p := newRing(t, 1, ring.Options{Side: ring.Producer})
	c, err := ring.Open(p.FD(), ring.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, err := c.WaitContent(t.Context(), 1); done <- err }()
	asleep(&words(t, p.FD(), 0)[192/4])
	p.Advance(1)
	q, err := ring.Open(p.FD(), ring.Producer)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(q.Unmap(), c.Unmap()); err != nil {
		t.Fatal(err)
	}
}

// TestOldArm: a reader that is slow to say that it sleeps does not write over one that has said so since.
func TestOldArm(t *testing.T) {
	w := newWriter(t, crashOptions())
	for _, c := range [][2]uint32{{5, 11}, {4, 11}, {6, 13}, {6, 13}, {1<<31 - 1, 13}, {1<<30 + 5, 1<<31 + 11}} {
		if got := w.Arm(c[0]); got != c[1] {
			t.Errorf("after %d: %d, want %d", c[0], got, c[1])
		}
	}
}

// TestFrozenFutex: a peer that keeps the futex word as it is cannot keep a wait from ending.
func TestFrozenFutex(t *testing.T) {
	p := newRing(t, 1, ring.Options{Side: ring.Producer})
	c, err := ring.Open(p.FD(), ring.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	seq := (*atomic.Uint32)(unsafe.Pointer(&words(t, p.FD(), 0)[192/4+2]))
	var stop atomic.Bool
	var peer sync.WaitGroup
	peer.Go(func() {
		for !stop.Load() {
			seq.Store(7)
			runtime.Gosched()
		}
	})
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		if _, err := c.WaitContent(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
	}
	done := make(chan error)
	go func() { _, err := c.WaitContent(t.Context(), 1); done <- err }()
	sleeping()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, <-done, ring.ErrClosed, "")
	stop.Store(true)
	peer.Wait()
	if err := c.Unmap(); err != nil {
		t.Fatal(err)
	}
}

// TestOtherWordSize has a 32-bit process read what this one writes.
func TestOtherWordSize(t *testing.T) {
	if runtime.GOARCH != "amd64" || testing.Short() {
		t.Skip("one side is a test of amd64")
	}
	for _, arch := range []string{"386", "arm"} {
		t.Run(arch, func(t *testing.T) {
			argv := []string{filepath.Join(t.TempDir(), "ring.test")}
			if arch == "arm" {
				argv = append([]string{testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static")}, argv...)
			}
			build := exec.Command(testutil.RequireTool(t, "go", "golang"), "test", "-c", "-o", argv[len(argv)-1], ".")
			build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got := feed(t, argv...); got != "2000 0\n" {
				t.Fatalf("%q", got)
			}
		})
	}
}

// feed starts a program that reads the ring at descriptor 3, writes 2000 frames, and returns what it says at the end.
func feed(t *testing.T, argv ...string) string {
	t.Helper()
	w := newWriter(t, crashOptions())
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"=read")
	cmd.ExtraFiles = []*os.File{file(t, w.FD())}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		mustWrite(t, w, crashMost)
		if i%10 == 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v, %q", err, got)
	}
	return string(got)
}

// Places in the file, see the documentation of the package.
const area, tablePlace, dataPlace = 64 << 10, 128 << 10, 192 << 10

// damagedFile makes a small file with frames that have gone round, and returns it as bytes, with the numbers of the oldest frame and the
// one after the last.
func damagedFile(t *testing.T) (o ring.FrameOptions, good []byte, oldest, next uint64) {
	t.Helper()
	o = ring.FrameOptions{Frames: 4, MaxFrame: 60, Bytes: 256}
	path := filepath.Join(t.TempDir(), "ring")
	w, err := ring.CreateFrameFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for range 11 {
		mustWrite(t, w, 60)
	}
	r := newReader(t, w.FD())
	f, _ := mustTry(t, r, 60)
	next = w.Next()
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
	if good, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return o, good, f.Seq, next
}

// checkDamaged opens a damaged file as a reader, as a writer and as a reader once more. What is read must be right; how many frames
// were read in the end is returned, or -1 for a superblock that was refused.
func checkDamaged(t *testing.T, o ring.FrameOptions, bad []byte, oldest, next uint64, what string) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	read := func(who string) (seen int) {
		r, err := ring.OpenFrameFile(path)
		if err != nil {
			wantErr(t, err, ring.ErrCorrupt, "")
			return -1
		}
		at := ^uint64(0)
		for {
			f, ok, err := r.TryNext()
			if errors.Is(err, ring.ErrCorrupt) || err == nil && !ok {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Seq < oldest || f.Seq >= next || !bytes.Equal(f.Bytes(), frameBytes(f.Seq, 60)) || f.Time != int64(f.Seq)*3-5 {
				t.Fatalf("%s: %s: frame %d is not one that was written: %x", what, who, f.Seq, f.Bytes())
			}
			if at != ^uint64(0) && f.Seq != at+1+f.Missed {
				t.Fatalf("%s: %s: frame %d after %d, %d missed", what, who, f.Seq, at, f.Missed)
			}
			at = f.Seq
			seen++
		}
		if err := r.Unmap(); err != nil {
			t.Fatal(err)
		}
		return seen
	}
	read("before")
	w, err := ring.CreateFrameFile(path, o)
	if err != nil {
		wantErr(t, err, ring.ErrCorrupt, "")
		return -1
	}
	seen := read("after")
	if w.Next() > next {
		t.Fatalf("%s: the writer goes on at %d, not %d", what, w.Next(), next)
	}
	if w.Next() == next || seen > 0 {
		// And on it goes.
		r, err := ring.OpenFrameFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.SkipToNewest(); err != nil {
			t.Fatal(err)
		}
		_, _, _ = r.TryNext()
		for range 9 {
			seq := mustWrite(t, w, 60)
			if f, ok := mustTry(t, r, 60); !ok || f.Seq != seq {
				t.Fatalf("%s: writing on: frame %d, %v, want %d", what, f.Seq, ok, seq)
			}
		}
		if err := r.Unmap(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
	return seen
}

// TestDamagedFile damages every byte that means something, one at a time.
func TestDamagedFile(t *testing.T) {
	testutil.OpenFDs(t)
	o, good, oldest, next := damagedFile(t)
	whole := checkDamaged(t, o, good, oldest, next, "as it was")
	if whole != int(next-oldest) || whole < 2 {
		t.Fatalf("%d frames, %d to %d", whole, oldest, next)
	}
	lost, step := 0, 1
	if emulator() != "" || testing.Short() {
		step = 5
	}
	for _, part := range [][2]int{{0, 204}, {area, area + 8}, {tablePlace, tablePlace + 4*32}, {dataPlace, dataPlace + 256}} {
		for at := part[0]; at < part[1]; at += step {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				bad := bytes.Clone(good)
				bad[at] ^= flip
				seen := checkDamaged(t, o, bad, oldest, next, fmt.Sprintf("byte %d ^ %#x", at, flip))
				switch {
				case (at < 48) != (seen == -1):
					t.Fatalf("byte %d ^ %#x: %d frames, -1 is for a damaged superblock", at, flip, seen)
				case at >= tablePlace && seen < whole-1:
					t.Fatalf("byte %d ^ %#x: %d of %d frames are left, one was damaged", at, flip, seen, whole)
				case at >= tablePlace && seen == whole-1:
					lost++
				}
			}
		}
	}
	if lost == 0 {
		t.Error("no damage was noticed")
	}
}

// TestRecoverAgain: a second recovery finds what the first found, also when the newest frame is damaged.
func TestRecoverAgain(t *testing.T) {
	o, good, _, next := damagedFile(t)
	for at := dataPlace; at < dataPlace+256; at += 16 {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		path := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		var first []uint64
		for round := range 3 {
			w, err := ring.CreateFrameFile(path, o)
			if err != nil || w.Next() != next {
				t.Fatalf("byte %d, round %d: %d, %v, want %d", at, round, w.Next(), err, next)
			}
			r := newReader(t, w.FD())
			var got []uint64
			for {
				f, ok := mustTry(t, r, 60)
				if !ok {
					break
				}
				got = append(got, f.Seq)
			}
			if round > 0 && !slices.Equal(got, first) {
				t.Fatalf("byte %d, round %d: frames %d, were %d", at, round, got, first)
			}
			first = got
			if err := w.Unmap(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRecoverOldest: frames whose place newer ones have taken do not come back, whatever the counter says.
func TestRecoverOldest(t *testing.T) {
	w := newWriter(t, ring.FrameOptions{Frames: 8, MaxFrame: 60, Bytes: 4 * 64})
	for range 21 {
		mustWrite(t, w, 60)
	}
	words(t, w.FD(), 0)[128/4+1] = 13
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	next, err := ring.OpenFrameWriter(w.FD())
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t, w.FD())
	for seq := uint64(17); seq < 21; seq++ {
		if f, ok := mustTry(t, r, 60); !ok || f.Seq != seq {
			t.Fatalf("frame %d, %v, want %d", f.Seq, ok, seq)
		}
	}
	if err := next.Unmap(); err != nil {
		t.Fatal(err)
	}
}

// TestTruncatedFile cuts the file after every byte that means something.
func TestTruncatedFile(t *testing.T) {
	o, good, oldest, next := damagedFile(t)
	step := 1
	if emulator() != "" || testing.Short() {
		step = 7
	}
	for _, part := range [][2]int{{0, 210}, {area - 3, area + 10}, {tablePlace - 2, tablePlace + 4*32 + 2}, {dataPlace - 2, dataPlace + 260}, {len(good) - 3, len(good)}} {
		for n := part[0]; n < part[1]; n += step {
			seen := checkDamaged(t, o, good[:n], oldest, next, fmt.Sprintf("%d bytes", n))
			if n < 48 && seen != -1 || n >= 48 && seen < 0 || n >= dataPlace+256 && seen != int(next-oldest) {
				t.Fatalf("cut after %d bytes: %d frames", n, seen)
			}
		}
	}
}

// TestHostileEntries: an entry that points outside the data is told, and so are numbers from the future.
func TestHostileEntries(t *testing.T) {
	const off, length, all = 2, 3, 256
	for _, c := range []struct{ word, value uint32 }{
		{off, 1}, {off, 63}, {off, all}, {off, all - 64 + 1}, {off, 1 << 31}, {off, 1<<32 - 64},
		{length, 61}, {length, all + 1}, {length, 1 << 31}, {length, 1<<32 - 1}, {0, 5}, {0, 0}, {1, 1},
	} {
		w := newWriter(t, ring.FrameOptions{Frames: 4, MaxFrame: 60, Bytes: all})
		r := newReader(t, w.FD())
		for range 2 {
			mustWrite(t, w, 60)
		}
		mustTry(t, r, 60)
		words(t, w.FD(), tablePlace)[8+c.word] = c.value
		f, ok, err := r.TryNext()
		if ok {
			t.Fatalf("word %d = %d: a frame of %d bytes", c.word, c.value, f.Len())
		}
		wantErr(t, err, ring.ErrCorrupt, "frame 1 is damaged")
		mustWrite(t, w, 60)
		if f, ok := mustTry(t, r, 60); !ok || f.Seq != 2 || f.Missed != 1 {
			t.Fatal(f, ok)
		}
	}
	w := newWriter(t, ring.FrameOptions{Frames: 4, MaxFrame: 60, Bytes: all})
	r := newReader(t, w.FD())
	// The end of the data: a frame may reach it and no further.
	for i := range 4 {
		b, err := w.Reserve(60)
		if err != nil {
			t.Fatal(err)
		}
		b[59] = byte(i)
		if _, err := w.Publish(60, 0); err != nil {
			t.Fatal(err)
		}
		if f, ok, err := r.TryNext(); !ok || f.Bytes()[59] != byte(i) {
			t.Fatal(ok, err)
		}
	}
	super := words(t, w.FD(), 0)
	super[128/4+1] = 9
	_, _, err := r.TryNext() // oldest after next
	wantErr(t, err, ring.ErrCorrupt, "")
	super[128/4+1] = 0
	super[64/4+1] = 3
	_, _, err = r.TryNext() // next goes back
	wantErr(t, err, ring.ErrCorrupt, "")
}

// FuzzFrames lays bytes over the mapped superblock, counters, and entries of a ring in memory or in a file.
func FuzzFrames(f *testing.F) {
	f.Add(uint8(0), uint16(0), []byte{1, 2, 3, 4})
	f.Add(uint8(1), uint16(64), bytes.Repeat([]byte{0xff}, 12))
	f.Add(uint8(2), uint16(128), []byte{1, 0, 0, 0, 9, 0, 0, 0, 1})
	f.Add(uint8(0), uint16(256+8), []byte{0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add(uint8(3), uint16(256+32), bytes.Repeat([]byte{1}, 64))
	f.Add(uint8(2), uint16(64), []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, how uint8, at uint16, over []byte) {
		o := ring.FrameOptions{Frames: 4, MaxFrame: 60, Bytes: 256}
		var w *ring.FrameWriter
		var err error
		if how&1 != 0 {
			w, err = ring.CreateFrameFile(filepath.Join(t.TempDir(), "ring"), o)
		} else {
			w, err = ring.NewFrameWriter(o)
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 11 {
			mustWrite(t, w, 60)
		}
		fd := file(t, w.FD())
		early := newReader(t, w.FD())
		if how&2 != 0 {
			if err := w.Unmap(); err != nil {
				t.Fatal(err)
			}
		}
		// 0 to 255 is the superblock, from 256 on the table of entries.
		for i, v := range over {
			place := int64(at%400) + int64(i)
			if place >= 256 {
				place += tablePlace - 256
			}
			if _, err := unix.Pwrite(int(fd.Fd()), []byte{v}, place); err != nil {
				t.Fatal(err)
			}
		}
		drain := func(r *ring.FrameReader) {
			b := make([]byte, 60)
			for range 20 {
				f, ok, err := r.TryNext()
				if err == nil && !ok {
					return
				}
				if err == nil {
					if f.Len() > 60 {
						t.Fatalf("a frame of %d bytes", f.Len())
					}
					_, _ = f.Copy(b)
				}
			}
		}
		drain(early)
		if late, err := openFrames(int(fd.Fd())); err == nil {
			drain(late)
			if err := late.Unmap(); err != nil {
				t.Fatal(err)
			}
		}
		if how&2 != 0 {
			if w, err = ring.OpenFrameWriter(int(fd.Fd())); err != nil {
				return
			}
		}
		for range 9 {
			if _, err := w.Write(make([]byte, w.MaxFrame()), 0); err != nil {
				t.Fatal(err)
			}
		}
		drain(early)
		if err := w.Unmap(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzControl lays bytes over the control area of a byte ring that is in use.
func FuzzControl(f *testing.F) {
	f.Add(uint16(64), []byte{1, 0, 0, 0})
	f.Add(uint16(128), []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(uint16(12), []byte{0, 0, 0, 0x80})
	f.Fuzz(func(t *testing.T, at uint16, over []byte) {
		r := newRing(t, 1, ring.Options{Name: "fuzzed"})
		r.Advance(300)
		_ = r.Content()
		r.Consume(100)
		for i, v := range over {
			if _, err := unix.Pwrite(r.FD(), []byte{v}, int64(at%320)+int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		touch := func(r *ring.Ring) {
			for range 3 {
				u, c := r.Unused(), r.Content()
				if len(u) > r.Size() || len(c) > r.Size() {
					t.Fatalf("%d and %d bytes of %d", len(u), len(c), r.Size())
				}
				clear(u)
				clear(c)
				if r.Err() == nil {
					r.Advance(len(u))
					r.Consume(len(c))
				}
			}
		}
		if o, err := ring.Open(r.FD(), ring.Both); err == nil {
			touch(o)
			if err := o.Unmap(); err != nil {
				t.Fatal(err)
			}
		}
		touch(r)
	})
}
