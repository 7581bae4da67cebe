package stream

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// end is what a server and a client have in common: options, the inbox, and the counts of all their connections.
type end struct {
	o        Options
	capacity int // of a block of the pool
	inbox    *queue

	mu     sync.Mutex
	gone   queueCounts // of the queues of connections that ended
	counts endCounts
	clock  clock
	failed error // why a client gave up
}

type endCounts struct {
	received, bytesReceived       uint64
	unwanted, noBlock, skipped    uint64
	skewed, heartbeats, acks      uint64
	connects, refused, denied     uint64
	protocol, stuck, acceptErrors uint64
	latency, roundTrip            Histogram
	sendBuffer, receiveBuffer     int
}

func newEnd(o Options) (*end, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("options of a stream: %w", err)
	}
	e := &end{o: o, inbox: newQueue(o.InboxPolicy, depth{now: o.Inbox, low: o.Inbox, high: o.Inbox}), clock: newClock()}
	e.inbox.final = true
	if o.Pool != nil {
		e.capacity = o.Pool.Stats().Capacity
	}
	return e, nil
}

func (e *end) newQueue() *queue {
	o := &e.o
	return newQueue(o.Policy, depth{now: o.Depth, low: o.MinDepth, high: o.MaxDepth, target: o.Target})
}

// check refuses messages that must not be sent.
func (e *end) check(m Message) error {
	switch {
	case m.Type == Stop || m.Type == Heartbeat || m.Type == Ack:
		return fmt.Errorf("%w: %v", ErrType, m.Type)
	case int64(len(m.Bytes())) > int64(e.o.MaxMessage):
		return fmt.Errorf("%w: %d bytes, Options.MaxMessage is %d", ErrTooLong, len(m.Bytes()), e.o.MaxMessage)
	}
	return nil
}

// retain takes the queue's own reference to a message.
func (m Message) retain() Message {
	if m.Buf.Pool() != nil {
		m.Buf.Retain()
	}
	return m
}

// receive takes the message that waited longest, or waits for one.
func (e *end) receive(ctx context.Context) (Message, error) {
	var one [1]entry
	slept := false
	for {
		n, over := e.inbox.next(one[:], 1, slept)
		if n == 1 {
			return one[0].Message, nil
		}
		if over {
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.failed != nil {
				return Message{}, e.failed
			}
			return Message{}, ErrClosed
		}
		slept = true
		select {
		case <-e.inbox.wake:
		case <-e.inbox.end:
		case <-ctx.Done():
			e.inbox.leave()
			return Message{}, context.Cause(ctx)
		}
	}
}

func (e *end) skipped()  { e.mu.Lock(); e.counts.skipped++; e.mu.Unlock() }
func (e *end) unwanted() { e.mu.Lock(); e.counts.unwanted++; e.mu.Unlock() }
func (e *end) noBlock()  { e.mu.Lock(); e.counts.noBlock++; e.mu.Unlock() }

func (l *link) ack(after time.Duration) {
	e := l.e
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.acks++
	e.counts.roundTrip.Record(after)
	l.roundTrip.Record(after)
}
