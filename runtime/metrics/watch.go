package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime/pprof"
	"sync"
	"time"
)

// WatchOptions tune Watch. The zero value reads this machine once a second.
type WatchOptions struct {
	Interval   time.Duration // between readings; 0 means a second
	Hold       int           // readings in a row that ask for less before the level falls by one; 0 means 5. See Watcher
	Limit      int64         // bytes that the process may have; 0: what GOMEMLIMIT or the cgroups say
	KeepGo     bool          // leaves GOMEMLIMIT as it is
	Thresholds *Thresholds   // nil means DefaultThresholds
	Actions    []Action      // beside trim, demote, shrink and refuse; see Demote
	// Changed is told of each new level, after the actions, on the watcher's goroutine.
	Changed func(from, to Level, r Reading)
	// Root is the file system with proc and sys, for tests; nil means this machine's.
	Root fs.FS
}

// Watcher makes room when memory is scarce. When the level rises again soon after it fell, it falls more slowly from then on, up to 32 times, until
// it was normal for a while. A process has one at a time, because Go's memory limit belongs to the process. Its methods may be
// called from any goroutine.
type Watcher struct {
	set     *Set
	o       WatchOptions
	t       Thresholds
	desc    *watcherDesc
	gate    gate
	sensor  sensor // of the goroutine
	limit   *goLimit
	trigger *trigger
	nudge   chan struct{}
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
	end     error

	mu      sync.Mutex // guards what follows
	level   Level
	changes uint64
	calm    int // readings in a row that asked for less
	hold    int // how many of those it takes now
	fell    int // readings since the level fell
	last    Reading
	steps   []step
}

// Watch begins to watch. The caller closes the watcher. It fails if the machine tells nothing of its memory, or an option makes no sense.
func Watch(s *Set, o WatchOptions) (*Watcher, error) {
	real := o.Root == nil
	w, err := newWatcher(s, o)
	if err != nil {
		return nil, err
	}
	if real {
		// The machine's, or that of the own cgroup, which a container may be allowed to write. Without either the interval has to do.
		names := []string{"/proc/pressure/memory"}
		if own := w.sensor.own; len(own) > 0 {
			names = append(names, "/"+path.Join(own[0], "memory.pressure"))
		}
		for _, name := range names {
			if w.trigger, err = newTrigger(name, w.stalled); err == nil {
				break
			}
		}
	}
	go w.run()
	return w, nil
}

// stalled wakes the watcher.
func (w *Watcher) stalled() {
	select {
	case w.nudge <- struct{}{}:
	default:
	}
}

func newWatcher(s *Set, o WatchOptions) (*Watcher, error) {
	if o.Interval < 0 || o.Hold < 0 || o.Limit < 0 {
		return nil, fmt.Errorf("metrics: WatchOptions has an interval of %v, a hold of %d, a limit of %d: none may be negative", o.Interval, o.Hold, o.Limit)
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.Hold == 0 {
		o.Hold = 5
	}
	if o.Root == nil {
		o.Root = os.DirFS("/")
	}
	w := &Watcher{
		set: s, o: o, t: DefaultThresholds(), desc: newWatcherDesc(), sensor: sensor{root: o.Root},
		nudge: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if o.Thresholds != nil {
		w.t = o.Thresholds.orDefault()
	}
	if err := w.t.check(); err != nil {
		return nil, fmt.Errorf("metrics: WatchOptions.Thresholds: %w", err)
	}
	for _, a := range o.Actions {
		if a.Name == "" || a.Apply == nil || a.Level < Low || a.Level > Critical {
			return nil, fmt.Errorf("metrics: action %q at level %v: it needs a name, Apply, and a level from low to critical", a.Name, a.Level)
		}
	}
	w.last = w.sensor.read()
	if r := w.last; r.Total == 0 && r.Limit == 0 {
		return nil, errors.New("metrics: watching memory: neither /proc/meminfo nor a cgroup with a limit can be read")
	}
	w.hold, w.fell = o.Hold, 10*o.Hold
	demote := &demotion{s, map[*from[storeStats]]demoted{}}
	w.steps = steps(append([]Action{trimAction(s), demote.action(), shrinkAction(s), w.gate.action()}, o.Actions...))
	if !o.KeepGo {
		w.limit = newGoLimit(o.Limit)
		w.limit.update(w.last.Least, s.OffHeap(), goNeeds())
	}
	return w, nil
}

func (w *Watcher) run() {
	defer close(w.done)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("poolgen", "watch")))
	tick := time.NewTicker(w.o.Interval)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		case <-w.nudge:
		}
		w.look()
	}
}

