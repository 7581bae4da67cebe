package ring_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

// TestBetweenCallsInC: what happens between two system calls of the headers: the file is cut off, or another reader falls asleep.
func TestBetweenCallsInC(t *testing.T) {
	for _, c := range readersInC {
		t.Run(c.name, func(t *testing.T) {
			argv := c.build(t, "faults")
			for _, what := range []string{"arming", "counters", "truncated", "sealed"} {
				w := newWriter(t, ring.FrameOptions{Frames: 4, MaxFrame: 60, Bytes: 256})
				for range 3 {
					mustWrite(t, w, 60)
				}
				f := file(t, w.FD())
				if what != "arming" {
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
				}
				own, err := unix.MemfdCreate("unsealed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
				if err != nil {
					t.Fatal(err)
				}
				unsealed := os.NewFile(uintptr(own), "unsealed")
				defer unsealed.Close()
				st, err := f.Stat()
				if err != nil {
					t.Fatal(err)
				}
				content := make([]byte, st.Size())
				if _, err := f.ReadAt(content, 0); err != nil {
					t.Fatal(err)
				}
				if _, err := unsealed.Write(content); err != nil {
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:len(argv):len(argv)], what)...)
				cmd.ExtraFiles = []*os.File{f, unsealed}
				if out, err := cmd.CombinedOutput(); err != nil || string(out) != "ok\n" {
					t.Errorf("%s: %v: %s", what, err, out)
				}
			}
		})
	}
}
