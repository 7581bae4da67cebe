package natsbus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

var (
	// ErrClosed says that a connection or a subscription was closed.
	ErrClosed = errors.New("closed")
	// ErrTopic says that a name of a topic, or a pattern, cannot be used.
	ErrTopic = errors.New("bad topic")
	// ErrEvent says that one event cannot be had, now or later: it is none of this package's, or its payload does not fit, or is not kept any
	// more. The next one may be asked for.
	ErrEvent = errors.New("the event cannot be had")
	// ErrExpired says that a payload is not kept any more. ErrEvent is there as well.
	ErrExpired = errors.New("the payload is not kept any more")
)

// Conn is a connection to a NATS server or cluster. Its methods may be called from any goroutine.
type Conn struct {
	o      Options
	server *Server // in this process
	nc     *nats.Conn
	js     jetstream.JetStream
	async  jetstream.JetStream // for chunks, which the servers answer later
	inline int                 // bytes of the largest payload in an event
	chunk  int                 // bytes of a chunk of others
	self   string              // begins the ids of messages, and marks whose they are
	next   atomic.Uint64
	closed atomic.Bool

	closing context.Context // ends with Close
	end     context.CancelCauseFunc

	mu   sync.Mutex
	link context.Context // ends when the connection is lost; then there is another one
	cut  context.CancelFunc

	published, repeated, duplicates, objects atomic.Uint64
}

// Stats is a snapshot of a connection.
type Stats struct {
	Published  uint64 // events that the servers have
	Repeated   uint64 // attempts beyond the first
	Duplicates uint64 // events that the servers had already when an attempt was repeated
	Objects    uint64 // payloads that went to the object store
	Reconnects uint64
	Connected  bool
}

// Open connects, and makes the stream or adjusts it to the options. It tries until ctx ends, as a cluster may just be starting.
func Open(ctx context.Context, o Options) (*Conn, error) {
	c, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("natsbus: opening %s: %w", where(o), err)
	}
	return c, nil
}

func where(o Options) string {
	if o.URL == "" {
		return "a server in this process"
	}
	return o.URL
}

func open(ctx context.Context, o Options) (_ *Conn, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Conn{o: o, self: nuid.Next()}
	c.closing, c.end = context.WithCancelCause(context.Background())
	c.link, c.cut = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	opts := o.client(c.disconnected)
	if o.URL == "" {
		if c.server, err = startServer(o.Server); err != nil {
			return nil, err
		}
		opts = append(opts, nats.InProcessServer(c.server.s))
		if o.Server.User != "" {
			opts = append(opts, nats.UserInfo(o.Server.User, o.Server.Password))
		}
	}
	if err := c.repeat(ctx, false, func(context.Context) error {
		c.nc, err = nats.Connect(o.URL, opts...)
		return err
	}); err != nil {
		return nil, err
	}
	if c.js, err = jetstream.New(c.nc); err != nil {
		return nil, err
	}
	if c.async, err = jetstream.New(c.nc, jetstream.WithPublishAsyncTimeout(10*o.Attempt)); err != nil {
		return nil, err
	}
	most := c.nc.MaxPayload() - headroom
	if most < headroom {
		return nil, fmt.Errorf("the server takes messages of up to %d bytes: raise its max_payload to %d or more", c.nc.MaxPayload(), 2*headroom)
	}
	c.inline, c.chunk = int(min(int64(o.Inline), most)), int(min(chunkSize, most))
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// prepare makes the streams or adjusts them to the options.
func (c *Conn) prepare(ctx context.Context) error {
	o := c.o
	storage := jetstream.FileStorage
	if o.Memory {
		storage = jetstream.MemoryStorage
	}
	stream := jetstream.StreamConfig{
		Name: o.Stream, Subjects: []string{o.Stream + ".>"}, Description: "events of poolgen's natsbus",
		Storage: storage, Replicas: o.Replicas, MaxAge: o.MaxAge, MaxBytes: o.MaxBytes, Duplicates: o.Duplicates, Discard: jetstream.DiscardOld,
	}
	for _, config := range []jetstream.StreamConfig{o.bucketConfig(storage), stream} {
		if err := c.repeat(ctx, true, func(ctx context.Context) error {
			_, err := c.js.CreateOrUpdateStream(ctx, config)
			return err
		}); err != nil {
			if errors.Is(err, &jetstream.APIError{ErrorCode: noRoom}) {
				err = fmt.Errorf("%w: it is to have %d bytes in files: lower Options.MaxBytes, or set Options.Memory", err, config.MaxBytes)
			}
			return fmt.Errorf("the stream %s: %w", config.Name, err)
		}
	}
	return nil
}

// Of nats-server's errors.json: JSStreamCreateErrF and JSStorageResourcesExceededErr.
const storeError, noRoom jetstream.ErrorCode = 10049, 10047

// restore makes the streams anew if they are gone, as those in memory are when their server has been started again. Else it does nothing.
func (c *Conn) restore(ctx context.Context) error {
	for _, name := range []string{c.o.bucketStream(), c.o.Stream} {
		if _, err := c.js.Stream(ctx, name); errors.Is(err, jetstream.ErrStreamNotFound) {
			err := c.prepare(ctx)
			if errors.Is(err, &jetstream.APIError{ErrorCode: storeError}) {
				return fmt.Errorf("%w: %w", errLagging, err) // the old one's files are just being removed
			}
			return err
		} else if err != nil {
			return err
		}
	}
	return nil
}

// repeat calls f until it succeeds, fails for good, or ctx or c ends.
func (c *Conn) repeat(ctx context.Context, bounded bool, f func(context.Context) error) error {
	ctx, done := joined(ctx, c.closing)
	defer done()
	pause := 50 * time.Millisecond
	for n := 0; ; n++ {
		if n > 0 {
			c.repeated.Add(1)
		}
		c.mu.Lock()
		link := c.link
		c.mu.Unlock()
		attempt, cancel := joined(ctx, link) // nobody answers over one that is lost
		end := context.CancelFunc(func() {})
		if bounded {
			attempt, end = context.WithTimeout(attempt, c.o.Attempt)
		}
		err := f(attempt)
		end()
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		}
		var broken net.Error // the connection, which is just being noticed; before there was one it is another fault
		if !passing(err) && link.Err() == nil && !(c.nc != nil && errors.As(err, &broken)) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
	}
}

