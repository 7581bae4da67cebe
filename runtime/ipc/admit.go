package ipc

import (
	"errors"
	"fmt"
	"math/bits"
	"net"
	"os"
	"slices"
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
		v := s.meet(conn)
		s.wg.Go(func() { s.serve(v) })
	}
}

// maxStrangers bounds the connections, and their goroutines, that have not said what they want.
const maxStrangers = 16

// stranger is a connection that has not said what it wants, which it must within helloLimit, and before too many others come.
type stranger struct {
	conn    *net.UnixConn
	dropped bool
}

// meet makes a stranger of a connection, in place of the oldest if there are too many.
func (s *Publisher) meet(conn *net.UnixConn) *stranger {
	v := &stranger{conn: conn}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.strangers) >= maxStrangers {
		old := s.strangers[0]
		s.strangers = s.strangers[1:]
		old.dropped = true
		_ = old.conn.SetReadDeadline(time.Now())
	}
	s.strangers = append(s.strangers, v)
	_ = conn.SetReadDeadline(time.Now().Add(s.helloLimit))
	if s.closed {
		_ = conn.SetReadDeadline(time.Now())
	}
	return v
}

// serve lets a process subscribe, and waits until it goes.
func (s *Publisher) serve(v *stranger) {
	conn := v.conn
	defer conn.Close()
	r, err := s.admit(v)
	if err != nil {
		_, _ = conn.Write(welcome{version: version, refused: true, reason: err.Error()}.bytes())
		return
	}
	// A subscriber says nothing more: a message, or the end of the socket, is the end of it.
	var b [1]byte
	n, _, err := conn.ReadFromUnix(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && n > 0 {
		s.expel(r, "says something after its hello")
	}
	s.remove(r)
}

// admit does the handshake.
func (s *Publisher) admit(v *stranger) (*remote, error) {
	conn := v.conn
	b := make([]byte, 512) // of another version it may be longer
	n, err := s.listen(v, b)
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
	if h.policy == Latest {
		slots = max(slots, 2) // see replace
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
func (s *Publisher) listen(v *stranger, b []byte) (int, error) {
	n, err := v.conn.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strangers = slices.DeleteFunc(s.strangers, func(o *stranger) bool { return o == v })
	_ = v.conn.SetReadDeadline(time.Time{})
	switch {
	case s.closed:
		return 0, ErrClosed
	case err == nil:
		return n, nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	}
	// It may have said it by now, when others were faster.
	raw, err := v.conn.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			n, _, _ = syscall.Recvfrom(int(fd), b, syscall.MSG_DONTWAIT)
			return true
		})
	}
	switch {
	case err == nil && n > 0:
		return n, nil
	case v.dropped:
		return 0, fmt.Errorf("%d others came, and this one said nothing: try again", maxStrangers)
	}
	return 0, fmt.Errorf("it said nothing for %v", s.helloLimit)
}
