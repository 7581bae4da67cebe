package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// watcherDesc are the metrics of a Watcher.
type watcherDesc struct {
	level, changes, some, full, limit, usage, available, total, goLimit, refused *prometheus.Desc
	events, applied, reverted, failed, freed, active                             *prometheus.Desc
}

func newWatcherDesc() *watcherDesc {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "pressure", name), help, labels, nil)
	}
	return &watcherDesc{
		level:     desc("level", "How scarce memory is: 0 normal, 1 low, 2 medium, 3 high, 4 critical."),
		changes:   desc("level_changes_total", "Times that the level changed."),
		some:      desc("some_stalled_ratio", "Share of the last 10 seconds in which some tasks waited for memory."),
		full:      desc("full_stalled_ratio", "Share of the last 10 seconds in which all tasks waited for memory."),
		limit:     desc("limit_bytes", "What the tightest cgroup may have, 0 if there is no limit."),
		usage:     desc("usage_bytes", "What that cgroup has, without file pages that can be dropped."),
		available: desc("available_bytes", "Memory of the machine that is available."),
		total:     desc("machine_bytes", "Memory of the machine."),
		goLimit:   desc("go_limit_bytes", "What Go's memory limit was set to, 0 if it was left alone."),
		refused:   desc("refused_total", "Times that Admit said no."),
		events:    desc("cgroup_events_total", "Times that the process's cgroup, or those above it, were at a limit.", "event"),
		applied:   desc("actions_total", "Times that an action was applied.", "action"),
		reverted:  desc("reverts_total", "Times that an action was reverted.", "action"),
		failed:    desc("failures_total", "Times that an action or its reversal failed.", "action"),
		freed:     desc("freed_bytes_total", "Memory that an action freed, as far as it knows.", "action"),
		active:    desc("action_active", "Whether an action is on.", "action"),
	}
}

// Describe sends the watcher's metrics, for prometheus.Collector.
func (w *Watcher) Describe(ch chan<- *prometheus.Desc) {
	d := w.desc
	for _, one := range []*prometheus.Desc{
		d.level, d.changes, d.some, d.full, d.limit, d.usage, d.available, d.total, d.goLimit, d.refused,
		d.events, d.applied, d.reverted, d.failed, d.freed, d.active,
	} {
		ch <- one
	}
}

// Collect sends the last reading and what was done, for prometheus.Collector.
func (w *Watcher) Collect(ch chan<- prometheus.Metric) {
	w.mu.Lock()
	r, level, changes, list := w.last, w.level, w.changes, slices.Clone(w.steps)
	w.mu.Unlock()
	d := w.desc
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	counter := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, v, labels...)
	}
	gauge(d.level, float64(level))
	counter(d.changes, float64(changes))
	gauge(d.some, r.Some/100)
	gauge(d.full, r.Full/100)
	gauge(d.limit, float64(r.Limit))
	gauge(d.usage, float64(r.Usage))
	gauge(d.available, float64(r.Available))
	gauge(d.total, float64(r.Total))
	golang := int64(0)
	if w.limit != nil {
		golang = goMemory().Limit
	}
	gauge(d.goLimit, float64(golang))
	counter(d.refused, float64(w.gate.refused.Load()))
	counter(d.events, float64(r.Events.High), "high")
	counter(d.events, float64(r.Events.Max), "max")
	counter(d.events, float64(r.Events.OOM), "oom")
	for i := range list {
		list[i].Name = labelValue(list[i].Name)
	}
	// Two actions may have one name: they count as one.
	seen := map[string]bool{}
	for i, s := range list {
		if seen[s.Name] {
			continue
		}
		seen[s.Name] = true
		for _, o := range list[i+1:] {
			if o.Name == s.Name {
				s.applied, s.reverted, s.fails, s.freed, s.active = s.applied+o.applied, s.reverted+o.reverted, s.fails+o.fails, s.freed+o.freed, s.active || o.active
			}
		}
		on := 0.0
		if s.active {
			on = 1
		}
		counter(d.applied, float64(s.applied), s.Name)
		counter(d.reverted, float64(s.reverted), s.Name)
		counter(d.failed, float64(s.fails), s.Name)
		counter(d.freed, float64(s.freed), s.Name)
		gauge(d.active, on, s.Name)
	}
}
