package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// programEnv has the command line of a process that is the program instead of its tests.
const programEnv = "POOLGEN_METEOR_ARGS"

func TestMain(m *testing.M) {
	if args, ok := os.LookupEnv(programEnv); ok {
		os.Args = append([]string{"meteor"}, strings.Fields(args)...)
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a process that is the program.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return again(t, programEnv+"="+strings.Join(args, " "))
}

// again is this test's program once more, with a variable in its environment.
func again(t *testing.T, env string, args ...string) *exec.Cmd {
	t.Helper()
	self := append(testutil.Self(t), args...)
	cmd := exec.CommandContext(t.Context(), self[0], self[1:]...)
	cmd.Env = append(os.Environ(), env)
	return cmd
}

// TestFlags refuses what makes no sense, with a line that names it, and status 2.
func TestFlags(t *testing.T) {
	for _, bad := range []string{"-fps=0", "-fps=x", "-width=321", "-width=-8", "-height=1", "-width=65536 -height=65536", "-for=-1s", "-speed=-1", "-speed=NaN",
		"-speed=+Inf", "-disk=-1", "-disk=9000000000000", "night", "-speed=2 -device=/dev/video0", "-unknown"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		standard := os.Stderr
		os.Stderr = w
		_, err = parse(strings.Fields(bad))
		os.Stderr = standard
		w.Close()
		said, _ := io.ReadAll(r)
		r.Close()
		first, _, _ := strings.Cut(bad, " ")
		if first = strings.TrimLeft(first[strings.Index(first, "=")+1:], "-+"); err == nil || !strings.Contains(string(said), first) {
			t.Errorf("%s: %v, it says %q", bad, err, said)
		}
	}
	c, err := parse([]string{"-width=128", "-height=64", "-fps=9", "-for=1m", "-speed=0", "-disk=80", "-dir=x", "-listen="})
	if err != nil || c.width != 128 || c.height != 64 || c.fps != 9 || c.length != time.Minute || c.speed != 0 || c.disk != 80<<20 || c.dir != "x" || c.listen != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := (&config{width: 1920, height: 1080, fps: 30, disk: 64 << 20}).budget(); err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("a disk without room for the seconds before a meteor: %v", err)
	}
}

