package natsbus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	headerHead   = "Poolgen-Head"   // in base64
	headerObject = "Poolgen-Object" // name of the payload in the object store
	headerSize   = "Poolgen-Size"   // of that payload, in bytes
	headerFrom   = "Poolgen-From"   // the connection that published

	headroom = 8 << 10 // for headers, in a message of the largest size
	maxHead  = 4 << 10 // bytes
	maxTopic = 512     // bytes: servers hang up on lines of more than 4 KiB, in which a topic may be twice
)

// Receipt is what the servers say of an event.
type Receipt struct {
	Sequence  uint64 // its number in the stream, from 1
	Duplicate bool   // they had it already, from an attempt whose answer was lost
}

// Publish sends an event, and returns when the servers have it. Until ctx ends it repeats what is not answered, as when a server dies; if ctx ends, the
// event may or may not have come through. topic has words with dots between, of 512 bytes at most. head has up to 4 KiB; both head and payload are the caller's and only
// read, until Publish returns.
func (c *Conn) Publish(ctx context.Context, topic string, head, payload []byte) (Receipt, error) {
	r, err := c.publish(ctx, topic, head, payload)
	if err != nil {
		err = fmt.Errorf("natsbus: publishing on %s: %w", topic, err)
	}
	return r, err
}

func (c *Conn) publish(ctx context.Context, topic string, head, payload []byte) (Receipt, error) {
	if err := checkTopic(topic, false); err != nil {
		return Receipt{}, err
	}
	if len(head) > maxHead {
		return Receipt{}, fmt.Errorf("the head has %d bytes, the most is %d: put it into the payload", len(head), maxHead)
	}
	if c.closed.Load() {
		return Receipt{}, ErrClosed
	}
	id := c.self + "-" + strconv.FormatUint(c.next.Add(1), 36)
	m := &nats.Msg{Subject: c.o.Stream + "." + topic, Data: payload, Header: nats.Header{headerFrom: {c.self}}}
	if len(head) > 0 {
		m.Header[headerHead] = []string{base64.StdEncoding.EncodeToString(head)}
	}
	if len(payload) > c.inline {
		if err := c.store(ctx, id, payload); err != nil {
			return Receipt{}, err
		}
		m.Data = nil
		m.Header[headerObject], m.Header[headerSize] = []string{id}, []string{strconv.Itoa(len(payload))}
	}
	var r Receipt
	err := c.repeat(ctx, true, func(ctx context.Context) error {
		ack, err := c.js.PublishMsg(ctx, m, jetstream.WithMsgID(id), jetstream.WithExpectStream(c.o.Stream), jetstream.WithRetryAttempts(0))
		switch {
		case err == nil:
			r = Receipt{ack.Sequence, ack.Duplicate}
		case errors.Is(err, jetstream.ErrNoStreamResponse):
			return errors.Join(err, c.restore(ctx))
		}
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	c.published.Add(1)
	if r.Duplicate {
		c.duplicates.Add(1)
	}
	return r, nil
}

// checkTopic refuses names that NATS would take for something else.
func checkTopic(topic string, pattern bool) error {
	if len(topic) > maxTopic {
		return fmt.Errorf("%w %.20q...: it has %d bytes, the most is %d", ErrTopic, topic, len(topic), maxTopic)
	}
	words := strings.Split(topic, ".")
	for i, w := range words {
		switch {
		case w == "":
			return fmt.Errorf("%w %q: word %d is empty", ErrTopic, topic, i+1)
		case pattern && (w == "*" || w == ">" && i == len(words)-1):
		case strings.ContainsAny(w, "*> \t\r\n\x00"):
			return fmt.Errorf("%w %q: word %d is %q", ErrTopic, topic, i+1, w)
		}
	}
	return nil
}
