package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// maxBatch is how many messages one write takes from the queue.
const maxBatch = 32

// link is one connection: a goroutine that writes what is in its queue, and one that reads into the inbox of its end.
type link struct {
	id   uint64
	e    *end
	conn *net.UnixConn
	raw  syscall.RawConn
	out  *queue
	owns bool // out ends with the link: a server's
	peer Peer // of a server's

	received, bytesReceived uint64    // under e.mu
	roundTrip               Histogram // under e.mu

	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	once   sync.Once
	reason error // set by once

	ackDue   atomic.Bool
	answered atomic.Bool  // the peer answered a heartbeat
	heard    atomic.Int64 // when the peer sent something, on the clock of out
	within   atomic.Bool  // the reader is within a message, and so sees no answer: its payload, room for it, or a block is waited for
	asked    atomic.Int64 // when the heartbeat was sent that awaits its answer; 0: none does

	// Of the writer.
	bytes       int // of one batch
	vec         sys.Vector
	batch       [maxBatch]entry
	headers     [maxBatch][HeaderSize]byte
	try, insist func(fd uintptr) bool // for raw.Write; here, so that a write allocates nothing
	err         error
	greeting    bool  // the first of batch waits to be sent before what is in the queue
	lastHeard   int64 // heard at the last heartbeat
	beats       int   // heartbeats since the peer was heard
}

// newLink makes a link of a connection, which it owns. run makes it work.
func newLink(e *end, conn *net.UnixConn, id uint64, out *queue, owns bool) (*link, error) {
	l := &link{id: id, e: e, conn: conn, out: out, owns: owns}
	var err error
	if l.raw, err = conn.SyscallConn(); err == nil {
		err = l.size()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("setting up a connection: %w", err), conn.Close())
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.try = func(fd uintptr) bool {
		_, l.err = sys.Writev(fd, &l.vec)
		if errors.Is(l.err, syscall.EAGAIN) {
			l.err = nil
		}
		return true
	}
	l.insist = func(fd uintptr) bool {
		_, l.err = sys.Writev(fd, &l.vec)
		return !errors.Is(l.err, syscall.EAGAIN)
	}
	l.heard.Store(int64(l.now()))
	return l, nil
}

func (l *link) now() time.Duration { return time.Since(l.out.start) }

// size sets and reports the socket's buffers.
func (l *link) size() error {
	o := &l.e.o
	if o.SendBuffer != 0 {
		if err := l.conn.SetWriteBuffer(o.SendBuffer); err != nil {
			return err
		}
	}
	if o.ReceiveBuffer != 0 {
		if err := l.conn.SetReadBuffer(o.ReceiveBuffer); err != nil {
			return err
		}
	}
	var send, receive int
	var err error
	if e := l.raw.Control(func(fd uintptr) { send, receive, err = sys.SocketBuffers(fd) }); e != nil {
		return e
	}
	// What is being written is beyond the policy's reach. A quarter of what the socket holds anyway adds little to the latency.
	l.bytes = max(send/4, 1)
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	l.e.counts.sendBuffer, l.e.counts.receiveBuffer = send, receive
	return err
}

// greet makes m, whose reference it takes over, the first message of the link, whatever its policy is. It is called before run.
func (l *link) greet(m Message) {
	l.greeting = true
	l.batch[0] = l.out.adopt(m)
}

// fail ends the link; the first reason counts.
func (l *link) fail(reason error) {
	l.once.Do(func() {
		l.reason = reason
		l.cancel()
		l.conn.Close()
	})
}

// run works until the link ends, and returns the reason: nil after the queue was closed and all of it written. Both goroutines are
// gone then.
func (l *link) run() error {
	read := make(chan struct{})
	go func() {
		defer close(read)
		l.fail(l.read())
	}()
	err := l.write()
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		// The peer is gone, but not what it sent before: the reader finds the end by itself. A server's queue ends now, so that
		// nobody waits for room in it.
		if l.owns {
			l.out.close(true)
		}
		limit := time.NewTimer(l.e.o.WriteTimeout) // for a peer that lives and only shut its side
		defer limit.Stop()
		select {
		case <-read:
		case <-limit.C:
		}
	}
	l.fail(err)
	<-read
	if err == nil {
		return nil // the peer may have closed at the stop message, and the reader have seen that first
	}
	return l.reason
}

