package metrics

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// machine is a made-up machine's /proc and /sys.
type machine fstest.MapFS

func (m machine) set(name, text string) { m[name] = &fstest.MapFile{Data: []byte(text)} }

const testGroup = "sys/fs/cgroup/app.slice/camera"

// newMachine has 1 GiB, of which half is available, and a cgroup of version 2 with the given limit.
func newMachine(limit int64) machine {
	m := machine{}
	m.available(512)
	m.set("proc/self/cgroup", "0::/app.slice/camera\n")
	m.set("proc/self/mountinfo", "31 22 0:27 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n")
	m.set("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	m.set(testGroup+"/memory.max", "max\n")
	m.set(testGroup+"/memory.high", fmt.Sprintln(limit))
	m.set(testGroup+"/memory.stat", "anon 5\ninactive_file 1000\n")
	m.usage(0)
	m.events(0, 0, 0)
	return m
}

func (m machine) available(mib int) {
	m.set("proc/meminfo", fmt.Sprintf("MemTotal: 1048576 kB\nMemFree: 1 kB\nMemAvailable: %d kB\n", mib*1024))
}
func (m machine) usage(n int64) { m.set(testGroup+"/memory.current", fmt.Sprintln(n+1000)) }
func (m machine) events(high, max, oom int) {
	m.set(testGroup+"/memory.events", fmt.Sprintf("low 0\nhigh %d\nmax %d\noom %d\noom_kill 0\n", high, max, oom))
}
func (m machine) stall(some, full float64) {
	m.set("proc/pressure/memory", fmt.Sprintf("some avg10=%.2f avg60=0.00\nfull avg10=%.2f avg60=0.00\n", some, full))
}

func (m machine) watch(t *testing.T, s *Set, o WatchOptions) *Watcher {
	t.Helper()
	o.Root = fstest.MapFS(m)
	o.KeepGo = true
	w, err := newWatcher(s, o)
	if err != nil {
		t.Fatal(err)
	}
	close(w.done) // it is stepped by hand
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestReading(t *testing.T) {
	m := newMachine(1 << 20)
	m.usage(1 << 18)
	m.events(3, 2, 1)
	m.stall(12.5, 1.25)
	s := sensor{root: fstest.MapFS(m)}
	want := Reading{
		Some: 12.5, Full: 1.25, Limit: 1 << 20, Least: 1 << 20, Usage: 1 << 18, Group: testGroup, Events: Events{3, 2, 1},
		Available: 512 << 20, Total: 1 << 30,
	}
	if got := s.read(); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// Whichever of the two limits is less.
	m.set(testGroup+"/memory.max", "900000\n")
	if got := s.read(); got.Limit != 900000 {
		t.Errorf("memory.max is less: %+v", got)
	}
	m.set(testGroup+"/memory.high", "800000\n")
	if got := s.read(); got.Limit != 800000 {
		t.Errorf("memory.high is less: %+v", got)
	}
	// The parent is tighter.
	m.set("sys/fs/cgroup/app.slice/memory.max", "1000000\n")
	m.set("sys/fs/cgroup/app.slice/memory.current", "900000\n")
	if got := s.read(); got.Limit != 1000000 || got.Least != 800000 || got.Usage != 900000 || got.Group != "sys/fs/cgroup/app.slice" {
		t.Errorf("with a tight parent: %+v", got)
	}
}

func TestReadingOfVersion1(t *testing.T) {
	m := machine{}
	m.set("proc/self/cgroup", "4:memory:/a/b\n0::/\n")
	m.set("proc/self/mountinfo", "33 24 0:30 /a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")
	m.set("sys/fs/cgroup/memory/b/memory.limit_in_bytes", "2000000\n")
	m.set("sys/fs/cgroup/memory/b/memory.usage_in_bytes", "1500000\n")
	m.set("sys/fs/cgroup/memory/b/memory.stat", "inactive_file 1\ntotal_inactive_file 500000\n")
	m.set("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
	m.set("sys/fs/cgroup/memory/memory.usage_in_bytes", "99999999\n")
	s := sensor{root: fstest.MapFS(m)}
	if got := s.read(); got != (Reading{Limit: 2000000, Least: 2000000, Usage: 1000000, Group: "sys/fs/cgroup/memory/b"}) {
		t.Errorf("%+v", got)
	}
}

func TestLevels(t *testing.T) {
	th := DefaultThresholds()
	for _, c := range []struct {
		r    Reading
		want Level
	}{
		{Reading{}, Normal},
		{Reading{Limit: 100, Usage: 74}, Normal},
		{Reading{Limit: 100, Usage: 75}, Low},
		{Reading{Limit: 100, Usage: 89}, Medium},
		{Reading{Limit: 100, Usage: 90}, High},
		{Reading{Limit: 100, Usage: 200}, Critical},
		{Reading{Total: 100, Available: 21}, Normal},
		{Reading{Total: 100, Available: 12}, Medium},
		{Reading{Total: 100}, Critical},
		{Reading{Some: 4.9}, Normal},
		{Reading{Some: 30}, High},
		{Reading{Full: 5}, Medium},
		{Reading{Events: Events{High: 6, Max: 5, OOM: 5}}, Medium},
		{Reading{Events: Events{High: 5, Max: 6, OOM: 5}}, High},
		{Reading{Events: Events{High: 5, Max: 5, OOM: 6}}, Critical},
		{Reading{Limit: 100, Usage: 76, Total: 100, Available: 50, Some: 31}, High}, // the worst rules
	} {
		before := Events{5, 5, 5}
		if c.r.Events == (Events{}) {
			before = Events{}
		}
		if got := th.level(&c.r, before, Normal); got != c.want {
			t.Errorf("%+v asks for %v, want %v", c.r, got, c.want)
		}
	}
}

// recorder are actions that write down what happens, and what they change of the machine.
type recorder struct {
	log     []string
	effects map[string]func()
}

func (r *recorder) action(name string, l Level, again bool) Action {
	return Action{
		Name: name, Level: l, Again: again,
		Apply: func() (int64, error) {
			r.log = append(r.log, "+"+name)
			if f := r.effects[name]; f != nil {
				f()
			}
			return mib, nil
		},
		Revert: func() error { r.log = append(r.log, "-"+name); return nil },
	}
}

func (r *recorder) take() string {
	s := strings.Join(r.log, " ")
	r.log = nil
	return s
}

// recorded has four actions, given out of order, in place of the usual ones.
func recorded(t *testing.T, m machine, again bool) (*Watcher, *recorder) {
	r := &recorder{effects: map[string]func(){}}
	w := m.watch(t, NewSet(), WatchOptions{Hold: 3})
	w.steps = steps([]Action{
		r.action("refuse", Critical, again), r.action("shrink", High, again), r.action("trim", Low, again), r.action("demote", Medium, again),
	})
	return w, r
}

func TestActionsInOrder(t *testing.T) {
	m := newMachine(1000)
	w, r := recorded(t, m, false)
	for _, c := range []struct {
		usage int64
		want  string
		level Level
	}{
		{100, "", Normal},
		{760, "+trim", Low},
		{760, "", Low}, // once
		{960, "+demote +shrink +refuse", Critical},
		{960, "", Critical},
		{800, "", Critical}, // within the hold
		{800, "", Critical},
		{800, "-refuse", High},
		{800, "", High}, {800, "", High},
		{800, "-shrink", Medium},
		{800, "", Medium}, // 0.80 is within Medium's margin: it stays
		{800, "", Medium}, {800, "", Medium}, {800, "", Medium},
		{100, "", Medium}, {100, "", Medium}, {100, "-demote", Low},
		{920, "+demote +shrink", High}, // rises at once; soon after it fell, so that the hold is 6 now
		{100, "", High}, {100, "", High}, {100, "", High}, {100, "", High}, {100, "", High}, {100, "-shrink", Medium},
		{100, "", Medium}, {100, "", Medium}, {100, "", Medium}, {100, "", Medium}, {100, "", Medium}, {100, "-demote", Low},
		{100, "", Low}, {100, "", Low}, {100, "", Low}, {100, "", Low}, {100, "", Low}, {100, "-trim", Normal},
		{100, "", Normal},
	} {
		m.usage(c.usage)
		w.look()
		if got := r.take(); got != c.want || w.Level() != c.level {
			t.Fatalf("at %d of 1000: %q and %v, want %q and %v", c.usage, got, w.Level(), c.want, c.level)
		}
	}
	text := scrape(t, w)
	for _, line := range []string{
		`poolgen_pressure_actions_total{action="demote"} 2`, `poolgen_pressure_reverts_total{action="demote"} 2`,
		`poolgen_pressure_actions_total{action="trim"} 1`, `poolgen_pressure_freed_bytes_total{action="shrink"} 2.097152e+06`,
		`poolgen_pressure_action_active{action="trim"} 0`, `poolgen_pressure_level 0`, `poolgen_pressure_limit_bytes 1000`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// A reading that goes to and fro about a threshold does not make the actions go on and off.
func TestNoFlutter(t *testing.T) {
	m := newMachine(1000)
	w, r := recorded(t, m, false)
	for i := range 60 {
		m.usage(740 + int64(i%2)*20)
		w.look()
	}
	if got := r.take(); got != "+trim" || w.changes != 1 {
		t.Errorf("%q, %d changes", got, w.changes)
	}
}

// An action whose reversal brings the pressure back is reverted more and more rarely.
func TestSlowerAfterEachRelapse(t *testing.T) {
	m := newMachine(1000)
	w, r := recorded(t, m, false)
	r.effects["trim"] = func() { m.usage(100) }
	w.steps[0].Revert = func() error { m.usage(760); return nil }
	m.usage(760)
	for range 400 {
		w.look()
	}
	relapses := len(r.log)
	if relapses < 4 || relapses > 10 || w.hold != 32*3 {
		t.Errorf("%d relapses in 400 readings, the hold is %d", relapses, w.hold)
	}
	w.steps[0].Revert = nil
	for range 2000 {
		w.look()
	}
	if w.hold != 3 || w.Level() != Normal {
		t.Errorf("after a calm time the hold is %d and the level %v", w.hold, w.Level())
	}
}

func TestWhatHelpedIsNotFollowedByWorse(t *testing.T) {
	m := newMachine(1000)
	w, r := recorded(t, m, false)
	r.effects["demote"] = func() { m.usage(500) }
	m.usage(990)
	w.look()
	if got := r.take(); got != "+trim +demote" {
		t.Errorf("%q", got)
	}
	for range 20 {
		w.look()
	}
	if got := r.take(); got != "-demote -trim" || w.Level() != Normal {
		t.Errorf("%q, %v", got, w.Level())
	}
}

func TestActionsThatGoOnAndFail(t *testing.T) {
	m := newMachine(1000)
	w, r := recorded(t, m, true)
	w.steps[0].Apply = func() (int64, error) { return -5, errors.New("no") }
	m.stall(16, 0)
	for range 22 { // at 1, 4, 7 and so on; what frees nothing at 1, 4, 10, 22
		w.look()
	}
	if got := r.take(); got != strings.TrimSpace(strings.Repeat("+demote ", 8)) {
		t.Errorf("%q", got)
	}
	text := scrape(t, w)
	for _, line := range []string{`poolgen_pressure_failures_total{action="trim"} 4`, `poolgen_pressure_freed_bytes_total{action="trim"} 0`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.take(); got != "-demote -trim" && got != "-demote" {
		t.Errorf("Close reverted %q", got)
	}
}

// The real actions, on a made-up machine.
func TestDefaultActions(t *testing.T) {
	m := newMachine(1000)
	s := NewSet()
	p := newPool(t, "frames", 64<<10, pool.Options{Max: 16, Prealloc: 16, Shared: true})
	s.Pool(p)
	a := newAllocator(t, "heap")
	s.Allocator(a)
	hot := true
	w := m.watch(t, s, WatchOptions{Hold: 1, Actions: []Action{Demote("previews", func() (int64, error) { hot = false; return 1, nil }, func() error { hot = true; return nil })}})
	if names := []string{w.steps[0].Name, w.steps[1].Name, w.steps[2].Name, w.steps[3].Name, w.steps[4].Name}; !reflect.DeepEqual(names, []string{"trim", "demote", "previews", "shrink", "refuse"}) {
		t.Errorf("the actions are %v", names)
	}
	committed := p.Stats().BytesCommitted
	if err := w.Admit(); err != nil {
		t.Error(err)
	}
	m.usage(999)
	w.look()
	if err := w.Admit(); !errors.Is(err, ErrPressure) {
		t.Errorf("Admit under pressure: %v", err)
	}
	if got := committed - p.Stats().BytesCommitted; got < 15*64<<10 || hot {
		t.Errorf("pools gave back %d bytes; hot is %v", got, hot)
	}
	if n := testing.AllocsPerRun(100, func() { _ = w.Level() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	m.usage(1)
	for range 4 {
		w.look()
	}
	if err := w.Admit(); err != nil || !hot || w.Level() != Normal {
		t.Errorf("Admit after the pressure: %v; hot %v, level %v", err, hot, w.Level())
	}
	b, err := p.Get() // committed again when it is used
	if err != nil {
		t.Fatal(err)
	}
	b.Bytes()[0] = 1
	b.Release()
	if text := scrape(t, w); !strings.Contains(text, "poolgen_pressure_refused_total 1\n") {
		t.Errorf("one refusal is not counted in\n%s", text)
	}
}

// storeFake has a hot tier that can be made smaller.
type storeFake struct {
	st  store.Stats
	log []int64
}

func (f *storeFake) SetHot(n int64) error {
	f.log = append(f.log, n)
	f.st.Hot.Budget, f.st.Hot.Bytes = n, min(n, f.st.Hot.Bytes)
	return nil
}

func TestDemoteStores(t *testing.T) {
	s := NewSet()
	f := &storeFake{st: store.Stats{Hot: store.Tier{Budget: 800, Bytes: 700}}}
	add(s, &s.stores, "history", f, func() storeStats { return storeStats{f.st} })
	m := newMachine(1000)
	w := m.watch(t, s, WatchOptions{Hold: 1})
	m.usage(850)
	for range 8 {
		w.look()
	}
	if want := []int64{400, 200, 100}; !reflect.DeepEqual(f.log, want) {
		t.Errorf("the hot tier was set to %v, want %v", f.log, want)
	}
	if text := scrape(t, w); !strings.Contains(text, `poolgen_pressure_freed_bytes_total{action="demote"} 600`+"\n") {
		t.Error(text)
	}
	m.usage(0)
	for range 30 {
		w.look()
	}
	if f.st.Hot.Budget != 800 {
		t.Errorf("the hot tier was set to %v", f.log)
	}
}

func TestWatcherNames(t *testing.T) {
	w := newMachine(1000).watch(t, NewSet(), WatchOptions{})
	problems, err := testutil.CollectAndLint(w)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestGoLimitFollowsArenas(t *testing.T) {
	for _, c := range []struct {
		name                  string
		before, want          int64
		cgroup, offHeap, then int64
		need                  int64
	}{
		{"GOMEMLIMIT less arenas", 1 << 30, 0, 0, 256 << 20, 768 << 20, 0},
		{"option less arenas", noLimit, 1 << 30, 0, 256 << 20, 768 << 20, 0},
		{"cgroup, a twentieth less", noLimit, 0, 1 << 30, 0, 1<<30 - 1<<30/20, 0},
		{"the tighter one", 1 << 30, 0, 500 << 20, 0, 475 << 20, 0},
		{"nothing is known", noLimit, 0, 0, 256 << 20, noLimit, 0},
		{"never less than an eighth", 1 << 30, 0, 0, 2 << 30, 1 << 27, 0},
		{"what Go needs", 1 << 30, 0, 0, 2 << 30, 300 << 20, 300 << 20},
		{"what Go needs, but not more than it may have", 1 << 30, 0, 0, 2 << 30, 1 << 30, 5 << 30},
		{"more than Go needs", 1 << 30, 0, 0, 256 << 20, 768 << 20, 100 << 20},
		{"not for a trifle", 1 << 30, 0, 0, 1 << 20, 1 << 30, 0},
	} {
		now := c.before
		g := &goLimit{wanted: c.want, set: func(n int64) int64 {
			old := now
			if n >= 0 {
				now = n
			}
			return old
		}}
		g.adopt(c.before)
		g.update(c.cgroup, c.offHeap, c.need)
		if now != c.then {
			t.Errorf("%s: the limit is %d, want %d", c.name, now, c.then)
		}
		g.restore()
		if now != c.before {
			t.Errorf("%s: restored to %d, want %d", c.name, now, c.before)
		}
	}
}

// A limit that the program sets while it is watched is what counts from then on, and what it finds afterwards.
func TestGoLimitOfTheProgram(t *testing.T) {
	now := int64(1 << 30)
	g := &goLimit{set: func(n int64) int64 {
		old := now
		if n >= 0 {
			now = n
		}
		return old
	}}
	g.adopt(now)
	g.update(0, 256<<20, 0)
	if now != 768<<20 {
		t.Fatalf("the limit is %d", now)
	}
	now = 2 << 30
	g.update(0, 256<<20, 0)
	if now != 2<<30-256<<20 {
		t.Errorf("after the program's own the limit is %d", now)
	}
	g.update(0, 256<<20, 0)
	now = noLimit
	g.update(0, 256<<20, 0)
	if now != noLimit {
		t.Errorf("after the program has lifted it the limit is %d", now)
	}
	g.update(0, 256<<20, 0)
	now = 4 << 30
	g.update(1<<30, 256<<20, 0)
	g.restore()
	if now != 4<<30 {
		t.Errorf("restored to %d", now)
	}
}

// Two that both want to set the limit, which is a mistake, do not drive it down against each other.
func TestGoLimitOfTwo(t *testing.T) {
	now := int64(1 << 30)
	var two [2]*goLimit
	for i := range two {
		two[i] = &goLimit{set: func(n int64) int64 {
			old := now
			if n >= 0 {
				now = n
			}
			return old
		}}
		two[i].adopt(now)
	}
	for i := range 100 {
		two[i%2].update(0, 64<<20, 0)
	}
	if now < 1<<30-5*64<<20 {
		t.Errorf("the limit is %d MiB", now>>20)
	}
	before := now
	for i := range 10 {
		two[i%2].update(0, 64<<20, 0)
	}
	if now != before {
		t.Errorf("the limit goes on from %d to %d MiB", before>>20, now>>20)
	}
}

func TestWatchThisMachine(t *testing.T) {
	if _, err := os.ReadFile("/proc/meminfo"); err != nil {
		t.Skipf("%v: the machine tells nothing", err)
	}
	before := debug.SetMemoryLimit(-1)
	s := NewSet()
	w, err := Watch(s, WatchOptions{Interval: time.Millisecond, Limit: 4 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if now := debug.SetMemoryLimit(-1); now > 4<<30 {
		t.Errorf("the limit is %d", now)
	}
	t.Logf("%+v, trigger %v", w.Reading(), w.trigger != nil)
	for len(s.samples()) == 0 {
		time.Sleep(time.Millisecond)
	}
	scrape(t, w)
	var goroutines strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&goroutines, 1); err != nil || !strings.Contains(goroutines.String(), `"poolgen":"watch"`) {
		t.Errorf("the watcher has no label: %v\n%s", err, &goroutines)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if now := debug.SetMemoryLimit(-1); now != before {
		t.Errorf("after Close the limit is %d, was %d", now, before)
	}
}

func TestWatchRefuses(t *testing.T) {
	for _, o := range []WatchOptions{
		{Interval: -1}, {Hold: -1}, {Limit: -1}, {Actions: []Action{{Name: "x", Level: Low}}}, {Root: fstest.MapFS{}},
		{Actions: []Action{{Name: "x", Apply: func() (int64, error) { return 0, nil }}}},
	} {
		if w, err := Watch(NewSet(), o); err == nil {
			t.Errorf("%+v is taken", o)
			_ = w.Close()
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	var w Watcher
	for b.Loop() {
		_ = w.Admit()
	}
}

// A real store, whose frames are on disk, lets go of half of its hot tier, and finds them there.
func TestDemoteARealStore(t *testing.T) {
	s := NewSet()
	p := newPool(t, "frames", 64<<10, pool.Options{Max: 64, Prealloc: 64})
	st, err := store.Open(store.Options{Dir: t.TempDir(), Pool: p, Hot: 2 << 20, Warm: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.Pool(p)
	s.Store("history", st)
	var first store.ID
	for i := range 24 {
		b, err := p.Get()
		if err != nil {
			t.Fatal(err)
		}
		id, err := st.Put(b, int64(i))
		if b.Release(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = id
		}
	}
	if err := st.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := p.Stats()
	m := newMachine(1000)
	w := m.watch(t, s, WatchOptions{Hold: 1})
	m.usage(910)
	w.look()
	after := p.Stats()
	if st.Stats().Hot.Budget != 1<<20 || after.Outstanding > before.Outstanding/2+8 || after.BytesTrimmed == 0 && !raceBuild {
		t.Errorf("hot %+v; the pool had %d blocks out, has %d, trimmed %d bytes", st.Stats().Hot, before.Outstanding, after.Outstanding, after.BytesTrimmed)
	}
	f, err := st.Get(t.Context(), first)
	if err != nil {
		t.Fatalf("a frame that was demoted: %v", err)
	}
	f.Release()
	m.usage(0)
	for range 10 {
		w.look()
	}
	if st.Stats().Hot.Budget != 2<<20 {
		t.Errorf("afterwards the hot tier has %d bytes", st.Stats().Hot.Budget)
	}
}

// A trigger that cannot be had is an error; one that was had ends.
func TestTrigger(t *testing.T) {
	if tr, err := newTrigger(t.TempDir()+"/missing", nil); err == nil {
		t.Error("a missing file triggers")
		_ = tr.close()
	}
	tr, err := newTrigger("/proc/pressure/memory", func() {})
	if err != nil {
		t.Skipf("%v: this kernel has no triggers, or does not permit them", err)
	}
	if err := tr.close(); err != nil {
		t.Error(err)
	}
}
