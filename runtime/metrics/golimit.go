package metrics

import (
	"runtime/debug"
	"runtime/metrics"
)

// goLimit keeps Go's memory limit at what the process may have less what lies outside Go's runtime.
type goLimit struct {
	set    func(int64) int64 // debug.SetMemoryLimit
	wanted int64             // WatchOptions.Limit
	base   int64             // that, or what the program or GOMEMLIMIT said; 0: nothing
	before int64             // the limit to put back
	now    int64
	others int // times in a row that update found another's limit
}

// tooMany is how many times in a row that may be: somebody else has taken the limit over, who would take this one for the program's, and make it
// less, as this one would the other's.
const tooMany = 2

// newGoLimit takes want for what the process may have, or else GOMEMLIMIT, which nobody meant for the Go heap alone.
func newGoLimit(want int64) *goLimit {
	g := &goLimit{set: debug.SetMemoryLimit, wanted: want}
	g.adopt(g.set(-1))
	return g
}

// adopt takes a limit that somebody else has set for the one to put back.
func (g *goLimit) adopt(limit int64) {
	g.before, g.now, g.base = limit, limit, g.wanted
	if g.base == 0 && limit != noLimit {
		g.base = limit
	}
}

// update is called with what the cgroup may have (0: no limit is known), what arenas have, and what Go cannot do without, in bytes.
func (g *goLimit) update(cgroup, offHeap, need int64) {
	if g.others >= tooMany {
		return
	}
	if limit := g.set(-1); limit == g.now {
		g.others = 0
	} else if g.others++; g.others < tooMany {
		g.adopt(limit) // the program's, meanwhile
	} else {
		return
	}
	base := g.base
	if cgroup > 0 {
		// A twentieth is for stacks of threads, page tables, and what C allocates.
		if room := cgroup - cgroup/20; base == 0 || room < base {
			base = room
		}
	}
	limit := g.before
	if base > 0 {
		limit = max(base-offHeap, base/8, min(need, base), 1)
	}
	// Setting it stops the world for a moment: not for a trifle.
	if d := limit - g.now; d > base/128 || -d > base/128 {
		g.set(limit)
		g.now = limit
	}
}

// restore puts the limit back, unless somebody has set another one meanwhile.
func (g *goLimit) restore() {
	if g.now != g.before && g.set(-1) == g.now {
		g.set(g.before)
	}
	g.now = g.before
}

// goNeeds is what the last collection found alive and a quarter more, and what Go's runtime has beside the heap: with a limit below that the
// collector would run all the time and find nothing.
func goNeeds() int64 {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	v := func(i int) int64 { return int64(s[i].Value.Uint64()) }
	return v(0) + v(0)/4 + max(v(1)-v(2)-v(3)-v(4)-v(5), 0)
}
