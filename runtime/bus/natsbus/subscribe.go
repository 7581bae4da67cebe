package natsbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/poolgen/poolgen/runtime/pool"
)

// From says where a subscription begins. A durable one goes on where it was instead.
type From uint8

const (
	New  From = iota // with events published from now on
	All              // with the oldest that is kept
	Last             // with the last of each topic
)

// SubOptions tune Subscribe.
type SubOptions struct {
	Pool    *pool.Pool    // payloads go into its blocks; without one, only events without payload can be received, or, Lazy, all but the payloads
	Durable string        // name under which the servers keep the place; empty: it ends with the subscription
	From    From          //
	Since   time.Time     // if not zero, instead of From: events published from then on
	Pending int           // events at most that are received and not acknowledged; 0 is 64
	AckWait time.Duration // after which what is not acknowledged comes again; 0 is 30 s
	Lazy    bool          // payloads from the object store are only fetched by Message.Fetch
}

// Sub is a subscription. Next is for one goroutine at a time; messages may be acknowledged on any.
type Sub struct {
	c       *Conn
	o       SubOptions
	pattern string
	most    int // bytes that fit into a block
	config  jetstream.ConsumerConfig
	busy    chan struct{} // who is in Next
	it      jetstream.MessagesContext
	parked  *Message // whose payload could not be fetched before Next's context ended; of who is in Next

	closing context.Context // ends with Close, or the connection's
	end     context.CancelCauseFunc

	mu      sync.Mutex
	life    uint64          // how often the stream was made, as far as was seen: each begins at sequence 1
	created time.Time       // when it was
	seen    map[uint64]bool // by sequence: acknowledged, or else in the program's hands
	done    []uint64        // the last that were acknowledged, a ring
	at      int
	last    uint64 // the highest sequence that came
	closed  bool
	repeats uint64
}

// idle is how long servers keep the place of one that went without a word.
const idle = 5 * time.Minute

// Subscribe asks for the events of the topics that fit pattern.
func (c *Conn) Subscribe(ctx context.Context, pattern string, o SubOptions) (*Sub, error) {
	s, err := c.subscribe(ctx, pattern, o)
	if err != nil {
		return nil, fmt.Errorf("natsbus: subscribing to %s: %w", pattern, err)
	}
	return s, nil
}

func (c *Conn) subscribe(ctx context.Context, pattern string, o SubOptions) (*Sub, error) {
	if err := checkTopic(pattern, true); err != nil {
		return nil, err
	}
	if o.Pending == 0 {
		o.Pending = 64
	}
	if o.AckWait == 0 {
		o.AckWait = 30 * time.Second
	}
	if o.Pending < 1 || o.AckWait < 0 || o.From > Last {
		return nil, fmt.Errorf("SubOptions has Pending %d, AckWait %v, From %d: the first two must be positive, the third at most %d", o.Pending, o.AckWait, o.From, Last)
	}
	if c.closed.Load() {
		return nil, ErrClosed
	}
	s := &Sub{c: c, o: o, pattern: pattern, busy: make(chan struct{}, 1), seen: map[uint64]bool{}, done: make([]uint64, max(256, 4*o.Pending))}
	s.closing, s.end = context.WithCancelCause(c.closing)
	if o.Pool != nil {
		s.most = o.Pool.Stats().Capacity
	}
	s.config = jetstream.ConsumerConfig{
		Name: o.Durable, Durable: o.Durable, FilterSubject: c.o.Stream + "." + pattern, AckPolicy: jetstream.AckExplicitPolicy, AckWait: o.AckWait,
		MaxAckPending: o.Pending, DeliverPolicy: jetstream.DeliverNewPolicy, Replicas: c.o.Replicas, MemoryStorage: c.o.Memory,
	}
	switch {
	case !o.Since.IsZero():
		s.config.DeliverPolicy, s.config.OptStartTime = jetstream.DeliverByStartTimePolicy, &o.Since
	case o.From == All:
		s.config.DeliverPolicy = jetstream.DeliverAllPolicy
	case o.From == Last:
		s.config.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
	}
	if o.Durable == "" {
		s.config.Name, s.config.InactiveThreshold = "sub-"+nuid.Next(), idle
	}
	err := s.stream(ctx)
	if err == nil {
		err = s.attach(ctx)
	}
	if err != nil {
		s.end(nil)
		return nil, err
	}
	context.AfterFunc(s.closing, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.it.Stop()
	})
	return s, nil
}

// Next waits for the next event. It goes on over the loss of servers for as long as ctx lets it.
func (s *Sub) Next(ctx context.Context) (*Message, error) {
	m, err := s.next(ctx)
	if err != nil {
		if s.closing.Err() != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			err = fmt.Errorf("%w; last: %w", ErrClosed, err) // what was going on met the closed connection first
		}
		return nil, fmt.Errorf("natsbus: receiving %s: %w", s.pattern, err)
	}
	return m, nil
}

func (s *Sub) next(ctx context.Context) (*Message, error) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for {
		s.mu.Lock()
		it, closed := s.it, s.closed
		s.mu.Unlock()
		if closed || s.c.closed.Load() {
			return nil, ErrClosed
		}
		if m := s.parked; m != nil {
			s.parked = nil
			return s.complete(ctx, m)
		}
		raw, err := it.Next(jetstream.NextContext(ctx))
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, jetstream.ErrConnectionClosed):
			return nil, ErrClosed
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			if s.lost(ctx) {
				err = s.again(ctx)
			} else {
				err = nil // the servers are slow, or the connection is
			}
		case errors.Is(err, jetstream.ErrMsgIteratorClosed) && s.closing.Err() != nil:
			continue
		case passing(err):
			err = nil
		default: // the iterator has ended: its place is gone, or a server did not like what it asked
			err = s.again(ctx)
		}
		if err != nil {
			return nil, err
		}
		if raw == nil {
			continue
		}
		m, err := s.message(raw)
		if err != nil || m == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		return s.complete(ctx, m)
	}
}

// complete gets the payload of an event that is next.
func (s *Sub) complete(ctx context.Context, m *Message) (*Message, error) {
	if s.o.Lazy && (m.object != "" || s.o.Pool == nil) {
		return m, nil
	}
	ctx, done := joined(ctx, s.closing)
	defer done()
	err := m.fetch(ctx)
	switch {
	case err == nil:
		return m, nil
	case ctx.Err() != nil:
		s.parked = m // it stays the next
		err = context.Cause(ctx)
	case errors.Is(err, ErrEvent): // fetch said that it is of no use
		s.forget(m)
	default:
		s.forget(m)
		_ = m.raw.NakWithDelay(time.Second)
	}
	return nil, err
}

// Repeats is how many events came again and were dropped.
func (s *Sub) Repeats() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repeats
}

// Close ends the subscription. What was received and not acknowledged goes to others of the same Durable, or comes again. The second call does
// nothing.
func (s *Sub) Close() error {
	s.mu.Lock()
	it, was := s.it, s.closed
	s.closed = true
	s.mu.Unlock()
	s.end(ErrClosed)
	if was {
		return nil
	}
	it.Stop()
	if s.o.Durable == "" && !s.c.closed.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), s.c.o.Attempt)
		defer cancel()
		_ = s.c.js.DeleteConsumer(ctx, s.c.o.Stream, s.config.Name) // else the servers do, after a while
	}
	return nil
}
