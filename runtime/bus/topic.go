package bus

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
)

// ErrClosed says that the topic, the bus or the subscriber was closed, and that no event waits any more.
var ErrClosed = errors.New("bus is closed")

// Counted is an event that carries a buffer. [pool.Buf] and [pool.Ref] are; a struct around one embeds it and defines Retain:
//
//	type Frame struct {
//		pool.Buf
//		PTS int64
//	}
//
//	func (f Frame) Retain() Frame { f.Buf.Retain(); return f }
type Counted[T any] interface {
	Retain() T // takes one more reference
	Release()  // gives one back
	Cap() int  // the bytes of memory that it keeps in use; less than one counts as one
}

// Event is what a subscriber gets.
type Event[T any] struct {
	Value    T      // lent to the subscriber until it asks for its next event
	Topic    string // the topic's name
	Sequence uint64 // number of the event in its topic, from 0
	Lagged   uint64 // events that this subscriber lost right before this one
}

// Options tune a topic.
type Options struct {
	// History is how many of the last events the topic keeps for subscribers to come, and HistoryBytes how many bytes of them.
	// 0 of one means no limit of that kind, 0 of both means no history.
	History      int
	HistoryBytes int64
}

// core is what the topics of a Bus share, or what a topic alone has.
type core struct {
	mu    sync.Mutex
	order uint64 // events published in all topics
	subs  uint64 // subscribers ever
}

// Topic passes events of type T from any number of publishers to any number of subscribers. Its methods may be called from any goroutine.
type Topic[T any] struct {
	name    string
	core    *core
	bus     *Bus // that knows it by name, or nil
	options Options
	// Of plain events retain and release are nil; size is nil where all have plainSize.
	retain    func(T) T
	release   func(T)
	size      func(T) int
	plainSize int64

	// guarded by core.mu
	subs           []*Sub[T]
	history        queue[T]
	closed         bool
	published      uint64
	delivered      uint64
	lagged         uint64
	discarded      uint64
	bytes          int64         // of the events that somebody needs
	live           int           // events that somebody needs
	free           *node[T]      // to be used again
	idle           chan struct{} // closed when ended and no event is left; nil unless somebody waits for that
	spare          *waiter       // to be used again
	joined         int           // subscribers ever, for their names
	deliveredBytes uint64
	dying          uint32 // events to be released; of which disposed are

	ended    atomic.Bool
	disposed atomic.Uint32
	returned atomic.Pointer[node[T]] // lists are pushed, all is taken at once: so there is no ABA
}

// New makes a topic whose events carry buffers. The caller owns it and calls Close. name is what Event.Topic and Stats show.
func New[T Counted[T]](name string, o Options) *Topic[T] {
	return counted[T](name, o, new(core))
}

// NewPlain makes a topic whose events have no buffers; an event counts as many bytes as a T has, at least one.
func NewPlain[T any](name string, o Options) *Topic[T] {
	return plain[T](name, o, new(core))
}

func counted[T Counted[T]](name string, o Options, c *core) *Topic[T] {
	return &Topic[T]{name: name, core: c, options: o, retain: T.Retain, release: T.Release, size: T.Cap}
}

func plain[T any](name string, o Options, c *core) *Topic[T] {
	return &Topic[T]{name: name, core: c, options: o, plainSize: max(1, int64(reflect.TypeFor[T]().Size()))}
}

// Name is the topic's name.
func (t *Topic[T]) Name() string { return t.name }

// Publish offers v to every subscriber, without waiting for any. The topic takes a reference of its own; the caller's stays the
// caller's. It returns ErrClosed after Close, and panics with *pool.MisuseError if v was released before.
func (t *Topic[T]) Publish(v T) error {
	v, size := t.take(v)
	var d dead[T]
	t.core.mu.Lock()
	if t.closed {
		t.core.mu.Unlock()
		t.drop(v)
		return t.closedError()
	}
	t.offerAndUnlock(v, size, &d)
	return nil
}

