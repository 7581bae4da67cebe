package metrics

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// The environment variable that makes a test binary the program whose memory becomes scarce. It names the root of the files that it watches,
// or is "real".
const tightEnv = "POOLGEN_TEST_TIGHT"

const mib = 1 << 20

func TestMain(m *testing.M) {
	if root := os.Getenv(tightEnv); root != "" {
		if err := tightProgram(root); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tightProgram has 32 MiB of free blocks, 24 MiB of hot frames, and garbage. It writes a line for each action and level, and ends with its input.
func tightProgram(root string) error {
	free, err := pool.New(mib, pool.Options{Name: "free", Max: 32, Prealloc: 32})
	if err != nil {
		return err
	}
	hot, err := pool.New(mib, pool.Options{Name: "hot", Max: 24, Shared: true})
	if err != nil {
		return err
	}
	garbage := make([]byte, 8*mib)
	for i := 0; i < len(garbage); i += 1024 {
		garbage[i] = 1
	}
	runtime.KeepAlive(garbage)
	var mu sync.Mutex // of output
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	var frames []pool.Buf
	load := func() error {
		for len(frames) < 24 {
			b, err := hot.Get()
			if err != nil {
				return err
			}
			for i := 0; i < b.Len(); i += 1024 {
				b.Bytes()[i] = 1
			}
			frames = append(frames, b)
		}
		return nil
	}
	drop := func() (int64, error) {
		for _, b := range frames {
			b.Release()
		}
		frames = nil
		return hot.Trim()
	}
	if err := load(); err != nil {
		return err
	}
	s := NewSet()
	s.Pool(free)
	s.Pool(hot)
	o := WatchOptions{Interval: 5 * time.Millisecond, Hold: 3, Actions: []Action{Demote("frames", drop, load)}}
	o.Changed = func(from, to Level, r Reading) { say("level %v %d of %d", to, r.Usage, r.Limit) }
	// What the made-up machine's cgroup has is what this process really has.
	usage := func() error { return nil }
	if root != "real" {
		o.Root = os.DirFS(root)
		usage = func() error {
			return replace(filepath.Join(root, testGroup, "memory.current"), strconv.FormatInt(s.Memory().Resident, 10))
		}
		if err := usage(); err != nil {
			return err
		}
	}
	w, err := newWatcher(s, o)
	if err != nil {
		return err
	}
	for i := range w.steps {
		one := w.steps[i]
		w.steps[i].Apply = func() (int64, error) {
			say("+%s", one.Name)
			n, err := one.Apply()
			return n, errors.Join(err, usage())
		}
		w.steps[i].Revert = func() error {
			say("-%s", one.Name)
			if one.Revert == nil {
				return nil
			}
			return errors.Join(one.Revert(), usage())
		}
	}
	go w.run()
	say("ready %d", s.Memory().Resident)
	_, _ = io.Copy(io.Discard, os.Stdin)
	say("admit %v", w.Admit())
	if err := w.Close(); err != nil {
		return err
	}
	for _, one := range w.steps {
		if one.fails > 0 {
			return fmt.Errorf("action %s failed %d times", one.Name, one.fails)
		}
	}
	if _, err := drop(); err != nil {
		return err
	}
	return errors.Join(free.Close(), hot.Close())
}

// replace changes a file in one step: who reads it sees the old or the new text.
func replace(name, text string) error {
	if err := os.WriteFile(name+".new", []byte(text+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// tight is a running tightProgram.
type tight struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.Closer
	lines chan string
	n     int
	first map[string]int // number of the first line that says so
	last  map[string]int // and of the last
}

func startTight(t *testing.T, root string, attr *syscall.SysProcAttr) *tight {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	args := testutil.Self(t)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), tightEnv+"="+root, "GODEBUG=", "GOMEMLIMIT=off")
	cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("an emulated program cannot start itself here")
	} else if err != nil {
		t.Fatal(err)
	}
	p := &tight{t, cmd, in, make(chan string, 1000), 0, map[string]int{}, map[string]int{}}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

// until reads lines up to one that begins with text, and returns it.
func (p *tight) until(text string) string {
	p.t.Helper()
	var seen []string
	for line := range p.lines {
		seen = append(seen, line)
		p.t.Log(line)
		p.n++
		p.last[line] = p.n
		if _, ok := p.first[line]; !ok {
			p.first[line] = p.n
		}
		if strings.HasPrefix(line, text) {
			return line
		}
	}
	p.t.Fatalf("the program ended (%v) before %q; it wrote %q", p.cmd.Wait(), text, seen)
	return ""
}

// pressure drives the program from plenty to a tight limit, below what it needs without what it can give back, and back. set changes the limit that is asked for.
func (p *tight) pressure(tight int64, set func(high int64)) {
	t := p.t
	resident, err := strconv.ParseInt(strings.TrimPrefix(p.until("ready"), "ready "), 10, 64)
	if err != nil || resident < 56*mib {
		t.Fatalf("%d bytes are resident: %v", resident, err)
	}
	set(tight)
	p.until("+refuse")
	for i, name := range []string{"+trim", "+demote", "+frames", "+shrink", "+refuse"} {
		if at, ok := p.first[name]; !ok || i > 0 && at < p.first[[]string{"+trim", "+demote", "+frames", "+shrink", "+refuse"}[i-1]] {
			t.Errorf("%s is not in its place: %v", name, p.first)
		}
	}
	set(-1)
	p.until("level normal")
	order := []string{"-refuse", "-shrink", "-frames", "-demote", "-trim"}
	for i, name := range order { // some may have been taken back before, and done again
		if at, ok := p.last[name]; !ok || i > 0 && at < p.last[order[i-1]] {
			t.Errorf("%s is not in its place: %v", name, p.last)
		}
	}
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	p.until("admit <nil>")
	for range p.lines {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

// A program whose limit is tightened while it runs, on a made-up machine that tells it its own real memory: what its actions give back is what
// helps it.
func TestTightenedLimit(t *testing.T) {
	if raceBuild {
		t.Skip("in race builds blocks are on the Go heap and cannot be given back")
	}
	root := t.TempDir()
	for name, f := range newMachine(1 << 40) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	startTight(t, root, nil).pressure(8*mib, func(high int64) {
		text := "max"
		if high >= 0 {
			text = fmt.Sprint(high)
		}
		if err := replace(filepath.Join(root, testGroup, "memory.high"), text); err != nil {
			t.Fatal(err)
		}
	})
}

// The same in a real cgroup, whose limit the kernel enforces.
func TestTightenedCgroup(t *testing.T) {
	if raceBuild {
		t.Skip("in race builds blocks are on the Go heap and cannot be given back")
	}
	dir := newCgroup(t)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write("memory.high", "1G")
	p := startTight(t, "real", &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())})
	p.pressure(3*mib, func(high int64) {
		text := "1G"
		if high >= 0 {
			text = fmt.Sprint(high)
			write("memory.max", fmt.Sprint(80*mib)) // above what it has now, to be killed if it grows
		}
		write("memory.high", text)
	})
	b, err := os.ReadFile(filepath.Join(dir, "memory.events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("memory.events: %q", b)
	if m := parseCounts(b); m["oom"] != 0 || m["oom_kill"] != 0 || m["high"] == 0 {
		t.Errorf("the kernel had to kill, or did not enforce the limit: %q", b)
	}
}

// newCgroup makes a cgroup of version 2 with the memory controller.
func newCgroup(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a cgroup needs root")
	}
	top := ""
	if b, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		unified, _ := parseMounts(b)
		top = unified.point
	}
	if top == "" && os.Getenv(testutil.VM) != "" {
		top = t.TempDir()
		if err := syscall.Mount("none", top, "cgroup2", 0, ""); err != nil {
			t.Skipf("mounting cgroups of version 2: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(top, 0) })
	}
	if top == "" {
		t.Skip("no cgroups of version 2 are mounted")
	}
	b, err := os.ReadFile(filepath.Join(top, "cgroup.controllers"))
	if err != nil || !strings.Contains(" "+strings.TrimSpace(string(b))+" ", " memory ") {
		t.Skipf("the cgroups of version 2 at %s have no memory controller (%q, %v)", top, b, err)
	}
	if b, err := os.ReadFile(filepath.Join(top, "cgroup.subtree_control")); err != nil || !strings.Contains(string(b), "memory") {
		if os.Getenv(testutil.VM) == "" {
			t.Skipf("the memory controller is not on below %s, and this machine's settings are not a test's to change (%q, %v)", top, b, err)
		}
		if err := os.WriteFile(filepath.Join(top, "cgroup.subtree_control"), []byte("+memory"), 0o644); err != nil {
			t.Skipf("turning the memory controller on: %v", err)
		}
	}
	dir, err := os.MkdirTemp(top, "poolgen-test-")
	if err != nil {
		t.Skipf("making a cgroup: %v", err)
	}
	t.Cleanup(func() {
		for range 100 {
			if os.Remove(dir) == nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // the kernel is not done with the process
		}
		t.Errorf("the cgroup %s stays", dir)
	})
	return dir
}
