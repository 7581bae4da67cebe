package bus

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Policy is what happens when a subscriber is at its limit.
type Policy uint8

const (
	// DropOldest loses the oldest event that waits.
	DropOldest Policy = iota
	// DropNewest loses the new event.
	DropNewest
	// Latest keeps only the newest event: SubOptions.Events is 1.
	Latest
	// Block makes PublishContext wait for room. Publish, which never waits, loses the oldest event instead.
	Block
)

// String is the policy's name.
func (p Policy) String() string {
	switch p {
	case DropOldest:
		return "drop oldest"
	case DropNewest:
		return "drop newest"
	case Latest:
		return "latest"
	case Block:
		return "block"
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// SubOptions say how a subscriber wants its events. The zero value keeps the last 64.
type SubOptions struct {
	Name   string // shown in Stats; by default the topic's or the pattern, and a number
	Policy Policy
	// Events and Bytes limit what waits for the subscriber; what it has taken over, and is at work on, comes on top. 0 means no limit, but if both
	// are 0, Events is 64. At most 1<<24 events.
	Events int
	Bytes  int64
	// Last is how many of the last events to begin with, as far as the topic's history goes.
	Last int
	// Batch is how many events are taken over at once; 0 means at most 64, as long as they have less than 16 KiB. See the package's documentation.
	Batch int
}

const (
	defaultEvents     = 64
	mostEvents        = 1 << 24
	defaultBatch      = 64
	defaultBatchBytes = 16 << 10
)

// Sub is a subscriber. One goroutine at a time may receive from it; Stats and Close may be called from any.
type Sub[T any] struct {
	name       string
	source     string // topic or pattern
	id         uint64
	topic      *Topic[T] // nil if it subscribes by a pattern
	bus        *Bus      // which it leaves; nil if it subscribes to one topic
	core       *core
	batchBytes int64

	wake      chan struct{} // a token for each time that a publisher clears asleep
	gone      chan struct{} // closed by Close
	receiving sync.Mutex    // held by Next and TryNext
	over      atomic.Bool   // closed: the receiver stays away from the batch

	// batch[:filled] was taken over from the queue, of which the receiver has been lent the first seen and given back the first given. Only the
	// receiver touches them, and Close when there is none any more; writing filled and given, and reading them there, with core.mu held.
	batch               []entry[T]
	filled, seen, given int
	_                   [64]byte // publishers write what follows

	// what push looks at comes first
	policy    Policy
	maxEvents int
	maxBytes  int64

	// guarded by core.mu
	offered   uint64
	tailGap   uint64 // events lost after the last in the queue
	queue     queue[T]
	asleep    bool      // the receiver waits for a token
	loops     int       // that the receiver is in, one within another; each cleans up at its end
	closed    bool      // by Close
	gap       uint64    // events lost before the first in the queue
	nextAwake *Sub[T]   // of the publisher that cleared asleep, until it sends the token
	waiters   []*waiter // publishers that wait for room
	topics    []*Topic[T]
	delivered uint64
	lagged    uint64
	discarded uint64
}

func newSub[T any](name, source string, c *core, o SubOptions) (*Sub[T], error) {
	switch {
	case o.Policy > Block:
		return nil, fmt.Errorf("subscribing %q: there is no policy %d, use one from DropOldest to Block", name, o.Policy)
	case o.Events < 0 || o.Events > mostEvents:
		return nil, fmt.Errorf("subscribing %q: %d events, use 0 to %d", name, o.Events, mostEvents)
	case o.Bytes < 0:
		return nil, fmt.Errorf("subscribing %q: %d bytes, use 0 for no limit", name, o.Bytes)
	case o.Last < 0:
		return nil, fmt.Errorf("subscribing %q: the last %d events, use 0 for none", name, o.Last)
	case o.Batch < 0 || o.Batch > mostEvents:
		return nil, fmt.Errorf("subscribing %q: batches of %d events, use 0 to %d", name, o.Batch, mostEvents)
	}
	s := &Sub[T]{
		name: name, source: source, core: c, policy: o.Policy, maxEvents: o.Events, maxBytes: o.Bytes, batchBytes: math.MaxInt64,
		wake: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	switch {
	case o.Policy == Latest:
		s.maxEvents = 1
	case o.Events == 0 && o.Bytes == 0:
		s.maxEvents = defaultEvents
	case o.Events == 0:
		s.maxEvents = mostEvents
	}
	if o.Bytes == 0 {
		s.maxBytes = math.MaxInt64
	}
	batch := o.Batch
	if batch == 0 {
		batch, s.batchBytes = defaultBatch, defaultBatchBytes
	}
	s.batch = make([]entry[T], min(batch, s.maxEvents))
	return s, nil
}

// Subscribe makes a subscriber, which gets all events from now on and those that o.Last asks for. The caller closes it. It returns ErrClosed
// after Close.
func (t *Topic[T]) Subscribe(o SubOptions) (*Sub[T], error) {
	name := o.Name
	if name == "" {
		t.core.mu.Lock()
		t.joined++
		name = fmt.Sprintf("%s#%d", t.name, t.joined)
		t.core.mu.Unlock()
	}
	s, err := newSub[T](name, t.name, t.core, o)
	if err != nil {
		return nil, err
	}
	s.topic = t
	var d dead[T]
	t.core.mu.Lock()
	if t.closed {
		t.core.mu.Unlock()
		return nil, fmt.Errorf("subscribing to topic %q: %w", t.name, ErrClosed)
	}
	s.number()
	s.join(t)
	for i := max(0, t.history.len()-o.Last); i < t.history.len(); i++ {
		n := t.history.at(i).node
		if s.push(n, &d) {
			n.queues++
		}
	}
	t.core.mu.Unlock()
	d.dispose()
	return s, nil
}

// number gives s its ID. Its caller holds core.mu.
func (s *Sub[T]) number() {
	s.core.subs++
	s.id = s.core.subs
}

// join adds s to a topic. Its caller holds core.mu.
func (s *Sub[T]) join(t *Topic[T]) {
	s.topics = append(s.topics, t)
	t.subs = append(t.subs, s)
}

// fits reports whether an event of size bytes has room. This and what follows is called with core.mu held.
func (s *Sub[T]) fits(size int64) bool {
	return s.queue.len() < s.maxEvents && size <= s.maxBytes-s.queue.bytes
}

// push offers n to s and reports whether s will get it, which its caller then counts in n.queues.
func (s *Sub[T]) push(n *node[T], d *dead[T]) bool {
	s.offered++
	if !s.fits(n.size) && !s.makeRoom(n.size, d) {
		s.lagged++
		s.tailGap++
		n.topic.lagged++
		return false
	}
	s.queue.push(entry[T]{n, s.tailGap})
	s.tailGap = 0
	return true
}

func (s *Sub[T]) makeRoom(size int64, d *dead[T]) bool {
	if s.policy == DropNewest || size > s.maxBytes {
		return false
	}
	for !s.fits(size) {
		e := s.queue.pop()
		s.gap += 1 + e.lagged
		s.lagged++
		e.node.topic.lagged++
		d.done(e.node)
	}
	return true
}

// take fills the batch, which is empty, from the queue.
func (s *Sub[T]) take() {
	q := &s.queue
	n, bytes := 0, int64(0)
	if q.len() <= len(s.batch) && (q.len() <= 1 || q.bytes < s.batchBytes) {
		n, bytes = q.len(), q.bytes
		q.popAll(s.batch)
	} else {
		for q.len() > 0 && n < len(s.batch) && (n == 0 || bytes < s.batchBytes) {
			e := q.pop()
			bytes += e.node.size
			s.batch[n] = e
			n++
		}
	}
	s.filled, s.seen, s.given = n, 0, 0
	if n == 0 {
		return
	}
	s.batch[0].lagged += s.gap
	s.gap = 0
	s.delivered += uint64(n)
	if s.topic != nil {
		s.topic.delivered += uint64(n)
		s.topic.deliveredBytes += uint64(bytes)
	} else {
		for _, e := range s.batch[:n] {
			e.node.topic.delivered++
			e.node.topic.deliveredBytes += uint64(e.node.size)
		}
	}
	s.wakeWaiters()
}

// giveBack says that the receiver is done with the first n events of the batch.
func (s *Sub[T]) giveBack(n int, d *dead[T]) {
	for _, e := range s.batch[s.given:n] {
		if e.node.queues > 1 {
			e.node.queues--
			continue
		}
		d.done(e.node)
	}
	s.given = n
}

// discardBatch gives all of the batch back, also what the receiver has not seen.
func (s *Sub[T]) discardBatch(d *dead[T]) {
	unseen := s.batch[s.seen:s.filled]
	for _, e := range unseen {
		e.node.topic.delivered--
		e.node.topic.deliveredBytes -= uint64(e.node.size)
		e.node.topic.discarded++
	}
	s.delivered -= uint64(len(unseen))
	s.discarded += uint64(len(unseen))
	s.giveBack(s.filled, d)
	s.filled, s.seen, s.given = 0, 0, 0
}

func (s *Sub[T]) discardQueue(d *dead[T]) {
	for s.queue.len() > 0 {
		n := s.queue.pop().node
		s.discarded++
		n.topic.discarded++
		d.done(n)
	}
}
