package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/metrics"
)

// watchMemory keeps GOMEMLIMIT right, and has caches and the hot tier give memory back when it is scarce.
func (s *station) watchMemory() {
	set := metrics.NewSet()
	set.Pool(s.frames)
	set.Pool(s.loads)
	set.Pool(s.trails)
	set.Store("archive", s.store)
	set.Topic("", s.taken)
	set.Topic("", s.readings)
	set.Topic("", s.sights)
	w, err := metrics.Watch(set, metrics.WatchOptions{Limit: s.c.memory, Root: s.c.machine, Changed: func(from, to metrics.Level, r metrics.Reading) {
		if to > from {
			s.trouble(fmt.Errorf("memory is scarce: pressure is %v now", to))
		}
	}})
	if err != nil {
		s.trouble(err)
		w = nil
	}
	s.watcher = w
	s.watched = metrics.Handler(set, metrics.HandlerOptions{Watcher: w})
}

// admit is nil if there is memory for one more browser.
func (s *station) admit() error {
	if s.watcher == nil {
		return nil
	}
	return s.watcher.Admit()
}

// listeners are the figures of the archive, the detector and the clipper.
func (s *station) listeners() []bus.SubStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []bus.SubStats
	for _, sub := range s.subs {
		all = append(all, sub.Stats())
	}
	return all
}

// memory is what the page shows of the process, in bytes.
type memory struct {
	Resident int64  `json:"resident"`
	Heap     uint64 `json:"heap"`
	Pools    int64  `json:"pools"`
	Limit    int64  `json:"limit"` // of the process; 0 if there is none
	Pressure string `json:"pressure"`
}

func (s *station) memory() memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	a := memory{Heap: m.HeapAlloc, Pools: s.frames.Stats().BytesCommitted + s.loads.Stats().BytesCommitted + s.trails.Stats().BytesCommitted}
	a.Resident, _ = status("VmRSS") // 0 where there is no /proc
	if s.watcher != nil {
		a.Limit, a.Pressure = s.watcher.Reading().Limit, s.watcher.Level().String()
	}
	if s.c.memory > 0 {
		a.Limit = s.c.memory
	}
	return a
}

// status reads a line of /proc/self/status that has a size, in bytes.
func status(key string) (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", key)
}
