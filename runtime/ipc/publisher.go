package ipc

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Policy is what a publisher does with a frame for a subscriber whose queue is full. The subscriber chooses.
type Policy uint32

const (
	DropOldest Policy = iota // the frame that waits longest makes room
	DropNewest               // this frame is not for that subscriber
	Block                    // Publish waits for room, as long as its context lets it
	Latest                   // only the newest frame waits, in a queue of two slots at least
)

func (p Policy) String() string {
	names := [...]string{"drop oldest", "drop newest", "block", "latest"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("policy %d", uint32(p))
}

// maxSubscribers is the number of bits in a block's mask.
const maxSubscribers = 31

// PublisherOptions tune Listen. The zero value is ready.
type PublisherOptions struct {
	Slots int              // frames that wait for a subscriber at most, a power of two up to 4096; 0 is 16. A subscriber may ask for fewer.
	Allow func(Peer) error // whether a process may subscribe; the error is told to it. nil: processes of this user and of root
	// MaxHeld is how many blocks a subscriber may have at once, in its queue and in use, so that one that keeps them does not starve the others.
	// One that has so many gets no frame until it gives one back, as its policy says: of DropOldest and Latest those that wait make
	// room, DropNewest misses the frame, for Block Publish waits. 0 is half of the pool's blocks, rounded up.
	MaxHeld int
	Mode    os.FileMode // of the socket's file; 0 is 0o600
}

// Meta goes with a frame.
type Meta struct {
	PTS   int64  // nanoseconds; of which clock is the program's own business
	Flags uint32 // the program's own
	User  uint32 // the program's own
}

// Publisher hands frames of a shared pool to the processes that subscribe. Its methods may be called from any goroutine.
type Publisher struct {
	pool *pool.Pool
	o    PublisherOptions
	path string
	l    *sys.Listener
	wg   sync.WaitGroup

	ended    atomic.Bool   // Close was called
	changes  atomic.Uint32 // futex word, which no subscriber sees: somebody came or went, or Close
	empty    chan struct{} // closed when Close was called and no subscriber is left
	turn     chan struct{} // one Publish at a time, so that all subscribers see one order
	mu       sync.Mutex    // guards what follows
	sequence uint64
	lent     []loan // by id
	free     []uint32
	subs     []*remote
	round    []*remote // those of the frame that is being given
	used     uint32    // bits of subscribers
	closed   bool
	stats    PublisherStats
	getters  []*getter // that are free
	// strangers have not said what they want, the one that came first before the others.
	strangers  []*stranger
	helloLimit time.Duration
	spinner    spinner // of who waits for room, which is one at a time
	sleeper    sleeper
	roomOf     *remote     // for whose room Publish waits
	enough     *time.Timer // ends its wait for more room than there is
	uncollected,
	often int // frames since the last collect, and after how many Publish does so
	// stirMost wake-ups that lead to nothing are too many, if they take less than stirEach each.
	stirMost int
	stirEach time.Duration
	// oldKernel says that this kernel cannot sleep on several words at once.
	oldKernel bool
}

// remote is a subscriber.
type remote struct {
	c          *channel
	conn       *net.UnixConn
	knock      func() // wakes a subscriber that polls its socket
	peer       Peer
	policy     Policy
	bit        uint32
	read       uint32 // returns that were looked at
	gone       bool
	given      uint64
	givenBytes uint64
	lost       uint64
	over       uint64
	held       int

	dropped uint32 // frames that were taken back from the queue
	stirs   int    // wake-ups that led to nothing
	woken   uint32 // by this process, modulo 2^32
	since   time.Time
}

// PublisherStats is a snapshot of what a publisher did.
type PublisherStats struct {
	Frames      uint64 // published
	Lent        int    // blocks that subscribers have now
	Subscribers []SubscriberInfo
	Given       uint64 // frames that were queued, over all subscribers, also those that left
	GivenBytes  uint64 // of those
	Lost        uint64 // frames that were dropped, likewise
	Left        uint64 // subscribers that went
	Misbehaved  uint64 // of those, the ones that broke the protocol
	Reason      string // what the last of them did, with its process; "" if there was none
}

// SubscriberInfo is one subscriber's part.
type SubscriberInfo struct {
	Peer   Peer
	Policy Policy
	Given  uint64 // frames that were queued for it
	Lost   uint64 // frames that were dropped for it
	Over   uint64 // of those, the ones that it missed because it had PublisherOptions.MaxHeld blocks in use
	Held   int    // blocks that it has now, in its queue or in use
}

// Listen makes a publisher of frames of p, which must be shared (pool.Options.Shared) and stays the caller's. path is a Unix socket's file,
// which a dead publisher's is replaced by, or begins with @ for the abstract namespace.
func Listen(path string, p *pool.Pool, o PublisherOptions) (*Publisher, error) {
	if o.Slots == 0 {
		o.Slots = 16
	}
	if p.FD() < 0 {
		return nil, fmt.Errorf("ipc: pool %q is private: make it with pool.Options.Shared", p.Name())
	}
	if o.Slots < 1 || o.Slots > maxSlots || bits.OnesCount(uint(o.Slots)) != 1 {
		return nil, fmt.Errorf("ipc: PublisherOptions.Slots is %d: it must be a power of two up to %d", o.Slots, maxSlots)
	}
	blocks := p.Stats().Max
	if o.MaxHeld < 0 || o.MaxHeld > blocks {
		return nil, fmt.Errorf("ipc: PublisherOptions.MaxHeld is %d: it must be from 0 to the %d blocks of pool %q", o.MaxHeld, blocks, p.Name())
	}
	if o.MaxHeld == 0 {
		o.MaxHeld = (blocks + 1) / 2
	}
	if o.Allow == nil {
		me := uint32(os.Getuid())
		o.Allow = func(p Peer) error {
			if p.UID != me && p.UID != 0 {
				return fmt.Errorf("user %d may not: PublisherOptions.Allow decides", p.UID)
			}
			return nil
		}
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	l, err := sys.Listen("unixpacket", path, o.Mode, ErrInUse)
	if err != nil {
		return nil, fmt.Errorf("ipc: listening on %s: %w", path, err)
	}
	s := &Publisher{pool: p, o: o, path: path, l: l, turn: make(chan struct{}, 1), empty: make(chan struct{}), spinner: newSpinner(),
		helloLimit: 2 * time.Second, stirMost: 1000, stirEach: time.Millisecond}
	s.often = min(max(blocks/8, 1), 16)
	s.sleeper.wake = s.wakePublish
	s.enough = time.AfterFunc(time.Hour, s.wakePublish)
	s.enough.Stop()
	s.wg.Go(s.accept)
	return s, nil
}

// remove ends a subscriber and takes back what it had. mu is held.
func (s *Publisher) remove(r *remote) {
	if r.gone {
		return
	}
	r.gone = true
	s.stats.Left++
	s.stats.Given += r.given
	s.stats.GivenBytes += r.givenBytes
	s.stats.Lost += r.lost
	_ = r.conn.Close() // which also ends its serve
	s.used &^= r.bit
	s.subs = slices.DeleteFunc(s.subs, func(o *remote) bool { return o == r })
	if s.closed && len(s.subs) == 0 {
		close(s.empty)
	}
	for id := range s.lent {
		s.settle(uint32(id), r)
	}
	if s.roomOf == r {
		s.wake(r)
		go s.sleeper.rouse()
	}
	s.change()
	_ = r.c.close()
}

// Publish gives a frame to every subscriber, and returns to how many. It never fails for want of one, or because one is slow, unless that one
// chose Block and ctx ends. b must be of the publisher's pool, and is not written to until all have released it; Publish takes a
// reference of its own for as long as any of them has it.
func (s *Publisher) Publish(ctx context.Context, b pool.Buf, m Meta) (int, error) {
	base := uintptr(s.pool.Arena())
	offset := uintptr(b.Pointer()) - base
	if b.Pool() != s.pool || offset >= uintptr(s.pool.ArenaSize()) {
		return 0, fmt.Errorf("ipc: publishing on %s: the buffer is of no block of pool %q", s.path, s.pool.Name())
	}
	select {
	case s.turn <- struct{}{}:
	default:
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return 0, fmt.Errorf("ipc: publishing on %s: %w", s.path, context.Cause(ctx))
		}
	}
	defer func() { <-s.turn }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, fmt.Errorf("ipc: publishing on %s: %w", s.path, ErrClosed)
	}
	if s.uncollected++; s.uncollected >= s.often {
		s.collect()
	}
	n := s.sequence
	s.sequence++
	s.stats.Frames++
	if len(s.subs) == 0 {
		return 0, nil
	}
	f := description{offset: uint64(offset), length: uint32(b.Len()), sequence: n, meta: m}
	f.id = s.lend(b.Retain())
	given := 0
	var failed error
	s.round = append(s.round[:0], s.subs...) // waiting lets go of mu
	for _, r := range s.round {
		if s.closed { // since it began to wait: they know that nothing follows
			if !r.gone {
				r.lose()
			}
			if !errors.Is(failed, ErrClosed) {
				failed = errors.Join(failed, ErrClosed)
			}
			continue
		}
		ok, err := s.give(ctx, r, &f)
		if ok {
			given++
		}
		failed = errors.Join(failed, err)
	}
	s.settleOwn(f.id)
	if failed != nil {
		return given, fmt.Errorf("ipc: publishing on %s: %w", s.path, failed)
	}
	return given, nil
}

