package ring_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

// smallDisk is a file system of its own with room for some bytes, as /dev/shm may be.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("poolgen", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("mounting a tmpfs, which root may: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk: a ring whose file does not fit is an error, and leaves nothing behind; one that was made is never short of room again, however
// full the disk gets.
func TestFullDisk(t *testing.T) {
	testutil.OpenFDs(t)
	dir := smallDisk(t, 1<<20)
	path := filepath.Join(dir, "ring")
	_, err := ring.CreateFrameFile(path, ring.FrameOptions{Frames: 64, MaxFrame: 32 << 10})
	wantErr(t, err, unix.ENOSPC, "committing")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
	o := ring.FrameOptions{Frames: 8, MaxFrame: 64 << 10}
	w, err := ring.CreateFrameFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	junk, err := os.Create(filepath.Join(dir, "junk"))
	if err != nil {
		t.Fatal(err)
	}
	defer junk.Close()
	for err == nil {
		_, err = junk.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	r := newReader(t, w.FD())
	// Every byte of the file, and of what Sync and a successor write.
	for i := range 20 {
		if _, err := w.Write(bytes.Repeat([]byte{byte(i)}, 64<<10), 0); err != nil {
			t.Fatal(err)
		}
		if f, ok, err := r.TryNext(); !ok || err != nil || f.Bytes()[65535] != byte(i) {
			t.Fatal(ok, err)
		}
	}
	if err := errors.Join(w.Sync(), w.Unmap()); err != nil {
		t.Fatal(err)
	}
	w, err = ring.CreateFrameFile(path, o)
	if err != nil || w.Next() != 20 {
		t.Fatal(err)
	}
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
	// What was cut off, and has gone to others, cannot be mended; once they give it back it can.
	if err := r.Unmap(); err != nil {
		t.Fatal(err)
	}
	size, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, 200<<10)
	}
	for err == nil {
		_, err = junk.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	_, err = ring.CreateFrameFile(path, o)
	wantErr(t, err, unix.ENOSPC, "mending a file that was truncated")
	if err := junk.Truncate(0); err != nil {
		t.Fatal(err)
	}
	w, err = ring.CreateFrameFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != size.Size() {
		t.Errorf("%v, %v", st, err)
	}
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
	// The same with a hole, such as a copy has.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 200<<10, 100<<10); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = junk.Write(make([]byte, 4096))
	}
	_, err = ring.CreateFrameFile(path, o)
	wantErr(t, err, unix.ENOSPC, "committing the holes")
	if err := junk.Truncate(0); err != nil {
		t.Fatal(err)
	}
	w, err = ring.CreateFrameFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = junk.Write(make([]byte, 4096))
	}
	for range 20 {
		if _, err := w.Write(make([]byte, 64<<10), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
}

// TestUnsealed: memory that its other holder could cut off is refused by a writer too, before anything is written there.
func TestUnsealed(t *testing.T) {
	testutil.OpenFDs(t)
	w := newWriter(t, crashOptions())
	content, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", w.FD()))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.MemfdCreate("unsealed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, content); err != nil {
		t.Fatal(err)
	}
	_, err = ring.OpenFrameWriter(fd)
	wantErr(t, err, ring.ErrCorrupt, "lacks F_SEAL_SHRINK")
	if err := seal(fd); err != nil {
		t.Fatal(err)
	}
	sealed, err := ring.OpenFrameWriter(fd)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, sealed, crashMost)
	if err := sealed.Unmap(); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyDisk: frames can be read where nothing can be written.
func TestReadOnlyDisk(t *testing.T) {
	testutil.OpenFDs(t)
	dir := smallDisk(t, 1<<20)
	path := filepath.Join(dir, "ring")
	o := ring.FrameOptions{Frames: 4, MaxFrame: 60}
	w, err := ring.CreateFrameFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, w, 60)
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("poolgen", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("mounting it anew for reading: %v", err)
	}
	_, err = ring.CreateFrameFile(path, o)
	wantErr(t, err, unix.EROFS, "")
	_, err = ring.CreateFrameFile(path+"2", o)
	wantErr(t, err, unix.EROFS, "")
	r, err := ring.OpenFrameFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := mustTry(t, r, 60); !ok || f.Seq != 0 {
		t.Fatal(f, ok)
	}
	if err := r.Unmap(); err != nil {
		t.Fatal(err)
	}
}

