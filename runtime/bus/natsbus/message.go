package natsbus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

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

	s      *Sub
	raw    jetstream.Msg
	object string
}

// message makes a Message of what came; nil if that is to be dropped.
func (s *Sub) message(raw jetstream.Msg) (*Message, error) {
	meta, err := raw.Metadata()
	if err != nil {
		return nil, err
	}
	if drop, acknowledged := s.arrived(meta.Sequence.Stream); drop {
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
		Own: h.Get(headerFrom) == s.c.self, s: s, raw: raw, object: h.Get(headerObject),
	}
	if m.Head, err = base64.StdEncoding.DecodeString(h.Get(headerHead)); err == nil && m.object != "" {
		m.Size, err = strconv.Atoi(h.Get(headerSize))
		if err == nil && m.Size < 0 {
			err = fmt.Errorf("a payload of %d bytes", m.Size)
		}
	}
	if err != nil {
		_ = raw.Term() // nobody can read it
		s.forget(m.Sequence)
		return nil, fmt.Errorf("event %d of %s is none of natsbus: %w", m.Sequence, m.Topic, err)
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
		return fmt.Errorf("a payload of %d bytes does not fit into the %d of pool %q", m.Size, m.s.most, p.Name())
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
		ctx, cancel := context.WithTimeout(ctx, 10*c.o.Attempt)
		defer cancel()
		_ = m.raw.InProgress() // it may take a while
		r, err := c.large.Get(ctx, m.object)
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			_ = m.raw.Term()
			return fmt.Errorf("%w: raise Options.MaxAge or MaxBytes, or receive sooner", ErrExpired)
		}
		if err != nil {
			return err
		}
		_, err = io.ReadFull(r, b.Bytes())
		if err == nil {
			var more [1]byte
			if n, end := r.Read(more[:]); n > 0 || !errors.Is(end, io.EOF) {
				err = fmt.Errorf("the payload goes on beyond its %d bytes: %w", m.Size, end)
			}
		}
		return errors.Join(err, r.Close(), r.Error()) // the digest is checked at the end
	})
}

// Ack tells the servers that the event is done, and returns when they know. It is repeated until ctx ends.
func (m *Message) Ack(ctx context.Context) error {
	err := m.s.c.repeat(ctx, true, m.raw.DoubleAck)
	if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return fmt.Errorf("natsbus: acknowledging event %d of %s: %w", m.Sequence, m.Topic, err)
	}
	m.s.acknowledged(m.Sequence)
	return nil
}

// Again asks for the event to be sent once more, after a while.
func (m *Message) Again(after time.Duration) error {
	m.s.forget(m.Sequence)
	return m.raw.NakWithDelay(after)
}

// Release gives the payload back to its pool. The second call does nothing.
func (m *Message) Release() {
	if m.Buf.Pool() != nil {
		m.Buf.Release()
		m.Buf = pool.Buf{}
	}
}
