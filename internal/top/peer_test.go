package top

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
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

	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/pool"
)

// roleEnv makes this test binary another program.
const roleEnv = "POOLGEN_TOP_ROLE"

func TestMain(m *testing.M) {
	role, arg, ok := strings.Cut(os.Getenv(roleEnv), " ")
	if !ok {
		os.Exit(m.Run())
	}
	if err := map[string]func(string) error{"camera": camera, "viewer": viewer, "look": lookAs, "spin": spin}[role](arg); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// stats is what a camera says of itself.
type stats struct {
	Pool      pool.Stats
	Publisher ipc.PublisherStats
}

const frameSize = 4096

// camera publishes frames at path, as it is told on its standard input.
func camera(path string) error {
	ctx := context.Background()
	p, err := pool.New(frameSize, pool.Options{Name: "frames", Max: 16, Prealloc: 2, Shared: true})
	if err != nil {
		return err
	}
	pub, err := ipc.Listen(path, p, ipc.PublisherOptions{Slots: 4})
	if err != nil {
		return err
	}
	var kept []pool.Buf
	defer func() {
		for _, b := range kept {
			b.Release()
		}
	}()
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		what, arg, _ := strings.Cut(in.Text(), " ")
		n, _ := strconv.Atoi(arg)
		for range n {
			switch what {
			case "publish":
				b, err := p.Get()
				if err != nil {
					return err
				}
				if _, err := pub.Publish(ctx, b, ipc.Meta{}); err != nil {
					return err
				}
				b.Release()
			case "keep":
				b, err := p.Get()
				if err != nil {
					return err
				}
				kept = append(kept, b.Retain(), b)
			case "drop":
				kept[0].Release()
				kept[1].Release()
				kept = kept[2:]
			case "refuse":
				for {
					b, err := p.Get()
					if err != nil {
						break
					}
					defer b.Release()
				}
			case "close":
				if err := errors.Join(pub.Close(ctx), p.Close()); err != nil {
					return err
				}
			case "adopt":
				b, err := p.Adopt(make([]byte, 100), nil)
				if err != nil {
					return err
				}
				kept = append(kept, b.Retain(), b)
			}
		}
		pub.Collect()
		if err := json.NewEncoder(os.Stdout).Encode(stats{p.Stats(), pub.Stats()}); err != nil {
			return err
		}
	}
	return in.Err()
}

// viewer subscribes to path, and takes and releases frames as it is told.
func viewer(path string) error {
	ctx := context.Background()
	s, err := ipc.Subscribe(ctx, path, ipc.SubscriberOptions{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var kept []ipc.Frame
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		what, arg, _ := strings.Cut(in.Text(), " ")
		n, _ := strconv.Atoi(arg)
		for range n {
			switch what {
			case "take":
				f, err := s.Receive(ctx)
				if err != nil {
					return err
				}
				kept = append(kept, f)
			case "release":
				kept[0].Buf.Release()
				kept = kept[1:]
			case "wait":
				fmt.Println("ok")
				f, err := s.Receive(ctx)
				if err != nil {
					return err
				}
				f.Buf.Release()
			}
		}
		fmt.Println("ok")
	}
	return in.Err()
}

// lookAs prints one sample of the processes in arg.
func lookAs(arg string) error {
	w, err := NewWatcher(Options{Processes: strings.Fields(arg)})
	if err != nil {
		return err
	}
	s, err := w.Sample()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// peer is this test binary as another program.
type peer struct {
	t   testing.TB
	cmd *exec.Cmd
	out *bufio.Reader
	in  io.WriteCloser
}

func (p *peer) pid() int { return p.cmd.Process.Pid }

// start starts this test binary in a role. It returns when that is ready.
func start(t testing.TB, role, arg string) *peer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := []string{self}
	if runtime.GOARCH == "arm" {
		if qemu, err := exec.LookPath("qemu-arm-static"); err == nil { // a guest of scripts/vm has a real kernel and no qemu
			argv = append([]string{qemu}, argv...)
		}
	}
	p := begin(t, append(os.Environ(), roleEnv+"="+role+" "+arg), argv...)
	if got := p.line(); got != "ready" {
		t.Fatalf("the %s says %q", role, got)
	}
	return p
}

// begin starts a program.
func begin(t testing.TB, env []string, argv ...string) *peer {
	t.Helper()
	p := &peer{t: t, cmd: exec.Command(argv[0], argv[1:]...)}
	p.cmd.Env = env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *peer) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *peer) line() string {
	p.t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("reading from a peer: %v after %q", err, s)
	}
	return strings.TrimSuffix(s, "\n")
}

// do has the peer do something, and returns what it says of it.
func (p *peer) do(format string, args ...any) string {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
	return p.line()
}

// stats has a camera do something and tell of itself.
func (p *peer) stats(format string, args ...any) (s stats) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.do(format, args...)), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

func socket(t testing.TB) string { return filepath.Join(t.TempDir(), "s") }

// watch makes a watcher.
func watch(t testing.TB, o Options) *Watcher {
	t.Helper()
	w, err := NewWatcher(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sample takes one that must succeed.
func sample(t testing.TB, w *Watcher) *Sample {
	t.Helper()
	s, err := w.Sample()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reconcile compares a pool with what its program says.
func reconcile(t *testing.T, p Pool, s pool.Stats) {
	t.Helper()
	// Stats knows how many of the blocks that joined came from the Go heap.
	joined := s.External + s.Heap
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"blocks", uint64(p.Max), uint64(s.Max)}, {"block_bytes", uint64(p.Capacity), uint64(s.Capacity)}, {"stride_bytes", uint64(p.Stride), uint64(s.Stride)},
		{"in_use", uint64(p.InUse), uint64(s.Outstanding)}, {"high_water", uint64(p.HighWater), uint64(s.HighWater)},
		{"acquired", p.Acquired, s.Acquired}, {"released", p.Released, s.Released}, {"hits", p.Hits, s.Hits}, {"grown", p.Grown, s.Grown}, {"joined", p.Joined, joined},
		{"misses", uint64(p.Misses), s.Misses}, {"refusals", uint64(p.Refusals), s.Refusals}, {"stale", uint64(p.Stale), s.Stale}, {"saturated", uint64(p.Saturated), s.Saturated},
		{"bytes_in_use", p.BytesInUse, uint64(s.BytesInUse - s.HeapBytes)}, {"bytes_committed", p.BytesCommitted, uint64(s.BytesCommitted - s.HeapBytes)},
		{"budget_bytes", p.Budget, uint64(s.Budget)},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, the program says %d", c.name, c.got, c.want)
		}
	}
	if p.Name != s.Name {
		t.Errorf("the pool is %q, the program says %q", p.Name, s.Name)
	}
}

// deadline is when a test gives up waiting for something that must happen.
func deadline() time.Time { return time.Now().Add(2 * time.Minute) }