// calm is what the program says of itself: others may press on this machine's memory.
func calm(said []byte) (lines []string) {
	for line := range strings.Lines(string(said)) {
		if !strings.Contains(line, "memory is scarce") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestProgram starts it as a user does: SIGTERM ends it with everything given back, a second one in its folder does not start, and what cannot
// be is told in one line.
func TestProgram(t *testing.T) {
	anywhere(t)
	dir := t.TempDir()
	cmd := program(t, "-width=64", "-height=48", "-speed=20", "-listen=127.0.0.1:0", "-dir="+dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var first bytes.Buffer
	for one := make([]byte, 1); !bytes.HasSuffix(first.Bytes(), []byte("\n")); first.Write(one) { // it is on the air
		if _, err := out.Read(one); err != nil {
			t.Fatalf("%q, %q: %v", first.String(), said.String(), err)
		}
	}
	address := strings.TrimPrefix(strings.TrimSpace(first.String()), "http://")
	for _, second := range []struct {
		args   []string
		says   string
		status int
	}{
		{[]string{"-listen=", "-dir=" + dir}, "in use", 1},
		{[]string{"-listen=" + address, "-dir=" + t.TempDir()}, "address already in use", 1},
		{[]string{"-listen=", "-device=" + filepath.Join(dir, "none")}, "no such file", 1},
		{[]string{"-listen=", "-dir=" + os.Args[0]}, "not a directory", 1},
		{[]string{"-fps=0"}, "0 frames a second", 2},
	} {
		b, err := program(t, append(second.args, "-width=64", "-height=48", "-for=1s")...).CombinedOutput()
		var status *exec.ExitError
		if !errors.As(err, &status) || status.ExitCode() != second.status || len(calm(b)) != 1 ||
			!strings.HasPrefix(calm(b)[0], "meteor: ") || !strings.Contains(calm(b)[0], second.says) {
			t.Errorf("%q: %v, it says %q", second.args, err, b)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	last, err := io.ReadAll(out)
	if e := cmd.Wait(); e != nil || err != nil || len(calm(said.Bytes())) > 0 || !strings.Contains(string(last), " 0 out, ") || !strings.Contains(string(last), " 0 lost, ") {
		t.Errorf("after SIGTERM: %v, %v, %q, %q", e, err, last, said.String())
	}
	// What it acknowledged is there for the next one.
	b, err := program(t, "-width=64", "-height=48", "-for=1s", "-speed=0", "-listen=", "-dir="+dir).CombinedOutput()
	if err != nil || !strings.Contains(string(b), "25 frames, ") {
		t.Errorf("a second time: %v, %q", err, b)
	}
}

// TestFullDisk has no room on the disk for a while: the night goes on meanwhile, the trouble is told, nothing is left of the clip that could not
// be made, and the next meteor has one again.
func TestFullDisk(t *testing.T) {
	const limited = "METEOR_TEST_LIMITED"
	if os.Getenv(limited) == "" { // in a process of its own, as a log that go test has this one write falls under the limit, too
		if b, err := again(t, limited+"=1", "-test.v", "-test.run=^TestFullDisk$").CombinedOutput(); err != nil || !strings.Contains(string(b), "--- PASS: TestFullDisk") {
			t.Errorf("%v:\n%s", err, b)
		}
		return
	}
	testutil.OpenFDs(t)
	c := night(t, 0)
	c.width, c.height = 96, 72
	all := planted(c, 60)[:2]
	c.length = time.Duration(all[1].to+2) * time.Second
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var had syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &had); err != nil {
		t.Fatal(err)
	}
	limit := func(size uint64) {
		l := had
		if l.Cur = had.Cur; size < l.Cur {
			l.Cur = size
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Error(err)
		}
	}
	defer limit(math.MaxUint64)
	var told []string
	c.warn = writer(func(b []byte) (int, error) { told = append(told, string(b)); return len(b), nil })
	var st *station
	problem := func(text string) bool {
		st.mu.Lock()
		defer st.mu.Unlock()
		return strings.Contains(strings.Join(told, ""), text)
	}
	full, room := false, false
	c.progress = func(at time.Duration) {
		switch {
		case !full && at.Seconds() > all[0].from-1:
			full = true
			limit(0) // no file can grow
		case full && !room && at.Seconds() > all[0].to+5:
			room = true
			for deadline := time.Now().Add(4 * time.Minute); !problem("no clip of ") || !problem("frames are lost"); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Error("nobody tells that the disk is full")
					break
				}
			}
			limit(math.MaxUint64)
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
	if got := st.events.all(); len(got) != len(all)-1 || st.seen.Load() != int64(len(all)) {
		t.Errorf("%d clips of %d meteors, seen %d: %+v", len(got), len(all), st.seen.Load(), got)
	}
	files, err := os.ReadDir(st.events.dir)
	if err != nil || len(files) != 3*(len(all)-1) {
		t.Errorf("%d files of %d events: %v", len(files), len(all)-1, err)
	}
	lost := st.lost.Load()
	if a := st.stats(); lost == 0 || a.Dropped != lost || a.Problem == "" {
		t.Errorf("%d frames are lost, the page says %d: %q", lost, a.Dropped, a.Problem)
	}
	if err := st.close(); err != nil {
		t.Error(err)
	}
	if p, s := st.frames.Stats(), st.final; p.Outstanding != 0 || p.Acquired != p.Released || s.Puts+lost != uint64(c.length.Seconds())*25 || s.Err != nil {
		t.Errorf("pool: %+v; store: %+v", p, s)
	}
}

// TestAbsent waits for a camera until the night, or the program, ends.
func TestAbsent(t *testing.T) {
	testutil.OpenFDs(t)
	c := config{device: filepath.Join(t.TempDir(), "none"), width: 64, height: 48, fps: 25, length: 20 * time.Millisecond}
	v := &camera{c: c, known: true, began: time.Now()}
	if err := v.again(t.Context(), syscall.ENODEV); !errors.Is(err, io.EOF) {
		t.Errorf("after the night: %v", err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(io.ErrUnexpectedEOF)
	v.c.length = 0
	if err := v.again(ctx, syscall.ENODEV); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after Ctrl-C: %v", err)
	}
	if err := v.close(); err != nil {
		t.Error(err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
