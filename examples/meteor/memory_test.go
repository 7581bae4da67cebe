package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

const (
	childEnv   = "POOLGEN_METEOR_NIGHT" // the length of the night that a child process watches, and its folder
	diskEnv    = "POOLGEN_DISK"         // see scripts/vm/exec.sh
	mostMemory = 64 << 20
)

// memories is what a child had in a part of its night.
type memories struct{ resident, pools int64 }

func (m *memories) add(o memories) {
	m.resident, m.pools = max(m.resident, o.resident), max(m.pools, o.pools)
}

// TestMemory watches a night in a process of its own, which may have 64 MiB: in a cgroup if there can be one, so that the kernel sees to it. The
// process does not grow. POOLGEN_LONG=1 is a night of an hour, and so is user-mode Linux without -short.
func TestMemory(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		child(t)
		return
	}
	switch {
	case raceBuild:
		t.Skip("the race detector has memory of its own")
	case runtime.GOARCH == "arm" || runtime.GOARCH == "arm64":
		t.Skip("on arm the tests run under qemu, whose memory this would measure, or in a guest that has no disk")
	case testing.Short():
		t.Skip("a minute of the night is some seconds of work: not with -short")
	}
	length, grown := time.Minute, int64(10<<20) // half a minute is too short for all that comes once
	if os.Getenv("POOLGEN_LONG") == "1" || os.Getenv(testutil.VM) == "full" {
		length, grown = time.Hour, 3<<20
	}
	dir := disk(t)
	group := newGroup(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemory$")
	cmd.Env = append(os.Environ(), childEnv+"="+length.String()+" "+dir, "GOMEMLIMIT=", "GODEBUG=", "GOGC=")
	if group == nil { // the program sees to it alone
		cmd.Env = append(cmd.Env, "GOMEMLIMIT="+strconv.Itoa(mostMemory))
	}
	cmd.Stderr = os.Stderr
	begin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if group != nil {
		group.join(t, cmd.Process.Pid)
	}
	begin.Close()
	err = cmd.Wait()
	var second, last memories
	var most int64
	if i := bytes.Index(out.Bytes(), []byte("resident ")); err != nil || i < 0 {
		t.Fatalf("%v: %s", err, out.Bytes())
	} else if _, err := fmt.Fscanf(bytes.NewReader(out.Bytes()[i:]), "resident %d %d %d pools %d %d", &second.resident, &last.resident, &most, &second.pools, &last.pools); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	t.Logf("%v of the night; KiB resident: %d in its second quarter, %d in the last, %d at most; in pools: %d and %d", length,
		second.resident>>10, last.resident>>10, most>>10, second.pools>>10, last.pools>>10)
	if most >= mostMemory || last.resident-second.resident > grown || last.pools-second.pools > 1<<20 {
		t.Errorf("it grows, or has more than %d KiB", mostMemory>>10)
	}
	t.Run("cgroup", func(t *testing.T) {
		if group == nil {
			t.Skip("the kernel did not limit it: there is no folder of cgroups to write to; make test-vm-full has one")
		}
		group.check(t)
	})
}

// child says what it had in the second and the last quarter of its night.
func child(t *testing.T) {
	text, dir, _ := strings.Cut(os.Getenv(childEnv), " ")
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil { // until it is where it belongs
		t.Fatal(err)
	}
	c := config{width: 640, height: 480, fps: 25, length: length, seed: 3, dir: dir, start: time.Unix(1_700_000_000, 0), warn: os.Stderr}
	var quarters [4]memories
	var st *station
	c.progress = func(at time.Duration) {
		if at%(length/64) < time.Second/25 {
			m := st.memory()
			quarters[4*at/length].add(memories{m.Resident, m.Pools})
		}
	}
	src, err := open(&c)
	if err != nil {
		t.Fatal(err)
	}
	if st, err = newStation(c); err != nil {
		t.Fatal(err)
	}
	if err := st.watch(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	most, err := status("VmHWM")
	if err != nil || st.final.Puts != uint64(length/time.Second)*25 || len(st.events.all()) == 0 {
		t.Fatalf("%v, %d frames, %d events", err, st.final.Puts, len(st.events.all()))
	}
	fmt.Printf("resident %d %d %d pools %d %d\n", quarters[1].resident, quarters[3].resident, most, quarters[1].pools, quarters[3].pools)
}

// disk is an empty folder that is not in memory.
func disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if host := os.Getenv(diskEnv); host != "" {
		if err := syscall.Mount("none", dir, "hostfs", 0, host); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
	}
	return dir
}

// group is a cgroup whose processes have mostMemory, their files' pages and all.
type group struct {
	dir   string
	kills string // the file that counts those whom the kernel killed
	peak  string
}

// newGroup makes a cgroup of version 2 or 1, or returns nil if there cannot be one.
func newGroup(t *testing.T) *group {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	v1, v2 := "", ""
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		dash := 6
		for dash < len(f)-1 && f[dash] != "-" {
			dash++
		}
		switch {
		case len(f) < dash+4 || f[3] != "/":
		case f[dash+1] == "cgroup2":
			v2 = f[4]
		case f[dash+1] == "cgroup" && strings.Contains(","+f[dash+3]+",", ",memory,"):
			v1 = f[4]
		}
	}
	if v1+v2 == "" && os.Getenv(testutil.VM) != "" {
		v2 = t.TempDir()
		if err := syscall.Mount("none", v2, "cgroup2", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(v2, 0); err != nil {
				t.Error(err)
			}
		})
		if err := os.WriteFile(filepath.Join(v2, "cgroup.subtree_control"), []byte("+memory"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, try := range []struct{ top, limit, kills, peak string }{
		{v2, "memory.max", "memory.events", "memory.peak"},
		{v1, "memory.limit_in_bytes", "memory.oom_control", "memory.max_usage_in_bytes"},
	} {
		if try.top == "" {
			continue
		}
		dir, err := os.MkdirTemp(try.top, "poolgen-test-")
		if err != nil {
			continue // not ours to write to
		}
		g := &group{dir, filepath.Join(dir, try.kills), filepath.Join(dir, try.peak)}
		t.Cleanup(func() {
			for range 1000 {
				if os.Remove(dir) == nil {
					return
				}
				time.Sleep(10 * time.Millisecond) // the kernel is not done with the process
			}
			t.Errorf("the cgroup %s stays", dir)
		})
		if os.WriteFile(filepath.Join(dir, try.limit), []byte(strconv.Itoa(mostMemory)), 0o644) == nil {
			return g
		} // else the memory controller is not on here
	}
	return nil
}

func (g *group) join(t *testing.T, pid int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// check fails if the kernel had to kill.
func (g *group) check(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(g.kills)
	if err != nil || !strings.Contains("\n"+string(b), "\noom_kill 0\n") {
		t.Errorf("%v, %q", err, b)
	}
	peak, _ := os.ReadFile(g.peak) // not every kernel tells
	t.Logf("%q; at most %s bytes with the pages of its files", b, bytes.TrimSpace(peak))
}