// PublishContext is Publish, but waits first until every subscriber with the policy Block has room for v. When ctx ends before, it returns ctx's cause,
// and v was offered to nobody.
func (t *Topic[T]) PublishContext(ctx context.Context, v T) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v, size := t.take(v)
	var d dead[T]
	t.core.mu.Lock()
	for !t.closed {
		w := t.stall(size)
		if w == nil {
			t.offerAndUnlock(v, size, &d)
			return nil
		}
		if err := t.await(ctx, w); err != nil {
			t.core.mu.Unlock()
			t.drop(v)
			return err
		}
	}
	t.core.mu.Unlock()
	t.drop(v)
	return t.closedError()
}

func (t *Topic[T]) closedError() error {
	return fmt.Errorf("publishing to topic %q: %w", t.name, ErrClosed)
}

// take takes the topic's reference to v, and tells its size. Both may panic, so it is not called under the mutex.
func (t *Topic[T]) take(v T) (T, int64) {
	if t.retain == nil {
		return v, t.plainSize
	}
	size := int64(max(1, t.size(v)))
	return t.retain(v), size
}

// drop gives back what take took.
func (t *Topic[T]) drop(v T) {
	if t.release != nil {
		t.release(v)
	}
}

// offerAndUnlock puts an event into the queues, and unlocks core.mu, which its caller holds.
func (t *Topic[T]) offerAndUnlock(v T, size int64, d *dead[T]) {
	sequence := t.published
	t.published++
	t.core.order++
	keep := t.keeps(size)
	if len(t.subs) == 0 && !keep {
		t.core.mu.Unlock()
		t.drop(v)
		d.dispose()
		return
	}
	var wake *Sub[T]
	n := t.node()
	n.value, n.size, n.sequence, n.order = v, size, sequence, t.core.order
	t.bytes += size
	t.live++
	queues := int32(1) // so that the last who did not get it disposes of it
	for _, s := range t.subs {
		q := &s.queue
		if q.n < uint(len(q.ring)) && s.fits(size) { // what push does, where calls would cost more than the rest
			s.offered++
			q.ring[(q.head+q.n)&uint(len(q.ring)-1)] = entry[T]{n, s.tailGap}
			q.n++
			q.bytes += size
			s.tailGap = 0
		} else if !s.push(n, d) {
			continue
		}
		queues++
		if s.asleep {
			s.asleep = false
			s.nextAwake, wake = wake, s
		}
	}
	if keep {
		queues++
		t.remember(n, d)
	}
	if n.queues = queues - 1; n.queues == 0 {
		n.queues = 1
		d.done(n)
	}
	t.core.mu.Unlock()
	wakeAll(wake)
	d.dispose()
}

// keeps reports whether an event of size bytes goes into the history.
func (t *Topic[T]) keeps(size int64) bool {
	o := t.options
	return (o.History > 0 || o.HistoryBytes > 0) && (o.HistoryBytes <= 0 || size <= o.HistoryBytes)
}

func (t *Topic[T]) remember(n *node[T], d *dead[T]) {
	t.history.push(entry[T]{node: n})
	o := t.options
	for o.History > 0 && t.history.len() > o.History || o.HistoryBytes > 0 && t.history.bytes > o.HistoryBytes {
		d.done(t.history.pop().node)
	}
}

// node takes a node that was used before, or makes one. Its caller holds core.mu.
func (t *Topic[T]) node() *node[T] {
	if t.free == nil {
		t.free = t.returned.Swap(nil)
	}
	if n := t.free; n != nil {
		t.free = n.next
		n.next = nil
		return n
	}
	return &node[T]{topic: t}
}

// wakeAll sends a token to each of a list of subscribers whose asleep was cleared. It is not called under the mutex, which they take next.
func wakeAll[T any](wake *Sub[T]) {
	for s := wake; s != nil; {
		next := s.nextAwake
		s.nextAwake = nil
		s.wake <- struct{}{} // never full: there is one token for each time that asleep was set
		s = next
	}
}

// left is the number of events that somebody needs or whose buffers are being released. Its caller holds core.mu.
func (t *Topic[T]) left() int { return t.live + int(t.dying-t.disposed.Load()) }

func (t *Topic[T]) checkIdle() {
	if t.idle != nil && t.left() == 0 {
		close(t.idle)
		t.idle = nil
	}
}
