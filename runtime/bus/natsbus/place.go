package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// attach finds or makes the servers' side, and begins to pull.
func (s *Sub) attach(ctx context.Context) error {
	var consumer jetstream.Consumer
	var found bool
	err := s.c.repeat(ctx, true, func(ctx context.Context) (err error) {
		if found = false; s.o.Durable != "" || s.it != nil {
			if consumer, err = s.c.js.Consumer(ctx, s.c.o.Stream, s.config.Name); err == nil {
				if was := consumer.CachedInfo().Config.FilterSubject; was != s.config.FilterSubject {
					return fmt.Errorf("%w: %s is the place of a subscription to %s", ErrTopic, s.o.Durable, was)
				}
				found = true
				return nil
			}
			if !errors.Is(err, jetstream.ErrConsumerNotFound) {
				return err
			}
		}
		consumer, err = s.c.js.CreateOrUpdateConsumer(ctx, s.c.o.Stream, s.config)
		return err
	})
	if err != nil {
		return err
	}
	it, err := consumer.Messages(jetstream.PullMaxMessages(s.o.Pending), jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(time.Second))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		it.Stop()
		return ErrClosed
	}
	s.it = it
	// Should the place be lost before anything comes, the next one is to be no later.
	switch info := consumer.CachedInfo(); {
	case found:
		s.from(info.AckFloor.Stream + 1)
	case s.config.DeliverPolicy == jetstream.DeliverNewPolicy:
		s.from(info.Delivered.Stream + 1)
	}
	return nil
}

// lost reports whether the servers have no place for s any more. If they do not answer, it is not.
func (s *Sub) lost(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, s.c.o.Attempt)
	defer cancel()
	_, err := s.c.js.Consumer(ctx, s.c.o.Stream, s.config.Name)
	return errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}

// again makes the servers' side anew, behind what came, after they have lost it, or only begins to pull again.
func (s *Sub) again(ctx context.Context) error {
	ctx, done := joined(ctx, s.closing)
	defer done()
	s.it.Stop()
	select {
	case <-time.After(50 * time.Millisecond): // should the next end at once as well
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := s.stream(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.last > 0 {
		s.from(s.last + 1)
	}
	for n, acknowledged := range s.seen {
		if !acknowledged && n < s.config.OptStartSeq {
			s.config.OptStartSeq = n // what is in hand is nobody's to repeat now, but ours
		}
	}
	s.mu.Unlock()
	return s.attach(ctx)
}

// from says where the next place is to begin. Its caller holds mu.
func (s *Sub) from(n uint64) {
	s.config.DeliverPolicy, s.config.OptStartSeq, s.config.OptStartTime = jetstream.DeliverByStartSequencePolicy, n, nil
}

// stream looks whether the stream is the one that it was, and makes it if there is none. Of another one nothing has come yet.
func (s *Sub) stream(ctx context.Context) error {
	var created time.Time
	err := s.c.repeat(ctx, true, func(ctx context.Context) error {
		stream, err := s.c.js.Stream(ctx, s.c.o.Stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			if err = s.c.restore(ctx); err == nil {
				stream, err = s.c.js.Stream(ctx, s.c.o.Stream)
			}
		}
		if err == nil {
			created = stream.CachedInfo().Created
		}
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.created.Equal(created) && !s.created.IsZero() {
		s.life++
		s.last, s.at = 0, 0
		clear(s.seen)
		clear(s.done)
		s.config.DeliverPolicy, s.config.OptStartSeq, s.config.OptStartTime = jetstream.DeliverAllPolicy, 0, nil
	}
	s.created = created
	return nil
}

// arrived notes an event, and reports whether it is to be dropped, whether it was acknowledged, and the stream's life.
func (s *Sub) arrived(n uint64) (drop, acknowledged bool, life uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, n)
	acknowledged, drop = s.seen[n]
	if drop {
		s.repeats++
	} else {
		s.seen[n] = false
	}
	return drop, acknowledged, s.life
}

// forget lets an event come again, unless it was acknowledged.
func (s *Sub) forget(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.life == s.life && !s.seen[m.Sequence] {
		delete(s.seen, m.Sequence)
	}
}

// acknowledged remembers an event for a while, as it may be on its way again.
func (s *Sub) acknowledged(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.life != s.life || s.seen[m.Sequence] {
		return
	}
	delete(s.seen, s.done[s.at])
	s.done[s.at], s.seen[m.Sequence] = m.Sequence, true
	s.at = (s.at + 1) % len(s.done)
}
