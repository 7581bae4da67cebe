package metrics

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/bus"
)

// maxTopics is how many topics of a bus have labels of their own, and maxSubscribers how many subscribers: programs make both as they like.
const (
	maxTopics      = 100
	maxSubscribers = 100
)

// others is the label of the rest.
const others = "(others)"

// subscribers are those of one label.
type subscribers struct {
	bus.SubStats
	n int
}

// topics are those of one bus, with their subscribers.
type topics struct {
	set   *Set
	name  string
	ask   func() []bus.TopicStats
	list  func() []bus.SubStats
	added time.Time

	mu      sync.Mutex // guards what follows
	byTopic ledger[string, bus.TopicStats]
	bySub   ledger[uint64, subscribers]
}

// ledger adds up, by label, the counts of things that come and go, so that a sum never goes back.
type ledger[K comparable, T any] struct {
	last   map[K]counts  // of the things that are there
	totals map[string]*T // by label
	order  []string      // of labels
}

// counts are those of one thing. The first only falls when another has its name.
type counts [5]uint64

// label is the one of a name, or that of the rest when there are too many.
func (l *ledger[K, T]) label(name string, most int) string {
	if l.totals[name] == nil {
		if len(l.order) >= most {
			name = others
		}
		if l.totals[name] == nil {
			l.totals[name] = new(T)
			l.order = append(l.order, name)
		}
	}
	return name
}

// news is what has been counted since the last time.
func (l *ledger[K, T]) news(key K, now counts) (n counts) {
	last := l.last[key]
	if now[0] < last[0] {
		last = counts{}
	}
	for i := range now {
		n[i] = now[i] - min(now[i], last[i])
		last[i] = max(now[i], last[i])
	}
	l.last[key] = last
	return n
}

// keep forgets the things that are not there any more; the totals have what they counted.
func (l *ledger[K, T]) keep(open map[K]bool) {
	maps.DeleteFunc(l.last, func(key K, _ counts) bool { return !open[key] })
}

// Bus adds a bus with all its topics, those too that open later, and their subscribers. The first hundred topics have labels of their own, the
// others share one; topics that are closed keep their last counts. Subscribers are counted by name, where the numbers of those without one
// are left out. The function removes the bus.
func (s *Set) Bus(name string, b *bus.Bus) (remove func()) {
	return s.topicsOf(name, b.Stats, b.Subscribers)
}

// Topic adds a topic that belongs to no bus; name stands where the bus's would. The function removes it.
func (s *Set) Topic(name string, t interface {
	Stats() bus.TopicStats
	Subscribers() []bus.SubStats
}) (remove func()) {
	return s.topicsOf(name, func() []bus.TopicStats { return []bus.TopicStats{t.Stats()} }, t.Subscribers)
}

func (s *Set) topicsOf(name string, ask func() []bus.TopicStats, list func() []bus.SubStats) (remove func()) {
	t := &topics{set: s, name: name, ask: ask, list: list, added: time.Now()}
	t.byTopic.last, t.byTopic.totals = map[string]counts{}, map[string]*bus.TopicStats{}
	t.bySub.last, t.bySub.totals = map[uint64]counts{}, map[string]*subscribers{}
	return s.join(t, "bus", &t.name)
}

// stats are those of the topics by label, with the rest in one. It is called with mu held.
func (t *topics) stats() (list []bus.TopicStats) {
	l := &t.byTopic
	for _, st := range l.totals {
		st.Subscribers, st.Held, st.BytesHeld, st.History = 0, 0, 0, 0
	}
	open := map[string]bool{}
	for _, st := range t.ask() {
		open[st.Name] = true
		n := l.news(st.Name, counts{st.Published, st.Delivered, st.Lagged, st.Discarded, st.BytesDelivered})
		to := l.totals[l.label(labelValue(st.Name), maxTopics)]
		to.Published += n[0]
		to.Delivered += n[1]
		to.Lagged += n[2]
		to.Discarded += n[3]
		to.BytesDelivered += n[4]
		to.Subscribers += st.Subscribers
		to.Held += st.Held
		to.BytesHeld += st.BytesHeld
		to.History += st.History
	}
	l.keep(open)
	for _, label := range l.order {
		st := *l.totals[label]
		st.Name = label
		list = append(list, st)
	}
	return list
}

