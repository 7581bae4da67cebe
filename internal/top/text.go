package top

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Table is a part of a sample for people: a title, the names of the columns, and rows of cells.
type Table struct {
	Title string
	Head  []string
	Left  int // so many columns, from the first on, are aligned to the left; the others to the right
	Rows  [][]string
	More  string   // said beneath
	Spare []string // columns to leave out where there is no room, the first first
}

// Tables lays a sample out. leaks is Options.Leaks.
func (s *Sample) Tables(leaks time.Duration) []Table {
	names := map[int]string{}
	for _, p := range s.Processes {
		names[p.PID] = p.Name
	}
	var tables []Table
	if len(s.Pools) > 0 || len(s.Allocators) == 0 {
		tables = append(tables, s.pools(names))
	}
	if len(s.Allocators) > 0 {
		tables = append(tables, s.allocators(names))
	}
	if len(s.Subscribers) > 0 {
		tables = append(tables, s.subscribers())
	}
	if leaks > 0 {
		tables = append(tables, s.longHeld(leaks, names))
	}
	return tables
}

func (s *Sample) pools(names map[int]string) Table {
	t := Table{Left: 2, Head: []string{"PROCESS", "POOL", "BLOCK", "BLOCKS", "IN USE", "PEAK", "GETS/S", "RELEASES/S", "HITS", "GROWN", "MISSES", "REFUSED", "STALE", "BYTES IN USE", "OLDEST"},
		Spare: []string{"GROWN", "HITS", "BYTES IN USE", "STALE", "RELEASES/S", "BLOCK", "PEAK", "MISSES", "REFUSED"}}
	for i := range s.Pools {
		p := &s.Pools[i]
		t.Rows = append(t.Rows, []string{
			owner(p.Parts, names), p.Name + p.remarks(), size(uint64(p.Capacity)), strconv.Itoa(int(p.Max)), strconv.Itoa(int(p.InUse)), strconv.Itoa(int(p.HighWater)),
			rate(p.Gets), rate(p.Releases), count(p.Hits), count(p.Grown), count(uint64(p.Misses)), count(uint64(p.Refusals)), count(uint64(p.Stale)),
			size(p.BytesInUse), p.oldest(),
		})
	}
	if len(t.Rows) == 0 {
		t.More = "no shared pool now"
	}
	return t
}

// owner names the likely maker, and how many processes more there are.
func owner(parts []Part, names map[int]string) string {
	pid := maker(parts)
	who := process1(pid, names[pid])
	if n := len(parts) - 1; n > 0 {
		who += fmt.Sprintf(" +%d", n)
	}
	return who
}

func (s *Sample) allocators(names map[int]string) Table {
	t := Table{Left: 2, Head: []string{"PROCESS", "ALLOCATOR", "USED", "PEAK", "BUDGET", "CLASSES", "CACHES", "RECLAIMS", "REFUSED", "MISUSES"}, Spare: []string{"CLASSES", "RECLAIMS", "CACHES", "PEAK"}}
	for i := range s.Allocators {
		a := &s.Allocators[i]
		t.Rows = append(t.Rows, []string{owner(a.Parts, names), a.Name, size(a.Used), size(a.HighWater), size(a.Budget), count(uint64(a.Classes)),
			count(uint64(a.Caches)), count(uint64(a.Reclaims)), count(uint64(a.Refusals)), count(uint64(a.Misuses))})
	}
	return t
}

func (p *Pool) oldest() string {
	if p.InUse == 0 {
		return "-"
	}
	return age(p.Oldest)
}

