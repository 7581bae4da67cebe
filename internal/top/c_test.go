package top

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// TestPublisherInC watches a publisher that has no Go in it.
func TestPublisherInC(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the publisher is built for amd64")
	}
	program := filepath.Join(t.TempDir(), "publisher")
	build := exec.Command(testutil.RequireTool(t, "gcc", "gcc"), "-std=c11", "-O1", "-I../../include", "-pthread", "-o", program, "../../runtime/ipc/testdata/publisher.c")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := begin(t, os.Environ(), program)
	path := socket(t)
	if got := p.do("o 4 0 8 0 %s", path); got != "ok: " && got != "ok" {
		t.Fatalf("opening: %q", got)
	}
	view := start(t, "viewer", path)
	if got := p.do("p 6 0 1"); got != "given 1" {
		t.Fatalf("publishing: %q", got)
	}
	view.do("take 3")
	view.do("release 1")
	var given, lost uint32
	var policy, over, held, pid int
	told := p.do("r 0")
	if _, err := fmt.Sscanf(told, "success: policy %d given %d lost %d over %d held %d pid %d", &policy, &given, &lost, &over, &held, &pid); err != nil {
		t.Fatalf("%q: %v", told, err)
	}
	s := sample(t, watch(t, Options{Processes: []string{strconv.Itoa(p.pid())}}))
	if len(s.Pools) != 1 || len(s.Subscribers) != 1 {
		t.Fatalf("%+v", s)
	}
	if q := s.Pools[0]; q.Name != "arena" || q.Max != 8 || q.maker() != p.pid() || q.Capacity != 4000 || q.Acquired != 6 {
		t.Errorf("%+v", q)
	}
	u := s.Subscribers[0]
	if u.PID != view.pid() || u.PID != pid || u.Publisher != p.pid() || u.PoolID != s.Pools[0].ID || u.Policy != "drop oldest" {
		t.Errorf("%+v", u)
	}
	if *u.Given != given || *u.Lost != lost || *u.Lost != 2 || u.Waiting != 1 || *u.Holds != 3 || u.Returned != 1 {
		t.Errorf("given %d, lost %d, %d wait, %d held, %d returned; the publisher says %s", *u.Given, *u.Lost, u.Waiting, *u.Holds, u.Returned, told)
	}
	if w := watch(t, Options{Processes: []string{strconv.Itoa(view.pid())}}); len(sample(t, w).Subscribers) != 1 {
		t.Error("the viewer is not found by its own number")
	}
}
