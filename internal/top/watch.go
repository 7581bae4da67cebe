package top

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// again is after how long a process that had nothing of ours is searched again.
const again = 5 * time.Second

// Options say what is watched. The zero value watches everything that the user may look at.
type Options struct {
	Processes []string      // numbers and names; none: all
	Leaks     time.Duration // blocks that are held for so long are listed; 0: none
}

// Watcher takes samples. It belongs to one goroutine.
type Watcher struct {
	o       Options
	ids     map[int]uint64 // processes that were named by number, and when they started; 0: not yet known
	names   []string
	all     map[int]*process
	targets map[int]bool
	seen    map[sys.File]*memory
	other   map[sys.File]bool // memory files that are none of ours
	first   time.Time         // the end of the first sample
	last    time.Time
	notes   []string
}

// memory is a memory file that is watched.
type memory struct {
	file   sys.File
	name   string
	use    *use // by which it is opened
	pid    int
	look   any    // an *arenaLook, a *channelLook or an *allocLook, the last one
	age    ages   // of an arena's blocks
	rates  rates  // since the look before
	failed string // what was said of it
}

// NewWatcher checks the options. Nothing is looked at before the first Sample.
func NewWatcher(o Options) (*Watcher, error) {
	w := &Watcher{o: o, ids: map[int]uint64{}, all: map[int]*process{}, seen: map[sys.File]*memory{}, other: map[sys.File]bool{}}
	for _, p := range o.Processes {
		pid, err := strconv.Atoi(p)
		switch {
		case err != nil && strings.Trim(p, " ") == "":
			return nil, fmt.Errorf("a process is named %q: name one by its number or its program", p)
		case err != nil:
			w.names = append(w.names, p)
		case pid <= 0:
			return nil, fmt.Errorf("%d is no process: numbers begin at 1", pid)
		default:
			w.ids[pid] = 0
		}
	}
	return w, nil
}

// everything reports whether no process was named.
func (w *Watcher) everything() bool { return len(w.ids)+len(w.names) == 0 }

// Over reports whether nothing more can come, because all that was named were numbers, and those processes have ended.
func (w *Watcher) Over() bool {
	return !w.everything() && len(w.names) == 0 && !w.last.IsZero() && len(w.targets) == 0
}

// Sample looks at everything once. The error is that there is nothing to look at, and comes with the first sample only; later what
// is wrong is in Notes.
func (w *Watcher) Sample() (*Sample, error) {
	now := time.Now()
	starting := w.first.IsZero()
	if err := w.findProcesses(now, starting); err != nil {
		return nil, err
	}
	w.findMemory()
	w.lookAtAll()
	s := w.assemble(now)
	if starting {
		if len(s.Pools)+len(s.Subscribers)+len(s.Allocators) == 0 {
			return nil, w.nothing(s.Notes)
		}
		w.first = time.Now() // what was seen is at least as old as this makes it
	}
	w.last = now
	return s, nil
}

// findProcesses brings all and targets up to date, and searches those that are due.
func (w *Watcher) findProcesses(now time.Time, starting bool) error {
	list, err := pids()
	if err != nil {
		return err
	}
	there := make(map[int]*process, len(list))
	for _, pid := range list {
		p, err := readProcess(pid)
		if err != nil {
			continue // it has ended
		}
		if old := w.all[pid]; old != nil && old.start == p.start {
			old.name, old.uid = p.name, p.uid // exec and setuid change them
			p = old
		}
		there[pid] = p
	}
	targets := map[int]bool{}
	for pid, start := range w.ids {
		p := there[pid]
		switch {
		case p == nil && starting:
			if errors.Is(syscall.Kill(pid, 0), syscall.EPERM) {
				return fmt.Errorf("process %d is hidden from you: run poolgen top as its user or as root", pid)
			}
			return fmt.Errorf("no process %d", pid)
		case p != nil && (start == p.start || starting):
			w.ids[pid] = p.start
			targets[pid] = true
		}
	}
	for _, name := range w.names {
		found := false
		for pid, p := range there {
			if p.called(name) {
				targets[pid], found = true, true
			}
		}
		if !found && starting {
			return fmt.Errorf("no process is named %q, neither its program nor its main thread", name)
		}
	}
	for pid, p := range w.all {
		if there[pid] != p {
			w.ended(p)
		}
	}
	w.all, w.targets = there, targets
	for _, pid := range list {
		if p := there[pid]; p != nil && (targets[pid] || !now.Before(p.due) || p.shown) {
			p.due = now.Add(again)
			w.search(p)
		}
	}
	return nil
}

