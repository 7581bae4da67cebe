package ctest

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
	"golang.org/x/sys/unix"
)

// TestHostileArenas damages one word after the other: poolgen_check refuses what pool.Open refuses, and nothing else.
func TestHostileArenas(t *testing.T) {
	p := shared(t, 1000, pool.Options{Max: 4, External: 4})
	good := make([]byte, p.ArenaSize())
	if _, err := unix.Pread(p.FD(), good, 0); err != nil {
		t.Fatal(err)
	}
	settle(t, p, 0)
	const desc, header0 = 256, 512 + 64*64
	type word struct {
		name  string
		off   int
		value uint32
		fine  bool
	}
	cases := []word{
		{"undamaged", 0, binary.NativeEndian.Uint32(good), true},
		{"magic", 0, 0, false},
		{"version", 4, 2, false},
		{"endianness", 8, 0x04030201, false},
		{"header size", 12, 32, false},
		{"arena id", 16, 0, true},
		{"arena size 0", 24, 0, false},
		{"arena size", 24, 1 << 30, false},
		{"arena size huge", 28, 1 << 31, false},
		{"pools", 32, 2, false},
		{"descriptor", 36, 4, false},
		{"stride zero", desc + 4, 0, false},
		{"stride odd", desc + 4, 1001, false},
		{"stride huge", desc + 4, 0xffffffc0, false},
		{"capacity zero", desc + 8, 0, false},
		{"capacity", desc + 8, 5000, false},
		{"capacity other", desc + 8, 999, false}, // the headers say otherwise
		{"blocks zero", desc + 12, 0, false},
		{"blocks more", desc + 12, 5, false},
		{"blocks huge", desc + 12, 0xffffffff, false},
		{"external huge", desc + 16, 0x80000000, false},
		{"external wraps", desc + 16, 0xfffffffc, false}, // 0 with the fixed ones, in 32 bits
		{"external overlap", desc + 16, 61, false},
		{"prealloc", desc + 20, 5, false},
		{"hint slots", desc + 24, 1 << 20, false},
		{"headers", desc + 28, 0, false},
		{"payloads low", desc + 32, 64, false},
		{"payloads odd", desc + 32, 8200, false},
		{"payloads end", desc + 32, uint32(len(good)), false},
		{"payloads huge", desc + 36, 1, false},
		{"payloads wrap", desc + 36, 0xffffffff, false},
		{"budget", desc + 40, 0, true},
		{"limit", desc + 48, 5, false},
		{"opened", desc + 64, 5, false},
		{"cursor", desc + 100, 0xffffffff, true},
		{"header payload", header0 + 16, 1, false},
		{"header capacity", header0 + 64 + 12, 1 << 31, false},
		{"header canary", header0 + 128 + 24, 0, false},
		{"last header", header0 + 3*64 + 16, 0xffffffff, false},
		{"header length", header0 + 8, 0xffffffff, true},
		{"hint", 512, 0xffffffff, true},
	}
	eachPeer(t, func(t *testing.T, c peer) {
		verdict := func(t *testing.T, content []byte, fine bool) {
			f := memfd(t, content)
			q, err := pool.Open(int(f.Fd()))
			if err == nil {
				err = q.Close()
			} else if !errors.Is(err, pool.ErrCorrupt) {
				t.Fatal(err)
			}
			if (err == nil) != fine {
				t.Errorf("Go says %v", err)
			}
			want := "-5"
			if fine {
				want = "0"
			}
			if out := c.run(t, []*os.File{f}, c.program, "check"); out != want {
				t.Errorf("C says %q, want %q", out, want)
			}
		}
		for _, w := range cases {
			t.Run(strings.ReplaceAll(w.name, " ", "-"), func(t *testing.T) {
				bad := append([]byte(nil), good...)
				binary.NativeEndian.PutUint32(bad[w.off:], w.value)
				verdict(t, bad, w.fine)
			})
		}
		t.Run("truncated", func(t *testing.T) { verdict(t, good[:len(good)-4096], false) })
		t.Run("tiny", func(t *testing.T) { verdict(t, good[:100], false) })
		t.Run("longer", func(t *testing.T) { verdict(t, append(good[:len(good):len(good)], make([]byte, 4096)...), true) })
	})
}

func memfd(t *testing.T, content []byte) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "arena")
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
		t.Fatal(err)
	}
	return f
}
