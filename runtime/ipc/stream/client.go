package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// Client has one connection to a server, and makes it again when it ends. What Send queued before goes to the next connection.
// Its methods may be called from any goroutine.
type Client struct {
	e      *end
	path   string
	out    *queue
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	begun  chan struct{} // closed at the first connection
	over   chan struct{} // closed when all goroutines are gone

	mu   sync.Mutex
	link *link // nil while not connected
	last error // why the last attempt or connection ended
}

// Dial connects to the server at a path, trying again until ctx ends: the server may come later. With Options.NoReconnect it tries
// once. The caller stops or closes the client.
func Dial(ctx context.Context, path string, o Options) (*Client, error) {
	e, err := newEnd(o)
	if err == nil {
		err = sys.CheckSocketPath(path)
	}
	if err != nil {
		return nil, err
	}
	c := &Client{e: e, path: path, out: e.newQueue(), begun: make(chan struct{}), over: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.work()
	select {
	case <-c.begun:
		return c, nil
	case <-c.over:
		select {
		case <-c.begun: // the one connection has ended already, but what came over it is there
			return c, nil
		default:
			return nil, c.failure()
		}
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("connecting to %s: %w", path, context.Cause(ctx)), c.failure(), c.Close())
	}
}

// failure is the reason of the last failed attempt or connection, nil if there is none.
func (c *Client) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// work connects, and connects again, until the client ends.
func (c *Client) work() {
	defer close(c.over)
	defer c.e.inbox.close(false)
	defer c.out.close(true)
	wait := backoff{low: c.e.o.MinBackoff, high: c.e.o.MaxBackoff}
	stopping := c.out.end
	for attempts, id := 0, uint64(0); ; {
		conn, err := c.connect()
		if err == nil {
			id, attempts = id+1, 0
			var lived time.Duration
			lived, err = c.serve(conn, id)
			if lived > c.e.o.MaxBackoff {
				wait.reset()
			}
		} else {
			attempts++
		}
		if err == nil || c.ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.last = err
		c.mu.Unlock()
		if c.e.o.NoReconnect || attempts > 0 && attempts == c.e.o.MaxAttempts {
			c.e.mu.Lock()
			c.e.failed = err
			c.e.mu.Unlock()
			return
		}
		pause := time.NewTimer(wait.wait(rand.Float64()))
		for sleeping := true; sleeping; {
			if c.out.finished() {
				pause.Stop()
				return
			}
			select {
			case <-pause.C:
				sleeping = false
			case <-stopping:
				stopping = nil
			case <-c.ctx.Done():
				pause.Stop()
				return
			}
		}
	}
}

func (c *Client) connect() (*net.UnixConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(c.ctx, "unix", c.path)
	if err != nil {
		return nil, err // says what it did and where
	}
	return conn.(*net.UnixConn), nil
}

// serve works on one connection until it ends, and returns how long that was and why: nil if the client was stopped.
func (c *Client) serve(conn *net.UnixConn, id uint64) (time.Duration, error) {
	l, err := newLink(c.e, conn, id, c.out, false)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	c.link = l
	if c.ctx.Err() != nil {
		l.fail(ErrClosed)
	}
	c.mu.Unlock()
	c.e.mu.Lock()
	c.e.counts.connects++
	c.e.mu.Unlock()
	if id == 1 {
		close(c.begun)
	}
	start := time.Now()
	reason := l.run()
	c.mu.Lock()
	c.link = nil
	c.mu.Unlock()
	c.e.ended(reason, nil)
	if c.e.o.Disconnected != nil {
		c.e.o.Disconnected(id, reason)
	}
	if reason == nil {
		return 0, nil
	}
	return time.Since(start), fmt.Errorf("connection to %s: %w", c.path, reason)
}

// Send queues a message, also while the client is not connected. It takes a reference of its own to the payload; the caller keeps
// its. ctx matters only where Options.Policy is Block and the queue is full. The error wraps ErrClosed, ErrDropped, ErrType,
// ErrTooLong or the cause of ctx.
func (c *Client) Send(ctx context.Context, m Message) error {
	if err := c.e.check(m); err != nil {
		return err
	}
	return c.out.push(ctx, nil, m.retain())
}

// Receive takes the next message, and waits for one if there is none, also while the client is not connected. The caller releases it.
// The error is ErrClosed, the cause of ctx, or the reason why the client gave up.
func (c *Client) Receive(ctx context.Context) (Message, error) { return c.e.receive(ctx) }

// Stats is a snapshot.
func (c *Client) Stats() Stats {
	st := c.e.stats(func(yield func(*queue)) { yield(c.out) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		st.Peers = 1
	}
	return st
}

// Stop ends the client: nothing more is taken by Send, and what waits is written, followed by a stop message; while there is
// no connection the client still tries to make one if anything waits. It returns when all goroutines are gone, after ctx at the latest;
// then the error wraps the cause of ctx, and what was not written counts as lost. Messages that nobody has received are
// released. It may be called again, and from several goroutines.
func (c *Client) Stop(ctx context.Context) error {
	over := c.ended()
	if ctx.Err() != nil {
		c.abort() // first, so that the writer does not find its queue ended and still sends a stop message
	}
	c.out.close(false)
	c.e.inbox.close(true)
	if over {
		return nil
	}
	if ctx.Err() == nil {
		select {
		case <-c.over:
			return nil
		case <-ctx.Done():
		}
	}
	c.abort()
	<-c.over
	return fmt.Errorf("stopping before all was written: %w", context.Cause(ctx))
}

// ended reports whether all goroutines are gone.
func (c *Client) ended() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// abort ends the connection, if there is one, and the attempts to make one.
func (c *Client) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
	if c.link != nil {
		c.link.fail(ErrClosed)
	}
}

// Close ends the client at once, without writing what waits: the server finds the end of the connection, and no stop message. It may be
// called again.
func (c *Client) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.Stop(ctx) // the only error is that of ctx
	return nil
}
