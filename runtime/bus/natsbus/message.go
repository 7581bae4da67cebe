package natsbus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Message is an event that was received.
type Message struct {
	Topic    string
	Sequence uint64    // its number in the stream
	Time     time.Time // when the servers got it, by their clock
	Head     []byte
	Size     int      // bytes of the payload
	Buf      pool.Buf // the payload, if it was fetched and is not empty. Who received the message owes it one Release
	Own      bool     // it was published by this very connection

	s        *Sub
	raw      jetstream.Msg
	object   string
	life     uint64 // of the stream, see Sub
	released bool
}

// message makes a Message of what came; nil if that is to be dropped.
func (s *Sub) message(raw jetstream.Msg) (*Message, error) {
	meta, err := raw.Metadata()
	if err != nil {
		return nil, fmt.Errorf("%w: what came is no message of a stream: %w", ErrEvent, err)
	}
	drop, acknowledged, life := s.arrived(meta.Sequence.Stream)
	if drop {
		if acknowledged {
			_ = raw.Ack() // the first did not come through
		} else {
			_ = raw.InProgress() // the program has it still
		}
		return nil, nil
	}
	h := raw.Headers()
	m := &Message{
		Topic: strings.TrimPrefix(raw.Subject(), s.c.o.Stream+"."), Sequence: meta.Sequence.Stream, Time: meta.Timestamp, Size: len(raw.Data()),
		Own: h.Get(headerFrom) == s.c.self, s: s, raw: raw, object: h.Get(headerObject), life: life,
	}
	if m.Head, err = base64.StdEncoding.DecodeString(h.Get(headerHead)); err == nil && m.object != "" {
		m.Size, err = strconv.Atoi(h.Get(headerSize))
		if err == nil && m.Size < 0 {
			err = fmt.Errorf("a payload of %d bytes", m.Size)
		}
	}
	if err != nil {
		_ = raw.Term() // nobody can read it
		s.forget(m)
		return nil, fmt.Errorf("%w: event %d of %s is none of natsbus: %w", ErrEvent, m.Sequence, m.Topic, err)
	}
	return m, nil
}

// Fetch gets a payload that was left in the object store (SubOptions.Lazy). The Message owns it, see Buf. The error wraps ErrExpired if
// the servers have dropped the payload.
func (m *Message) Fetch(ctx context.Context) error {
	if err := m.fetch(ctx); err != nil {
		return fmt.Errorf("natsbus: fetching event %d of %s: %w", m.Sequence, m.Topic, err)
	}
	return nil
}

func (m *Message) fetch(ctx context.Context) error {
	if m.Size == 0 || m.Buf.Pool() != nil {
		return nil
	}
	p := m.s.o.Pool
	if p == nil {
		return fmt.Errorf("it has a payload of %d bytes: give SubOptions.Pool", m.Size)
	}
	if m.Size > m.s.most {
		_ = m.raw.Term() // it fits no better the next time
		return fmt.Errorf("%w: a payload of %d bytes does not fit into the %d of pool %q", ErrEvent, m.Size, m.s.most, p.Name())
	}
	b, err := p.Wait(ctx)
	if err != nil {
		return err
	}
	b.SetLen(m.Size)
	if m.object == "" {
		copy(b.Bytes(), m.raw.Data())
	} else if err := m.download(ctx, b); err != nil {
		b.Release()
		return err
	}
	m.Buf = b
	return nil
}

func (m *Message) download(ctx context.Context, b pool.Buf) error {
	c := m.s.c
	return c.repeat(ctx, false, func(ctx context.Context) error {
		err := c.get(ctx, m.object, b.Bytes(), func() { _ = m.raw.InProgress() }) // it may take longer than AckWait
		if errors.Is(err, ErrEvent) {
			_ = m.raw.Term()
		}
		return err
	})
}

// Ack tells the servers that the event is done, and returns when they know. It is repeated until ctx ends. If they have lost the subscription's place, Next
// makes it anew behind this event.
func (m *Message) Ack(ctx context.Context) error {
	err := m.s.c.repeat(ctx, true, func(ctx context.Context) error {
		err := m.raw.DoubleAck(ctx)
		if errors.Is(err, nats.ErrNoResponders) && m.s.lost(ctx) {
			return nil
		}
		return err
	})
	if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return fmt.Errorf("natsbus: acknowledging event %d of %s: %w", m.Sequence, m.Topic, err)
	}
	m.s.acknowledged(m)
	return nil
}

// Again asks for the event to be sent once more, after a while.
func (m *Message) Again(after time.Duration) error {
	m.s.forget(m)
	return m.raw.NakWithDelay(after)
}

// Release says that the program is done with the event, and gives its payload back to its pool. If it is not acknowledged, it comes again after
// SubOptions.AckWait. The second call does nothing.
func (m *Message) Release() {
	if m.Buf.Pool() != nil {
		m.Buf.Release()
		m.Buf = pool.Buf{}
	}
	if !m.released {
		m.released = true
		m.s.forget(m)
	}
}