// disconnected ends the attempts that wait for an answer.
func (c *Conn) disconnected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut()
	c.link, c.cut = context.WithCancel(context.Background())
}

// passing reports whether an error may go away by itself: a server is gone or not yet there, or a cluster elects.
func passing(err error) bool {
	if errors.Is(err, errLagging) {
		return true // also when the servers say it by an error that lasts elsewhere
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		// A cluster has not found enough of its servers yet, or has no leader: JSClusterNoPeers, NotActive, NotLeader, Raft, StreamOffline
		// and ConsumerOffline of nats-server's errors.json.
		return api.Code == 503 || slices.Contains([]jetstream.ErrorCode{10005, 10006, 10009, 10041, 10118, 10119}, api.ErrorCode)
	}
	for _, e := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoServers, nats.ErrNoResponders, nats.ErrConnectionReconnecting, nats.ErrDisconnected,
		nats.ErrReconnectBufExceeded, nats.ErrStaleConnection, jetstream.ErrAsyncPublishTimeout, jetstream.ErrNoStreamResponse, jetstream.ErrNoHeartbeat, jetstream.ErrConsumerLeadershipChanged,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// URL is where other processes reach a server that runs in this one; empty if there is none, or it listens nowhere.
func (c *Conn) URL() string {
	if c.server == nil || c.o.Server.Listen == "" {
		return ""
	}
	return c.server.URL()
}

// Stats is a snapshot.
func (c *Conn) Stats() Stats {
	return Stats{c.published.Load(), c.repeated.Load(), c.duplicates.Load(), c.objects.Load(), c.nc.Stats().Reconnects, c.nc.IsConnected()}
}

// Close ends the connection, its subscriptions, and the server in this process. What was published is kept. The second call does nothing.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.end(ErrClosed)
	if c.nc != nil {
		c.nc.Close()
	}
	if c.server != nil {
		c.server.Close()
	}
	return nil
}

func splitList(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for a := range strings.SplitSeq(list, ",") {
			if a = strings.TrimSpace(a); a != "" && !yield(a) {
				return
			}
		}
	}
}
