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
	Events       Events // of the process's own cgroup, since it was made

	Available, Total int64 // memory of the machine in bytes
}

// Events are counts of memory.events.
type Events struct{ High, Max, OOM uint64 }

// Thresholds say from where on a reading asks for the levels Low, Medium, High and Critical, in this order.
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
	// The kernel has begun to act by itself.
	switch e := r.Events; {
	case e.OOM > before.OOM:
		asked = max(asked, Critical)
	case e.Max > before.Max:
		asked = max(asked, High)
	case e.High > before.High:
		asked = max(asked, Medium)
	}
	return asked
}

// sensor reads the machine's files below root.
type sensor struct {
	root  fs.FS
	own   []string // folders of the process's cgroup of version 2, its own first
	old   []string // of version 1
	turns int
}

// find looks up where the process's cgroups are.
func (s *sensor) find() {
	s.own, s.old = nil, nil
	b, err := fs.ReadFile(s.root, "proc/self/cgroup")
	if err != nil {
		return
	}
	g := parseCgroup(b)
	mounts, err := fs.ReadFile(s.root, "proc/self/mountinfo")
	if err != nil {
		return
	}
	unified, memory := parseMounts(mounts)
	s.own, s.old = unified.folders(g.unified), memory.folders(g.memory)
}

// read takes a reading. A process may be moved: its cgroups are looked up now and then.
func (s *sensor) read() Reading {
	if s.turns%30 == 0 {
		s.find()
	}
	s.turns++
	var r Reading
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
		if b, err := fs.ReadFile(s.root, path.Join(s.own[0], "memory.events")); err == nil {
			m := parseCounts(b)
			r.Events = Events{m["high"], m["max"], m["oom"]}
		}
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
	usage, ok := number(current)
	if !ok || limit == unlimited || limit <= 0 {
		return
	}
	if b, err := fs.ReadFile(s.root, path.Join(dir, "memory.stat")); err == nil {
		usage -= int64(min(parseCounts(b)[droppable], uint64(usage)))
	}
	if r.Limit == 0 || float64(usage)/float64(limit) > float64(r.Usage)/float64(r.Limit) {
		r.Limit, r.Usage, r.Group = limit, usage, dir
	}
}
