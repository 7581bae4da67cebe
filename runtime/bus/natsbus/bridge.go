package natsbus

import (
	"context"
	"errors"
	"fmt"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Codec turns the events of a topic of package bus into heads and payloads, and back.
type Codec[T any] struct {
	// Encode says what stands for v: both slices are read before v is given back.
	Encode func(v T) (head, payload []byte, err error)
	// Decode makes an event of them. head is only valid during the call. payload, which is the zero Buf when there is none, is Decode's: it becomes
	// part of the event, or is released.
	Decode func(head []byte, payload pool.Buf) (T, error)
}

// Buffers is the codec of topics whose events are buffers.
func Buffers() Codec[pool.Buf] {
	return Codec[pool.Buf]{
		Encode: func(b pool.Buf) ([]byte, []byte, error) { return nil, b.Bytes(), nil },
		Decode: func(_ []byte, b pool.Buf) (pool.Buf, error) {
			if b.Pool() == nil {
				return b, errors.New("the event has no payload, so there is no buffer")
			}
			return b, nil
		},
	}
}

// Export publishes a subscription's events under the names of their topics, one after the other, until the topic is closed or ctx ends. When
// NATS is slower than the topic, the subscription's policy decides what is lost.
//
// Do not export the topics that Import fills: each machine would send the others' events back to them. Give each machine a word of its own in the
// names, as in camera.NODE.frame, export its own and import *.
func Export[T any](ctx context.Context, c *Conn, sub *bus.Sub[T], codec Codec[T]) error {
	for ev := range sub.Events(ctx) {
		head, payload, err := codec.Encode(ev.Value)
		if err != nil {
			return fmt.Errorf("natsbus: event %d of %s: %w", ev.Sequence, ev.Topic, err)
		}
		if _, err := c.Publish(ctx, ev.Topic, head, payload); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
	return context.Cause(ctx)
}

// Import publishes what a subscription receives on the topic that named gives for its name, and acknowledges it then, until ctx ends or the
// subscription is closed, whose error it returns. What this connection published itself is left out. What cannot be had or decoded is told to
// Options.Event and left out.
func Import[T bus.Counted[T]](ctx context.Context, sub *Sub, named func(topic string) (*bus.Topic[T], error), codec Codec[T]) error {
	for {
		m, err := sub.Next(ctx)
		if errors.Is(err, ErrEvent) {
			if tell := sub.c.o.Event; tell != nil {
				tell(err.Error())
			}
			continue
		}
		if err != nil {
			return err
		}
		if err := pass(m, named, codec); err != nil {
			return fmt.Errorf("natsbus: importing event %d of %s: %w", m.Sequence, m.Topic, err)
		}
		if err := m.Ack(ctx); err != nil {
			return err
		}
	}
}

// pass publishes a message on its topic.
func pass[T bus.Counted[T]](m *Message, named func(string) (*bus.Topic[T], error), codec Codec[T]) error {
	defer m.Release()
	if m.Own {
		return nil
	}
	topic, err := named(m.Topic)
	if err != nil {
		return err
	}
	payload := m.Buf
	m.Buf = pool.Buf{} // Decode's now
	v, err := codec.Decode(m.Head, payload)
	if err != nil {
		if tell := m.s.c.o.Event; tell != nil {
			tell(fmt.Sprintf("event %d of %s: %v", m.Sequence, m.Topic, err))
		}
		return nil
	}
	defer v.Release()
	return topic.Publish(v)
}
