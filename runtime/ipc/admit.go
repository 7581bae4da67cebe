package ipc

import (
	"errors"
	"fmt"
	"math/bits"
	"net"
	"os"
	"syscall"
	"time"
)

func (s *Publisher) accept() {
	for {
		conn, err := s.l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // no descriptors left: others may close theirs
			continue
		}
		s.wg.Go(func() { s.serve(conn) })
	}
}

// serve lets a process subscribe, and waits until it goes.
func (s *Publisher) serve(conn *net.UnixConn) {
	defer conn.Close()
	r, err := s.admit(conn)
	if err != nil {
		_, _ = conn.Write(welcome{version: version, refused: true, reason: err.Error()}.bytes())
		return
	}
	// A subscriber says nothing more: a message, or the end of the socket, is the end of it.
	var b [1]byte
	n, _, err := conn.ReadFromUnix(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(r, err == nil && n > 0)
}

// admit does the handshake.
func (s *Publisher) admit(conn *net.UnixConn) (*remote, error) {
	b := make([]byte, 512) // of another version it may be longer
	n, err := s.listen(conn, b)
	if err != nil {
		return nil, err
	}
	h, err := parseHello(b[:n])
	if err != nil {
		return nil, err
	}
	peer, err := peerOf(conn)
	if err == nil {
		err = s.o.Allow(peer)
	}
	if err != nil {
		return nil, err
	}
	slots := s.o.Slots
	for h.slots > 0 && slots > int(h.slots) {
		slots /= 2
	}
	c, err := newChannel(slots, min(1<<bits.Len(uint(s.pool.Stats().Max)), maxReturns))
	if err != nil {
		return nil, err
	}
	c.label(s.pool.ID(), peer.PID, h.policy)
	// The arena again, for reading only: a subscriber cannot change what others see.
	arena, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", s.pool.FD()))
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	defer arena.Close()
	knock, err := knocker(conn)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	r := &remote{c: c, conn: conn, knock: knock, peer: peer, policy: h.policy}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(ErrClosed, c.close())
	}
	i := bits.TrailingZeros32(^s.used)
	if i >= maxSubscribers {
		return nil, errors.Join(fmt.Errorf("there are %d subscribers already", maxSubscribers), c.close())
	}
	r.bit = 1 << i
	w := welcome{version: version, arena: uint64(s.pool.ArenaSize()), sequence: s.sequence}
	if _, _, err := conn.WriteMsgUnix(w.bytes(), syscall.UnixRights(int(arena.Fd()), c.fd), nil); err != nil {
		return nil, errors.Join(err, c.close())
	}
	s.used |= r.bit
	s.subs = append(s.subs, r)
	s.change() // whoever waits for a block waits for its blocks too
	return r, nil
}

// listen reads what a stranger says. Who says nothing is none, and Close does not wait for it.
func (s *Publisher) listen(conn *net.UnixConn, b []byte) (int, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return 0, ErrClosed
	}
	s.strangers[conn] = struct{}{}
	_ = conn.SetReadDeadline(time.Now().Add(s.helloLimit))
	s.mu.Unlock()
	n, err := conn.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.strangers, conn)
	_ = conn.SetReadDeadline(time.Time{})
	if s.closed {
		return 0, ErrClosed
	}
	return n, err
}
