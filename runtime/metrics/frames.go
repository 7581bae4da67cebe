package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/bus"
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
		{"misses_total", "Frames asked for that were not there.", func(s *storeStats) float64 { return float64(s.Misses) }},
		{"broken_frames_total", "Frames that could not be read.", func(s *storeStats) float64 { return float64(s.Broken) }},
		{"write_failures_total", "Times that writing frames failed.", func(s *storeStats) float64 { return float64(s.Failures) }},
		{"damaged_frames_total", "Frames found damaged when they were to be compressed.", func(s *storeStats) float64 { return float64(s.Damaged) }},
		{"rebuilt_indexes_total", "Indexes that were found damaged, and made anew in memory.", func(s *storeStats) float64 { return float64(s.Rebuilt) }},
	}, []row{
		{"unsynced_frames", "Frames that are not on disk.", func(s *storeStats) float64 { return float64(s.Unsynced) }},
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

// maxTopics is how many topics of a bus have labels of their own: programs make topics as they like.
const maxTopics = 100

// otherTopics is the label of the rest.
const otherTopics = "(others)"

// topics are those of one bus.
type topics struct {
	set   *Set
	name  string
	ask   func() []bus.TopicStats
	added time.Time

	mu   sync.Mutex                 // guards what follows
	seen map[string]*bus.TopicStats // the highest counts of topics that have labels
}

// Bus adds a bus with all its topics, those too that open later. The first hundred topics have labels of their own, the others
// share one. Topics that are closed keep their last counts. The function removes the bus.
func (s *Set) Bus(name string, b *bus.Bus) (remove func()) {
	t := &topics{set: s, name: name, ask: b.Stats, added: time.Now(), seen: map[string]*bus.TopicStats{}}
	return s.join(t, "bus", &t.name)
}

// Topic adds a topic that belongs to no bus; name stands where the bus's would. The function removes it.
func (s *Set) Topic(name string, t interface{ Stats() bus.TopicStats }) (remove func()) {
	one := &topics{
		set: s, name: name, added: time.Now(), seen: map[string]*bus.TopicStats{},
		ask: func() []bus.TopicStats { return []bus.TopicStats{t.Stats()} },
	}
	return s.join(one, "bus", &one.name)
}

// stats are those of the topics by label, with the rest in one.
func (t *topics) stats() []bus.TopicStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.ask()
	for _, st := range t.seen {
		st.Subscribers, st.Held, st.BytesHeld, st.History = 0, 0, 0, 0
	}
	others := bus.TopicStats{Name: otherTopics}
	for _, st := range now {
		st.Name = labelValue(st.Name)
		seen := t.seen[st.Name]
		if seen == nil && len(t.seen) < maxTopics {
			seen = &bus.TopicStats{Name: st.Name}
			t.seen[st.Name] = seen
		}
		if seen != nil {
			raise(seen, &st)
			continue
		}
		others.Published += st.Published
		others.Delivered += st.Delivered
		others.Lagged += st.Lagged
		others.Discarded += st.Discarded
		others.Subscribers += st.Subscribers
		others.Held += st.Held
		others.BytesHeld += st.BytesHeld
		others.History += st.History
	}
	list := make([]bus.TopicStats, 0, len(t.seen)+1)
	for _, st := range t.seen {
		if st.Name != otherTopics {
			list = append(list, *st)
		}
	}
	if others.Published > 0 || t.seen[otherTopics] != nil {
		if t.seen[otherTopics] == nil {
			t.seen[otherTopics] = &bus.TopicStats{Name: otherTopics}
		}
		raise(t.seen[otherTopics], &others)
		list = append(list, *t.seen[otherTopics])
	}
	return list
}

// raise takes the gauges of st, and its counts where they are higher: a topic that is opened anew counts from 0.
func raise(to, st *bus.TopicStats) {
	to.Published, to.Delivered = max(to.Published, st.Published), max(to.Delivered, st.Delivered)
	to.Lagged, to.Discarded = max(to.Lagged, st.Lagged), max(to.Discarded, st.Discarded)
	to.Subscribers, to.Held, to.BytesHeld, to.History = st.Subscribers, st.Held, st.BytesHeld, st.History
}

func (t *topics) collect(ch chan<- prometheus.Metric) (offHeap int64) {
	for _, st := range t.stats() {
		for i := range t.set.topics.families {
			f := &t.set.topics.families[i]
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(&st), t.name, st.Name)
		}
	}
	return 0
}

func topicTable() table[bus.TopicStats] {
	type row = column[bus.TopicStats]
	return newTable("topic", "bus", []row{
		{"published_events_total", "Events that were published.", func(s *bus.TopicStats) float64 { return float64(s.Published) }},
		{"delivered_events_total", "Events that subscribers took over, once for each.", func(s *bus.TopicStats) float64 { return float64(s.Delivered) }},
		{"lagged_events_total", "Events that subscribers lost, once for each.", func(s *bus.TopicStats) float64 { return float64(s.Lagged) }},
		{"discarded_events_total", "Events that waited for subscribers that closed.", func(s *bus.TopicStats) float64 { return float64(s.Discarded) }},
	}, []row{
		{"subscribers", "Subscribers now.", func(s *bus.TopicStats) float64 { return float64(s.Subscribers) }},
		{"held_events", "Events that wait, are in use, or are kept as history.", func(s *bus.TopicStats) float64 { return float64(s.Held) }},
		{"held_bytes", "Memory of those.", func(s *bus.TopicStats) float64 { return float64(s.BytesHeld) }},
		{"history_events", "Events kept as history.", func(s *bus.TopicStats) float64 { return float64(s.History) }},
	}, "topic")
}
