package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/store"
)

type storeStats struct{ store.Stats }

// Store adds a store. The function removes it.
func (s *Set) Store(name string, st *store.Store) (remove func()) {
	return add(s, &s.stores, name, st, func() storeStats { return storeStats{st.Stats()} })
}

// tiers of a store, from the fastest on.
func (s *storeStats) tiers() ([3]string, [3]store.Tier) {
	return [3]string{"hot", "warm", "cold"}, [3]store.Tier{s.Hot, s.Warm, s.Cold}
}

func storeTable() table[storeStats] {
	type row = column[storeStats]
	t := newTable("store", "store", []row{
		{"puts_total", "Frames that were put.", func(s *storeStats) float64 { return float64(s.Puts) }},
		{"refused_frames_total", "Frames that were refused.", func(s *storeStats) float64 { return float64(s.Refused) }},
		{"dropped_frames_total", "Frames dropped before they were on disk, because the hot tier was full.", func(s *storeStats) float64 { return float64(s.Dropped) }},
		{"hot_hit_bytes_total", "Bytes of the frames that were found in the hot tier, which nobody copied.", func(s *storeStats) float64 { return float64(s.HotBytes) }},
		{"misses_total", "Frames asked for that were not there.", func(s *storeStats) float64 { return float64(s.Misses) }},
		{"broken_frames_total", "Frames that could not be read.", func(s *storeStats) float64 { return float64(s.Broken) }},
		{"write_failures_total", "Times that writing frames failed.", func(s *storeStats) float64 { return float64(s.Failures) }},
		{"damaged_frames_total", "Frames found damaged when they were to be compressed.", func(s *storeStats) float64 { return float64(s.Damaged) }},
		{"rebuilt_indexes_total", "Indexes that were found damaged, and made anew in memory.", func(s *storeStats) float64 { return float64(s.Rebuilt) }},
	}, []row{
		{"unsynced_frames", "Frames that are not on disk.", func(s *storeStats) float64 { return float64(s.Unsynced) }},
		{"unsent_segments", "Compressed segments on disk that are to go to the bucket.", func(s *storeStats) float64 { return float64(s.Unsent) }},
		{"failing", "Whether writing, compressing or removing failed the last time.", func(s *storeStats) float64 {
			if s.Err != nil {
				return 1
			}
			return 0
		}},
	})
	frames := t.further("store", "tier_frames", "Frames in a tier; hot ones may be in another too.", "tier")
	bytes := t.further("store", "tier_bytes", "What the frames of a tier take.", "tier")
	budget := t.further("store", "tier_budget_bytes", "What they may take, 0 if there is no limit.", "tier")
	hits := t.further("store", "tier_hits_total", "Frames that were found in a tier.", "tier")
	left := t.further("store", "tier_departed_frames_total", "Frames that left a tier.", "tier")
	t.extra = func(ch chan<- prometheus.Metric, label string, s *storeStats) {
		names, tiers := s.tiers()
		for i, t := range tiers {
			ch <- prometheus.MustNewConstMetric(frames, prometheus.GaugeValue, float64(t.Frames), label, names[i])
			ch <- prometheus.MustNewConstMetric(bytes, prometheus.GaugeValue, float64(t.Bytes), label, names[i])
			ch <- prometheus.MustNewConstMetric(budget, prometheus.GaugeValue, float64(t.Budget), label, names[i])
			ch <- prometheus.MustNewConstMetric(hits, prometheus.CounterValue, float64(t.Hits), label, names[i])
			ch <- prometheus.MustNewConstMetric(left, prometheus.CounterValue, float64(t.Left), label, names[i])
		}
	}
	return t
}
