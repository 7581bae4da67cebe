package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// childEnv has the length of the night that a child process watches.
const childEnv = "POOLGEN_METEOR_NIGHT"

// TestMemory watches a night in a process of its own: it never has 64 MB resident, and does not grow. POOLGEN_LONG=1 is a night of an hour.
func TestMemory(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		child(t)
		return
	}
	switch {
	case raceBuild:
		t.Skip("the race detector has memory of its own")
	case runtime.GOARCH == "arm" || runtime.GOARCH == "arm64":
		t.Skip("on arm the tests run under qemu, whose memory this would measure")
	case testing.Short():
		t.Skip("a minute of the night is a second of work: not with -short")
	}
	length, grown := time.Minute, int64(12<<20) // a quarter of a minute is too short for all tiers to be used
	if os.Getenv("POOLGEN_LONG") == "1" {
		length, grown = time.Hour, 4<<20
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemory$")
	cmd.Env = append(os.Environ(), childEnv+"="+length.String(), "GOMEMLIMIT=32MiB", "GODEBUG=", "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	var quarter, end, most int64
	if i := bytes.Index(b, []byte("resident ")); err != nil || i < 0 {
		t.Fatalf("%v: %s", err, b)
	} else if _, err := fmt.Fscanf(bytes.NewReader(b[i:]), "resident %d %d %d", &quarter, &end, &most); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	t.Logf("%d KiB after a quarter, %d at the end, %d at most", quarter>>10, end>>10, most>>10)
	if most >= 64e6 || end-quarter > grown {
		t.Errorf("%d KiB after a quarter of %v, %d at the end, %d at most", quarter>>10, length, end>>10, most>>10)
	}
}

// child says what is resident after a quarter of its night, and at the end.
func child(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv(childEnv))
	if err != nil {
		t.Fatal(err)
	}
	var quarter, end int64
	c := config{width: 320, height: 240, fps: 25, length: length, seed: 3, start: time.Unix(1_700_000_000, 0)}
	c.progress = func(at time.Duration) {
		if at == length/4 {
			quarter, _ = status("VmRSS")
		}
		if at == length-time.Second {
			end, _ = status("VmRSS")
		}
	}
	if err := run(t.Context(), c, io.Discard); err != nil {
		t.Fatal(err)
	}
	most, err := status("VmHWM")
	if err != nil || quarter == 0 || end == 0 {
		t.Fatalf("resident: %d, %d, %v", quarter, end, err)
	}
	fmt.Printf("resident %d %d %d\n", quarter, end, most)
}
