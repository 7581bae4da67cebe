package ipc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// SubscriberOptions tune Subscribe. The zero value drops the oldest frames of a queue as long as the publisher's.
type SubscriberOptions struct {
	Policy Policy
	Slots  int // frames that wait at most; 0 is what the publisher has. The publisher rounds it down to a power of two.
}

// Frame is a frame of another process. It is a value: copies stand for the same reference.
type Frame struct {
	Sequence uint64   // the publisher's number
	Lost     uint64   // how many frames this subscriber missed before this one
	Meta              // what the publisher gave along
	Buf      pool.Buf // the frame, in the publisher's memory: for reading only. Who receives it owes one Release
}

// Subscriber receives frames of a publisher in another process.
type Subscriber struct {
	path  string
	conn  *net.UnixConn
	c     *channel
	arena sys.Map
	joins *pool.Pool
	gone  atomic.Bool // the socket ended
	busy  atomic.Bool

	// Of who receives.
	pos  uint32         // of the next slot
	next uint64         // the next sequence number
	at   unsafe.Pointer // of the frame that was taken
	size int

	spinner spinner // of who receives

	mu       sync.Mutex // guards what follows
	sleeper  sleeper
	returned uint32
	leases   []*lease // that are free
	held     int
	closed   bool
	drained  bool // the publisher has closed, and nothing waits
}

// lease is a frame that the program has.
type lease struct {
	s    *Subscriber
	id   uint32
	done func() // what its last release runs
}

// Subscribe connects to the publisher at path. The error wraps ErrRefused, with the publisher's reason, if that does not want this process,
// ErrProtocol if it is of another version, and syscall.ENOENT or ECONNREFUSED if there is none; ErrGone if it hangs up without an
// answer or, where ctx has no deadline, does not answer for 10 seconds.
func Subscribe(ctx context.Context, path string, o SubscriberOptions) (*Subscriber, error) {
	s, err := subscribe(ctx, path, o, answerLimit)
	if err != nil {
		return nil, fmt.Errorf("ipc: subscribing to %s: %w", path, err)
	}
	return s, nil
}

func subscribe(ctx context.Context, path string, o SubscriberOptions, limit time.Duration) (_ *Subscriber, err error) {
	if o.Policy > Latest || o.Slots < 0 || o.Slots > maxSlots {
		return nil, fmt.Errorf("SubscriberOptions has policy %d and %d slots: at most %d and %d", o.Policy, o.Slots, Latest, maxSlots)
	}
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("the publisher does not answer in %v: %w", limit, ErrGone))
		defer cancel()
	}
	var d net.Dialer
	anyConn, err := d.DialContext(ctx, "unixpacket", path)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	conn := anyConn.(*net.UnixConn)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() {
		if err != nil {
			_ = conn.Close()
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
		}
	}()
	b := make([]byte, welcomeSize+textMax)
	n, fds, err := greet(conn, hello{version, o.Policy, uint32(o.Slots)}, b)
	if err != nil {
		if w, other := parseWelcome(b); w.version != 0 && w.version != version {
			err = other // which says why it is cut off
		}
		return nil, err
	}
	if !stop() {
		return nil, errors.Join(context.Cause(ctx), closeAll(fds)) // the connection is closed, or will be
	}
	w, err := parseWelcome(b[:n])
	if err == nil && len(fds) != 2 {
		err = fmt.Errorf("%d descriptors came, not 2: %w", len(fds), ErrProtocol)
	}
	if err != nil {
		return nil, errors.Join(err, closeAll(fds))
	}
	s := &Subscriber{path: path, conn: conn, next: w.sequence, spinner: newSpinner()}
	s.sleeper.wake = s.wake
	if s.arena, err = openArena(fds[0], w.arena); err != nil {
		return nil, errors.Join(err, sys.Close(fds[1]))
	}
	if s.c, err = openChannel(fds[1]); err != nil {
		return nil, errors.Join(err, s.arena.Unmap())
	}
	// Beyond what the queue holds a program may keep frames as long as the publisher has blocks.
	most := min(len(s.c.back), 1<<16)
	if s.joins, err = pool.New(64, pool.Options{Name: "frames of " + path, Max: 1, External: most}); err != nil {
		return nil, errors.Join(err, s.arena.Unmap(), s.c.close())
	}
	go s.watch() // until the connection ends
	return s, nil
}

// openArena maps a publisher's arena for reading. It takes fd over.
func openArena(fd int, want uint64) (m sys.Map, err error) {
	defer func() { err = errors.Join(err, sys.Close(fd)) }()
	size, sealed, err := sys.SealedSize(fd)
	if err != nil || !sealed {
		return m, errors.Join(fmt.Errorf("the arena could be cut off under us: %w", ErrProtocol), err)
	}
	if size <= 0 || uint64(size) != want || int64(int(size)) != size {
		return m, fmt.Errorf("the arena has %d bytes, the publisher says %d: %w", size, want, ErrProtocol)
	}
	return sys.MapReadOnly(fd, int(size))
}

