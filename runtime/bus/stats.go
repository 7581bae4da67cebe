package bus

import (
	"cmp"
	"slices"
)

// TopicStats is a snapshot of a topic.
type TopicStats struct {
	Name        string
	Published   uint64 // events, also those that nobody listened to
	Delivered   uint64 // times that a subscriber took one over
	Lagged      uint64 // times that a subscriber lost one
	Discarded   uint64 // times that one waited for a subscriber that closed
	Subscribers int
	Held        int   // events that wait for a subscriber, that one has taken over and not given back, or that the history keeps
	BytesHeld   int64 // of those
	History     int   // events that the history keeps

	BytesDelivered uint64 // memory of the events that subscribers took over, once for each: what a design that copies would have copied
}

// SubStats is a snapshot of a subscriber. Offered is always Delivered plus Lagged plus Discarded plus Waiting.
type SubStats struct {
	ID           uint64 // of this subscriber alone among those of its bus, or of its topic if that has none
	Topic        string // its topic, or pattern
	Name         string
	Policy       Policy
	Offered      uint64 // events published since it subscribed, and those of the history that it began with
	Delivered    uint64 // events that it took over
	Lagged       uint64 // events that it lost
	Discarded    uint64 // events that it had not seen when it closed
	Waiting      int    // events that wait for it
	BytesWaiting int64  // of those
	BytesHeld    int64  // of those and what it has taken over and not given back
}

// Stats tells what has happened so far.
func (t *Topic[T]) Stats() TopicStats {
	t.core.mu.Lock()
	st := TopicStats{
		Name: t.name, Published: t.published, Delivered: t.delivered, Lagged: t.lagged, Discarded: t.discarded,
		Subscribers: len(t.subs), Held: t.live, BytesHeld: t.bytes, History: t.history.len(), BytesDelivered: t.deliveredBytes,
	}
	t.core.mu.Unlock()
	return st
}

// Stats tells what has happened so far.
func (s *Sub[T]) Stats() SubStats {
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	return s.stats()
}

// stats is called with core.mu held.
func (s *Sub[T]) stats() SubStats {
	st := SubStats{
		ID: s.id, Topic: s.source, Name: s.name, Policy: s.policy, Offered: s.offered, Delivered: s.delivered, Lagged: s.lagged, Discarded: s.discarded,
		Waiting: s.queue.len(), BytesWaiting: s.queue.bytes, BytesHeld: s.queue.bytes,
	}
	for _, e := range s.batch[s.given:s.filled] {
		st.BytesHeld += e.node.size
	}
	return st
}

// Subscribers are the figures of those that are subscribed to this topic now, by ID; without those that have a pattern.
func (t *Topic[T]) Subscribers() []SubStats {
	t.core.mu.Lock()
	defer t.core.mu.Unlock()
	return t.subscribers(nil)
}

// subscribers appends to list. It is called with core.mu held.
func (t *Topic[T]) subscribers(list []SubStats) []SubStats {
	for _, s := range t.subs {
		if s.topic != nil {
			list = append(list, s.stats())
		}
	}
	return list
}

// Subscribers are the figures of those that are subscribed to open topics, and by patterns, now, by ID.
func (b *Bus) Subscribers() []SubStats {
	b.core.mu.Lock()
	defer b.core.mu.Unlock()
	var list []SubStats
	for _, t := range b.topics {
		list = t.subscribers(list)
	}
	for _, m := range b.matchers {
		list = append(list, m.stats())
	}
	slices.SortFunc(list, func(x, y SubStats) int { return cmp.Compare(x.ID, y.ID) })
	return list
}

// Stats are those of the open topics, by name.
func (b *Bus) Stats() []TopicStats {
	b.core.mu.Lock()
	open := b.sorted()
	b.core.mu.Unlock()
	stats := make([]TopicStats, len(open))
	for i, t := range open {
		stats[i] = t.Stats()
	}
	return stats
}
