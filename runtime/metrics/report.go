package metrics

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poolgen/poolgen/internal/report"
	"github.com/poolgen/poolgen/runtime/ipc/stream"
)

// Report is what a program tells of its memory: its Text, JSON and HTML methods show it, and `poolgen report` reads its JSON.
type Report = report.Report

// counted is a count at an earlier report, to make a rate of.
type counted struct {
	at time.Time
	n  uint64
}

// rateKey is what a rate is of.
type rateKey struct {
	of   source
	part string // of the source
}

// rates makes rates of counts: since the last report, or since the source was added.
type rates struct {
	now        time.Time
	last, next map[rateKey]counted
}

func (r *rates) of(key rateKey, n uint64, added time.Time) float64 {
	from, ok := r.last[key]
	if !ok || n < from.n {
		from = counted{added, 0}
	}
	r.next[key] = counted{r.now, n}
	if d := r.now.Sub(from.at).Seconds(); d > 0 {
		return float64(n-from.n) / d
	}
	return 0
}

// Report asks every source for its figures and says what could be better. w is the program's watcher, or nil. Rates are those since the report
// before; charts have the samples that a watcher took, or those of earlier reports.
func (s *Set) Report(w *Watcher) *Report {
	now := time.Now()
	s.sample(now)
	s.reports.Lock()
	defer s.reports.Unlock()
	r := &rates{now, s.rates, map[rateKey]counted{}}
	rep := &Report{
		Version: report.Version, Time: now, Program: filepath.Base(os.Args[0]), PID: os.Getpid(), Uptime: now.Sub(s.began).Seconds(),
		Memory: s.reportMemory(), History: s.reportHistory(now),
	}
	if w != nil {
		rep.Pressure = w.report()
	}
	for _, src := range s.list() {
		switch f := src.(type) {
		case *from[poolStats]:
			rep.Pools = append(rep.Pools, reportPool(f, r))
		case *from[allocStats]:
			st := f.stats()
			rep.Allocators = append(rep.Allocators, report.Allocator{
				Name: f.label, Live: st.Live, LiveBytes: st.LiveBytes, Used: st.Used, HighWater: st.HighWater, Budget: st.Budget,
				Overhead: st.Overhead, Refusals: st.Refusals, Misuses: st.Misuses,
			})
		case *from[storeStats]:
			rep.Stores = append(rep.Stores, reportStore(f))
		case *from[ringStats]:
			st := f.stats()
			rep.Rings = append(rep.Rings, report.Ring{
				Name: f.label, Used: st.Used, Size: st.Size, Max: st.Max, Committed: st.Committed, ConsumerWakes: st.ConsumerWakes, ProducerWakes: st.ProducerWakes, Ended: st.Ended, Gone: st.Gone,
			})
		default:
			rep.Flows = append(rep.Flows, reportFlows(src, r)...)
		}
	}
	s.rates = r.next
	rep.Copies = copiesAvoided(rep)
	rep.Recommendations = recommend(rep)
	return rep
}

func (s *Set) reportMemory() report.Memory {
	m := s.Memory()
	out := report.Memory{Go: m.Go, GoHeap: m.Live, GoLimit: m.Limit, OffHeap: m.OffHeap, Resident: m.Resident, Shared: m.Shared}
	// Only here: it walks the page tables.
	if b, err := fs.ReadFile(s.process.root, "proc/self/smaps_rollup"); err == nil {
		out.Proportional = parseKiB(b)["Pss"]
	}
	return out
}

func (s *Set) reportHistory(now time.Time) []report.Sample {
	var out []report.Sample
	var before sample
	for i, one := range s.samples() {
		p := report.Sample{Ago: now.Sub(one.at).Seconds(), Go: one.memory.Go, OffHeap: one.memory.OffHeap, Resident: one.memory.Resident}
		if d := one.at.Sub(before.at).Seconds(); i > 0 && d > 0 && one.acquired >= before.acquired {
			p.Rate = float64(one.acquired-before.acquired) / d
		}
		before = one
		out = append(out, p)
	}
	return out
}

func reportPool(f *from[poolStats], r *rates) report.Pool {
	st := f.stats()
	p := report.Pool{
		Name: f.label, Capacity: st.Capacity, Outstanding: st.Outstanding, HighWater: st.HighWater, Opened: st.Opened, Max: st.Max, InUse: st.BytesInUse,
		Committed: st.BytesCommitted, Budget: st.Budget, Trimmed: st.BytesTrimmed, Acquired: st.Acquired, Grown: st.Grown, Heap: st.Heap,
		External: st.External, Refusals: st.Refusals, Waits: st.Waits, Stale: st.Stale, Saturated: st.Saturated,
		Rate: r.of(rateKey{f, ""}, st.Acquired, f.added), ExternalBytes: st.ExternalBytes,
	}
	if asked := st.Acquired + st.Refusals; asked > 0 {
		p.HitRate = float64(st.Hits) / float64(asked)
	}
	return p
}