// watch waits for the end of the publisher.
func (s *Subscriber) watch() {
	var b [1]byte
	_, _ = s.conn.Read(b[:]) // a publisher says nothing more
	s.gone.Store(true)
	s.sleeper.rouse()
}

// wake ends a wait.
func (s *Subscriber) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.c.head; h != nil {
		h.news.Add(1)
		sys.FutexWakeAll(&h.news)
	}
}

// Receive takes the next frame, and waits for it. It returns io.EOF when the publisher has closed and nothing waits any more, ErrGone when its
// process ended otherwise, and the context's cause when ctx ends first.
func (s *Subscriber) Receive(ctx context.Context) (Frame, error) {
	f, err := s.receive(ctx)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("ipc: receiving from %s: %w", s.path, err)
	}
	return f, err
}

func (s *Subscriber) receive(ctx context.Context) (Frame, error) {
	if !s.busy.CompareAndSwap(false, true) {
		return Frame{}, ErrBusy
	}
	defer s.busy.Store(false)
	s.joins.Reap()
	for {
		f, l, err := s.take()
		switch {
		case err != nil:
			return Frame{}, err
		case l != nil:
			return s.hand(f, l)
		}
		if err := s.sleep(ctx); err != nil {
			return Frame{}, err
		}
	}
}

// end says how the publisher ended, and lets go of one that waits for us. mu is held.
func (s *Subscriber) end() error {
	switch {
	case s.c.head.closed.Load() != 0:
		s.drained = true
		_ = s.finish() // of what is ours
		return io.EOF
	}
	return ErrGone
}

// take takes the next frame's slot; no lease says that none waits.
func (s *Subscriber) take() (Frame, *lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return Frame{}, nil, ErrClosed
	case s.drained:
		return Frame{}, nil, io.EOF
	}
	over := false
	// Bounded, because a hostile publisher could have us go through dropped frames for ever: who receives looks again, and at its context.
	for range 2*len(s.c.slots) + 1 {
		slot, full := s.c.slot(s.pos)
		word := slot.word.Load()
		switch ahead := s.c.lapsBetween(word, full); {
		case ahead < 0 && over:
			return Frame{}, nil, s.end()
		case ahead < 0:
			// What was queued before the end is still received: look at the queue once more.
			if over = s.gone.Load() || s.c.head.closed.Load() != 0; over {
				continue
			}
			return Frame{}, nil, nil
		case ahead > 0: // dropped, and so was all but the last queue's length before what is written there now
			s.pos += uint32(ahead-1)<<s.c.shift + 1
			continue
		case word != full:
			s.pos++ // it was dropped
			continue
		}
		if !slot.word.CompareAndSwap(full, full&^stateMask|slotTaken) {
			continue
		}
		f := Frame{Sequence: uint64(slot.sequence) | uint64(slot.seq2)<<32,
			Meta: Meta{PTS: int64(uint64(slot.pts) | uint64(slot.pts2)<<32), Flags: slot.flags, User: slot.user}}
		id, length, offset := slot.id, slot.length, uint64(slot.offset)|uint64(slot.above)<<32
		slot.word.Store(full &^ stateMask)
		s.pos++
		s.c.lookAt(s.pos)
		if size := uint64(s.arena.Size()); offset == 0 || offset >= size || uint64(length) > size-offset || f.Sequence < s.next {
			return Frame{}, nil, fmt.Errorf("frame %d lies at %d, %d bytes, in an arena of %d: %w", f.Sequence, offset, length, size, ErrProtocol)
		}
		f.Lost = f.Sequence - s.next
		s.next = f.Sequence + 1
		s.at, s.size = unsafe.Add(s.arena.Base(), uintptr(offset)), int(length)
		s.held++
		return f, s.lease(id), nil
	}
	if s.closed {
		return Frame{}, nil, ErrClosed // and without slots
	}
	return Frame{}, nil, nil
}

func (s *Subscriber) lease(id uint32) *lease {
	if n := len(s.leases); n > 0 {
		l := s.leases[n-1]
		s.leases = s.leases[:n-1]
		l.id = id
		return l
	}
	l := &lease{s: s, id: id}
	l.done = l.release
	return l
}

// hand makes the frame's Buf. mu is not held, because making a Buf may run others' callbacks.
func (s *Subscriber) hand(f Frame, l *lease) (Frame, error) {
	b, err := s.joins.External(s.at, max(s.size, 1), l.done)
	if err != nil {
		l.release()
		if errors.Is(err, pool.ErrClosed) {
			err = ErrClosed // by Close, meanwhile
		}
		return Frame{}, err
	}
	b.SetLen(s.size)
	f.Buf = b
	return f, nil
}

// release gives the reference back to the publisher.
func (l *lease) release() {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	if h := s.c.head; h != nil {
		s.giveBack(l.id)
		if h.waiting.Load() != waitingForMost { // for room in the queue
			s.c.look()
		}
	}
	s.leases = append(s.leases, l)
	_ = s.finish() // nobody is there to be told
}
