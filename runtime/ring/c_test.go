package ring_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

// readerInC is a way to build testdata/reader.c and writer.c.
type readerInC struct {
	name, compiler, debian string
	args                   []string
	emulator               string
}

var readersInC = []readerInC{
	{"gcc", "gcc", "gcc", []string{"-std=c11", "-static"}, ""},
	{"g++", "g++", "g++", []string{"-std=c++17", "-x", "c++"}, ""},
	{"clang", "clang", "clang", []string{"-std=c11"}, ""},
	{"asan", "gcc", "gcc", []string{"-std=c11", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}, ""},
	{"arm", "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf", []string{"-std=c11", "-static"}, "qemu-arm-static"},
}

// build compiles a program of testdata and returns how to start it.
func (c readerInC) build(t *testing.T, name string) []string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("one side is a test of amd64")
	}
	argv := []string{filepath.Join(t.TempDir(), "reader")}
	if c.emulator != "" {
		argv = append([]string{testutil.RequireTool(t, c.emulator, "qemu-user-static")}, argv...)
	}
	args := slices.Concat(c.args, []string{"-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-I../../include",
		"-o", argv[len(argv)-1], "testdata/" + name + ".c"})
	if out, err := exec.Command(testutil.RequireTool(t, c.compiler, c.debian), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return argv
}

// TestReaderInC has programs in C and C++, of 64 and 32 bit, read what this one writes.
func TestReaderInC(t *testing.T) {
	for _, c := range readersInC {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := feed(t, c.build(t, "reader")...); got != "2000\n" {
				t.Fatalf("%q", got)
			}
		})
	}
}

// lookAt says what the reader in Go finds in a file, in the form of testdata/reader.c.
func lookAt(t *testing.T, path string) string {
	t.Helper()
	r, err := ring.OpenFrameFile(path)
	if err != nil {
		wantErr(t, err, ring.ErrCorrupt, "")
		return "refused"
	}
	sum, corrupt := uint32(0), 0
	for {
		f, ok, err := r.TryNext()
		if err != nil {
			corrupt = 1
		}
		if !ok {
			break
		}
		for _, v := range f.Bytes() {
			sum = sum*31 + uint32(v)
		}
		sum += uint32(f.Seq) + uint32(f.Missed)
	}
	s := r.Stats()
	if err := r.Unmap(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %d %d %d %d", s.Seen, s.Missed, s.Damaged, sum, corrupt)
}

// TestDamageInC: whatever byte of a file is damaged, and wherever it is cut, the reader in C finds what the one in Go does.
func TestDamageInC(t *testing.T) {
	for _, c := range readersInC {
		if c.name != "asan" && c.name != "arm" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			argv := c.build(t, "reader")
			_, good, _, _ := damagedFile(t)
			var want []string
			dir := t.TempDir()
			try := func(content []byte) {
				path := filepath.Join(dir, fmt.Sprint(len(want)))
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				argv = append(argv, path)
				want = append(want, lookAt(t, path))
			}
			try(good)
			step := 3
			if testing.Short() {
				step = 11
			}
			for _, part := range [][2]int{{0, 204}, {tablePlace, tablePlace + 4*32}, {dataPlace, dataPlace + 256}} {
				for at := part[0]; at < part[1]; at += step {
					for _, flip := range []byte{0x01, 0x80} {
						bad := bytes.Clone(good)
						bad[at] ^= flip
						try(bad)
					}
				}
			}
			for _, n := range []int{0, 1, 47, 48, area, tablePlace, dataPlace - 1, dataPlace, len(good) - 1} {
				try(good[:n])
			}
			// In memory, with nothing but the numbers to go by.
			const off, length = 2, 3
			for _, c := range []struct{ place, value uint32 }{
				{tablePlace + 32 + 4*off, 1}, {tablePlace + 32 + 4*off, 256}, {tablePlace + 32 + 4*off, 256 - 63}, {tablePlace + 32 + 4*off, 1 << 31},
				{tablePlace + 32 + 4*off, 1<<32 - 64}, {tablePlace + 32 + 4*length, 61}, {tablePlace + 32 + 4*length, 1 << 31}, {tablePlace + 32 + 4*length, 1<<32 - 1},
				{tablePlace + 32, 0}, {tablePlace + 32, 5}, {tablePlace + 36, 1}, {64 + 4, 1}, {64 + 4, 1 << 31}, {64, 7}, {128 + 4, 9}, {128 + 4, 1<<32 - 1}, {128 + 8, 1},
			} {
				w := newWriter(t, ring.FrameOptions{Frames: 4, MaxFrame: 60, Bytes: 256})
				for range 3 {
					mustWrite(t, w, 60)
				}
				words(t, w.FD(), int64(c.place)&^4095)[c.place%4096/4] = c.value
				path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), w.FD())
				argv = append(argv, path)
				want = append(want, lookAt(t, path))
			}
			// The same bytes in a memfd that anybody may cut off.
			w := newWriter(t, ring.FrameOptions{Frames: 4, MaxFrame: 60, Bytes: 256})
			mustWrite(t, w, 60)
			content, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", w.FD()))
			if err != nil {
				t.Fatal(err)
			}
			unsealed, err := unix.MemfdCreate("unsealed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(unsealed)
			if _, err := unix.Write(unsealed, content); err != nil {
				t.Fatal(err)
			}
			path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), unsealed)
			argv = append(argv, path)
			want = append(want, lookAt(t, path))
			if last := want[len(want)-1]; last != "refused" {
				t.Errorf("an unsealed ring: %q", last)
			}
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			if len(got) != len(want) {
				t.Fatalf("%d of %d lines", len(got), len(want))
			}
			damaged := 0
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("file %d: in C %q, in Go %q", i, got[i], want[i])
				}
				if got[i] != got[0] && got[i] != "refused" {
					damaged++
				}
			}
			if damaged < 20 {
				t.Errorf("only %d files differ from the good one", damaged)
			}
		})
	}
}

