package stream

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/poolgen/poolgen/internal/sys"
)

// Peer is a process at the other end of a connection, as the kernel says: the one that connected, or the one that listened.
type Peer struct {
	PID      int32 // 0 if it is in another PID namespace
	UID, GID uint32
}

func peerOf(conn *net.UnixConn) (Peer, error) {
	pid, uid, gid, err := sys.PeerOf(conn)
	if err != nil {
		return Peer{}, fmt.Errorf("asking who connects: %w", err)
	}
	return Peer{pid, uid, gid}, nil
}

// allowed is what Options.Allow is where it is nil: a socket's file has a mode, an abstract socket has none.
func allowed(path string) func(Peer) error {
	if !strings.HasPrefix(path, "@") {
		return func(Peer) error { return nil }
	}
	me := uint32(os.Geteuid())
	return func(p Peer) error {
		if p.UID != me && p.UID != 0 {
			return fmt.Errorf("user %d may not: Options.Allow decides", p.UID)
		}
		return nil
	}
}

// admit lets a client in, or not.
func (s *Server) admit(conn *net.UnixConn) {
	peer, err := peerOf(conn)
	if err == nil {
		err = s.e.o.Allow(peer)
	}
	if err != nil {
		conn.Close()
		s.e.mu.Lock()
		s.e.counts.denied++
		s.e.mu.Unlock()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	links := *s.links.Load()
	if s.stopping || len(links) >= s.e.o.MaxClients {
		conn.Close()
		s.e.mu.Lock()
		s.e.counts.refused++
		s.e.mu.Unlock()
		return
	}
	s.last++
	l, err := newLink(s.e, conn, s.last, s.e.newQueue(), true)
	if err != nil {
		return // the client was gone before it was here
	}
	l.peer = peer
	if s.hasConfig {
		l.greet(s.config.retain())
	}
	s.e.mu.Lock()
	s.e.counts.connects++
	s.e.mu.Unlock()
	next := append(slices.Clone(links), l)
	s.links.Store(&next)
	s.clients.Add(1)
	go s.serve(l)
}

// remember keeps a config message for clients to come, and returns who is there already. In between nobody is let in, so that every client
// gets it once.
func (s *Server) remember(m Message) []*link {
	s.mu.Lock()
	links, old := *s.links.Load(), Message{}
	if !s.stopping {
		old, s.config, s.hasConfig = s.config, m.retain(), true
	}
	s.mu.Unlock()
	old.Release()
	return links
}

// forget gives the config message back, at the end.
func (s *Server) forget() {
	s.mu.Lock()
	old := s.config
	s.config, s.hasConfig = Message{}, false
	s.mu.Unlock()
	old.Release()
}

// ClientStats is a snapshot of one client of a server. Offered is always Sent + Dropped + Lost + Pending.
type ClientStats struct {
	ID   uint64 // as in Message.Peer
	Peer Peer

	Offered, Sent, Dropped, Lost uint64 // as in Stats
	BytesSent, Waits             uint64
	Pending                      int // messages that wait or are being written
	Depth                        int // how many may wait now

	Received, BytesReceived uint64 // messages from the client that arrived whole, and bytes of their payloads

	Queue     Histogram // from Send to the kernel
	RoundTrip Histogram // from a heartbeat to its answer; empty without Options.Heartbeat
}

// Clients is a snapshot of the clients that are connected, in the order in which they came.
func (s *Server) Clients() []ClientStats {
	links := *s.links.Load()
	all := make([]ClientStats, 0, len(links))
	for _, l := range links {
		all = append(all, l.stats())
	}
	return all
}

func (l *link) stats() ClientStats {
	c := ClientStats{ID: l.id, Peer: l.peer}
	l.e.mu.Lock()
	c.Received, c.BytesReceived, c.RoundTrip = l.received, l.bytesReceived, l.roundTrip
	l.e.mu.Unlock()
	q := l.out
	q.mu.Lock()
	defer q.mu.Unlock()
	n := &q.counts
	c.Offered, c.Sent, c.Dropped, c.Lost, c.BytesSent, c.Waits, c.Queue = n.offered, n.sent, n.dropped, n.lost, n.bytes, n.waits, n.latency
	c.Pending, c.Depth = q.n+n.taken, q.depth.now
	return c
}