// TestFileSizeLimit: what may not grow to its size is an error, in a file and in memory, and leaves nothing behind.
func TestFileSizeLimit(t *testing.T) {
	testutil.OpenFDs(t)
	dir := t.TempDir()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Skipf("reading the limit: %v", err)
	}
	signal.Ignore(unix.SIGXFSZ) // which ends a program that does not
	defer signal.Reset(unix.SIGXFSZ)
	low := limit
	low.Cur = 8 << 20 // which a log that go test has this process write does not reach
	large := crashOptions()
	large.Bytes = 16 << 20
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &low); err != nil {
		t.Skipf("setting the limit: %v", err)
	}
	_, fileErr := ring.CreateFrameFile(filepath.Join(dir, "ring"), large)
	_, memErr := ring.NewFrameWriter(large)
	_, ringErr := ring.New(16<<20, ring.Options{})
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{fileErr, memErr, ringErr} {
		wantErr(t, err, unix.EFBIG, "")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

// TestDescriptorLimit: with any number of descriptors left, each way to make or open a ring works or says that there are too few, and gives back
// those that it had taken.
func TestDescriptorLimit(t *testing.T) {
	testutil.OpenFDs(t)
	dir := t.TempDir()
	w := newWriter(t, crashOptions())
	b := newRing(t, 1, ring.Options{})
	type unmapper interface{ Unmap() error }
	ways := map[string]func() (unmapper, error){
		"New":             func() (unmapper, error) { return ring.New(1, ring.Options{}) },
		"Open":            func() (unmapper, error) { return ring.Open(b.FD(), ring.Consumer) },
		"NewFrameWriter":  func() (unmapper, error) { return ring.NewFrameWriter(crashOptions()) },
		"OpenFrameReader": func() (unmapper, error) { return ring.OpenFrameReader(w.FD()) },
		"CreateFrameFile": func() (unmapper, error) { return ring.CreateFrameFile(filepath.Join(dir, "ring"), crashOptions()) },
		"OpenFrameFile":   func() (unmapper, error) { return ring.OpenFrameFile(filepath.Join(dir, "there")) },
	}
	there, err := ring.CreateFrameFile(filepath.Join(dir, "there"), crashOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Unmap(); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Skipf("reading the limit: %v", err)
	}
	low := limit
	low.Cur = 64
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Skipf("setting the limit: %v", err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }()
	var taken []int
	defer func() {
		for _, fd := range taken {
			_ = unix.Close(fd)
		}
	}()
	take := func() (n int) {
		for {
			fd, err := unix.Dup(0)
			if err != nil {
				return n
			}
			if taken = append(taken, fd); len(taken) > 1000 {
				t.Skip("the limit does not hold here, such as under qemu")
			}
			n++
		}
	}
	give := func(n int) {
		for range n {
			_ = unix.Close(taken[len(taken)-1])
			taken = taken[:len(taken)-1]
		}
	}
	take()
	for name, way := range ways {
		failed := 0
		for free := 0; ; free++ {
			give(free)
			made, err := way()
			if err == nil {
				err = made.Unmap()
				if err != nil {
					t.Fatal(err)
				}
			} else {
				wantErr(t, err, unix.EMFILE, "")
				failed++
			}
			if n := take(); n != free {
				t.Fatalf("%s with %d descriptors, %v: %d are left", name, free, err, n)
			}
			if err == nil {
				break
			}
		}
		if failed == 0 {
			t.Errorf("%s takes no descriptor", name)
		}
		if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
			t.Errorf("%s left %q behind", name, left)
		}
	}
}

// childCut opens the ring in a file, and once that has been cut off touches what is gone, in place.
func childCut(path string, writes bool) error {
	var w *ring.FrameWriter
	var at []byte
	r, err := ring.OpenFrameFile(path)
	if writes && err == nil {
		if w, err = ring.CreateFrameFile(path, crashOptions()); err == nil {
			at, err = w.Reserve(crashMost)
		}
	} else if err == nil {
		var f ring.Frame
		for len(at) == 0 && err == nil { // the first is empty
			if f, _, err = r.TryNext(); err == nil {
				at = f.Bytes()
			}
		}
	}
	if err != nil {
		return err
	}
	fmt.Println("going")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	if writes {
		at[0] = 1
	}
	fmt.Println("survived", at[0])
	return nil
}

// TestCutOff: a file that is truncated under one that reads or writes in place ends that process by SIGBUS, as the documentation says, and no other;
// the next writer mends the file.
func TestCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	for _, what := range []string{"cut reader", "cut writer"} {
		w, err := ring.CreateFrameFile(path, crashOptions())
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, w, crashMost)
		seq := mustWrite(t, w, crashMost)
		if err := w.Unmap(); err != nil {
			t.Fatal(err)
		}
		cmd := command(t, what, []string{path})
		var errs strings.Builder
		cmd.Stderr = &errs
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if line, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("%s: %q, %v, %s", what, line, err, errs.String())
		}
		if err := os.Truncate(path, 4096); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(in)
		line, _ := lines.ReadString('\n')
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || line != "" || !strings.Contains(errs.String(), "SIGBUS") && !strings.Contains(errs.String(), "signal 7") {
			t.Errorf("%s: %q, %v, %s", what, line, err, errs.String())
		}
		if w, err = ring.CreateFrameFile(path, crashOptions()); err != nil {
			t.Fatalf("%s: mending: %v", what, err)
		}
		if w.Next() < seq {
			t.Errorf("%s: the next frame is %d", what, w.Next())
		}
		mustWrite(t, w, crashMost)
		if err := w.Unmap(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClosedReader: what is left of a reader after Unmap touches no memory.
func TestClosedReader(t *testing.T) {
	w := newWriter(t, crashOptions())
	mustWrite(t, w, crashMost)
	r, err := ring.OpenFrameReader(w.FD())
	if err != nil {
		t.Fatal(err)
	}
	f, _ := mustTry(t, r, crashMost)
	if err := r.Unmap(); err != nil {
		t.Fatal(err)
	}
	if f.Valid() {
		t.Error("a frame of a closed reader is valid")
	}
	_, copyErr := f.Copy(make([]byte, crashMost))
	_, _, tryErr := r.TryNext()
	for _, err := range []error{copyErr, tryErr, r.SkipToNewest()} {
		wantErr(t, err, ring.ErrClosed, "")
	}
}