// TestWriterInC: programs in C and C++ write, until they are done or killed, one after the other and in turn with a writer in Go. Who reads sees whole
// frames only, and loses count of none.
func TestWriterInC(t *testing.T) {
	for _, c := range readersInC {
		t.Run(c.name, func(t *testing.T) {
			argv := c.build(t, "writer")
			w, err := ring.NewFrameWriter(crashOptions())
			if err != nil {
				t.Fatal(err)
			}
			f := file(t, w.FD())
			var end io.Closer // of the input of the last
			start := func(args ...string) (*exec.Cmd, *bufio.Reader) {
				cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:len(argv):len(argv)], args...)...)
				cmd.ExtraFiles = []*os.File{f}
				cmd.Stderr = os.Stderr
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				end = in
				out, err := cmd.StdoutPipe()
				if err == nil {
					err = cmd.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				return cmd, bufio.NewReader(out)
			}
			r := newReader(t, w.FD())
			if err := w.Unmap(); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, crashMost)
			var next, torn uint64
			check := func(f ring.Frame) {
				t.Helper()
				if f.Seq != next+f.Missed-torn || f.Time != int64(f.Seq)*3-5 {
					t.Fatalf("frame %d after %d, %d missed, time %d", f.Seq, next, f.Missed, f.Time)
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
			read := func() {
				for {
					f, ok, err := r.TryNext()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						return
					}
					check(f)
				}
			}
			rnd := rand.New(rand.NewPCG(3, 3))
			for round := range 6 {
				cmd, out := start("0")
				if _, err := out.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				if _, err := ring.OpenFrameWriter(int(f.Fd())); !errors.Is(err, ring.ErrBusy) {
					t.Errorf("a writer in Go beside one in C: %v", err)
				}
				for end := time.Now().Add(time.Duration(rnd.IntN(5000)) * time.Microsecond); time.Now().Before(end); {
					read()
				}
				kill(t, cmd)
				read()
				if round%2 == 0 {
					continue // the next program recovers
				}
				w, err := ring.OpenFrameWriter(int(f.Fd()))
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
			// And to the end, with a reader that sleeps.
			last := next + 500
			cmd, _ := start(fmt.Sprint(last), "wait")
			for next < last {
				f, err := r.Next(t.Context())
				if errors.Is(err, io.EOF) {
					continue // from the writer before
				}
				if err != nil {
					t.Fatal(err)
				}
				check(f)
			}
			if err := errors.Join(end.Close(), cmd.Wait()); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			if s := r.Stats(); s.Seen+s.Missed != next || s.Damaged != 0 || s.Seen == 0 {
				t.Fatalf("%+v at %d", s, next)
			}
		})
	}
}

// TestWriterModelInC: after each frame that a program in C writes everything in the ring is whole, whether it is full by number or by bytes.
func TestWriterModelInC(t *testing.T) {
	for _, c := range readersInC {
		t.Run(c.name, func(t *testing.T) {
			argv := c.build(t, "writer")
			for _, o := range []ring.FrameOptions{{Frames: 4, MaxFrame: 300, Bytes: 4096}, {Frames: 64, MaxFrame: 700, Bytes: 1920}, {Frames: 7, MaxFrame: 500, Bytes: 2048}} {
				w := newWriter(t, o)
				f := file(t, w.FD())
				if err := w.Unmap(); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(argv[0], append(argv[1:len(argv):len(argv)], "model")...)
				cmd.ExtraFiles = []*os.File{f}
				cmd.Stderr = os.Stderr
				out, err := cmd.Output()
				if n, _ := strconv.Atoi(strings.TrimSpace(string(out))); err != nil || n < 2 {
					t.Fatalf("%+v: %v, %q frames kept", o, err, out)
				}
			}
		})
	}
}
