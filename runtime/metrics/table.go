package metrics

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// table are the metrics of one kind of source.
type table[T any] struct {
	label    string // name of the label that tells sources of this kind apart
	families []family[T]
	more     []*prometheus.Desc // metrics with further labels, which extra sends
	extra    func(ch chan<- prometheus.Metric, label string, st *T)
	// life is a figure that only falls when a source has begun anew, as a reader that is opened again behind its Snapshot has; nil if none does.
	life func(*T) float64
}

// family is one metric with no label but the source's.
type family[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*T) float64
}

// column is a family before it has its table's name.
type column[T any] struct {
	name, help string
	value      func(*T) float64
}

const namespace = "poolgen"

// newTable makes the families poolgen_subsystem_name: counters, whose names end in _total, and gauges. labels come after the source's own.
func newTable[T any](subsystem, label string, counters, gauges []column[T], labels ...string) table[T] {
	t := table[T]{label: label}
	for i, c := range append(counters, gauges...) {
		kind := prometheus.GaugeValue
		if i < len(counters) {
			kind = prometheus.CounterValue
		}
		desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, c.name), c.help, append([]string{label}, labels...), nil)
		t.families = append(t.families, family[T]{desc, kind, c.value})
	}
	return t
}

// further adds a metric that the table's extra sends, with more labels.
func (t *table[T]) further(subsystem, name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, append([]string{t.label}, labels...), nil)
	t.more = append(t.more, d)
	return d
}

func (t *table[T]) describe(ch chan<- *prometheus.Desc) {
	for i := range t.families {
		ch <- t.families[i].desc
	}
	for _, d := range t.more {
		ch <- d
	}
}

// longestLabel is how many bytes of a name stand in a label.
const longestLabel = 128

// labelValue makes a label's value of a name that may come from anywhere: client_golang panics when one is not UTF-8.
func labelValue(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), longestLabel)], "\uFFFD")
}

// from is a source of a table's kind.
type from[T any] struct {
	table *table[T]
	label string
	stats func() T
	trim  Trimmer // nil if it has none
	hot   hotter  // likewise
	added time.Time

	mu   sync.Mutex // guards what follows
	life float64    // at the last look
	last []float64  // by family: the highest that a counter was told as
	base []float64  // by family: what it had come to in earlier lives
}

func (f *from[T]) collect(ch chan<- prometheus.Metric) (offHeap int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.stats()
	if f.table.life != nil {
		now := f.table.life(&st)
		if now < f.life {
			copy(f.base, f.last)
		}
		f.life = now
	}
	for i := range f.table.families {
		c := &f.table.families[i]
		v := c.value(&st)
		if c.kind == prometheus.CounterValue {
			// A snapshot of figures that move apart may be one behind the last one. To Prometheus a counter that goes back has
			// started again at 0.
			v = max(f.base[i]+v, f.last[i])
			f.last[i] = v
		}
		ch <- prometheus.MustNewConstMetric(c.desc, c.kind, v, f.label)
	}
	if f.table.extra != nil {
		f.table.extra(ch, f.label, &st)
	}
	if m, ok := any(&st).(committer); ok {
		offHeap = m.offHeap()
	}
	return offHeap
}

// committer are figures of what has memory outside the Go heap.
type committer interface{ offHeap() int64 }

// sums asks for nothing that costs time where the source has neither.
func (f *from[T]) sums() (offHeap int64, acquired uint64) {
	if _, ok := any((*T)(nil)).(committer); !ok {
		return 0, 0
	}
	st := f.stats()
	if p, ok := any(&st).(*poolStats); ok {
		acquired = p.Acquired
	}
	return any(&st).(committer).offHeap(), acquired
}
