package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/top"
	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/pool"
	"golang.org/x/sys/unix"
)

// watched is a program with a shared pool and two subscribers, of which one takes no frame. It runs its arguments as a command, with its
// process's number for PID, while a block of it is kept, and ends as that does.
func watched() {
	if err := beWatched(os.Args[1:]); err != nil {
		var status *exec.ExitError
		if errors.As(err, &status) {
			os.Exit(status.ExitCode())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func beWatched(args []string) error {
	ctx := context.Background()
	p, err := pool.New(3840, pool.Options{Name: "frames", Max: 8, Prealloc: 8, Shared: true})
	if err != nil {
		return err
	}
	path := fmt.Sprintf("@poolgen-top-%d", os.Getpid())
	pub, err := ipc.Listen(path, p, ipc.PublisherOptions{Slots: 2})
	if err != nil {
		return err
	}
	for range 2 {
		s, err := ipc.Subscribe(ctx, path, ipc.SubscriberOptions{})
		if err != nil {
			return err
		}
		defer s.Close()
	}
	if _, err := p.Get(); err != nil { // it is never released
		return err
	}
	for range 3 {
		b, err := p.Get()
		if err != nil {
			return err
		}
		if _, err := pub.Publish(ctx, b, ipc.Meta{}); err != nil {
			return err
		}
		b.Release()
	}
	for i, a := range args {
		if a == "PID" {
			args[i] = strconv.Itoa(os.Getpid())
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// sharedPool is one of this process, with a block in use.
func sharedPool(t *testing.T) *pool.Pool {
	t.Helper()
	p, err := pool.New(1000, pool.Options{Name: "mine", Max: 4, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Release()
		_ = p.Close()
	})
	return p
}

// names are the members of a JSON object, sorted.
func names(object any) string {
	m, _ := object.(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

// TestTopJSON has the names of all members, which do not change.
func TestTopJSON(t *testing.T) {
	p := sharedPool(t)
	var stdout, stderr bytes.Buffer
	if code := run([]string{"top", "-json", "-n", "3", "-interval=10ms", "-leaks=1ms", strconv.Itoa(os.Getpid())}, &stdout, &stderr); code != 0 {
		t.Fatalf("status %d, %s", code, &stderr)
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3:\n%s", len(lines), &stdout)
	}
	for _, line := range lines {
		var all map[string]any
		if err := json.Unmarshal([]byte(line), &all); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		first := func(name string) any {
			list, _ := all[name].([]any)
			if len(list) == 0 {
				t.Fatalf("no %s in %s", name, line)
			}
			return list[0]
		}
		one := first("pools").(map[string]any)
		for _, c := range []struct{ what, got, want string }{
			{"the sample", names(all), "allocators held hidden interval_seconds notes pools processes subscribers time version watched_seconds"},
			{"a process", names(first("processes")), "name pid uid"},
			{"a pool", names(one), "acquired block_bytes blocks budget_bytes bytes_committed bytes_in_use closed damaged debug external_in_use free gets_per_second " +
				"grown high_water hits id in_use joined misses name oldest_seconds pending preallocated processes refusals released releases_per_second saturated stale " +
				"stride_bytes waiters"},
			{"a pool's process", names(one["processes"].([]any)[0]), "fd mapped pid writable"},
			{"a block", names(first("held")), "at_least_seconds block external generation pool pool_id queued_for references saturated"},
		} {
			if c.got != c.want {
				t.Errorf("%s has %s, want %s", c.what, c.got, c.want)
			}
		}
		if one["name"] != "mine" || one["in_use"] != 1.0 || one["id"] != fmt.Sprintf("%016x", p.ID()) || one["gets_per_second"] == nil || all["version"] != 1.0 {
			t.Errorf("%s", line)
		}
	}
}

// TestTopEnds stops it as Ctrl-C does.
func TestTopEnds(t *testing.T) {
	sharedPool(t)
	ctx, cancel := context.WithCancel(t.Context())
	var stdout bytes.Buffer
	cmd := root(&stdout, &stdout)
	cmd.SetArgs([]string{"top", "--interval=10ms", strconv.Itoa(os.Getpid())})
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := cmd.ExecuteContext(ctx); err != nil {
		t.Error(err)
	}
}

// terminal makes one of width and height, and returns both its ends.
func terminal(t *testing.T, width, height uint16) (program, user *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be made: %v", err)
	}
	t.Cleanup(func() { user.Close() })
	fd := int(user.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal can be opened: %v", err)
	}
	t.Cleanup(func() { program.Close() })
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}); err != nil {
		t.Fatal(err)
	}
	return program, user
}

// TestTopOnTerminal shows that samples take each other's place, and stay within the window.
func TestTopOnTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	const width, height = 72, 12
	program, user := terminal(t, width, height)
	c := newScreen(program)
	if c == nil {
		t.Fatal("a terminal is not taken for one")
	}
	read := func() string {
		t.Helper()
		b := make([]byte, 1<<16)
		n, err := user.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(b[:n]), "\r\n", "\n")
	}
	s := &top.Sample{Time: time.Now(), Notes: []string{"process 1 (a) has ended"}}
	for i := range 20 {
		s.Pools = append(s.Pools, top.Pool{Name: fmt.Sprintf("pool %d with a long name", i)})
	}
	for i := range 2 {
		if err := c.show(s, &topRun{}); err != nil {
			t.Fatal(err)
		}
		text := read()
		if !strings.HasPrefix(text, "\x1b[H") || strings.Contains(text, "\x1b[2J") != (i == 0) || !strings.HasSuffix(text, "\x1b[J") {
			t.Errorf("the screen is not written over: %q", text)
		}
		text = strings.NewReplacer("\x1b[H", "", "\x1b[2J", "", "\x1b[K", "", "\x1b[J", "").Replace(text)
		shown := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(shown) > height-1 {
			t.Errorf("%d lines on a screen of %d:\n%s", len(shown), height, text)
		}
		for _, line := range shown {
			if len(line) > width {
				t.Errorf("%d characters on a screen of %d: %q", len(line), width, line)
			}
		}
		for _, want := range []string{"20 pools", "PROCESS  POOL", "OLDEST", "IN USE", "lines more", "process 1 (a) has ended"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		if strings.Contains(text, "GROWN") {
			t.Errorf("a column that there is no room for:\n%s", text)
		}
		s.Notes = nil
	}
	t.Setenv("TERM", "dumb")
	if newScreen(program) != nil {
		t.Error("a dumb terminal is written over")
	}
	if newScreen(&bytes.Buffer{}) != nil {
		t.Error("a buffer is a terminal")
	}
}
