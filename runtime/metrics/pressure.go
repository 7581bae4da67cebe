package metrics

import (
	"fmt"
	"io/fs"
	"path"
)

// Level is how scarce memory is.
type Level uint8

// The levels, each worse than the one before.
const (
	Normal Level = iota
	Low
	Medium
	High
	Critical
)

func (l Level) String() string {
	names := [...]string{"normal", "low", "medium", "high", "critical"}
	if int(l) < len(names) {
		return names[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// Reading is what the machine said of memory at one moment. What it does not tell is 0.
type Reading struct {
	// Some and Full are the share of the last 10 seconds, in percent, in which some or all tasks stalled for want of memory.
	Some, Full float64

	// Limit is what the tightest of the process's cgroups may have, in bytes: memory.high or memory.max, whichever is less. Usage is what
	// that one has, without file pages that can simply be dropped. Group is its folder.
	Limit, Usage int64
	Group        string
	Least        int64  // the least limit of any of them in bytes: the tightest one's may be another, because others have filled that
	Events       Events // of the process's own cgroup since it was made, and of the limits of those above it since the first reading

	Available, Total int64 // memory of the machine in bytes
}

// Events are counts of memory.events.
type Events struct{ High, Max, OOM uint64 }

// Thresholds say from where on a reading asks for the levels Low, Medium, High and Critical, in this order. Four zeros stand for the default; a
// kind that shall not count has thresholds that are never met.
type Thresholds struct {
	Usage     [4]float64 // Usage / Limit, at least
	Available [4]float64 // Available / Total, at most
	Some      [4]float64 // percent, at least
	Full      [4]float64 // percent, at least
}

// DefaultThresholds leave a small machine room to act in.
func DefaultThresholds() Thresholds {
	return Thresholds{
		Usage:     [4]float64{0.75, 0.83, 0.90, 0.95},
		Available: [4]float64{0.20, 0.12, 0.08, 0.04},
		Some:      [4]float64{5, 15, 30, 60},
		Full:      [4]float64{1, 5, 15, 30},
	}
}

// orDefault replaces what is left out.
func (t *Thresholds) orDefault() Thresholds {
	d := DefaultThresholds()
	pick := func(own, other [4]float64) [4]float64 {
		if own == [4]float64{} {
			return other
		}
		return own
	}
	return Thresholds{pick(t.Usage, d.Usage), pick(t.Available, d.Available), pick(t.Some, d.Some), pick(t.Full, d.Full)}
}

// check refuses thresholds by which a worse level is asked for before a milder one, or all the time.
func (t *Thresholds) check() error {
	for _, c := range []struct {
		name string
		v    [4]float64
		sign float64
	}{{"Usage", t.Usage, 1}, {"Available", t.Available, -1}, {"Some", t.Some, 1}, {"Full", t.Full, 1}} {
		for i, v := range c.v {
			if !(c.sign*v > 0 || c.sign < 0 && v >= -1) || i > 0 && c.sign*v < c.sign*c.v[i-1] {
				return fmt.Errorf("%s is %v: use positive numbers, each at least as bad as the one before", c.name, c.v)
			}
		}
	}
	return nil
}

// level is what a reading asks for. For a level of at most held the thresholds are eased, so that a reading near one does not flutter.
func (t *Thresholds) level(r *Reading, before Events, held Level) Level {
	asked := Normal
	for i := range t.Usage {
		l := Level(i + 1)
		margin, half := 0.0, 1.0
		if l <= held {
			margin, half = 0.04, 0.5
		}
		switch {
		case r.Limit > 0 && float64(r.Usage) >= (t.Usage[i]-margin)*float64(r.Limit),
			r.Total > 0 && float64(r.Available) <= (t.Available[i]+margin)*float64(r.Total),
			r.Some >= t.Some[i]*half, r.Full >= t.Full[i]*half:
			asked = l
		}
	}
	// The kernel has begun to act by itself. As long as it finds file pages to drop, which whoever writes files has up to the limit, that
	// is no scarcity.
	near := r.Limit == 0 || float64(r.Usage) >= (t.Usage[0]-0.04)*float64(r.Limit)
	switch e := r.Events; {
	case e.OOM > before.OOM:
		asked = max(asked, Critical)
	case e.Max > before.Max && near:
		asked = max(asked, High)
	case e.High > before.High && near:
		asked = max(asked, Medium)
	}
	return asked
}

// sensor reads the machine's files below root.
type sensor struct {
	root   fs.FS
	own    []string // folders of the process's cgroup of version 2, its own first
	old    []string // of version 1
	turns  int
	where  string            // proc/self/cgroup at the last look
	counts map[string]Events // by folder, as last read
	events Events
}

// find looks up where the process's cgroups are, again when it was moved, and now and then for the mounts' sake.
func (s *sensor) find() {
	b, err := fs.ReadFile(s.root, "proc/self/cgroup")
	if err == nil && string(b) == s.where && s.turns%30 != 0 {
		return
	}
	s.own, s.old, s.where = nil, nil, string(b)
	mounts, e := fs.ReadFile(s.root, "proc/self/mountinfo")
	if err != nil || e != nil {
		return
	}
	g := parseCgroup(b)
	unified, memory := parseMounts(mounts)
	s.own, s.old = unified.folders(g.unified), memory.folders(g.memory)
}

// count adds what has happened in the process's cgroups since the last reading. A cgroup that the process comes to, or whose file could not
// be read, has no past: its counts are no news.
func (s *sensor) count() {
	first := s.counts == nil
	now := make(map[string]Events, len(s.own))
	for i, dir := range s.own {
		name := "memory.events"
		if i > 0 {
			name = "memory.events.local" // not what became of its other children
		}
		last, known := s.counts[dir]
		if known {
			now[dir] = last
		}
		b, err := fs.ReadFile(s.root, path.Join(dir, name))
		if err != nil {
			continue
		}
		m := parseCounts(b)
		e := Events{m["high"], m["max"], m["oom"]}
		if now[dir] = e; known || first && i == 0 {
			s.events.High += e.High - min(e.High, last.High)
			s.events.Max += e.Max - min(e.Max, last.Max)
			s.events.OOM += e.OOM - min(e.OOM, last.OOM)
		}
	}
	s.counts = now
}

// read takes a reading.
func (s *sensor) read() Reading {
	s.find()
	s.turns++
	s.count()
	r := Reading{Events: s.events}
	if b, err := fs.ReadFile(s.root, "proc/meminfo"); err == nil {
		m := parseKiB(b)
		r.Total, r.Available = m["MemTotal"], min(m["MemAvailable"], m["MemTotal"])
		if _, ok := m["MemAvailable"]; !ok {
			r.Total = 0 // a kernel before 3.14: nothing is known
		}
	}
	pressure := []string{"proc/pressure/memory"}
	if len(s.own) > 0 {
		pressure = append(pressure, path.Join(s.own[0], "memory.pressure"))
	}
	for _, name := range pressure {
		if b, err := fs.ReadFile(s.root, name); err == nil {
			if p, err := parsePressure(b); err == nil {
				r.Some, r.Full = max(r.Some, p.some), max(r.Full, p.full)
			}
		}
	}
	for _, dir := range s.own {
		s.group(&r, dir, "memory.current", "inactive_file", "memory.max", "memory.high")
	}
	for _, dir := range s.old {
		s.group(&r, dir, "memory.usage_in_bytes", "total_inactive_file", "memory.limit_in_bytes")
	}
	return r
}

// group takes the cgroup in dir into the reading if it is tighter than what is there.
func (s *sensor) group(r *Reading, dir, current, droppable string, limits ...string) {
	number := func(name string) (int64, bool) {
		b, err := fs.ReadFile(s.root, path.Join(dir, name))
		if err != nil {
			return 0, false
		}
		n, err := parseLimit(b)
		return n, err == nil && n != unlimited
	}
	limit := int64(unlimited)
	for _, name := range limits {
		if n, ok := number(name); ok {
			limit = min(limit, n)
		}
	}
	if limit == unlimited {
		return
	}
	limit = max(limit, 1) // nothing at all is a limit too
	if r.Least == 0 || limit < r.Least {
		r.Least = limit
	}
	usage, ok := number(current)
	if !ok {
		return
	}
	if b, err := fs.ReadFile(s.root, path.Join(dir, "memory.stat")); err == nil {
		usage -= int64(min(parseCounts(b)[droppable], uint64(usage)))
	}
	if r.Limit == 0 || float64(usage)/float64(limit) > float64(r.Usage)/float64(r.Limit) {
		r.Limit, r.Usage, r.Group = limit, usage, dir
	}
}
