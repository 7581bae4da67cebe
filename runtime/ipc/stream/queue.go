package stream

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// entry is a message that waits. The queue owns one reference to its payload.
type entry struct {
	Message
	size int           // bytes of its payload
	at   time.Duration // when it joined, on the clock of the queue
}

// queue is a bounded queue of messages. What it holds it owns: a message that is refused or dropped is released by the queue, and
// the callbacks of that run outside its lock.
type queue struct {
	policy Policy
	final  bool          // what next hands out needs no settling
	start  time.Time     // zero of its monotonic clock
	wake   chan struct{} // one token: somebody in next may look again
	room   chan struct{} // one token: somebody in push may look again
	end    chan struct{} // closed by close

	mu       sync.Mutex
	ring     []entry
	head, n  int
	depth    depth
	closed   bool
	sleepers int // in next
	blocked  int // in push
	counts   queueCounts
}

// queueCounts always satisfies offered = sent + dropped + lost + those that wait or are being written.
type queueCounts struct {
	offered, sent, dropped, lost uint64
	bytes                        uint64
	waits                        uint64 // messages that waited for room
	taken                        int    // handed out by next and not yet settled
	latency                      Histogram
}

func newQueue(policy Policy, d depth) *queue {
	return &queue{
		policy: policy,
		start:  time.Now(),
		wake:   make(chan struct{}, 1),
		room:   make(chan struct{}, 1),
		end:    make(chan struct{}),
		ring:   make([]entry, d.high),
		depth:  d,
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push queues m and takes over its reference, whatever the result. It waits for room if the policy is Block, until ctx or the
// queue ends or stop is closed.
func (q *queue) push(ctx context.Context, stop <-chan struct{}, m Message) error {
	now, size := time.Since(q.start), len(m.Bytes())
	q.mu.Lock()
	if q.closed {
		return q.refuse(m, ErrClosed)
	}
	var old [2]Message // what makes room
	if q.n >= q.depth.now {
		q.depth.press()
		switch q.policy {
		case Block:
			if err := q.wait(ctx, stop); err != nil {
				return q.refuse(m, err)
			}
			now = time.Since(q.start)
		case DropNewest:
			return q.refuse(m, ErrDropped)
		default:
			// One makes room; a second one goes while the queue is longer than its depth, which has shrunk.
			for i := range old {
				if q.n >= q.depth.now {
					old[i] = q.pop().Message
					q.counts.dropped++
				}
			}
		}
	}
	i := q.head + q.n
	if i >= len(q.ring) {
		i -= len(q.ring)
	}
	q.ring[i] = entry{m, size, now}
	q.n++
	q.counts.offered++
	if q.sleepers > 0 {
		signal(q.wake)
	}
	if q.blocked > 0 && q.n < q.depth.now {
		signal(q.room)
	}
	q.mu.Unlock()
	for _, m := range old {
		m.Release()
	}
	return nil
}

// refuse releases m, counts it as dropped, and returns why. What comes after the end was never offered, but for the inbox: there it has
// arrived. The lock is held, and given back.
func (q *queue) refuse(m Message, why error) error {
	if why != ErrClosed || q.final { //nolint:errorlint // a context's cause may wrap it
		q.counts.offered++
		q.counts.dropped++
	}
	q.mu.Unlock()
	m.Release()
	return why
}

// adopt counts a message that goes past the queue, to be settled as if next had handed it out.
func (q *queue) adopt(m Message) entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.offered++
	q.counts.taken++
	return entry{m, len(m.Bytes()), time.Since(q.start)}
}

// wait sleeps until there is room. It is called, and returns, with the lock held.
func (q *queue) wait(ctx context.Context, stop <-chan struct{}) error {
	q.counts.waits++
	for q.n >= q.depth.now {
		q.blocked++
		q.mu.Unlock()
		var err error
		select {
		case <-q.room:
		case <-q.end:
			err = ErrClosed
		case <-stop:
			err = ErrClosed
		case <-ctx.Done():
			err = fmt.Errorf("waiting for room: %w", context.Cause(ctx)) // not ErrClosed itself, whatever the cause is
		}
		q.mu.Lock()
		q.blocked--
		if q.closed {
			err = ErrClosed // also when ctx has ended: the counts of a queue that is closed may have been taken over
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pop removes the message that waited longest. The lock is held and there is one.
func (q *queue) pop() entry {
	e := q.ring[q.head]
	q.ring[q.head] = entry{}
	if q.head++; q.head == len(q.ring) {
		q.head = 0
	}
	q.n--
	return e
}

// next moves messages to batch, as long as those before have fewer than bytes, and returns how many; each is to be settled. At 0 the caller counts as a sleeper, waits for q.wake
// or q.end, and then calls next with slept. over says that the queue is closed and nothing is left.
func (q *queue) next(batch []entry, bytes int, slept bool) (n int, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slept {
		q.sleepers--
	}
	for size := 0; n < len(batch) && q.n > 0 && size < bytes; n++ {
		batch[n] = q.pop()
		size += batch[n].size
	}
	if q.final {
		q.counts.sent += uint64(n)
	} else {
		q.counts.taken += n
	}
	if n == 0 && !q.closed {
		q.sleepers++
	}
	if n > 0 && q.blocked > 0 {
		signal(q.room)
	}
	if q.n > 0 && q.sleepers > 0 {
		signal(q.wake)
	}
	return n, n == 0 && q.closed
}

// settle accounts for messages from next and releases them: the first sent of them went out, the others are lost.
func (q *queue) settle(batch []entry, sent int) {
	if len(batch) == 0 {
		return
	}
	for i := range batch {
		batch[i].Release()
		batch[i].Message = Message{}
	}
	q.account(batch, sent) // last: who sees that nothing is pending finds all blocks given back
}

func (q *queue) account(batch []entry, sent int) {
	now := time.Since(q.start)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.taken -= len(batch)
	q.counts.sent += uint64(sent)
	q.counts.lost += uint64(len(batch) - sent)
	for i := range batch[:sent] {
		wait := now - batch[i].at
		q.counts.latency.Record(wait)
		q.counts.bytes += uint64(batch[i].size)
		q.depth.left(wait)
	}
	if q.blocked > 0 && q.n < q.depth.now {
		signal(q.room) // the depth may have grown
	}
}

// leave is for a sleeper that does not call next again.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sleepers--
	if q.n > 0 && q.sleepers > 0 {
		signal(q.wake) // it may have taken the token and met its own end at once
	}
}

// finished reports whether the queue is closed and empty.
func (q *queue) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && q.n == 0
}

// close ends the queue for senders. What waits stays, for next; with discard it is released and counts as lost.
func (q *queue) close(discard bool) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.end)
	}
	q.mu.Unlock()
	for discard {
		q.mu.Lock()
		if q.n == 0 {
			q.mu.Unlock()
			return
		}
		e := q.pop()
		q.counts.lost++
		q.mu.Unlock()
		e.Release()
	}
}
