package top

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// TestTwoViewers watches a camera with two viewers and compares all numbers with the camera's own.
func TestTwoViewers(t *testing.T) {
	path := socket(t)
	cam := start(t, "camera", path)
	quick, slow := start(t, "viewer", path), start(t, "viewer", path)
	w := watch(t, Options{Processes: []string{strconv.Itoa(cam.pid())}})

	check := func(when string, st stats) *Sample {
		t.Helper()
		s := sample(t, w)
		if len(s.Pools) != 1 || len(s.Subscribers) != 2 || len(s.Notes) != 0 {
			t.Fatalf("%s: %d pools, %d subscribers, %q", when, len(s.Pools), len(s.Subscribers), s.Notes)
		}
		reconcile(t, s.Pools[0], st.Pool)
		for _, u := range s.Subscribers {
			i := slices.IndexFunc(st.Publisher.Subscribers, func(i subscriberInfo) bool { return int(i.Peer.PID) == u.PID })
			if i < 0 {
				t.Fatalf("%s: process %d is no subscriber: %+v", when, u.PID, st.Publisher)
			}
			own := st.Publisher.Subscribers[i]
			if u.Publisher != cam.pid() || u.PoolID != s.Pools[0].ID || u.Pool != "frames" || u.Slots != 4 || u.Policy != own.Policy.String() {
				t.Errorf("%s: %+v", when, u)
			}
			if uint64(*u.Given) != own.Given || uint64(*u.Lost) != own.Lost || int(*u.Holds) != own.Held {
				t.Errorf("%s: viewer %d was given %d, lost %d, holds %d; the publisher says %d, %d, %d", when, u.PID, *u.Given, *u.Lost, *u.Holds, own.Given, own.Lost, own.Held)
			}
		}
		return s
	}
	find := func(s *Sample, p *peer) Subscriber {
		t.Helper()
		i := slices.IndexFunc(s.Subscribers, func(u Subscriber) bool { return u.PID == p.pid() })
		if i < 0 {
			t.Fatalf("viewer %d is missing in %+v", p.pid(), s.Subscribers)
		}
		return s.Subscribers[i]
	}

	s := check("at first", cam.stats("stats"))
	if s.Interval != 0 || s.Pools[0].Gets != nil {
		t.Errorf("the first sample has rates: %+v", s.Pools[0])
	}
	check("published", cam.stats("publish 3"))
	quick.do("take 2")
	quick.do("release 1")
	st := cam.stats("publish 7") // beyond the queues of 4
	s = check("dropped", st)
	if q := find(s, slow); q.Waiting != 4 || *q.Lost != 6 || *q.Holds != 4 {
		t.Errorf("the slow viewer: %+v", q)
	}
	if q := find(s, quick); q.Waiting != 4 || *q.Holds != 5 || q.Returned != 1 {
		t.Errorf("the quick viewer: %+v", q)
	}
	if s.Pools[0].Gets == nil || *s.Pools[0].Gets <= 0 || *s.Pools[0].Releases <= 0 || *find(s, slow).GivenRate <= 0 && *find(s, slow).LostRate <= 0 {
		t.Errorf("no rates: %+v", s.Pools[0])
	}
	check("kept", cam.stats("keep 2"))
	check("adopted", cam.stats("adopt 1"))
	check("refused", cam.stats("refuse 1"))
	check("after", cam.stats("stats"))

	// A viewer's own view: it has no descriptor, only mappings.
	own := sample(t, watch(t, Options{Processes: []string{strconv.Itoa(slow.pid())}}))
	if len(own.Pools) != 1 || len(own.Subscribers) != 1 || own.Subscribers[0].PID != slow.pid() || own.Subscribers[0].Publisher != cam.pid() {
		t.Errorf("from the viewer: %+v", own)
	}
	parts := own.Pools[0].Parts
	i := slices.IndexFunc(parts, func(p Part) bool { return p.PID == slow.pid() })
	if parts[0].PID != cam.pid() || !parts[0].Write || parts[0].FD < 0 || i < 0 || parts[i].Write || !parts[i].Read || parts[i].FD >= 0 {
		t.Errorf("the pool is had by %+v", parts)
	}

	// One that is killed goes, with a note, and the rest goes on.
	slow.kill()
	until(t, w, "the killed viewer", func(s *Sample) bool { return len(s.Subscribers) == 1 })
	cam.kill()
	s = sample(t, w)
	if len(s.Pools) != 0 || !slices.ContainsFunc(s.Notes, func(n string) bool {
		return strings.Contains(n, strconv.Itoa(cam.pid())) && strings.Contains(n, "has ended")
	}) {
		t.Errorf("after the end: %d pools, %q", len(s.Pools), s.Notes)
	}
	if !w.Over() {
		t.Error("the only process has ended, and yet more is to come")
	}
}

