package testutil

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// guest is the guest that TestHarness starts, from the host; scripts/vm/test.sh sets it.
	guest = "POOLGEN_GUEST"
	// victim is how TestVictim ends, in the guest.
	victim = "POOLGEN_VICTIM"
)

// TestVictim ends badly on request of TestHarness.
func TestVictim(t *testing.T) {
	how := os.Getenv(victim)
	switch how {
	case "":
		t.Skip("only runs for TestHarness")
	case "pass":
	case "fail":
		t.Error("failing as told")
	case "panic":
		panic("panicking as told")
	case "exit":
		os.Stdout.WriteString("exiting as told\n")
		os.Exit(7)
	case "hang":
		time.Sleep(time.Hour)
	case "kernel":
		os.Stdout.WriteString("crashing as told\n")
		if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
	default:
		t.Fatalf("%s=%s is unknown", victim, how)
	}
}

// What goes wrong in a guest is a failure on the host, and its output says why.
func TestHarness(t *testing.T) {
	name := os.Getenv(guest)
	if name == "" {
		t.Skip("scripts/vm/test.sh sets " + guest + ", the guest to start")
	}
	binary := filepath.Join(t.TempDir(), "victim")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if strings.HasPrefix(name, "arm") {
		build.Env = append(build.Env, "GOARCH=arm", "GOARM=7")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, test := range []struct {
		how, timeout, limit string
		status              int
		output              []string
		long                bool
	}{
		{how: "fail", timeout: "1m", status: 1, output: []string{"--- FAIL: TestVictim", "failing as told"}},
		{how: "panic", timeout: "1m", status: 2, output: []string{"panic: panicking as told", "guest_test.go"}},
		{how: "hang", timeout: "0", limit: "10", status: 1, output: []string{"vm: guest " + name + ": it was cut after 10 s"}},
		{how: "pass", timeout: "1m", status: 0, output: []string{"PASS"}, long: true},
		{how: "exit", timeout: "1m", status: 7, output: []string{"exiting as told"}, long: true},
		{how: "hang", timeout: "2s", status: 2, output: []string{"panic: test timed out after 2s", "TestVictim"}, long: true},
		{how: "kernel", timeout: "1m", status: 1, output: []string{"crashing as told", "it ended without a result", "sysrq triggered crash"}, long: true},
	} {
		t.Run(test.how+test.limit, func(t *testing.T) {
			if test.long && testing.Short() {
				t.Skip("only in the long form")
			}
			t.Parallel()
			cmd := exec.Command("../../scripts/vm/exec.sh", name, binary, "-test.run=^TestVictim$", "-test.timeout="+test.timeout)
			cmd.Env = append(os.Environ(), victim+"="+test.how, "VM_LIMIT="+test.limit)
			out, err := cmd.CombinedOutput()
			status := 0
			var exit *exec.ExitError
			switch {
			case errors.As(err, &exit):
				status = exit.ExitCode()
			case err != nil:
				t.Fatal(err)
			}
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			for _, want := range test.output {
				if !strings.Contains(string(out), want) {
					t.Errorf("the output lacks %q", want)
				}
			}
			if t.Failed() {
				t.Logf("output:\n%s", out)
			}
		})
	}
}

// A guest has the tools, files and drivers that CONTRIBUTING.md promises.
func TestGuest(t *testing.T) {
	kind := os.Getenv(VM)
	if kind == "" {
		t.Skip("only in a guest of scripts/vm")
	}
	output := func(t *testing.T, tool string, args ...string) string {
		t.Helper()
		out, err := exec.Command(tool, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %q: %v\n%s", tool, args, err, out)
		}
		return string(out)
	}
	for _, tool := range []string{"v4l2-ctl", "v4l2-compliance", "media-ctl", "aplay", "arecord", "amixer"} {
		output(t, tool, "--version")
	}
	nodes := map[string]string{} // by name
	links, err := filepath.Glob("/sys/class/video4linux/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		name, err := os.ReadFile(filepath.Join(link, "name"))
		if err != nil {
			t.Fatal(err)
		}
		nodes[strings.TrimSpace(string(name))] = "/dev/" + filepath.Base(link)
	}
	want := []string{"vivid-000-vid-cap", "vivid-000-vid-out", "vivid-001-vid-cap", "vivid-001-vid-out"}
	cards := []string{"Loopback"}
	if kind == "full" {
		want = append(want, "vim2m", "stateful-encoder", "stateful-decoder")
		cards = append(cards, "Dummy")
		for _, file := range []string{"/dev/udmabuf", "/dev/dma_heap/system"} {
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		}
	}
	if i := slices.IndexFunc(want, func(name string) bool { return nodes[name] == "" }); i >= 0 {
		t.Fatalf("no node %s: %v", want[i], nodes)
	}
	planes := map[string]bool{"vivid-000-vid-cap": false, "vivid-001-vid-cap": true}
	for name, apart := range planes {
		_, caps, _ := strings.Cut(output(t, "v4l2-ctl", "-d", nodes[name], "--info"), "Device Caps")
		if strings.Contains(caps, "Video Capture Multiplanar") != apart {
			t.Errorf("%s: planes apart is %v: %s", name, !apart, caps)
		}
		frames := filepath.Join(t.TempDir(), "frames")
		output(t, "v4l2-ctl", "-d", nodes[name], "--stream-mmap", "--stream-count=3", "--stream-to="+frames)
		if info, err := os.Stat(frames); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, card := range cards {
		if list := output(t, "aplay", "-l"); !strings.Contains(list, ": "+card+" [") {
			t.Errorf("no card %s:\n%s", card, list)
		}
	}
	// Two ends that negotiate at the same moment may each narrow what the other
	// has just chosen, so the player begins when the recorder runs.
	var said bytes.Buffer
	record := exec.Command("arecord", "-D", "plughw:Loopback,1", "-d", "1", "-f", "S16_LE", "-r", "48000", "-t", "raw", "sound")
	record.Dir, record.Stderr = t.TempDir(), &said
	if err := record.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if status, err := os.ReadFile("/proc/asound/Loopback/pcm1c/sub0/status"); err == nil && bytes.Contains(status, []byte("RUNNING")) {
			break
		}
	}
	output(t, "aplay", "-D", "plughw:Loopback,0", "-d", "1", "-f", "S16_LE", "-r", "48000", "-t", "raw", "/dev/zero")
	if err := record.Wait(); err != nil {
		t.Errorf("arecord: %v: %s", err, &said)
	}
	if sound, err := os.ReadFile(filepath.Join(record.Dir, "sound")); err != nil || len(sound) != 2*48000 {
		t.Errorf("%d bytes recorded, %v", len(sound), err)
	}
	if runtime.NumCPU() == 1 && kind != "full" {
		t.Error("the guest has one processor")
	}
}
