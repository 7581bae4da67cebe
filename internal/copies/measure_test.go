package copies

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// figures are what one camera took. Memory is in bytes.
type figures struct {
	Copied   int64 // bytes that were copied, in all
	Moved    int64 // pictures that stages got elsewhere than the driver had written them
	Allocs   int64 // bytes allocated on the Go heap, in all
	Live     int64 // Go heap in use after a collection, while all histories are held, and memory of pools
	Heap     int64 // of the Go heap, with what the collector has not collected, or has and keeps
	OffHeap  int64 // of pools
	Peak     int64 // the most memory that the process had; 0 if this is not a process of its own
	Rate     float64
	CPU      time.Duration // of all cores, for a picture
	P50, P99 time.Duration
	Results  [stages]uint64
}

// measure runs a camera in this process.
func measure(p plan) (f figures, err error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c, err := run(p, func(c *camera, offHeap int64) {
		f.Rate = float64(p.Frames) / time.Since(c.start).Seconds()
		f.CPU = (cpuTime() - c.cpu) / time.Duration(p.Frames)
		runtime.ReadMemStats(&after)
		f.Allocs = int64(after.TotalAlloc - before.TotalAlloc)
		f.Heap = int64(after.HeapSys - after.HeapReleased)
		f.OffHeap = offHeap
		runtime.GC()
		runtime.ReadMemStats(&after)
		f.Live = int64(after.HeapAlloc) - int64(before.HeapAlloc)
		if !race { // whose blocks are on the Go heap
			f.Live += offHeap
		}
	})
	if err != nil {
		return f, err
	}
	f.Copied, f.Moved, f.Results = c.copied.Load(), c.moved.Load(), c.results
	slices.Sort(c.took)
	f.P50, f.P99 = c.took[len(c.took)/2], c.took[len(c.took)*99/100]
	return f, nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the most resident memory that this process had, in bytes: VmHWM of proc(5). Unlike ru_maxrss it begins anew with execve.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmHWM")
}

const planEnv = "POOLGEN_COPIES_PLAN"

// TestMain is also the process that a camera is measured in.
func TestMain(m *testing.M) {
	text := os.Getenv(planEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var p plan
	err := json.Unmarshal([]byte(text), &p)
	var f figures
	if err == nil {
		f, err = measure(p)
	}
	if err == nil {
		f.Peak, err = peak()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// apart runs a camera in a process of its own.
func apart(tb testing.TB, p plan) figures {
	tb.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		tb.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), self)
	cmd.Env = append(os.Environ(), planEnv+"="+string(text))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%+v: %v: %s", p, err, stderr.Bytes())
	}
	var f figures
	if err := json.Unmarshal(out, &f); err != nil {
		tb.Fatal(err)
	}
	return f
}