func reportStore(f *from[storeStats]) report.Store {
	st := f.stats()
	out := report.Store{Name: f.label, Puts: st.Puts, Refused: st.Refused, Dropped: st.Dropped, Misses: st.Misses, Broken: st.Broken, HotBytes: st.HotBytes}
	if st.Err != nil {
		out.Error = st.Err.Error()
	}
	names, tiers := st.tiers()
	hot, warm, cold := st.HitRates()
	for i, rate := range []float64{hot, warm, cold} {
		t := tiers[i]
		out.Tiers = append(out.Tiers, report.Tier{Name: names[i], Frames: t.Frames, Bytes: t.Bytes, Budget: t.Budget, Hits: t.Hits, HitRate: rate})
	}
	return out
}

func reportFlows(src source, r *rates) []report.Flow {
	flow := func(kind, name string, peers int, delivered, bytes, lost uint64, added time.Time) report.Flow {
		return report.Flow{
			Kind: kind, Name: name, Peers: peers, Delivered: delivered, Bytes: bytes, Lost: lost, Rate: r.of(rateKey{src, kind + "\x00" + name}, delivered, added),
		}
	}
	switch f := src.(type) {
	case *from[publisherStats]:
		st := f.stats()
		return []report.Flow{flow("publisher", f.label, len(st.Subscribers), st.Given, st.GivenBytes, st.Lost, f.added)}
	case *from[frameStats]:
		st := f.stats()
		return []report.Flow{flow("ring", f.label, 1, st.Seen, 0, st.Missed, f.added)}
	case *from[streamStats]:
		st := f.stats()
		out := flow("stream", f.label, st.Peers, st.Sent+st.Received, st.BytesSent+st.BytesReceived, st.Dropped+st.Lost+st.InboxDropped+st.NoBlock, f.added)
		quantile := func(h *stream.Histogram, q float64) float64 { return h.Quantile(q).Seconds() }
		out.P50, out.P99 = quantile(&st.Queue, 0.5), quantile(&st.Queue, 0.99)
		return []report.Flow{out}
	case *topics:
		f.mu.Lock()
		defer f.mu.Unlock()
		var list []report.Flow
		for _, st := range f.stats() {
			list = append(list, flow("topic", f.name+"/"+st.Name, st.Subscribers, st.Delivered, st.BytesDelivered, st.Lagged, f.added))
		}
		for _, st := range f.listeners() {
			one := flow("subscriber", f.name+"/"+st.Topic+"/"+st.Name, st.n, st.Delivered, 0, st.Lagged, f.added)
			one.Waiting, one.BytesWaiting = st.Waiting, st.BytesWaiting
			list = append(list, one)
		}
		slices.SortStableFunc(list, func(a, b report.Flow) int {
			return cmp.Or(-strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
		})
		return list
	}
	return nil
}

// copiesAvoided counts what a design that copies would have copied: a frame to each who got it.
func copiesAvoided(rep *Report) []report.Copies {
	list := []report.Copies{
		{What: "frames to other processes"}, {What: "events to subscribers"}, {What: "frames from a hot tier"}, {What: "foreign memory that joined a pool"},
	}
	add := func(i int, count, bytes uint64) {
		list[i].Count += count
		list[i].Bytes += bytes
	}
	for _, f := range rep.Flows {
		switch f.Kind {
		case "publisher":
			add(0, f.Delivered, f.Bytes)
		case "topic":
			add(1, f.Delivered, f.Bytes)
		}
	}
	for _, s := range rep.Stores {
		for _, t := range s.Tiers {
			if t.Name == "hot" {
				add(2, t.Hits, s.HotBytes)
			}
		}
	}
	for _, p := range rep.Pools {
		add(3, p.External, p.ExternalBytes)
	}
	return slices.DeleteFunc(list, func(c report.Copies) bool { return c.Count == 0 })
}

func (w *Watcher) report() *report.Pressure {
	w.mu.Lock()
	r, list := w.last, slices.Clone(w.steps)
	p := &report.Pressure{
		Level: w.level.String(), Changes: w.changes, Limit: r.Limit, Usage: r.Usage, Available: r.Available, Machine: r.Total, Some: r.Some, Full: r.Full,
		Refused: w.gate.refused.Load(),
	}
	w.mu.Unlock()
	for _, s := range list {
		p.Actions = append(p.Actions, report.Action{
			Name: s.Name, Level: s.Level.String(), Active: s.active, Applied: s.applied, Reverted: s.reverted, Failed: s.fails, Freed: s.freed,
		})
	}
	return p
}