// Stats is a snapshot.
func (s *Publisher) Stats() PublisherStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.collect()
	}
	st := s.stats
	for _, r := range s.subs {
		st.Subscribers = append(st.Subscribers, SubscriberInfo{r.peer, r.policy, r.given, r.lost, r.over, r.held})
		st.Given += r.given
		st.GivenBytes += r.givenBytes
		st.Lost += r.lost
	}
	for _, l := range s.lent {
		if l.mask != 0 {
			st.Lent++
		}
	}
	return st
}

// Close tells the subscribers that nothing follows, waits until they have received and released what they have, or are gone, and ends. When ctx
// ends first it takes everything back: then a subscriber may still read blocks that the pool gives out again. The second call does nothing.
func (s *Publisher) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.ended.Store(true)
	s.sleeper.end()
	for _, r := range s.subs {
		r.c.head.closed.Store(1)
		r.c.head.asleep.CompareAndSwap(0, 1)
		r.c.tell(r.knock)
	}
	for _, v := range s.strangers {
		_ = v.conn.SetReadDeadline(time.Now()) // it need not say any more what it wants
	}
	s.change()
	if len(s.subs) == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	err := s.l.Close()
	select {
	case <-s.empty:
	case <-ctx.Done():
		s.mu.Lock()
		for _, r := range slices.Clone(s.subs) {
			s.remove(r)
		}
		s.mu.Unlock()
	}
	s.wg.Wait()
	return err
}
