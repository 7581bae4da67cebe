package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// The readers of the kernel's files. None trusts its input: a figure that is missing, negative or too large is an error, never a wrong one.

var errFormat = errors.New("unexpected format")

func bad(what, line string) error {
	return fmt.Errorf("reading %s: %w: %.64q", what, errFormat, line)
}

// amount reads a number of bytes, or other things, that fits an int64 after it was multiplied.
func amount(s string, unit int64) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return 0, errFormat
	}
	return int64(n) * unit, nil
}

// statm is /proc/PID/statm (proc_pid_statm(5)), in pages.
type statm struct{ size, resident, shared int64 }

func parseStatm(b []byte) (statm, error) {
	f := strings.Fields(string(b))
	if len(f) < 3 {
		return statm{}, bad("statm", string(b))
	}
	var v [3]int64
	for i := range v {
		n, err := amount(f[i], 1<<16)
		if err != nil {
			return statm{}, bad("statm", string(b))
		}
		v[i] = n >> 16
	}
	return statm{v[0], v[1], v[2]}, nil
}

// parseKiB reads lines "Name:   123 kB", as in /proc/meminfo and smaps_rollup, and returns bytes by name. Other lines are passed over.
func parseKiB(b []byte) map[string]int64 {
	m := map[string]int64{}
	for line := range bytes.Lines(b) {
		name, rest, ok := strings.Cut(string(line), ":")
		f := strings.Fields(rest)
		if !ok || len(f) != 2 || f[1] != "kB" || strings.ContainsAny(name, " \t") {
			continue
		}
		if n, err := amount(f[0], 1024); err == nil {
			m[name] = n
		}
	}
	return m
}

// stall is pressure stall information (Documentation/accounting/psi.rst): the share of the time of the last 10 seconds, in percent, in which
// some, or all, tasks waited for memory.
type stall struct{ some, full float64 }

func parsePressure(b []byte) (stall, error) {
	var s stall
	seen := false
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		value, ok := strings.CutPrefix(f[1], "avg10=")
		v, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil || !(v >= 0 && v <= 100) {
			return stall{}, bad("pressure", line)
		}
		switch f[0] {
		case "some":
			s.some, seen = v, true
		case "full":
			s.full = v
		}
	}
	if !seen {
		return stall{}, bad("pressure", string(b))
	}
	return s, nil
}

// parseCounts reads lines "name 123", as in memory.events. Other lines are passed over.
func parseCounts(b []byte) map[string]uint64 {
	m := map[string]uint64{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if n, err := strconv.ParseUint(f[1], 10, 64); err == nil {
			m[f[0]] = n
		}
	}
	return m
}

// unlimited is what parseLimit says of "max", and of what version 1 says instead.
const unlimited = math.MaxInt64

// parseLimit reads a file with one number, or "max".
func parseLimit(b []byte) (int64, error) {
	s := strings.TrimSpace(string(b))
	if s == "max" {
		return unlimited, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, bad("a cgroup's limit", s)
	}
	// Version 1 says "none" by the largest multiple of a page.
	if n > math.MaxInt64-1<<20 {
		return unlimited, nil
	}
	return int64(n), nil
}

// groups are the paths of a process's cgroups below the mounts of their hierarchies (cgroups(7)); "" where there is none.
type groups struct{ unified, memory string }

// parseCgroup reads /proc/self/cgroup: lines "id:controllers:path".
func parseCgroup(b []byte) groups {
	var g groups
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 || !strings.HasPrefix(f[2], "/") || strings.ContainsRune(f[2], 0) {
			continue
		}
		switch {
		case f[0] == "0" && f[1] == "":
			g.unified = f[2]
		case strings.Contains(","+f[1]+",", ",memory,"):
			g.memory = f[2]
		}
	}
	return g
}

// mount is where a hierarchy of cgroups is to be seen, and which of its folders is shown there.
type mount struct{ point, root string }

// parseMounts finds the cgroup hierarchies in /proc/self/mountinfo (proc_pid_mountinfo(5)): that of version 2, and that of version 1 with the
// memory controller.
func parseMounts(b []byte) (unified, memory mount) {
	for line := range strings.Lines(string(b)) {
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		f, g := strings.Split(before, " "), strings.Split(after, " ")
		if !ok || len(f) < 6 || len(g) < 3 {
			continue
		}
		m := mount{unescape(f[4]), unescape(f[3])}
		if !strings.HasPrefix(m.point, "/") || !strings.HasPrefix(m.root, "/") {
			continue
		}
		switch {
		case g[0] == "cgroup2" && unified.point == "":
			unified = m
		case g[0] == "cgroup" && memory.point == "" && strings.Contains(","+g[2]+",", ",memory,"):
			memory = m
		}
	}
	return unified, memory
}

// unescape undoes mountinfo's \040 and the like.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// folders are the paths, relative to the root of the file system, of a group and those above it, the group's own first. A group that is not
// below what the mount shows, as in a container without a namespace of its own, stands for what the mount shows.
func (m mount) folders(group string) []string {
	if m.point == "" || group == "" {
		return nil
	}
	top := path.Clean(strings.TrimLeft(path.Clean(m.point), "/"))
	rel := path.Clean(group)
	if root := path.Clean(m.root); root != "/" {
		below, ok := strings.CutPrefix(rel, root)
		if !ok || below != "" && below[0] != '/' {
			below = "/"
		}
		rel = path.Clean("/" + below)
	}
	var list []string
	for at := path.Join(top, strings.TrimLeft(rel, "/")); ; at = path.Dir(at) {
		list = append(list, at)
		if at == top || at == "." {
			return list
		}
	}
}