// look takes a reading and does what it asks for.
func (w *Watcher) look() {
	before := w.last.Events // written by this goroutine alone
	r := w.sensor.read()
	w.mu.Lock()
	from := w.level
	asked := w.t.level(&r, before, Normal)
	eased := w.t.level(&r, before, w.level)
	switch {
	case asked > w.level:
		if w.fell < 10*w.hold {
			// What was reverted was too much: next time it takes longer.
			w.hold = min(2*w.hold, 32*w.o.Hold)
		}
		w.level, w.calm = asked, 0
	case eased < w.level:
		if w.calm++; w.calm >= w.hold {
			w.level--
			w.calm, w.fell = 0, 0
		}
	default:
		w.calm = 0
	}
	if w.fell++; w.level == Normal && w.fell > 10*w.hold {
		w.hold = w.o.Hold
	}
	to := w.level
	if to != from {
		w.changes++
	}
	w.last = r
	w.mu.Unlock()
	offHeap, acquired := w.set.sums()
	if w.limit != nil {
		w.limit.update(r.Least, offHeap, goNeeds())
	}
	if now := time.Now(); w.set.history.due(now) {
		w.set.history.add(sample{now, w.set.process.memory(offHeap), acquired})
	}
	w.act(asked, to)
	if to != from && w.o.Changed != nil {
		w.o.Changed(from, to, r)
	}
}

// act applies, in order, the actions that are asked for, and reverts, in the opposite order, those above the level. Who scrapes meanwhile does
// not wait for them.
func (w *Watcher) act(asked, level Level) {
	for i := range w.steps {
		w.mu.Lock()
		w.steps[i].since++
		s := w.steps[i]
		w.mu.Unlock()
		if s.Level > asked || s.active && !(s.Again && s.since >= s.wait) {
			continue
		}
		_ = s.apply(w.o.Hold) // counted
		w.mu.Lock()
		w.steps[i] = s
		w.mu.Unlock()
		// Perhaps that was enough.
		r := w.sensor.read()
		asked = min(asked, w.t.level(&r, r.Events, level))
	}
	for i := len(w.steps) - 1; i >= 0; i-- {
		w.mu.Lock()
		s := w.steps[i]
		w.mu.Unlock()
		if !s.active || s.Level <= level {
			continue
		}
		_ = s.revert() // counted
		w.mu.Lock()
		w.steps[i] = s
		w.mu.Unlock()
	}
}

// Level is how scarce memory is.
func (w *Watcher) Level() Level {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.level
}

// Reading is the last one.
func (w *Watcher) Reading() Reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// refuses reports whether Admit says no.
func (w *Watcher) refuses() bool { return w.gate.closed.Load() }

// Admit is nil, or wraps ErrPressure while the last action is on: a program that asks before it takes on something new does not have to
// break off what it has. It costs one atomic load.
func (w *Watcher) Admit() error {
	if !w.refuses() {
		return nil
	}
	w.gate.refused.Add(1)
	return fmt.Errorf("refusing: %w", ErrPressure)
}

// Close ends the watcher, reverts its actions and puts Go's memory limit back; the level is Normal then. It may be called again, but not from an
// action or from WatchOptions.Changed, which it waits for.
func (w *Watcher) Close() error {
	w.once.Do(func() {
		close(w.stop)
		<-w.done
		if w.trigger != nil {
			w.end = w.trigger.close()
		}
		w.act(Normal, Normal)
		w.mu.Lock()
		if w.level != Normal {
			w.level = Normal // nobody would say otherwise any more
			w.changes++
		}
		w.mu.Unlock()
		if w.limit != nil {
			w.limit.restore()
		}
	})
	return w.end
}
