package metrics

import (
	"io/fs"
	"os"
	"runtime/metrics"

	"github.com/prometheus/client_golang/prometheus"
)

// Memory is what a process has, in bytes. Figures that the machine does not tell are 0.
type Memory struct {
	Go       int64 // mapped by Go's runtime less what it gave back: what GOMEMLIMIT limits
	Live     int64 // of that, objects on the heap, dead ones that were not swept yet included
	Limit    int64 // Go's limit now; 0 if there is none
	OffHeap  int64 // committed by arenas
	Resident int64 // in physical memory
	Shared   int64 // of that, backed by files or shared with others
}

// process reads the memory of this process.
type process struct {
	root fs.FS
	desc struct{ golang, live, limit, offHeap, resident, shared *prometheus.Desc }
}

func newProcess() *process {
	p := &process{root: os.DirFS("/")}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "process", name), help, nil, nil)
	}
	p.desc.golang = desc("go_bytes", "Memory that Go's runtime has: what GOMEMLIMIT limits.")
	p.desc.live = desc("go_heap_bytes", "Objects on the Go heap, dead ones that were not swept yet included.")
	p.desc.limit = desc("go_limit_bytes", "Go's memory limit, 0 if there is none.")
	p.desc.offHeap = desc("off_heap_bytes", "Memory that arenas have committed outside the Go heap.")
	p.desc.resident = desc("resident_bytes", "Physical memory of the process.")
	p.desc.shared = desc("shared_bytes", "Physical memory of the process that is backed by files or shared.")
	return p
}

func (p *process) describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.desc.golang, p.desc.live, p.desc.limit, p.desc.offHeap, p.desc.resident, p.desc.shared} {
		ch <- d
	}
}

func (p *process) collect(ch chan<- prometheus.Metric, offHeap int64) {
	m := p.memory(offHeap)
	gauge := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	gauge(p.desc.golang, m.Go)
	gauge(p.desc.live, m.Live)
	gauge(p.desc.limit, m.Limit)
	gauge(p.desc.offHeap, m.OffHeap)
	gauge(p.desc.resident, m.Resident)
	gauge(p.desc.shared, m.Shared)
}

// memory reads statm, which is cheap. smaps_rollup knows more, but walks the page tables under the lock that page faults take.
func (p *process) memory(offHeap int64) Memory {
	m := goMemory()
	m.OffHeap = offHeap
	if b, err := fs.ReadFile(p.root, "proc/self/statm"); err == nil {
		if st, err := parseStatm(b); err == nil {
			page := int64(os.Getpagesize())
			m.Resident, m.Shared = st.resident*page, st.shared*page
		}
	}
	return m
}

// goMemory asks Go's runtime, which stops nothing for it.
func goMemory() Memory {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(s)
	m := Memory{Go: int64(s[0].Value.Uint64() - s[1].Value.Uint64()), Live: int64(s[2].Value.Uint64())}
	if limit := s[3].Value.Uint64(); limit < noLimit {
		m.Limit = int64(limit)
	}
	return m
}

// noLimit is math.MaxInt64, which debug.SetMemoryLimit takes as none.
const noLimit = 1<<63 - 1

// Memory is the memory of this process now.
func (s *Set) Memory() Memory { return s.process.memory(s.OffHeap()) }