// until samples until ok.
func until(t *testing.T, w *Watcher, what string, ok func(*Sample) bool) *Sample {
	t.Helper()
	for end := deadline(); ; time.Sleep(5 * time.Millisecond) {
		s := sample(t, w)
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("%s: nothing came of it: %+v", what, s)
		}
	}
}

// TestLeak has a camera keep a block while others go round.
func TestLeak(t *testing.T) {
	path := socket(t)
	cam := start(t, "camera", path)
	view := start(t, "viewer", path)
	const age = 50 * time.Millisecond
	w := watch(t, Options{Processes: []string{strconv.Itoa(cam.pid())}, Leaks: age})
	cam.do("keep 1")
	before := time.Now()
	if s := sample(t, w); len(s.Held) != 0 {
		t.Fatalf("held for long at once: %+v", s.Held)
	}
	s := until(t, w, "the leak", func(s *Sample) bool {
		cam.do("publish 1") // the other blocks never grow old
		view.do("take 1")
		view.do("release 1")
		cam.do("stats")
		return len(s.Held) > 0
	})
	h := s.Held[0]
	if len(s.Held) != 1 || h.Pool != "frames" || h.Block != 0 || h.References != 2 || h.Generation != 1 || h.External || len(h.Queued) != 0 {
		t.Errorf("%+v", s.Held)
	}
	if h.Age < age.Seconds() || h.Age > time.Since(before).Seconds() || s.Pools[0].Oldest != h.Age {
		t.Errorf("it is %v s old, and the oldest %v s, after %v", h.Age, s.Pools[0].Oldest, time.Since(before))
	}
	// Released and taken again it begins a new life.
	cam.do("drop 1")
	cam.do("keep 1")
	if s := sample(t, w); len(s.Held) != 0 {
		t.Errorf("a new life is old: %+v", s.Held)
	}
	// Frames that nobody takes wait for somebody.
	cam.do("publish 2")
	s = until(t, w, "frames that wait", func(s *Sample) bool { return len(s.Held) >= 3 })
	waiting := 0
	for _, h := range s.Held {
		if slices.Equal(h.Queued, []int{view.pid()}) {
			waiting++
		}
	}
	if waiting != 2 {
		t.Errorf("%d blocks wait for the viewer: %+v", waiting, s.Held)
	}
}

// TestAsleep shows that a viewer waits for a frame.
func TestAsleep(t *testing.T) {
	path := socket(t)
	cam := start(t, "camera", path)
	view := start(t, "viewer", path)
	w := watch(t, Options{Processes: []string{strconv.Itoa(cam.pid())}})
	if s := sample(t, w); s.Subscribers[0].Asleep {
		t.Error("asleep before it waits")
	}
	view.do("wait 1")
	until(t, w, "a viewer that sleeps", func(s *Sample) bool { return s.Subscribers[0].Asleep })
	cam.do("publish 1")
	view.line()
	if s := sample(t, w); s.Subscribers[0].Asleep {
		t.Error("asleep after it was woken")
	}
}

