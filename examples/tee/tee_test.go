package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

func TestMain(m *testing.M) {
	if os.Getenv("TEE_AS_PROGRAM") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience is how long tests wait for what must happen. It only guards against hanging.
const patience = 2 * time.Minute

func TestHelp(t *testing.T) {
	for _, role := range []string{"capture", "encode"} {
		if err := run(t.Context(), []string{role, "-h"}, os.Stdout); err != nil {
			t.Errorf("tee %s -h: %v", role, err)
		}
	}
	for _, args := range [][]string{nil, {"-h"}, {"capture", "-nonsense"}, {"encode", "more"}} {
		if err := run(t.Context(), args, os.Stdout); err == nil {
			t.Errorf("tee %s was taken", args)
		}
	}
}

// process is one of the three.
type process struct {
	t     *testing.T
	argv  []string
	cmd   *exec.Cmd
	mu    sync.Mutex // guards lines
	lines []string
	ended chan struct{} // it says nothing more
}

// tee is this program, built as the test is: the test binary stands in for it, so that it runs under emulation too.
func tee(t *testing.T, args ...string) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := append([]string{exe}, args...)
	if runtime.GOARCH == "arm" && os.Getenv(testutil.VM) == "" {
		argv = append([]string{testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static")}, argv...)
	}
	return argv
}

// measure is the program in C.
func measure(t *testing.T, args ...string) []string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "measure")
	cc := exec.Command(testutil.RequireTool(t, "gcc", "gcc"), "-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror",
		"-I../../include", "-o", out, "measure/measure.c")
	if said, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return append([]string{out}, args...)
}

func start(t *testing.T, argv []string) *process {
	t.Helper()
	p := &process{t: t, argv: argv}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.cmd, p.lines, p.ended = exec.Command(p.argv[0], p.argv[1:]...), nil, make(chan struct{})
	p.cmd.Env = append(os.Environ(), "TEE_AS_PROGRAM=1")
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, in.Text())
			p.mu.Unlock()
		}
	}()
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
		_ = p.cmd.Wait()
	}
}

// end asks it to end, and wants it to end well.
func (p *process) end() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	<-p.ended
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%q: %v", p.argv, err)
	}
}

// said is how many lines it has said.
func (p *process) said() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// says waits for a line with each of words, behind the first from lines.
func (p *process) says(from int, words ...string) {
	p.t.Helper()
	end := time.Now().Add(patience)
	for next := from; ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		lines := p.lines
		p.mu.Unlock()
		for ; next < len(lines); next++ {
			all := true
			for _, w := range words {
				all = all && strings.Contains(lines[next], w)
			}
			if all {
				return
			}
		}
		if time.Now().After(end) {
			p.t.Fatalf("%q does not say %q in %v; last: %q", p.argv, words, patience, lines[max(0, len(lines)-3):])
		}
	}
}

// measured is the brightness of each picture, by its number and time.
func (p *process) measured() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[string]string{}
	for _, l := range p.lines {
		var number uint64
		var taken int64
		var size, light string
		if n, _ := fmt.Sscanf(l, "picture %d of %d: %s brightness %s", &number, &taken, &size, &light); n == 4 {
			found[fmt.Sprint(number, " ", taken)] = size + light
		}
	}
	return found
}

// TestTee runs all three, kills each in turn, and starts it again.
func TestTee(t *testing.T) {
	socket, picture := filepath.Join(t.TempDir(), "s"), filepath.Join(t.TempDir(), "last.jpg")
	inC := start(t, measure(t, socket, "all"))
	inC.says(0, "waiting for pictures")
	capturing := start(t, tee(t, "capture", "-socket", socket, "-width", "160", "-height", "120", "-fps", "200", "-every", "10ms"))
	encoding := start(t, tee(t, "encode", "-socket", socket, "-all", "-o", picture))
	running := func(except *process) {
		t.Helper()
		for _, p := range []*process{inC, encoding} {
			if p != except {
				p.says(p.said(), "picture", "160x120, brightness")
			}
		}
	}
	running(nil)
	same(t, inC, encoding)
	capturing.says(capturing.said(), " 2 subscribers")

	for _, victim := range []*process{encoding, inC} {
		victim.kill()
		capturing.says(capturing.said(), " 1 subscribers")
		running(victim)
		victim.start()
		capturing.says(capturing.said(), " 2 subscribers")
		running(nil)
	}

	before, beforeInC := encoding.said(), inC.said()
	capturing.kill()
	inC.says(beforeInC, "the peer is gone")
	encoding.says(before, "the peer is gone")
	inC.says(beforeInC, "waiting for pictures")
	encoding.says(before, "waiting for pictures")
	capturing.start()
	running(nil)
	same(t, inC, encoding)
	encoding.end()
	inC.end()
	capturing.says(capturing.said(), " 0 subscribers, 0 lent")
	capturing.end()
	capturing.says(0, "all 24 blocks are back")

	b, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || img.Bounds().Dx() != 160 || img.Bounds().Dy() != 120 {
		t.Errorf("the last picture: %v", err)
	}
}

// same waits until both have measured the same pictures, and compares.
func same(t *testing.T, a, b *process) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		of, n := b.measured(), 0
		for key, light := range a.measured() {
			if other, ok := of[key]; ok {
				n++
				if light != other {
					t.Errorf("picture %s: %s and %s", key, light, other)
				}
			}
		}
		if n >= 5 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d pictures in common after %v", n, patience)
		}
	}
}

func TestCopyLuma(t *testing.T) {
	luma := make([]byte, 4)
	if err := copyLuma(luma, []byte{1, 9, 2, 9, 0, 3, 9, 4, 9, 0}, 2, 2, 5, 2); err != nil || !bytes.Equal(luma, []byte{1, 2, 3, 4}) {
		t.Errorf("YUYV: %v, %v", luma, err)
	}
	if err := copyLuma(luma, []byte{1, 2, 9, 3, 4, 9, 7, 7}, 2, 2, 3, 1); err != nil || !bytes.Equal(luma, []byte{1, 2, 3, 4}) {
		t.Errorf("NV12: %v, %v", luma, err)
	}
	for _, bad := range [][3]int{{2, 3, 3}, {3, 2, 1}, {2, 2, 7}} {
		if err := copyLuma(luma, make([]byte, 8), bad[0], bad[1], bad[2], 1); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"record"}, {"encode", "more"}, {"capture", "-fps", "0"}, {"capture", "-width", "9999"},
		{"capture", "-device", filepath.Join(t.TempDir(), "none")}} {
		if err := run(context.Background(), args, os.Stdout); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
