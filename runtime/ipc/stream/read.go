package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// reader takes a connection apart. Each read asks for what is left of a payload and for the next header, so that a stream of frames
// takes one system call a frame; where Options.ReadAhead allows it, for as much as there is.
type reader struct {
	l       *link
	vec     sys.Vector
	n       int
	err     error
	try     func(fd uintptr) bool
	began   bool   // try does not wait
	ahead   []byte // what was read behind the last payload is ahead[a:b]
	a, b    int
	last    uint32     // length of the last frame
	scratch [4096]byte // for payloads that are skipped
}

// aheadSize is the most that is read ahead, in bytes.
const aheadSize = 16 << 10

// read works until the connection ends, and says why.
func (l *link) read() error {
	r := &reader{l: l, ahead: make([]byte, HeaderSize)}
	if l.e.o.ReadAhead > 0 {
		r.ahead = make([]byte, aheadSize)
	}
	r.try = func(fd uintptr) bool {
		r.n, r.err = sys.Readv(fd, &r.vec)
		return r.began || !errors.Is(r.err, syscall.EAGAIN)
	}
	for {
		if err := r.message(); err != nil {
			return err
		}
	}
}

// fill reads until no more than spare bytes of the vector are left. began says that a message has: then the peer may not stop for long.
func (r *reader) fill(spare int, began bool) error {
	waited := false // in vain
	for all := r.vec.Left(); r.vec.Left() > spare; {
		r.began = began || r.vec.Left() < all
		err := r.l.raw.Read(r.try)
		if err == nil && r.began && errors.Is(r.err, syscall.EAGAIN) {
			if waited {
				return fmt.Errorf("%w for %v", ErrStalled, r.l.e.o.ReadTimeout)
			}
			// Once more after the time is over: it may have been this process that slept.
			if waited, err = r.wait(); waited {
				continue
			}
		}
		if err == nil {
			err = r.err
		}
		if err == nil && r.n == 0 {
			err = io.EOF
		}
		if err != nil {
			return err
		}
		waited = false
	}
	return nil
}

// wait reads what comes before the time is over. No deadline is left behind.
func (r *reader) wait() (over bool, err error) {
	if err := r.l.conn.SetReadDeadline(time.Now().Add(r.l.e.o.ReadTimeout)); err != nil {
		return false, err
	}
	r.began = false
	err = r.l.raw.Read(r.try)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		over, err = true, nil
	}
	return over, errors.Join(err, r.l.conn.SetReadDeadline(time.Time{}))
}

// window is how far ahead to read: the next header, or more while frames are small. So no larger payload gets there in part, to be copied,
// but the first after small ones.
func (r *reader) window() []byte {
	if r.last <= uint32(r.l.e.o.ReadAhead) {
		return r.ahead
	}
	return r.ahead[:HeaderSize]
}

// payload reads into p, and ahead.
func (r *reader) payload(p []byte) error {
	n := copy(p, r.ahead[r.a:r.b])
	r.a += n
	if n == len(p) {
		return nil
	}
	w := r.window()
	r.vec.Reset()
	r.vec.Add(p[n:])
	r.vec.Add(w)
	err := r.fill(len(w), true)
	r.a, r.b = 0, max(len(w)-r.vec.Left(), 0)
	if closed(err) {
		err = ErrTruncated
	}
	return err
}

// closed reports whether the peer closed the connection: the kernel says which of both when that left some of what we sent unread.
func closed(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) }

// skip reads n bytes that nobody wants.
func (r *reader) skip(n uint32) error {
	for n > 0 {
		part := min(n, uint32(len(r.scratch)))
		if err := r.payload(r.scratch[:part]); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// header reads the next header.
func (r *reader) header() (Header, error) {
	if have := r.b - r.a; have < HeaderSize {
		w := r.window()
		copy(w, r.ahead[r.a:r.b])
		r.vec.Reset()
		r.vec.Add(w[have:])
		err := r.fill(len(w)-HeaderSize, have > 0)
		r.a, r.b = 0, len(w)-r.vec.Left()
		if r.b > 0 && closed(err) {
			err = ErrTruncated
		}
		if err != nil {
			return Header{}, err
		}
	}
	h := ParseHeader((*[HeaderSize]byte)(r.ahead[r.a:]))
	r.a += HeaderSize
	return h, nil
}

// message reads one message and acts on it.
func (r *reader) message() error {
	l := r.l
	h, err := r.header()
	if err != nil {
		return err
	}
	if err := h.Check(l.e.o.Magic, l.e.o.MaxMessage); err != nil {
		return err
	}
	if l.e.o.Heartbeat > 0 {
		l.heard.Store(int64(l.now()))
		if h.Length > 0 || h.Type <= Config {
			// ReadTimeout is for a peer that stops here; what this end waits for is not the peer's fault.
			l.within.Store(true)
			defer l.within.Store(false)
		}
	}
	switch h.Type {
	case Frame, Config:
		return r.deliver(h)
	case Stop:
		if err := r.skip(h.Length); err != nil {
			return err
		}
		return ErrPeerStopped
	case Heartbeat:
		if err := r.skip(h.Length); err != nil {
			return err
		}
		l.ackDue.Store(true)
		signal(l.out.wake)
		return nil
	case Ack:
		if err := r.skip(h.Length); err != nil {
			return err
		}
		l.answered.Store(true)
		if asked := l.asked.Swap(0); asked != 0 {
			l.ack(l.now() - time.Duration(asked))
		}
		return nil
	}
	l.e.skipped()
	return r.skip(h.Length)
}

// deliver reads a payload into a block and puts it into the inbox.
func (r *reader) deliver(h Header) error {
	l := r.l
	r.last = h.Length
	if l.e.o.Pool == nil || int64(h.Length) > int64(l.e.capacity) {
		l.e.unwanted()
		return r.skip(h.Length)
	}
	b, err := l.e.o.Pool.Get()
	if errors.Is(err, pool.ErrLimit) {
		if l.e.o.InboxPolicy != Block {
			l.e.noBlock()
			return r.skip(h.Length)
		}
		b, err = l.e.o.Pool.Wait(l.ctx)
	}
	if errors.Is(err, context.Canceled) {
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("taking a block for a %v of %d bytes: %w", h.Type, h.Length, err)
	}
	b.SetLen(int(h.Length))
	if err := r.payload(b.Bytes()); err != nil {
		b.Release()
		return err
	}
	r.arrived(h)
	// A refused message is counted and released by the inbox. One that is closed does not end the link, which may still have to write.
	_ = l.e.inbox.push(l.ctx, nil, Message{Type: h.Type, Timestamp: h.Timestamp, Buf: b, Peer: l.id})
	if l.ctx.Err() != nil {
		return ErrClosed
	}
	return nil
}

// arrived counts a message that is here whole.
func (r *reader) arrived(h Header) {
	e := r.l.e
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.received++
	e.counts.bytesReceived += uint64(h.Length)
	r.l.received++
	r.l.bytesReceived += uint64(h.Length)
	if d, ok := e.clock.latency(h.Timestamp); ok {
		e.counts.latency.Record(d)
	} else {
		e.counts.skewed++
	}
}