// TestByName follows a program over a restart.
func TestByName(t *testing.T) {
	if runtime.GOARCH == "arm" {
		t.Skip("under qemu-user every program is named after qemu")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A name of its own: this test may run several times at once.
	name := fmt.Sprintf("cam-%d", os.Getpid())
	program := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	begin := func() *peer {
		t.Helper()
		p := begin(t, append(os.Environ(), roleEnv+"=camera "+socket(t)), program)
		if got := p.line(); got != "ready" {
			t.Fatalf("the camera says %q", got)
		}
		return p
	}
	cam := begin()
	w := watch(t, Options{Processes: []string{name}})
	if s := sample(t, w); len(s.Pools) != 1 || s.Pools[0].maker() != cam.pid() {
		t.Fatalf("%+v", s.Pools)
	}
	cam.kill()
	if s := sample(t, w); len(s.Pools) != 0 || w.Over() {
		t.Errorf("%d pools after the end; over: %v", len(s.Pools), w.Over())
	}
	again := begin()
	if s := sample(t, w); len(s.Pools) != 1 || s.Pools[0].maker() != again.pid() {
		t.Errorf("%+v", s.Pools)
	}
}

// TestEverything finds a program without its name.
func TestEverything(t *testing.T) {
	cam := start(t, "camera", socket(t))
	w := watch(t, Options{})
	found := func(pid int) func(*Sample) bool {
		return func(s *Sample) bool {
			return slices.ContainsFunc(s.Pools, func(p Pool) bool { return p.maker() == pid })
		}
	}
	if s := sample(t, w); !found(cam.pid())(s) {
		t.Fatalf("%+v", s)
	}
	// A new process is looked at at once, an old one after a while.
	another := start(t, "camera", socket(t))
	if s := sample(t, w); !found(another.pid())(s) {
		t.Fatalf("%+v", s)
	}
}

func TestNothing(t *testing.T) {
	sleep := exec.Command(testutil.RequireTool(t, "sleep", "coreutils"), "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want string }{
		{strconv.Itoa(sleep.Process.Pid), "no shared pool: .*pool.Options.Shared"},
		{strconv.Itoa(dead.Process.Pid), fmt.Sprintf("no process %d", dead.Process.Pid)},
		{"no-such-program", `no process is named "no-such-program"`},
		{"0", "0 is no process: numbers begin at 1"},
		{"-3", "-3 is no process: numbers begin at 1"},
		{" ", `a process is named " "`},
	} {
		w, err := NewWatcher(Options{Processes: []string{c.name}})
		if err == nil {
			_, err = w.Sample()
		}
		if !matches(err, c.want) {
			t.Errorf("%q: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestOtherWordSize has programs for 32 bits look at one for 64.
func TestOtherWordSize(t *testing.T) {
	if runtime.GOARCH != "amd64" || testing.Short() {
		t.Skip("one side is a test of amd64, the other is built")
	}
	path := socket(t)
	cam := start(t, "camera", path)
	view := start(t, "viewer", path)
	cam.do("publish 3")
	view.do("take 2")
	cam.do("adopt 1")
	st := cam.stats("refuse 1")
	for _, arch := range []string{"386", "arm"} {
		t.Run(arch, func(t *testing.T) {
			argv := []string{filepath.Join(t.TempDir(), "top.test")}
			if arch == "arm" {
				argv = append([]string{testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static")}, argv...)
			}
			build := exec.Command(testutil.RequireTool(t, "go", "golang"), "test", "-c", "-o", argv[len(argv)-1], ".")
			build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=look %d", roleEnv, cam.pid()))
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var s Sample
			if err := json.Unmarshal(out, &s); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if len(s.Pools) != 1 || len(s.Subscribers) != 1 {
				t.Fatalf("%s", out)
			}
			reconcile(t, s.Pools[0], st.Pool)
			if u := s.Subscribers[0]; u.PID != view.pid() || u.Waiting != 1 || *u.Holds != 3 {
				t.Errorf("%+v", u)
			}
		})
	}
}
