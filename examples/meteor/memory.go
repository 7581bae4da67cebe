package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// memory is what the page shows of the process, in bytes.
type memory struct {
	Resident int64  `json:"resident"`
	Heap     uint64 `json:"heap"`
	Pools    int64  `json:"pools"`
}

func (s *station) memory() memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	resident, _ := status("VmRSS") // 0 where there is no /proc
	return memory{Resident: resident, Heap: m.HeapAlloc, Pools: s.frames.Stats().BytesCommitted + s.loads.Stats().BytesCommitted + s.trails.Stats().BytesCommitted}
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
