package metrics

import (
	"io/fs"
	"runtime/debug"
	"testing"
	"testing/fstest"

	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// denied is a machine some of whose files are there and may not be read.
type denied struct {
	fstest.MapFS
	names map[string]bool
}

func (d denied) Open(name string) (fs.File, error) {
	if d.names[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

func (d denied) ReadFile(name string) ([]byte, error) {
	if d.names[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.ReadFile(name)
}

// Whatever a machine lacks or does not permit, the rest counts.
func TestMachinesThatTellLess(t *testing.T) {
	const own, slice = testGroup, "sys/fs/cgroup/app.slice"
	for _, c := range []struct {
		name   string
		change func(m machine)
		denied []string
		want   Reading
	}{
		{"everything", func(machine) {}, nil, Reading{Some: 7, Full: 3, Limit: 1000, Least: 1000, Usage: 600, Group: own, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"no PSI", func(m machine) { delete(m, "proc/pressure/memory") }, nil, Reading{Limit: 1000, Least: 1000, Usage: 600, Group: own, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"PSI of the cgroup alone", func(m machine) { m.set(own+"/memory.pressure", "some avg10=2.00 avg60=0.00\n") }, []string{"proc/pressure/memory"},
			Reading{Some: 2, Limit: 1000, Least: 1000, Usage: 600, Group: own, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"no limit", func(m machine) { m.set(own+"/memory.high", "max\n") }, nil, Reading{Some: 7, Full: 3, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"a limit of nothing", func(m machine) { m.set(own+"/memory.high", "0\n") }, nil, Reading{Some: 7, Full: 3, Limit: 1, Least: 1, Usage: 600, Group: own, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"memory.high without permission", func(m machine) { m.set(own+"/memory.max", "2000\n") }, []string{own + "/memory.high"}, Reading{Some: 7, Full: 3, Limit: 2000, Least: 2000, Usage: 600, Group: own, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"usage without permission", func(machine) {}, []string{own + "/memory.current"}, Reading{Some: 7, Full: 3, Least: 1000, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"no memory.stat", func(m machine) { delete(m, own+"/memory.stat") }, nil, Reading{Some: 7, Full: 3, Limit: 1000, Least: 1000, Usage: 1600, Group: own, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"cgroups without permission", func(machine) {}, []string{"proc/self/cgroup"}, Reading{Some: 7, Full: 3, Available: 512 << 20, Total: 1 << 30}},
		{"meminfo without permission", func(machine) {}, []string{"proc/meminfo"}, Reading{Some: 7, Full: 3, Limit: 1000, Least: 1000, Usage: 600, Group: own, Events: Events{1, 1, 1}}},
		{"a slice that its others fill", func(m machine) {
			m.set(slice+"/memory.max", "5000\n")
			m.set(slice+"/memory.current", "4900\n")
		}, nil, Reading{Some: 7, Full: 3, Limit: 5000, Least: 1000, Usage: 4900, Group: slice, Events: Events{1, 1, 1}, Available: 512 << 20, Total: 1 << 30}},
		{"version 1 for memory, 2 for the rest", func(m machine) {
			m.set("proc/self/cgroup", "9:memory:/camera\n0::/app.slice/camera\n")
			m.set("proc/self/mountinfo", "31 22 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n33 24 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")
			m.set("sys/fs/cgroup/unified/app.slice/camera/memory.pressure", "some avg10=9.00 avg60=0.00\n")
			m.set("sys/fs/cgroup/memory/camera/memory.limit_in_bytes", "3000\n")
			m.set("sys/fs/cgroup/memory/camera/memory.usage_in_bytes", "700\n")
		}, nil, Reading{Some: 9, Full: 3, Limit: 3000, Least: 3000, Usage: 700, Group: "sys/fs/cgroup/memory/camera", Available: 512 << 20, Total: 1 << 30}},
	} {
		m := newMachine(1000)
		m.usage(600)
		m.stall(7, 3)
		m.events(1, 1, 1)
		c.change(m)
		d := denied{fstest.MapFS(m), map[string]bool{}}
		for _, name := range c.denied {
			d.names[name] = true
		}
		s := sensor{root: d}
		if got := s.read(); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// Counts that cannot be read for a while, and those of a cgroup that the process is moved to, are no events.
func TestEventsOfTheProcessAlone(t *testing.T) {
	const slice = "sys/fs/cgroup/app.slice"
	m := newMachine(1000)
	m.events(5, 4, 3)
	m.set(slice+"/memory.events.local", "high 70\nmax 60\noom 50\n")
	m.set(slice+"/memory.events", "high 700\nmax 600\noom 500\n")
	s := sensor{root: fstest.MapFS(m)}
	step := func(what string, want Events) {
		t.Helper()
		if got := s.read().Events; got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	step("at first", Events{5, 4, 3})
	m.events(6, 4, 3)
	step("one more", Events{6, 4, 3})
	m.set(slice+"/memory.events", "high 7000\nmax 6000\noom 5000\n")
	step("of others below the slice", Events{6, 4, 3})
	m.set(slice+"/memory.events.local", "high 70\nmax 62\noom 51\n")
	step("at the slice's limit", Events{6, 6, 4})
	delete(m, testGroup+"/memory.events")
	step("a file that vanished", Events{6, 6, 4})
	m.events(7, 4, 3)
	step("a file that is there again", Events{7, 6, 4})
	m.set("proc/self/cgroup", "0::/other\n")
	m.set("sys/fs/cgroup/other/memory.events", "high 900\nmax 900\noom 900\n")
	step("moved", Events{7, 6, 4})
	m.set("sys/fs/cgroup/other/memory.events", "high 900\nmax 900\noom 901\n")
	step("after it was moved", Events{7, 6, 5})
	m.set("sys/fs/cgroup/other/memory.events", "high 0\nmax 0\noom 0\n")
	step("a cgroup that was made anew", Events{7, 6, 5})
}

// A process that is moved is found again at the next reading, and one whose cgroup is gone has no limit.
func TestProcessThatIsMoved(t *testing.T) {
	m := newMachine(1000)
	w := m.watch(t, NewSet(), WatchOptions{Hold: 1})
	m.set("proc/self/cgroup", "0::/other\n")
	m.set("sys/fs/cgroup/other/memory.max", "5000\n")
	m.set("sys/fs/cgroup/other/memory.current", "4000\n")
	w.look()
	if r := w.Reading(); r.Limit != 5000 || r.Usage != 4000 || w.Level() != Low {
		t.Errorf("moved: %+v, %v", r, w.Level())
	}
	delete(m, "sys/fs/cgroup/other/memory.max")
	delete(m, "sys/fs/cgroup/other/memory.current")
	w.look()
	if r := w.Reading(); r.Limit != 0 || r.Total == 0 || w.Level() != Normal {
		t.Errorf("gone: %+v, %v", r, w.Level())
	}
	for name := range m { // a machine that tells nothing any more
		delete(m, name)
	}
	w.look()
	if r := w.Reading(); r != (Reading{Events: r.Events}) || w.Level() != Normal {
		t.Errorf("nothing: %+v, %v", r, w.Level())
	}
}

// The kernel counts it when it drops file pages to stay below a limit, as it always does for who writes files. Only where there is little
// else than what the program needs is that scarcity.
func TestFilePagesAreNoPressure(t *testing.T) {
	m := newMachine(1000)
	w := m.watch(t, NewSet(), WatchOptions{})
	m.usage(300)
	for i := range 20 {
		m.events(10*i, 10*i, 0)
		w.look()
	}
	if w.Level() != Normal || w.changes != 0 {
		t.Errorf("with a third in use the level is %v", w.Level())
	}
	m.usage(730)
	m.events(1000, 500, 0)
	w.look()
	if w.Level() != High {
		t.Errorf("near the limit the level is %v", w.Level())
	}
	m.usage(300)
	m.events(1000, 500, 1)
	w.look()
	if w.Level() != Critical {
		t.Errorf("with a process killed the level is %v", w.Level())
	}
}

// Go's memory limit comes from the least of the limits, also while another is the tightest.
func TestGoLimitIsOfTheLeast(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	m := newMachine(4 << 30)
	m.set("sys/fs/cgroup/app.slice/memory.max", "17179869184\n")
	m.set("sys/fs/cgroup/app.slice/memory.current", "16000000000\n")
	w, err := newWatcher(NewSet(), WatchOptions{Root: fstest.MapFS(m)})
	if err != nil {
		t.Fatal(err)
	}
	close(w.done)
	if got := debug.SetMemoryLimit(-1); got > 4<<30 || got < 3<<30 {
		t.Errorf("Go's limit is %d, the least limit %d, the tightest %d", got, w.Reading().Least, w.Reading().Limit)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("afterwards it is %d, was %d", got, before)
	}
}

// A store that was closed, or that the program gave another budget meanwhile, is left alone when the pressure ends.
func TestDemotedStoresThatChange(t *testing.T) {
	s := NewSet()
	p := newPool(t, "frames", 4096, pool.Options{Max: 8})
	open := func() *store.Store {
		st, err := store.Open(store.Options{Dir: t.TempDir(), Pool: p, Hot: 1 << 20, Warm: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	closed, changed, removed := open(), open(), open()
	s.Store("closed", closed)
	s.Store("changed", changed)
	remove := s.Store("removed", removed)
	m := newMachine(1000)
	w := m.watch(t, s, WatchOptions{Hold: 1})
	m.usage(850)
	w.look()
	for _, st := range []*store.Store{closed, changed, removed} {
		if st.Stats().Hot.Budget != 512<<10 {
			t.Fatalf("%+v", st.Stats().Hot)
		}
	}
	remove()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := changed.SetHot(3 << 20); err != nil {
		t.Fatal(err)
	}
	m.usage(0)
	for range 10 {
		w.look()
	}
	if got := changed.Stats().Hot.Budget; got != 3<<20 {
		t.Errorf("the program's own budget became %d", got)
	}
	if got := removed.Stats().Hot.Budget; got != 1<<20 {
		t.Errorf("a store that is no longer watched keeps a budget of %d", got)
	}
	for _, one := range w.steps {
		if one.fails > 0 {
			t.Errorf("%s failed %d times", one.Name, one.fails)
		}
	}
	for _, st := range []*store.Store{changed, removed} {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}