// listeners are the subscribers by label, with the rest in one. It is called with mu held.
func (t *topics) listeners() (list []subscribers) {
	l := &t.bySub
	for _, st := range l.totals {
		st.n, st.Waiting, st.BytesWaiting, st.BytesHeld = 0, 0, 0, 0
	}
	open := map[uint64]bool{}
	for _, st := range t.list() {
		open[st.ID] = true
		n := l.news(st.ID, counts{st.Offered, st.Delivered, st.Lagged, st.Discarded})
		topic, name := labelValue(st.Topic), labelValue(unnumbered(st.Name))
		label := l.label(topic+"\x00"+name, maxSubscribers)
		if label == others {
			topic, name = others, others
		}
		to := l.totals[label]
		to.Topic, to.Name = topic, name
		to.Offered += n[0]
		to.Delivered += n[1]
		to.Lagged += n[2]
		to.Discarded += n[3]
		to.n++
		to.Waiting += st.Waiting
		to.BytesWaiting += st.BytesWaiting
		to.BytesHeld += st.BytesHeld
	}
	l.keep(open)
	for _, label := range l.order {
		list = append(list, *l.totals[label])
	}
	return list
}

// unnumbered is a subscriber's name without the number that package bus gives one that has no name: each that comes would be a new label.
func unnumbered(name string) string {
	if at := strings.LastIndexByte(name, '#'); at >= 0 && at+1 < len(name) && strings.Trim(name[at+1:], "0123456789") == "" {
		return name[:at]
	}
	return name
}

func (t *topics) collect(ch chan<- prometheus.Metric) (offHeap int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, st := range t.stats() {
		for i := range t.set.topics.families {
			f := &t.set.topics.families[i]
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(&st), t.name, st.Name)
		}
	}
	for _, st := range t.listeners() {
		for i := range t.set.listeners.families {
			f := &t.set.listeners.families[i]
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(&st), t.name, st.Topic, st.Name)
		}
	}
	return 0
}

func (t *topics) sums() (offHeap int64, acquired uint64) { return 0, 0 }

func topicTable() table[bus.TopicStats] {
	type row = column[bus.TopicStats]
	return newTable("topic", "bus", []row{
		{"published_events_total", "Events that were published.", func(s *bus.TopicStats) float64 { return float64(s.Published) }},
		{"delivered_events_total", "Events that subscribers took over, once for each.", func(s *bus.TopicStats) float64 { return float64(s.Delivered) }},
		{"delivered_bytes_total", "Memory of those events, which nobody copied.", func(s *bus.TopicStats) float64 { return float64(s.BytesDelivered) }},
		{"lagged_events_total", "Events that subscribers lost, once for each.", func(s *bus.TopicStats) float64 { return float64(s.Lagged) }},
		{"discarded_events_total", "Events that waited for subscribers that closed.", func(s *bus.TopicStats) float64 { return float64(s.Discarded) }},
	}, []row{
		{"subscribers", "Subscribers now.", func(s *bus.TopicStats) float64 { return float64(s.Subscribers) }},
		{"held_events", "Events that wait, are in use, or are kept as history.", func(s *bus.TopicStats) float64 { return float64(s.Held) }},
		{"held_bytes", "Memory of those.", func(s *bus.TopicStats) float64 { return float64(s.BytesHeld) }},
		{"history_events", "Events kept as history.", func(s *bus.TopicStats) float64 { return float64(s.History) }},
	}, "topic")
}

func subscriberTable() table[subscribers] {
	type row = column[subscribers]
	return newTable("subscriber", "bus", []row{
		{"offered_events_total", "Events that were published for the subscribers of this name.", func(s *subscribers) float64 { return float64(s.Offered) }},
		{"delivered_events_total", "Events that they took over.", func(s *subscribers) float64 { return float64(s.Delivered) }},
		{"lagged_events_total", "Events that they lost.", func(s *subscribers) float64 { return float64(s.Lagged) }},
		{"discarded_events_total", "Events that they had not seen when they closed.", func(s *subscribers) float64 { return float64(s.Discarded) }},
	}, []row{
		{"connected", "How many of this name there are now.", func(s *subscribers) float64 { return float64(s.n) }},
		{"waiting_events", "Events that wait for them: how far they are behind.", func(s *subscribers) float64 { return float64(s.Waiting) }},
		{"waiting_bytes", "Memory of those.", func(s *subscribers) float64 { return float64(s.BytesWaiting) }},
		{"held_bytes", "Memory of those and of what they have taken over and not given back.", func(s *subscribers) float64 { return float64(s.BytesHeld) }},
	}, "topic", "subscriber")
}
