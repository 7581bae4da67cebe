package metrics

import (
	"errors"
	"runtime/debug"
	"slices"
	"sync/atomic"
)

// Action makes room, or asks for less. Its functions run on the watcher's goroutine, one at a time.
type Action struct {
	Name  string // a label: few and fixed
	Level Level  // from which on it runs
	// Apply returns how many bytes it freed, as far as it knows.
	Apply func() (freed int64, err error)
	// Revert runs once the level has fallen below Level; nil if there is nothing to take back.
	Revert func() error
	// Again makes Apply run again, after WatchOptions.Hold readings, as long as its level is asked for: more and more rarely, up to 64 times
	// that, while it frees less than a MiB.
	Again bool
}

// Demote is an action at level Medium, beside that which halves the hot tiers of the set's stores: apply moves what is hot to a colder place, and
// revert, which may be nil, lets it come back. The name is its label.
func Demote(name string, apply func() (freed int64, err error), revert func() error) Action {
	return Action{Name: name, Level: Medium, Apply: apply, Revert: revert, Again: true}
}

// hotter is a store whose hot tier can be made smaller.
type hotter interface{ SetHot(bytes int64) error }

// demotion halves the hot tiers of the set's stores, down to an eighth.
type demotion struct {
	set  *Set
	done map[*from[storeStats]]demoted
}

// demoted is a store whose hot tier is smaller for now.
type demoted struct{ before, now int64 } // bytes that it may have

func (d *demotion) action() Action {
	return Action{Name: "demote", Level: Medium, Again: true, Apply: d.apply, Revert: d.revert}
}

func (d *demotion) apply() (freed int64, err error) {
	for _, src := range d.set.list() {
		f, ok := src.(*from[storeStats])
		if !ok || f.hot == nil {
			continue
		}
		st := f.stats()
		one, known := d.done[f]
		if !known || one.now != st.Hot.Budget { // the program has set another
			one.before = st.Hot.Budget
		}
		one.now = st.Hot.Budget / 2
		if one.now == 0 || one.now < one.before/8 {
			continue
		}
		d.done[f] = one
		err = errors.Join(err, f.hot.SetHot(one.now))
		freed += max(st.Hot.Bytes-f.stats().Hot.Bytes, 0)
	}
	return freed, err
}

func (d *demotion) revert() (err error) {
	for f, one := range d.done {
		if f.stats().Hot.Budget == one.now {
			err = errors.Join(err, f.hot.SetHot(one.before))
		}
	}
	clear(d.done)
	return err
}

// trimAction gives free memory of allocators and of the Go heap back.
func trimAction(s *Set) Action {
	return Action{Name: "trim", Level: Low, Again: true, Apply: func() (int64, error) {
		before := goMemory().Go
		debug.FreeOSMemory()
		freed, err := s.trim(false)
		return freed + max(before-goMemory().Go, 0), err
	}}
}

// shrinkAction gives free blocks of pools back.
func shrinkAction(s *Set) Action {
	return Action{Name: "shrink", Level: High, Again: true, Apply: func() (int64, error) { return s.trim(true) }}
}

// trim trims all pools of the set, or all allocators.
func (s *Set) trim(pools bool) (freed int64, err error) {
	for _, src := range s.list() {
		var t Trimmer
		switch f := src.(type) {
		case *from[poolStats]:
			if pools {
				t = f.trim
			}
		case *from[allocStats]:
			if !pools {
				t = f.trim
			}
		}
		if t != nil {
			n, e := t.Trim()
			freed, err = freed+n, errors.Join(err, e)
		}
	}
	return freed, err
}

// ErrPressure is what Watcher.Admit returns while memory is too scarce to take on anything new.
var ErrPressure = errors.New("memory is scarce")

// gate is what the last action closes.
type gate struct {
	closed  atomic.Bool
	refused atomic.Uint64
}

func (g *gate) action() Action {
	return Action{
		Name: "refuse", Level: Critical,
		Apply:  func() (int64, error) { g.closed.Store(true); return 0, nil },
		Revert: func() error { g.closed.Store(false); return nil },
	}
}

// step is an action and what became of it.
type step struct {
	Action
	active                   bool
	since, wait              int // readings since it was applied, and until it is again
	applied, reverted, fails uint64
	freed                    int64
}

// steps puts the actions in order: by level, and those of a level as they were given.
func steps(actions []Action) []step {
	list := make([]step, len(actions))
	for i, a := range actions {
		list[i].Action = a
	}
	slices.SortStableFunc(list, func(a, b step) int { return int(a.Level) - int(b.Level) })
	return list
}

// worthwhile is how many bytes make it pay to apply an action again soon.
const worthwhile = 1 << 20

// apply runs the action, which may run again after hold readings if that pays.
func (s *step) apply(hold int) error {
	n, err := s.Apply()
	if s.wait = min(max(2*s.wait, hold), 64*hold); n >= worthwhile || !s.active {
		s.wait = hold
	}
	s.active, s.since = true, 0
	s.applied++
	s.freed += max(n, 0)
	if err != nil {
		s.fails++
	}
	return err
}

func (s *step) revert() error {
	s.active = false
	s.reverted++
	if s.Revert == nil {
		return nil
	}
	err := s.Revert()
	if err != nil {
		s.fails++
	}
	return err
}
