package stream

import (
	"errors"
	"time"
)

// Stats is a snapshot of a server or client, over all its connections, also those that ended. Offered is always
// Sent + Dropped + Lost + Pending, where a frame for three clients was offered three times.
type Stats struct {
	Offered uint64 // messages given to Send before the end, once a connection, and config messages that a client got when it came
	Sent    uint64 // of those, handed to the kernel
	Dropped uint64 // refused or overtaken because the queue was full, or given up by their sender's context
	Lost    uint64 // that waited, or were half written, when the connection or the stream ended
	Pending int    // that wait or are being written
	Waits   uint64 // messages for which Send had to wait

	Received uint64 // messages that arrived whole in a block
	// Of those, and of those only, InboxDropped were dropped because nobody called Receive in time, or before Stop.
	InboxDropped uint64
	NoBlock      uint64 // frames skipped because the pool had no free block
	Unwanted     uint64 // frames skipped because there is no pool, or they are longer than its blocks
	Skipped      uint64 // messages of unknown types

	BytesSent, BytesReceived uint64 // of payloads

	Peers        int    // connected now
	Connects     uint64 // connections made or accepted
	Refused      uint64 // clients beyond Options.MaxClients
	Denied       uint64 // clients that Options.Allow did not let in
	Protocol     uint64 // connections that ended by ErrMagic, ErrTooLong or ErrTruncated
	Stuck        uint64 // connections that ended by ErrStuck, ErrStalled or ErrSilent
	AcceptErrors uint64 // failed attempts to accept, such as for want of descriptors

	Heartbeats, Acks uint64 // sent, and answered

	Depth        int    // of the queue; of a server's deepest one
	DepthChanges uint64 // since the connections that are there now began

	// Queue is the time from Send to the kernel. Latency is from a received message's timestamp to its arrival, except for Skewed
	// messages: their timestamps lie ahead, more than a minute back, or before the clock was set. RoundTrip is from a heartbeat to its answer.
	Queue, Latency, RoundTrip Histogram
	Skewed                    uint64

	// Sizes of the socket's buffers in bytes as the kernel counts them, which is twice what was asked for, up to its own limit.
	// Of the latest connection; 0 before the first.
	SendBuffer, ReceiveBuffer int
}

// stats sums over queues that live, besides those of connections that ended.
func (e *end) stats(queues func(yield func(*queue))) Stats {
	e.inbox.mu.Lock()
	inboxDropped := e.inbox.counts.dropped + e.inbox.counts.lost
	e.inbox.mu.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()
	c := &e.counts
	// An answer may be counted before the heartbeat: that is, once it is written, so that no count goes back.
	s := Stats{
		Received: c.received, InboxDropped: inboxDropped, NoBlock: c.noBlock, Unwanted: c.unwanted, Skipped: c.skipped,
		BytesReceived: c.bytesReceived, Connects: c.connects, Refused: c.refused, Denied: c.denied, Protocol: c.protocol, Stuck: c.stuck,
		AcceptErrors: c.acceptErrors, Heartbeats: max(c.heartbeats, c.acks), Acks: c.acks, Latency: c.latency, RoundTrip: c.roundTrip,
		Skewed: c.skewed, SendBuffer: c.sendBuffer, ReceiveBuffer: c.receiveBuffer,
	}
	s.add(&e.gone)
	queues(func(q *queue) {
		q.mu.Lock()
		defer q.mu.Unlock()
		s.add(&q.counts)
		s.Pending += q.n + q.counts.taken
		s.Depth = max(s.Depth, q.depth.now)
		s.DepthChanges += q.depth.changes
	})
	return s
}

func (s *Stats) add(c *queueCounts) {
	s.Offered += c.offered
	s.Sent += c.sent
	s.Dropped += c.dropped
	s.Lost += c.lost
	s.Waits += c.waits
	s.BytesSent += c.bytes
	s.Queue.add(&c.latency)
}

func (c *queueCounts) add(o *queueCounts) {
	c.offered += o.offered
	c.sent += o.sent
	c.dropped += o.dropped
	c.lost += o.lost
	c.waits += o.waits
	c.bytes += o.bytes
	c.latency.add(&o.latency)
}

// ended counts the end of a connection. A server's queue ends with it; a client's, which is nil here, goes on.
func (e *end) ended(reason error, q *queue) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case errors.Is(reason, ErrMagic), errors.Is(reason, ErrTooLong), errors.Is(reason, ErrTruncated):
		e.counts.protocol++
	case errors.Is(reason, ErrStuck), errors.Is(reason, ErrStalled), errors.Is(reason, ErrSilent):
		e.counts.stuck++
	}
	if q != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		e.gone.add(&q.counts)
	}
}

// backoff is how long to wait before the next attempt: twice the last time, at most Options.MaxBackoff, and of that from a half to
// all, at random, so that many clients do not come back at once.
type backoff struct {
	low, high, next time.Duration
}

func (b *backoff) reset() { b.next = b.low }

func (b *backoff) wait(random float64) time.Duration {
	d := max(b.next, b.low)
	b.next = min(2*d, b.high)
	return d/2 + time.Duration(random*float64(d/2))
}
