package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Version is that of the JSON.
const Version = 1

// Report is one report. Bytes are bytes, rates are per second, shares are from 0 to 1.
type Report struct {
	Version         int              `json:"version"`
	Time            time.Time        `json:"time"`
	Program         string           `json:"program"`
	PID             int              `json:"pid"`
	Uptime          float64          `json:"uptime_seconds"`
	Memory          Memory           `json:"memory"`
	Pressure        *Pressure        `json:"pressure,omitempty"`
	Pools           []Pool           `json:"pools,omitempty"`
	Allocators      []Allocator      `json:"allocators,omitempty"`
	Rings           []Ring           `json:"rings,omitempty"`
	Flows           []Flow           `json:"flows,omitempty"`
	Stores          []Store          `json:"stores,omitempty"`
	Copies          []Copies         `json:"copies_avoided,omitempty"`
	Recommendations []Recommendation `json:"recommendations,omitempty"`
	History         []Sample         `json:"history,omitempty"`
}

// Memory is that of the process.
type Memory struct {
	Go           int64 `json:"go_bytes"`
	GoHeap       int64 `json:"go_heap_bytes"`
	GoLimit      int64 `json:"go_limit_bytes"` // 0: none
	OffHeap      int64 `json:"off_heap_bytes"`
	Resident     int64 `json:"resident_bytes"`
	Shared       int64 `json:"shared_bytes"`
	Proportional int64 `json:"proportional_bytes"` // resident, shared pages divided among those who share them; 0 if unknown
}

// Pressure is what the watcher saw and did.
type Pressure struct {
	Level     string   `json:"level"`
	Changes   uint64   `json:"level_changes"`
	Limit     int64    `json:"limit_bytes"` // 0: none
	Usage     int64    `json:"usage_bytes"`
	Available int64    `json:"available_bytes"`
	Machine   int64    `json:"machine_bytes"`
	Some      float64  `json:"some_stalled_percent"`
	Full      float64  `json:"full_stalled_percent"`
	Refused   uint64   `json:"refused"`
	Actions   []Action `json:"actions"`
}

// Action is one of the watcher's.
type Action struct {
	Name     string `json:"name"`
	Level    string `json:"level"`
	Active   bool   `json:"active"`
	Applied  uint64 `json:"applied"`
	Reverted uint64 `json:"reverted"`
	Failed   uint64 `json:"failed"`
	Freed    int64  `json:"freed_bytes"`
}

// Pool is one pool.
type Pool struct {
	Name          string  `json:"name"`
	Capacity      int     `json:"capacity_bytes"` // of a block
	Outstanding   int     `json:"outstanding"`
	HighWater     int     `json:"high_water"`
	Opened        int     `json:"opened"`
	Max           int     `json:"max"`
	InUse         int64   `json:"in_use_bytes"`
	Committed     int64   `json:"committed_bytes"`
	Budget        int64   `json:"budget_bytes"`
	Trimmed       uint64  `json:"trimmed_bytes"`
	Acquired      uint64  `json:"acquired"`
	Rate          float64 `json:"acquired_per_second"`
	HitRate       float64 `json:"hit_rate"`
	Grown         uint64  `json:"grown"`
	Heap          uint64  `json:"heap"`
	External      uint64  `json:"external"`
	ExternalBytes uint64  `json:"external_bytes"`
	Refusals      uint64  `json:"refusals"`
	Waits         uint64  `json:"waits"`
	Stale         uint64  `json:"stale"`
	Saturated     uint64  `json:"saturated"`
}

// Allocator is one allocator.
type Allocator struct {
	Name      string `json:"name"`
	Live      uint64 `json:"live"`
	LiveBytes uint64 `json:"live_bytes"`
	Used      int64  `json:"used_bytes"`
	HighWater int64  `json:"high_water_bytes"`
	Budget    int64  `json:"budget_bytes"`
	Overhead  int64  `json:"overhead_bytes"`
	Refusals  uint64 `json:"refusals"`
	Misuses   uint64 `json:"misuses"`
}

// Ring is one ring of bytes.
type Ring struct {
	Name          string `json:"name"`
	Used          int    `json:"used_bytes"`
	Size          int    `json:"size_bytes"`
	Max           int    `json:"max_bytes"`
	Committed     int64  `json:"committed_bytes"`
	ConsumerWakes uint64 `json:"consumer_wakes"`
	ProducerWakes uint64 `json:"producer_wakes"`
	Ended         bool   `json:"ended"` // the producer has
	Gone          bool   `json:"gone"`  // the consumer is
}

// Flow is what passes frames on: a publisher, a stream, a reader of a ring, a topic of a bus, or its subscribers of one name.
type Flow struct {
	Kind         string  `json:"kind"`
	Name         string  `json:"name"`
	Peers        int     `json:"peers"`
	Delivered    uint64  `json:"delivered"`
	Bytes        uint64  `json:"delivered_bytes,omitempty"` // 0 if that is not counted
	Lost         uint64  `json:"lost"`
	Waiting      int     `json:"waiting,omitempty"` // of a subscriber, now
	BytesWaiting int64   `json:"waiting_bytes,omitempty"`
	Rate         float64 `json:"delivered_per_second"`
	P50          float64 `json:"p50_seconds,omitempty"` // in the queue
	P99          float64 `json:"p99_seconds,omitempty"`
}

// Store is one store.
type Store struct {
	Name     string `json:"name"`
	Puts     uint64 `json:"puts"`
	Refused  uint64 `json:"refused"`
	Dropped  uint64 `json:"dropped"`
	Misses   uint64 `json:"misses"`
	Broken   uint64 `json:"broken"`
	HotBytes uint64 `json:"hot_hit_bytes"`
	Tiers    []Tier `json:"tiers"`
	Error    string `json:"error,omitempty"`
}

// Tier is one of a store's.
type Tier struct {
	Name    string  `json:"name"`
	Frames  int     `json:"frames"`
	Bytes   int64   `json:"bytes"`
	Budget  int64   `json:"budget_bytes"` // 0: no limit
	Hits    uint64  `json:"hits"`
	HitRate float64 `json:"hit_rate"` // of what no tier before it had
}

// Copies are copies that a copying design would have made.
type Copies struct {
	What  string `json:"what"`
	Count uint64 `json:"count"`
	Bytes uint64 `json:"bytes"`
}

// Recommendation is what could be better, and why.
type Recommendation struct {
	About   string `json:"about"`
	Text    string `json:"text"`
	Figures string `json:"figures"`
}

// Sample is the memory at one moment before the report.
type Sample struct {
	Ago      float64 `json:"seconds_ago"`
	Go       int64   `json:"go_bytes"`
	OffHeap  int64   `json:"off_heap_bytes"`
	Resident int64   `json:"resident_bytes"`
	Rate     float64 `json:"acquired_per_second"`
}

// maxSize is how long a report may be in JSON.
const maxSize = 16 << 20

// Read reads a report's JSON. The error says so if it is none, too long, or of another version.
func Read(r io.Reader) (*Report, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading a report: %w", err)
	}
	if len(b) > maxSize {
		return nil, fmt.Errorf("reading a report: it is longer than %d bytes", maxSize)
	}
	var rep Report
	if err := json.Unmarshal(b, &rep); err != nil {
		return nil, fmt.Errorf("reading a report: it is no JSON of one: %w", err)
	}
	if rep.Version != Version {
		return nil, fmt.Errorf("reading a report: its version is %d, this program reads %d: use the poolgen that the program was built with", rep.Version, Version)
	}
	return &rep, nil
}

// JSON is the report for programs.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a report: %w", err)
	}
	return append(b, '\n'), nil
}
