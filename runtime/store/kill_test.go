package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

const childEnv = "POOLGEN_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child puts frames until it is killed, and says which are acknowledged: their number, first and last ID, and the time of the first; the
// others have the times after it.
func child(dir string) error {
	p, err := pool.New(256, pool.Options{Max: 64})
	if err != nil {
		return err
	}
	s, err := Open(Options{Dir: dir, Pool: p, Hot: 4096, Segment: 8 << 10, Warm: 16 << 10})
	if err != nil {
		return err
	}
	if err := s.Pin("everything", math.MinInt64, math.MaxInt64); err != nil {
		return err
	}
	at := time.Now().UnixNano()
	for {
		from, first, last := at, ID(0), ID(0)
		n := rand.IntN(12) + 1
		for range n {
			b, err := p.Get()
			if err != nil {
				return err
			}
			b.SetLen(200)
			fill(b.Bytes(), at)
			id, err := s.Put(b, at)
			b.Release()
			if err != nil {
				return err
			}
			if first == 0 {
				first = id
			}
			last = id
			at++
		}
		if err := s.Sync(context.Background()); err != nil {
			return err
		}
		fmt.Println(n, uint64(first), uint64(last), from)
	}
}

// A process that is killed with SIGKILL at any time leaves all that it acknowledged.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, 256, 64)
	acked := map[ID]int64{}
	newest := ID(0)
	cut := int64(0)
	for round := range rounds(8, 300) {
		args := testutil.Self(t)
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := 1 + rand.IntN(30); lines.Scan(); left-- {
			var n int
			var first, last ID
			var at int64
			if _, err := fmt.Sscan(lines.Text(), &n, &first, &last, &at); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if first <= newest || last != first+ID(n)-1 {
				t.Fatalf("IDs %d to %d come after %d", first, last, newest)
			}
			newest = last
			for i := range ID(n) {
				acked[first+i] = at + int64(i)
			}
			if left == 0 {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the child ended with %v: %s", err, stderr.String())
		}
		s := open(t, Options{Dir: dir, Pool: p, Hot: 4096, Segment: 8 << 10, Warm: 16 << 10})
		cut += s.Recovery().Cut
		there := map[ID]bool{}
		for f, err := range s.Range(t.Context(), math.MinInt64, math.MaxInt64) {
			if err != nil {
				t.Fatal(err)
			}
			if at, ok := acked[f.ID]; ok && at != f.Time {
				t.Fatalf("frame %d has time %d, not %d", f.ID, f.Time, at)
			}
			check(t, f, 200, f.Time)
			there[f.ID] = true
			newest = max(newest, f.ID)
			f.Release()
		}
		for id := range acked {
			if !there[id] {
				t.Fatalf("round %d: frame %d is gone; there are %d, %+v", round, id, len(there), s.Recovery())
			}
		}
		if r := s.Recovery(); r.Damaged != 0 || r.Unreadable != nil {
			t.Errorf("recovery is %+v", r)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d frames acknowledged, %d bytes cut", len(acked), cut)
}

// The disk is full, really.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small tmpfs needs root; TestFailingDisk does it with a folder that fails")
	}
	dir := t.TempDir()
	if err := syscall.Mount("store", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("mounting a small tmpfs: %v; TestFailingDisk does it with a folder that fails", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	p := newPool(t, 4096, 64)
	o := Options{Dir: dir, Pool: p, Hot: 16 * 4096, Segment: 16 << 10, Warm: 1 << 20, Flush: time.Millisecond}
	s := open(t, o)
	var ids []ID
	var full error
	for i := int64(0); full == nil; i++ {
		b, err := p.Get()
		if err != nil {
			t.Fatal(err)
		}
		fill(b.Bytes(), i)
		id, err := s.Put(b, i)
		b.Release()
		if err == nil {
			ids = append(ids, id)
		}
		full = s.Sync(t.Context())
	}
	if !strings.Contains(full.Error(), "no space left") || len(ids) < 30 || len(ids) > 64 {
		t.Fatalf("after %d frames: %v", len(ids), full)
	}
	for i := range int64(100) { // memory goes on as far as it goes
		id, err := put(t, s, p, 4096, int64(len(ids)))
		if err == nil {
			ids = append(ids, id)
		} else if i < 4 {
			t.Fatal(err)
		}
	}
	all := func() {
		t.Helper()
		for i, id := range ids {
			f, err := s.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			check(t, f, 4096, int64(i))
			f.Release()
		}
	}
	all()
	if err := syscall.Mount("store", dir, "tmpfs", syscall.MS_REMOUNT, "size=2m"); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	all()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	all()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// And a disk that cannot be written to serves what is there, and says so.
	if err := syscall.Mount("store", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if r := s.Recovery(); !errors.Is(r.ReadOnly, syscall.EROFS) {
		t.Errorf("recovery is %+v", r)
	}
	all()
	if _, err := put(t, s, p, 1, 1); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Put on a read-only disk: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	o.Dir = filepath.Join(dir, "new")
	if s, err := Open(o); err == nil || !errors.Is(err, syscall.EROFS) {
		t.Errorf("a new folder on a read-only disk: %v, %v", s, err)
	}
}

// A disk turns read-only while frames are being written.
func TestTurnsReadOnly(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small tmpfs needs root; TestFailingDisk does it with a folder that fails")
	}
	dir := t.TempDir()
	if err := syscall.Mount("store", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting a small tmpfs: %v; TestFailingDisk does it with a folder that fails", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	p := newPool(t, 256, 64)
	f := &faulty{folder: must(openFolder(dir, false))}
	o := small(p, "")
	o.fs = f
	s := open(t, o)
	fillStore(t, s, p, 0, 40)
	// A tmpfs with files open for writing cannot be made read-only, so the folder says what such a disk says.
	f.set(func(op, name string) error {
		if op == "read" {
			return nil
		}
		return syscall.EROFS
	})
	n := int64(40)
	for {
		_, err := put(t, s, p, 200, n)
		if errors.Is(err, ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if err := s.Sync(t.Context()); !errors.Is(err, syscall.EROFS) {
		t.Errorf("syncing: %v", err)
	}
	if st := s.Stats(); n < 44 || !errors.Is(st.Err, syscall.EROFS) {
		t.Errorf("%d frames, %+v", n, st)
	}
	run(t, times(t, s), 0, n)
	if err := s.Close(); !errors.Is(err, syscall.EROFS) {
		t.Errorf("closing: %v", err)
	}
	if err := syscall.Mount("store", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	o.fs, o.Dir = nil, dir
	s = open(t, o)
	got := times(t, s) // and whole ones that were not acknowledged
	run(t, got, 0, max(40, int64(len(got))))
}

// A folder that may not be written to.
func TestReadOnlyFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write to any folder; TestFullDisk does it with a read-only mount")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if s, err := Open(Options{Dir: dir, Pool: newPool(t, 64, 4), Hot: 64}); err == nil || !os.IsPermission(err) && !strings.Contains(err.Error(), "permission") {
		t.Errorf("opening in a read-only folder: %v, %v", s, err)
	}
}
