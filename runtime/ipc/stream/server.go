package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// Server has a socket and sends to, and receives from, all who connect. Its methods may be called from any goroutine.
type Server struct {
	e      *end
	socket *sys.Listener
	links  atomic.Pointer[[]*link] // replaced as a whole, under mu; Send reads it
	over   chan struct{}           // closed when all goroutines are gone

	mu       sync.Mutex
	stopping bool
	last     uint64 // id of the last client
	clients  sync.WaitGroup

	hasConfig bool
	config    Message // the last one, with a reference of its own
}

// Listen makes a server at a path, which may come from [Path]; one that begins with @ is an abstract socket. The file of a server
// that died is replaced. The error wraps ErrInUse if a live server has the path. The caller stops or closes the server; after that
// the path may be listened at again.
func Listen(path string, o Options) (*Server, error) {
	e, err := newEnd(o)
	if err != nil {
		return nil, err
	}
	if e.o.Allow == nil {
		e.o.Allow = allowed(path)
	}
	l, err := sys.Listen("unix", path, e.o.Mode, ErrInUse)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	s := &Server{e: e, socket: l, over: make(chan struct{})}
	s.links.Store(new([]*link))
	go s.accept()
	return s, nil
}

// accept serves until the socket is closed, then waits for the clients' goroutines.
func (s *Server) accept() {
	defer close(s.over)
	var pause time.Duration
	for {
		conn, err := s.socket.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			// Most likely we have too many descriptors. The client waits in the socket's backlog; trying at once would only spin.
			s.e.mu.Lock()
			s.e.counts.acceptErrors++
			s.e.mu.Unlock()
			pause = min(max(2*pause, 5*time.Millisecond), 500*time.Millisecond)
			select {
			case <-time.After(pause):
			case <-s.e.inbox.end:
			}
			continue
		}
		pause = 0
		s.admit(conn)
	}
	s.clients.Wait()
	s.forget()
}

func (s *Server) serve(l *link) {
	defer s.clients.Done()
	reason := l.run()
	l.out.close(true)
	s.mu.Lock()
	next := slices.DeleteFunc(slices.Clone(*s.links.Load()), func(other *link) bool { return other == l })
	s.e.ended(reason, l.out)
	s.links.Store(&next)
	s.mu.Unlock()
	if s.e.o.Disconnected != nil {
		s.e.o.Disconnected(l.id, reason)
	}
}

// Send queues a message for every client, in turn, and returns for how many: 0, without an error, when none is connected. It takes references
// of its own to the payload, for a config message until the next one or the end of the server (see Options.NoReplay); the caller keeps its. ctx
// matters only where Options.Policy is Block and a queue is full; where it ends the wait, the clients that come after are left out. The error
// wraps ErrClosed, ErrType, ErrTooLong or the cause of ctx. What several goroutines send at once each client may get in another order; who sends
// config messages from several sees to it that one is done before the next begins.
func (s *Server) Send(ctx context.Context, m Message) (int, error) {
	if err := s.e.check(m); err != nil {
		return 0, err
	}
	links := *s.links.Load()
	if m.Type == Config && !s.e.o.NoReplay {
		links = s.remember(m)
	}
	if len(links) == 0 && s.closing() {
		return 0, ErrClosed
	}
	n := 0
	for _, l := range links {
		switch err := l.out.push(ctx, l.ctx.Done(), m.retain()); err {
		case nil:
			n++
		case ErrDropped: //nolint:errorlint // a context's cause may wrap it
		case ErrClosed:
			if s.closing() {
				return n, ErrClosed
			}
		default:
			return n, err
		}
	}
	return n, nil
}

// SendTo queues a message for the client that Message.Peer of a received message names. The error wraps ErrClosed also if that
// client is gone, and ErrDropped if its queue is full and the policy DropNewest. Otherwise it is Send.
func (s *Server) SendTo(ctx context.Context, peer uint64, m Message) error {
	if err := s.e.check(m); err != nil {
		return err
	}
	for _, l := range *s.links.Load() {
		if l.id == peer {
			return l.out.push(ctx, l.ctx.Done(), m.retain())
		}
	}
	return fmt.Errorf("sending to client %d: it is gone: %w", peer, ErrClosed)
}

func (s *Server) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Receive takes the next message of any client, and waits for one if there is none. The caller releases it. The error is ErrClosed
// or the cause of ctx.
func (s *Server) Receive(ctx context.Context) (Message, error) { return s.e.receive(ctx) }

// Stats is a snapshot.
func (s *Server) Stats() Stats {
	s.mu.Lock() // so that a client that leaves is counted once
	defer s.mu.Unlock()
	links := *s.links.Load()
	st := s.e.stats(func(yield func(*queue)) {
		for _, l := range links {
			yield(l.out)
		}
	})
	st.Peers = len(links)
	return st
}

// Stop ends the server: its socket's file goes, no client is accepted and nothing more is taken by Send. What waits is written,
// followed by a stop message. It returns when all goroutines are gone, after ctx at the latest; then the error wraps the cause of ctx,
// and what was not written counts as lost. Messages that nobody has received are released. It may be called again, and
// from several goroutines.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopping
	s.stopping = true
	links := *s.links.Load()
	s.mu.Unlock()
	var err error
	if first {
		err = s.socket.Close()
	}
	over := s.over
	for _, l := range links {
		if ctx.Err() != nil {
			over = nil        // too late for some: the end of all is no success
			l.fail(ErrClosed) // first, so that the writer does not find its queue ended and still sends a stop message
		}
		l.out.close(false)
	}
	s.e.inbox.close(true)
	select {
	case <-over:
		return err
	default:
	}
	select {
	case <-over:
		return err
	case <-ctx.Done():
	}
	for _, l := range links {
		l.fail(ErrClosed)
	}
	<-s.over
	return errors.Join(err, fmt.Errorf("stopping before all was written: %w", context.Cause(ctx)))
}

// Close ends the server at once, without writing what waits: clients find the end of the connection, and no stop message. It may be called
// again.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.Stop(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