// remarks are what is rarely so of a pool.
func (p *Pool) remarks() string {
	var list []string
	for _, r := range []struct {
		is   bool
		text string
	}{
		{p.Closed, "closed"},
		{p.Debug, "debug"},
		{p.External > 0, fmt.Sprintf("%d external", p.External)},
		{p.Waiters > 0, fmt.Sprintf("%d wait", p.Waiters)},
		{p.Pending > 0, fmt.Sprintf("%d pending", p.Pending)},
		{p.Saturated > 0, fmt.Sprintf("%d saturated", p.Saturated)},
		{p.Damaged > 0, fmt.Sprintf("%d DAMAGED", p.Damaged)},
	} {
		if r.is {
			list = append(list, r.text)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

func (s *Sample) subscribers() Table {
	t := Table{Left: 4, Head: []string{"SUBSCRIBER", "PUBLISHER", "POOL", "POLICY", "QUEUED", "HOLDS", "FRAMES/S", "BACK/S", "GIVEN", "BACK", "LOST", "STATE"},
		Spare: []string{"BACK", "GIVEN", "BACK/S", "POLICY", "STATE", "PUBLISHER"}}
	for i := range s.Subscribers {
		u := &s.Subscribers[i]
		t.Rows = append(t.Rows, []string{
			process1(u.PID, u.Name), process1(u.Publisher, u.PublisherAs), u.Pool, u.Policy, fmt.Sprintf("%d/%d", u.Waiting, u.Slots), known(u.Holds),
			rate(u.GivenRate), rate(u.ReturnedRate), known(u.Given), count(uint64(u.Returned)), known(u.Lost), u.state(),
		})
	}
	return t
}

func (u *Subscriber) state() string {
	var list []string
	for _, r := range []struct {
		is   bool
		text string
	}{{u.Asleep, "asleep"}, {u.Blocks, "awaited"}, {u.Leaving, "leaving"}, {u.Ended, "ended"}, {u.Publisher == 0, "publisher gone"}} {
		if r.is {
			list = append(list, r.text)
		}
	}
	if len(list) == 0 {
		return "busy"
	}
	return strings.Join(list, " ")
}

// mostHeld is how many old blocks of a pool are listed for people.
const mostHeld = 10

func (s *Sample) longHeld(leaks time.Duration, names map[int]string) Table {
	t := Table{Title: fmt.Sprintf("held for %v or longer", leaks), Left: 2, Head: []string{"POOL", "BLOCK", "REFERENCES", "GENERATION", "AT LEAST", "WAITS FOR"}}
	listed := map[string]int{}
	for _, h := range s.Held {
		if listed[h.PoolID]++; listed[h.PoolID] > mostHeld {
			continue
		}
		block, refs := strconv.Itoa(int(h.Block)), strconv.Itoa(int(h.References))
		if h.External {
			block += " (external)"
		}
		switch {
		case h.Saturated:
			refs = "saturated"
		case h.References == 0:
			refs = "awaits Reap"
		}
		var queued []string
		for _, pid := range h.Queued {
			queued = append(queued, process1(pid, names[pid]))
		}
		t.Rows = append(t.Rows, []string{h.Pool, block, refs, strconv.FormatUint(uint64(h.Generation), 10), age(h.Age), strings.Join(queued, " ")})
	}
	var more []string
	for i := range s.Pools {
		if n := listed[s.Pools[i].ID] - mostHeld; n > 0 {
			more = append(more, fmt.Sprintf("%d of %s", n, s.Pools[i].Name))
		}
	}
	if len(more) > 0 {
		t.More = "and " + strings.Join(more, ", ") + ", which -json lists"
	}
	if len(t.Rows) == 0 {
		t.More = "none"
		if watched := time.Duration(s.Watched * float64(time.Second)); watched < leaks {
			t.More = fmt.Sprintf("none yet: watched for %s", age(watched.Seconds()))
		}
	}
	return t
}

// Lines are the table's lines, at most width characters long; 0 means any length.
func (t *Table) Lines(width int) []string {
	var lines []string
	if t.Title != "" {
		lines = append(lines, t.Title)
	}
	if len(t.Rows) > 0 {
		lines = append(lines, t.grid(width)...)
	}
	if t.More != "" {
		lines = append(lines, t.More)
	}
	for i, l := range lines {
		lines[i] = Cut(l, width)
	}
	return lines
}

// grid aligns the head and the rows, and leaves columns out until they fit.
func (t *Table) grid(width int) []string {
	rows := append([][]string{t.Head}, t.Rows...)
	wide, total := make([]int, len(t.Head)), -2
	for i := range t.Head {
		for _, row := range rows {
			wide[i] = max(wide[i], utf8.RuneCountInString(row[i]))
		}
		total += 2 + wide[i]
	}
	out := make([]bool, len(t.Head))
	for _, name := range t.Spare {
		if i := slices.Index(t.Head, name); width > 0 && total > width {
			out[i] = true
			total -= 2 + wide[i]
		}
	}
	var lines []string
	for _, row := range rows {
		var cells []string
		for i, cell := range row {
			pad := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(cell))
			switch {
			case out[i]:
			case i < t.Left || i == len(row)-1:
				cells = append(cells, cell+pad)
			default:
				cells = append(cells, pad+cell)
			}
		}
		lines = append(lines, strings.TrimRight(strings.Join(cells, "  "), " "))
	}
	return lines
}

// Cut shortens a line to width characters; 0 means any length.
func Cut(line string, width int) string {
	if width <= 0 || utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width])
}

func process1(pid int, name string) string {
	switch {
	case pid == 0:
		return "?"
	case name == "":
		return strconv.Itoa(pid)
	}
	return name + "/" + strconv.Itoa(pid)
}

// size writes bytes.
func size(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, units[i])
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// count writes a number so that its column stays narrow.
func count(n uint64) string {
	switch {
	case n < 1e7:
		return strconv.FormatUint(n, 10)
	case n < 1e10:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1fG", float64(n)/1e9)
}

func known(n *uint32) string {
	if n == nil {
		return "-"
	}
	return count(uint64(*n))
}

func rate(r *float64) string {
	switch {
	case r == nil:
		return "-"
	case *r == 0 || *r >= 100:
		return count(uint64(*r + 0.5))
	}
	return fmt.Sprintf("%.1f", *r)
}

// age writes seconds; ages are known no better than the interval of samples.
func age(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case d < time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 10*time.Second:
		return d.Truncate(100 * time.Millisecond).String()
	default:
		return d.Truncate(time.Second).String()
	}
}
