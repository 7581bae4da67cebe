package top

import (
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
)

// TestOthersProcess looks at a process of root's as another user.
func TestOthersProcess(t *testing.T) {
	if runtime.GOARCH == "arm" {
		t.Skip("qemu-user does not start as another user what that may not read")
	}
	pid := 1
	look := func(pid int) ([]byte, error) {
		cmd := exec.Command("/proc/self/exe") // the folder of the test binary may not be open to others
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=look %d", roleEnv, pid))
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		return cmd.Output()
	}
	if os.Geteuid() == 0 {
		pid = start(t, "camera", socket(t)).pid()
	}
	out, err := look(pid)
	want := fmt.Sprintf("failed: process %d (", pid)
	if err == nil || !strings.HasPrefix(string(out), want) || !strings.Contains(string(out), "belongs to root: run poolgen top as root, or give it CAP_SYS_PTRACE") {
		if strings.Contains(string(out), "is hidden from you") {
			t.Skip("/proc is mounted with hidepid")
		}
		t.Errorf("%s, %v; want %s", out, err, want)
	}
}

// TestDeadPublisher kills a publisher whose pool a viewer still has.
func TestDeadPublisher(t *testing.T) {
	path := socket(t)
	cam := start(t, "camera", path)
	view := start(t, "viewer", path)
	cam.do("publish 3")
	view.do("take 2")
	w := watch(t, Options{Processes: []string{strconv.Itoa(view.pid())}})
	s := sample(t, w)
	if len(s.Pools) != 1 || s.Pools[0].maker() != cam.pid() || s.Pools[0].InUse != 3 {
		t.Fatalf("%+v", s.Pools)
	}
	id := s.Pools[0].ID
	cam.kill()
	s = sample(t, w)
	ended := fmt.Sprintf("process %d (%s) has ended", cam.pid(), comm(t))
	if runtime.GOARCH != "arm" && !slices.Contains(s.Notes, ended) {
		t.Errorf("%q, want %q", s.Notes, ended)
	}
	if w.Over() {
		t.Error("the viewer lives, and yet nothing more is to come")
	}
	if slices.ContainsFunc(s.Notes, func(n string) bool { return strings.Contains(n, "CAP_CHECKPOINT_RESTORE") }) {
		return // without that right it can be said, but not seen
	}
	if len(s.Pools) != 1 || s.Pools[0].ID != id || s.Pools[0].maker() != view.pid() || s.Pools[0].InUse != 3 {
		t.Fatalf("%+v %q", s.Pools, s.Notes)
	}
	if u := s.Subscribers; len(u) != 1 || u[0].Publisher != 0 || u[0].PID != view.pid() || *u[0].Holds != 3 {
		t.Errorf("%+v", s.Subscribers)
	}
}

// comm is what the kernel calls this program.
func comm(t *testing.T) string {
	t.Helper()
	p, err := readProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return p.name
}

// TestDiesWhileLooked ends a process between the search of it and the look at its memory.
func TestDiesWhileLooked(t *testing.T) {
	one, other := start(t, "camera", socket(t)), start(t, "camera", socket(t))
	w := watch(t, Options{Processes: []string{strconv.Itoa(one.pid()), strconv.Itoa(other.pid())}})
	sample(t, w)
	if err := w.findProcesses(w.last, false); err != nil {
		t.Fatal(err)
	}
	w.findMemory()
	one.kill()
	w.lookAtAll()
	s := w.assemble(w.last)
	if len(s.Pools) != 1 || s.Pools[0].maker() != other.pid() || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "has ended") {
		t.Errorf("%+v, %q", s.Pools, s.Notes)
	}
	if s := sample(t, w); len(s.Pools) != 1 || len(s.Notes) != 0 || w.Over() {
		t.Errorf("%+v, %q; over: %v", s.Pools, s.Notes, w.Over())
	}
}

// TestClosedPool has a pool that its program closes: the program keeps the headers mapped, but it is none any more.
func TestClosedPool(t *testing.T) {
	cam := start(t, "camera", socket(t))
	w := watch(t, Options{Processes: []string{strconv.Itoa(cam.pid())}})
	sample(t, w)
	var st stats
	if err := json.Unmarshal([]byte(cam.do("close 1")), &st); err != nil {
		t.Fatal(err)
	}
	if s := sample(t, w); len(s.Pools) != 0 || len(s.Notes) != 0 {
		t.Errorf("%+v, %q", s.Pools, s.Notes)
	}
}

func TestMappings(t *testing.T) {
	for _, c := range []struct{ line, at, link string }{
		{"7f12c0000000-7f12c0004000 rw-s 00000000 00:01 4711                       /memfd:poolgen:frames (deleted)", "7f12c0000000-7f12c0004000", "/memfd:poolgen:frames (deleted)"},
		{"7f12c0000000-7f12c0004000 r--s 00001000 00:01 4711 /memfd:a b (deleted)", "7f12c0000000-7f12c0004000", "/memfd:a b (deleted)"},
		{"7f12c0000000-7f12c0004000 rw-p 00000000 00:01 4711 /memfd:poolgen:frames (deleted)", "", ""},
		{"7f12c0000000-7f12c0004000 rw-s 00000000 00:01 4711 /lib/libc.so", "", ""},
		{"7f12c0000000-7f12c0004000 rw-s 00000000 zz:01 4711 /memfd:x", "", ""},
		{"/memfd:x", "", ""},
		{"", "", ""},
	} {
		at, file, link, _, ok := parseMapping(c.line)
		if ok != (c.at != "") || ok && (at != c.at || link != c.link || file.Inode != 4711 || file.Minor != 1) {
			t.Errorf("%q: %q %v %q %v", c.line, at, file, link, ok)
		}
	}
}
