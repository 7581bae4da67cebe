package metrics

import (
	"fmt"
	"strings"

	"github.com/poolgen/poolgen/internal/report"
)

// tooMuchLost reports whether more than one in a hundred is.
func tooMuchLost(f *report.Flow) bool { return f.Lost > 0 && f.Lost > (f.Delivered+f.Lost)/100 }

// recommend says what the figures of a report call for, the worst first.
func recommend(rep *Report) []report.Recommendation {
	var urgent, wise []report.Recommendation
	say := func(list *[]report.Recommendation, about, text, figures string, args ...any) {
		*list = append(*list, report.Recommendation{About: about, Text: text, Figures: fmt.Sprintf(figures, args...)})
	}
	for _, p := range rep.Pools {
		about := "pool " + p.Name
		if p.Stale > 0 {
			say(&urgent, about, "buffers are used or released after their last release: run with POOLGEN_DEBUG=trace to see where", "%d stale handles", p.Stale)
		}
		if p.Saturated > 0 {
			say(&urgent, about, "a block had more references than can be counted and is lost: look for a Retain without Release", "%d saturated blocks", p.Saturated)
		}
		switch {
		case p.Refusals > 0:
			say(&urgent, about, "raise Options.Max or Budget, or release sooner: requests were refused", "%d refusals, %d of %d blocks in use at most", p.Refusals, p.HighWater, p.Max)
		case p.Heap > 0:
			say(&wise, about, "raise Options.Max: the Go heap had to help out", "%d blocks from the Go heap, %d in the arena", p.Heap, p.Max)
		case p.Waits*100 > p.Acquired:
			say(&wise, about, "raise Options.Max, or release sooner: many had to wait", "%d waits for %d buffers", p.Waits, p.Acquired)
		}
		if p.Grown > 0 && p.Acquired > 100*p.Grown {
			say(&wise, about, fmt.Sprintf("set Options.Prealloc to %d, so that no block has to be committed on demand", p.HighWater), "%d blocks were committed on demand, %d in use at most", p.Grown, p.HighWater)
		}
		if idle := p.Committed / int64(max(p.Max, 1)) * int64(p.Max-p.HighWater); p.HighWater*2 < p.Opened && p.Acquired > 1000 && idle > 1<<20 {
			say(&wise, about, fmt.Sprintf("lower Options.Prealloc and Max to %d: most blocks are never used", p.HighWater+p.HighWater/4+1), "%d of %d blocks in use at most, %s committed", p.HighWater, p.Max, report.Bytes(p.Committed))
		}
	}
	for _, a := range rep.Allocators {
		about := "allocator " + a.Name
		if a.Misuses > 0 {
			say(&urgent, about, "something that was not allocated is freed", "%d misuses", a.Misuses)
		}
		if a.Refusals > 0 {
			say(&urgent, about, "raise AllocOptions.Budget, or free sooner: requests did not fit", "%d refusals, %s of %s used at most", a.Refusals, report.Bytes(a.HighWater), report.Bytes(a.Budget))
		}
		if a.Used > 1<<20 && uint64(a.Used) > 3*a.LiveBytes {
			say(&wise, about, "call Trim now and then, or use fewer size classes: most of its memory is free blocks", "%s used for %s that are allocated", report.Bytes(a.Used), report.Bytes(int64(a.LiveBytes)))
		}
	}
	named := map[string]bool{} // topics whose subscriber is named instead
	for _, f := range rep.Flows {
		if at := strings.LastIndexByte(f.Name, '/'); f.Kind == "subscriber" && at > 0 && tooMuchLost(&f) {
			named[f.Name[:at]] = true
		}
	}
	for _, f := range rep.Flows {
		if f.Kind == "topic" && named[f.Name] {
			continue
		}
		if total := f.Delivered + f.Lost; tooMuchLost(&f) {
			text := "lengthen the queue, take frames sooner, or wait where that is allowed: more than one in a hundred is lost"
			switch f.Kind {
			case "ring":
				text = "read sooner, or give the ring more frames: more than one in a hundred is overwritten before it is read"
			case "subscriber":
				text = "raise its SubOptions.Events or Bytes, or take events sooner: more than one in a hundred is lost"
			}
			say(&wise, f.Kind+" "+f.Name, text, "%d lost of %d", f.Lost, total)
		}
	}
	for _, s := range rep.Stores {
		about := "store " + s.Name
		if s.Error != "" {
			say(&urgent, about, "writing fails", "%s", s.Error)
		}
		if s.Refused+s.Dropped > 0 {
			say(&urgent, about, "raise Options.Hot, or write to a faster disk: frames did not fit the hot tier", "%d refused, %d dropped of %d", s.Refused, s.Dropped, s.Puts)
		}
		if len(s.Tiers) == 3 {
			hits := s.Tiers[0].Hits + s.Tiers[1].Hits + s.Tiers[2].Hits
			if hits > 100 && s.Tiers[0].Hits*2 < hits {
				say(&wise, about, "raise Options.Hot: less than half of the frames asked for are there", "%d of %d hits are hot", s.Tiers[0].Hits, hits)
			}
		}
	}
	m := rep.Memory
	if m.GoLimit > 0 && m.GoHeap > m.GoLimit/10*9 {
		say(&urgent, "memory of Go", "raise the limit of the process or allocate less: the collector runs nearly all the time", "%s of objects, a limit of %s", report.Bytes(m.GoHeap), report.Bytes(m.GoLimit))
	}
	if p := rep.Pressure; p != nil {
		if p.Refused > 0 {
			say(&urgent, "memory of the machine", "give the program more memory, or lower the budgets of its pools: it had to refuse", "%d refused, %s of %s in use", p.Refused, report.Bytes(p.Usage), report.Bytes(p.Limit))
		} else if p.Changes > 10 {
			say(&wise, "memory of the machine", "lower the budgets of pools: memory is scarce again and again", "%d changes of the level", p.Changes)
		}
		for _, a := range p.Actions {
			if a.Failed > 0 {
				say(&urgent, "action "+a.Name, "it fails", "%d failures in %d runs", a.Failed, a.Applied)
			}
		}
	}
	return append(urgent, wise...)
}
