package ring_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

// TestTruncatedUnder: somebody truncates a file that is mapped. Every call ends with an error, and the program goes on.
func TestTruncatedUnder(t *testing.T) {
	if name := emulator(); name != "" {
		t.Skipf("%s does not tell the address of a fault, and without it nobody knows whose it is", name)
	}
	testutil.OpenFDs(t)
	for _, size := range []int64{0, area, tablePlace, dataPlace} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ring")
			o := ring.FrameOptions{Frames: 8, MaxFrame: 5000}
			w, err := ring.CreateFrameFile(path, o)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				mustWrite(t, w, 5000)
			}
			r, err := ring.OpenFrameFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = mustTry(t, r, 5000) // which is empty
			f, ok := mustTry(t, r, 5000)
			if !ok || f.Len() == 0 {
				t.Fatal("no frame")
			}
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			calls := map[string]func() error{
				"Next":    func() error { _, err := r.Next(t.Context()); return err },
				"TryNext": func() error { _, _, err := r.TryNext(); return err },
				"Copy":    func() error { _, err := f.Copy(make([]byte, 5000)); return err },
				"Write":   func() error { _, err := w.Write(make([]byte, 5000), 0); return err },
			}
			if size == 0 { // the counters are gone too
				calls["SkipToNewest"] = r.SkipToNewest
				if f.Valid() {
					t.Error("a frame is valid in a file that is empty")
				}
			}
			for name, call := range calls {
				if err := call(); !errors.Is(err, ring.ErrCorrupt) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := errors.Join(r.Unmap(), w.Unmap()); err != nil {
				t.Error(err)
			}
			if size == 0 {
				return // nothing says any more what it was
			}
			_, err = ring.OpenFrameFile(path)
			wantErr(t, err, ring.ErrCorrupt, "truncated from")
			if w, err = ring.CreateFrameFile(path, o); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, w, 5000)
			if err := w.Unmap(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTruncatedAsleep: a reader that sleeps in a file that is truncated wakes, though nobody can reach the word that it sleeps on any more.
func TestTruncatedAsleep(t *testing.T) {
	if name := emulator(); name != "" {
		t.Skipf("%s does not tell the address of a fault, and without it nobody knows whose it is", name)
	}
	path := filepath.Join(t.TempDir(), "ring")
	w, err := ring.CreateFrameFile(path, ring.FrameOptions{Frames: 8, MaxFrame: 60})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ring.OpenFrameFile(path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := r.Next(t.Context())
		done <- err
	}()
	sleeping()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		wantErr(t, err, ring.ErrCorrupt, "truncated while it was mapped")
	case <-time.After(30 * time.Second):
		t.Fatal("it sleeps for ever")
	}
	if err := errors.Join(r.Unmap(), w.Unmap()); err != nil {
		t.Error(err)
	}
}

// copyOf copies a ring in a file to a memfd.
func copyOf(t *testing.T, path string) int {
	t.Helper()
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	fd, err := unix.MemfdCreate("claims to be a file", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	to := os.NewFile(uintptr(fd), "copy")
	t.Cleanup(func() { to.Close() })
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestMemoryThatClaimsToBeAFile: who passes a descriptor could truncate it, and is refused whatever the superblock says, until it is sealed.
func TestMemoryThatClaimsToBeAFile(t *testing.T) {
	testutil.OpenFDs(t)
	path := filepath.Join(t.TempDir(), "ring")
	w, err := ring.CreateFrameFile(path, ring.FrameOptions{Frames: 8, MaxFrame: 60})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, w, 60)
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := copyOf(t, path)
	for _, fd := range []int{fd, int(f.Fd())} {
		_, err = ring.OpenFrameReader(fd)
		wantErr(t, err, ring.ErrCorrupt, "open a ring in a file by its path")
		_, err = ring.OpenFrameWriter(fd)
		wantErr(t, err, ring.ErrCorrupt, "open a ring in a file by its path")
	}
	// One that is shorter than it says is not made longer for its owner.
	if err := unix.Ftruncate(fd, area); err != nil {
		t.Fatal(err)
	}
	_, err = ring.OpenFrameWriter(fd)
	wantErr(t, err, ring.ErrCorrupt, "")
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size != area {
		t.Errorf("%d bytes, %v", st.Size, err)
	}
	fd = copyOf(t, path)
	if err := seal(fd); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, fd)
	if f, ok := mustTry(t, r, 60); !ok || f.Seq != 0 {
		t.Error(f, ok)
	}
}
