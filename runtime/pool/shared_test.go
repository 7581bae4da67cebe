package pool_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
	"golang.org/x/sys/unix"
)

func TestSharedArenaIsSeenFromBothSides(t *testing.T) {
	p := newPool(t, 1000, pool.Options{Max: 4, Shared: true})
	q, err := pool.Open(p.FD())
	if err != nil {
		t.Fatal(err)
	}
	b := take(t, p)
	copy(b.Bytes(), "frame")
	b.SetLen(5)
	c, err := q.Buf(b.Retain().Handle())
	if err != nil || string(c.Bytes()) != "frame" {
		t.Fatalf("%q, %v", c.Bytes(), err)
	}
	b.Release()
	if p.Stats().Outstanding != 1 {
		t.Fatal("released for both")
	}
	c.Release()
	d := take(t, q)
	if s := reconcile(t, p, 1); s.Acquired != 2 {
		t.Fatalf("%+v", s)
	}
	if _, err := q.Adopt(make([]byte, 8), nil); err == nil {
		t.Fatal("a slice of this process joined a shared arena of another")
	}
	d.Release()
	closePool(t, q)
	if _, err := q.Get(); !errors.Is(err, pool.ErrClosed) {
		t.Fatalf("get from a closed view: %v", err)
	}
	take(t, p).Release()
	closePool(t, p)
	if p.FD() != -1 {
		t.Fatal("memfd left open")
	}
}

// TestOpenRefusesCorruptArenas damages one word after the other.
func TestOpenRefusesCorruptArenas(t *testing.T) {
	p := newPool(t, 1000, pool.Options{Max: 4, Shared: true})
	good := make([]byte, p.ArenaSize())
	if _, err := unix.Pread(p.FD(), good, 0); err != nil {
		t.Fatal(err)
	}
	const desc, header0 = 256, 512 + 64*64
	for _, c := range []struct {
		name  string
		off   int
		value uint32
		want  string
	}{
		{"magic", 0, 0, "magic"},
		{"version", 4, 2, "ABI version is 2"},
		{"endianness", 8, 0x04030201, "byte order"},
		{"header size", 12, 32, "not the layout"},
		{"arena size", 24, 1 << 30, "truncated"},
		{"arena size huge", 28, 1 << 31, "truncated"},
		{"pools", 32, 2, "not the layout"},
		{"descriptor", 36, 4, "not the layout"},
		{"stride zero", desc + 4, 0, "stride of 0"},
		{"stride odd", desc + 4, 1001, "stride of 1001"},
		{"stride huge", desc + 4, 0xffffffc0, "do not fit"},
		{"capacity", desc + 8, 5000, "capacity 5000"},
		{"blocks zero", desc + 12, 0, "0 blocks"},
		{"blocks huge", desc + 12, 0xffffffff, "4294967295 blocks"},
		{"external huge", desc + 16, 0x80000000, "external"},
		{"prealloc", desc + 20, 5, "prealloc 5"},
		{"hint slots", desc + 24, 1 << 20, "hint slots"},
		{"headers", desc + 28, 0, "not the layout"},
		{"payloads low", desc + 32, 64, "overlap"},
		{"payloads huge", desc + 36, 1, "overlap"},
		{"limit", desc + 48, 5, "limit 5"},
		{"opened", desc + 64, 5, "5 blocks opened"},
		{"header payload", header0 + 16, 1, "block 0 is damaged"},
		{"header capacity", header0 + 64 + 12, 1 << 31, "block 1 is damaged"},
		{"header canary", header0 + 128 + 24, 0, "block 2 is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := append([]byte(nil), good...)
			binary.NativeEndian.PutUint32(bad[c.off:], c.value)
			wantCorrupt(t, memfd(t, bad, true), c.want)
		})
	}
	t.Run("truncated", func(t *testing.T) { wantCorrupt(t, memfd(t, good[:len(good)-4096], true), "truncated") })
	t.Run("tiny", func(t *testing.T) { wantCorrupt(t, memfd(t, good[:100], true), "100 bytes cannot hold one") })
	t.Run("unsealed", func(t *testing.T) { wantCorrupt(t, memfd(t, good, false), "F_SEAL_SHRINK") })
	t.Run("file", func(t *testing.T) {
		f, err := os.Create(t.TempDir() + "/arena")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Write(good); err != nil {
			t.Fatal(err)
		}
		wantCorrupt(t, int(f.Fd()), "F_SEAL_SHRINK")
	})
	t.Run("closed descriptor", func(t *testing.T) {
		if _, err := pool.Open(1 << 20); !errors.Is(err, unix.EBADF) {
			t.Fatal(err)
		}
	})
	t.Run("undamaged", func(t *testing.T) {
		q, err := pool.Open(memfd(t, good, true))
		if err != nil {
			t.Fatal(err)
		}
		closePool(t, q)
	})
}

func wantCorrupt(t *testing.T, fd int, want string) {
	t.Helper()
	before := openFiles(t)
	p, err := pool.Open(fd)
	if err == nil {
		t.Fatalf("opened %+v", p.Stats())
	}
	if !errors.Is(err, pool.ErrCorrupt) || !strings.Contains(err.Error(), want) {
		t.Fatalf("%v; want %q", err, want)
	}
	if after := openFiles(t); after != before {
		t.Fatalf("%d descriptors open, %d before", after, before)
	}
}

// A peer that writes nonsense into a header while it is in use harms nobody's memory.
func TestHostileLengthIsClamped(t *testing.T) {
	p := newPool(t, 1000, pool.Options{Max: 1, Shared: true})
	b := take(t, p)
	var word [4]byte
	binary.NativeEndian.PutUint32(word[:], 0xffffffff) // negative as an int32: regression, a length over 2^31
	if _, err := unix.Pwrite(p.FD(), word[:], 512+64*64+8); err != nil {
		t.Fatal(err)
	}
	if b.Len() != 1000 || len(b.Bytes()) != 1000 {
		t.Fatalf("len %d", b.Len())
	}
}

func memfd(t *testing.T, content []byte, sealed bool) int {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Close(fd) })
	if _, err := unix.Pwrite(fd, content, 0); err != nil {
		t.Fatal(err)
	}
	if sealed {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