func (l *link) write() error {
	var tick <-chan time.Time
	if l.e.o.Heartbeat > 0 {
		t := time.NewTicker(l.e.o.Heartbeat)
		defer t.Stop()
		tick = t.C
	}
	if l.greeting {
		l.greeting = false
		sent, err := l.send(l.batch[:1])
		l.out.settle(l.batch[:1], sent)
		if err != nil {
			return err
		}
	}
	slept := false
	for {
		if l.ackDue.Load() && l.ackDue.Swap(false) {
			if _, err := l.control(Ack, false); err != nil {
				if slept {
					l.out.leave()
				}
				return err
			}
		}
		n, over := l.out.next(l.batch[:], l.bytes, slept)
		slept = false
		if over {
			_, err := l.control(Stop, true)
			return err
		}
		if n > 0 {
			sent, err := l.send(l.batch[:n])
			l.out.settle(l.batch[:n], sent)
			if err != nil {
				return err
			}
			select {
			case <-tick:
				err = l.beat()
			default:
			}
			if err != nil {
				return err
			}
			continue
		}
		slept = true
		select {
		case <-l.out.wake:
		case <-l.out.end:
		case <-tick:
			if err := l.beat(); err != nil {
				l.out.leave()
				return err
			}
		case <-l.ctx.Done():
			l.out.leave()
			return ErrClosed
		}
	}
}

// beat sends a heartbeat, and returns ErrSilent if the peer answered one before and is silent now.
func (l *link) beat() error {
	now, heard := l.now(), l.heard.Load()
	if heard != l.lastHeard || l.within.Load() {
		l.lastHeard, l.beats = heard, 0
	}
	// Not by the time alone: if it was this process that slept, the answers may be there, unread.
	if l.answered.Load() && l.beats >= 3 {
		return fmt.Errorf("%w for %v", ErrSilent, now-time.Duration(heard))
	}
	l.beats++
	// Before it is written: the answer may be here before this goroutine goes on.
	first := l.asked.CompareAndSwap(0, int64(now))
	wrote, err := l.control(Heartbeat, false)
	switch {
	case wrote:
		l.e.mu.Lock()
		l.e.counts.heartbeats++
		l.e.mu.Unlock()
	case first:
		l.asked.CompareAndSwap(int64(now), 0)
	}
	return err
}

// control writes a message without payload. Unless it must, it does not wait for a peer that reads nothing: such a peer does not
// look for heartbeats either.
func (l *link) control(t Type, must bool) (wrote bool, err error) {
	Header{Magic: l.e.o.Magic, Type: t, Timestamp: time.Now().UnixNano()}.Put(&l.headers[0])
	l.vec.Reset()
	l.vec.Add(l.headers[0][:])
	if err := l.attempt(); err != nil {
		return false, err
	}
	if !must && l.vec.Left() == HeaderSize {
		return false, nil
	}
	return true, l.flush()
}

// send writes messages, and returns how many of them went out whole.
func (l *link) send(batch []entry) (int, error) {
	l.vec.Reset()
	for i := range batch {
		e := &batch[i]
		h := Header{Magic: l.e.o.Magic, Type: e.Type, Length: uint32(e.size), Timestamp: e.Timestamp}
		h.Put(&l.headers[i])
		l.vec.Add(l.headers[i][:])
		l.vec.Add(e.Bytes())
	}
	written := l.vec.Left()
	err := l.attempt()
	if err == nil {
		err = l.flush()
	}
	if err == nil {
		return len(batch), nil
	}
	written -= l.vec.Left()
	whole := 0
	for whole < len(batch) && written >= HeaderSize+batch[whole].size {
		written -= HeaderSize + batch[whole].size
		whole++
	}
	return whole, err
}

// attempt writes what the socket has room for.
func (l *link) attempt() error {
	if err := l.raw.Write(l.try); err != nil {
		return err
	}
	return l.err
}

// flush writes the rest of the vector, as long as the peer takes something now and then.
func (l *link) flush() error {
	if l.vec.Left() == 0 {
		return nil
	}
	// A socket is writable again only when most of its buffer is empty (unix_writable in net/unix/af_unix.c), but takes more as soon
	// as the peer has read something. So a slow peer is told from a stuck one by trying, several times within the limit.
	const tries = 4
	for vain := 0; l.vec.Left() > 0; {
		if err := l.conn.SetWriteDeadline(time.Now().Add(max(l.e.o.WriteTimeout/tries, 1))); err != nil {
			return err
		}
		err := l.raw.Write(l.insist)
		if err == nil {
			err = l.err
		}
		switch {
		case err == nil:
			vain = 0
		case errors.Is(err, os.ErrDeadlineExceeded):
			if vain++; vain == tries {
				return fmt.Errorf("%w for %v", ErrStuck, l.e.o.WriteTimeout)
			}
		default:
			return err
		}
	}
	return l.conn.SetWriteDeadline(time.Time{})
}
