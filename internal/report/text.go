package report

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// clean makes text safe for a terminal: others may have written it.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// Bytes is n for people: 1536 is "1.5 KiB".
func Bytes(n int64) string {
	v, unit := float64(n), 0
	for math.Abs(v) >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	name := [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, name)
}

func percent(v float64) string { return fmt.Sprintf("%.1f %%", v*100) }

func seconds(v float64) string {
	return time.Duration(min(max(v, 0), 1e9) * float64(time.Second)).Round(time.Microsecond).String()
}

func budget(n int64) string {
	if n == 0 {
		return "none"
	}
	return Bytes(n)
}

// waiting is what waits for a subscriber.
func waiting(f Flow) string {
	if f.Waiting == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, %s", f.Waiting, Bytes(f.BytesWaiting))
}

// section is a table that text and page have in common.
type section struct {
	title  string
	header []string
	rows   [][]string
}

// sections are the report's tables, without the empty ones.
func (r *Report) sections() []section {
	m := r.Memory
	list := []section{{"Memory", []string{"what", "bytes"}, [][]string{
		{"Go's runtime", Bytes(m.Go)}, {"of that, objects", Bytes(m.GoHeap)}, {"Go's limit", budget(m.GoLimit)}, {"arenas, off the Go heap", Bytes(m.OffHeap)},
		{"resident", Bytes(m.Resident)}, {"of that, files and shared", Bytes(m.Shared)},
	}}}
	if m.Proportional > 0 {
		list[0].rows = append(list[0].rows, []string{"this process's part of it", Bytes(m.Proportional)})
	}
	if p := r.Pressure; p != nil {
		list = append(list, section{"Pressure", []string{"what", "value"}, [][]string{
			{"level", clean(p.Level)}, {"changes of the level", fmt.Sprint(p.Changes)}, {"cgroup", fmt.Sprintf("%s of %s", Bytes(p.Usage), budget(p.Limit))},
			{"machine", fmt.Sprintf("%s of %s available", Bytes(p.Available), Bytes(p.Machine))},
			{"stalled", fmt.Sprintf("%.1f %% some, %.1f %% all", p.Some, p.Full)}, {"refused", fmt.Sprint(p.Refused)},
		}})
		var rows [][]string
		for _, a := range p.Actions {
			on := ""
			if a.Active {
				on = "on"
			}
			rows = append(rows, []string{clean(a.Name), clean(a.Level), on, fmt.Sprint(a.Applied), fmt.Sprint(a.Reverted), fmt.Sprint(a.Failed), Bytes(a.Freed)})
		}
		list = append(list, section{"Actions", []string{"action", "from level", "now", "applied", "reverted", "failed", "freed"}, rows})
	}
	pools := section{"Pools", []string{"pool", "block", "in use", "most", "of", "committed", "acquired", "a second", "hits", "refused", "waits", "stale"}, nil}
	for _, p := range r.Pools {
		pools.rows = append(pools.rows, []string{
			clean(p.Name), Bytes(int64(p.Capacity)), fmt.Sprint(p.Outstanding), fmt.Sprint(p.HighWater), fmt.Sprint(p.Max), Bytes(p.Committed),
			fmt.Sprint(p.Acquired), fmt.Sprintf("%.1f", p.Rate), percent(p.HitRate), fmt.Sprint(p.Refusals), fmt.Sprint(p.Waits), fmt.Sprint(p.Stale),
		})
	}
	allocs := section{"Allocators", []string{"allocator", "live", "bytes", "used", "most", "budget", "refused"}, nil}
	for _, a := range r.Allocators {
		allocs.rows = append(allocs.rows, []string{
			clean(a.Name), fmt.Sprint(a.Live), Bytes(int64(a.LiveBytes)), Bytes(a.Used), Bytes(a.HighWater), Bytes(a.Budget), fmt.Sprint(a.Refusals),
		})
	}
	rings := section{"Rings of bytes", []string{"ring", "used", "size", "committed", "consumer woken", "producer woken", "state"}, nil}
	for _, g := range r.Rings {
		state := "open"
		switch {
		case g.Ended && g.Gone:
			state = "closed"
		case g.Ended:
			state = "ended"
		case g.Gone:
			state = "nobody reads"
		}
		rings.rows = append(rings.rows, []string{
			clean(g.Name), Bytes(int64(g.Used)), Bytes(int64(g.Size)), Bytes(g.Committed), fmt.Sprint(g.ConsumerWakes), fmt.Sprint(g.ProducerWakes), state,
		})
	}
	flows := section{"Flows", []string{"kind", "name", "peers", "delivered", "a second", "lost", "waiting", "queue p50", "p99"}, nil}
	for _, f := range r.Flows {
		flows.rows = append(flows.rows, []string{
			clean(f.Kind), clean(f.Name), fmt.Sprint(f.Peers), fmt.Sprint(f.Delivered), fmt.Sprintf("%.1f", f.Rate), fmt.Sprint(f.Lost), waiting(f), seconds(f.P50), seconds(f.P99),
		})
	}
	tiers := section{"Stores", []string{"store", "tier", "frames", "bytes", "budget", "hits", "hit rate"}, nil}
	for _, s := range r.Stores {
		for _, t := range s.Tiers {
			tiers.rows = append(tiers.rows, []string{clean(s.Name), clean(t.Name), fmt.Sprint(t.Frames), Bytes(t.Bytes), budget(t.Budget), fmt.Sprint(t.Hits), percent(t.HitRate)})
		}
		if s.Error != "" {
			tiers.rows = append(tiers.rows, []string{clean(s.Name), "error: " + clean(s.Error), "", "", "", "", ""})
		}
	}
	copies := section{"Copies avoided", []string{"by", "copies", "bytes"}, nil}
	for _, c := range r.Copies {
		copies.rows = append(copies.rows, []string{clean(c.What), fmt.Sprint(c.Count), Bytes(int64(c.Bytes))})
	}
	for _, s := range []section{pools, allocs, rings, flows, tiers, copies} {
		if len(s.rows) > 0 {
			list = append(list, s)
		}
	}
	return list
}

func (r *Report) heading() string {
	return fmt.Sprintf("%s, process %d, up %s, at %s", clean(r.Program), r.PID, time.Duration(min(max(r.Uptime, 0), 9e9)*1e9).Round(time.Second), r.Time.Format(time.RFC3339))
}

// Text is the report for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.heading())
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "\n%s\n", s.title)
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{s.header}, s.rows...) {
			fmt.Fprintf(w, "  %s\n", strings.Join(row, "\t"))
		}
		_ = w.Flush() // to memory
	}
	b.WriteString("\nRecommendations\n")
	if len(r.Recommendations) == 0 {
		b.WriteString("  none\n")
	}
	for _, c := range r.Recommendations {
		fmt.Fprintf(&b, "  %s: %s\n      %s\n", clean(c.About), clean(c.Text), clean(c.Figures))
	}
	return b.String()
}