// ended forgets a process, and tells it if it had a part.
func (w *Watcher) ended(p *process) {
	if p.shown || w.targets[p.pid] {
		w.note("%v has ended", p)
	}
	delete(w.all, p.pid)
}

// search looks for what a process has.
func (w *Watcher) search(p *process) {
	err := p.search()
	if err != nil && !gone(err) {
		if w.targets[p.pid] && p.hidden == nil {
			w.note("%v", refusal(p, err))
		}
		p.hidden = err
		return
	}
	p.hidden = nil
	if err != nil {
		p.uses = nil
	}
}

// findMemory decides which files are watched: those that a target has, and how they are opened.
func (w *Watcher) findMemory() {
	wanted := map[sys.File]*memory{}
	for pid := range w.all {
		if !w.everything() && !w.targets[pid] {
			continue
		}
		for file := range w.all[pid].uses {
			if !w.other[file] {
				wanted[file] = nil
			}
		}
	}
	here := map[sys.File]bool{}
	for _, pid := range slices.Sorted(maps.Keys(w.all)) {
		for file, u := range w.all[pid].uses {
			here[file] = true
			m, ok := wanted[file]
			if !ok {
				continue
			}
			if m == nil {
				if m = w.seen[file]; m == nil {
					m = &memory{file: file}
				}
				m.use = nil
				wanted[file] = m
			}
			// A descriptor is better than a mapping, which takes more rights, and the oldest process the likely maker.
			if m.use == nil || m.use.fd < 0 && u.fd >= 0 {
				m.use, m.pid, m.name = u, pid, u.name
			}
		}
	}
	maps.DeleteFunc(w.other, func(file sys.File, _ bool) bool { return !here[file] })
	w.seen = wanted
}

// lookAtAll reads what is watched. What cannot be read is told once.
func (w *Watcher) lookAtAll() {
	for file, m := range w.seen {
		l, err := look(m.use.path(m.pid), file, m.look)
		switch {
		case err == nil:
			m.look, m.failed = l, ""
			m.follow()
			continue
		case errors.Is(err, errOther):
			w.other[file] = true
		case errors.Is(err, errYet), errors.Is(err, syscall.EPERM) && m.use.fd < 0 && m.use.write:
			// It is not there yet, or is left of a pool that was closed.
		case gone(err):
			if p := w.all[m.pid]; p != nil && !p.alive() {
				w.ended(p)
			}
		case m.failed != err.Error():
			m.failed = err.Error()
			w.note("%s", m.complaint(err))
		}
		m.look, m.age, m.rates = nil, ages{}, rates{}
		if m.failed == "" || gone(err) {
			delete(w.seen, file)
		}
	}
}

// complaint says what is wrong with a memory file.
func (m *memory) complaint(err error) string {
	if errors.Is(err, syscall.EPERM) && m.use.fd < 0 {
		return fmt.Sprintf("memory %q is only mapped by process %d, and no process has it open any more: that can be read with CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, as root has", m.name, m.pid)
	}
	return fmt.Sprintf("memory %q of process %d: %v", m.name, m.pid, err)
}

func (w *Watcher) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// nothing is the error when there is nothing to show.
func (w *Watcher) nothing(notes []string) error {
	if len(notes) > 0 {
		return errors.New(strings.Join(notes, "; "))
	}
	const mend = "pools in private memory cannot be seen, pool.Options.Shared makes one that can (shared in //poolgen:pool does not)"
	if w.everything() {
		looked, hidden := len(w.all), w.hidden()
		more := ""
		if hidden > 0 {
			more = fmt.Sprintf("; %d more belong to others, root sees them too", hidden)
		}
		return fmt.Errorf("none of %d processes shares a pool%s: %s", looked-hidden, more, mend)
	}
	var list []string
	for _, pid := range slices.Sorted(maps.Keys(w.targets)) {
		if p := w.all[pid]; p != nil {
			list = append(list, p.String())
		}
	}
	return fmt.Errorf("%s: no shared pool: %s", strings.Join(list, ", "), mend)
}

func (w *Watcher) hidden() int {
	n := 0
	for _, p := range w.all {
		if p.hidden != nil {
			n++
		}
	}
	return n
}

// users lists the processes that have a file, the likely maker first: who has it open, then by number.
func (w *Watcher) users(file sys.File) []*process {
	var list []*process
	for _, p := range w.all {
		if p.uses[file] != nil {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *process) int {
		return cmp.Or(-cmp.Compare(min(a.uses[file].fd, 0), min(b.uses[file].fd, 0)), cmp.Compare(a.pid, b.pid))
	})
	return list
}
