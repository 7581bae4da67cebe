package ipc

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// A channel is the memory that a publisher shares with one subscriber, and with no other. Its layout is the same on 32 and 64 bits; every
// word that both sides use is a uint32.
const (
	channelMagic   = 0x48434750 // "PGCH" in little-endian memory order
	channelVersion = 1
	slotsOffset    = 512 // bytes
	maxSlots       = 1 << 12
	maxReturns     = 1 << 20
)

// channelHead begins the memory.
type channelHead struct {
	magic, version uint32
	slots, returns uint32 // capacities, powers of two
	// For who looks on, poolgen top; neither side reads it.
	arena, above uint32 // id of the pool's arena, low and high half; 0: a publisher that tells nothing of this, and does not count below
	pid          uint32 // of the subscriber's process, as the publisher sees it
	policy       uint32
	_            [96]byte

	// 128: written by the publisher.
	tail   atomic.Uint32 // frames written, modulo 2^32
	closed atomic.Uint32 // 1: nothing follows
	news   atomic.Uint32 // futex word: something for the subscriber to look at
	// For who looks on, modulo 2^32. What the subscriber has, in its queue or in use, is tail - dropped - returned.
	dropped atomic.Uint32 // frames taken back from the queue
	lost    atomic.Uint32 // those, and the ones that never were in it
	_       [108]byte

	// 256: written by the subscriber.
	returned atomic.Uint32 // references given back, modulo 2^32
	asleep   atomic.Uint32 // not 0: wake the subscriber, 1 by news, 2 by a message on the socket
	space    atomic.Uint32 // futex word: something for the publisher to look at
	leaving  atomic.Uint32 // 1: no more frames, the subscriber only gives back
	_        [112]byte

	// 384: written by the publisher.
	waiting atomic.Uint32 // not 0: wake the publisher, 2: not before three quarters of the queue are empty, which the subscriber may ignore
	_       [124]byte
}

// States of a slot's word, whose upper 30 bits count its laps.
const (
	slotEmpty = iota
	slotFull
	slotTaken
	stateMask = 3
)

// frameSlot describes a frame. All but the word belongs to the publisher while the slot is empty, and to the subscriber while it is taken.
type frameSlot struct {
	word           atomic.Uint32
	id             uint32 // the publisher's name of the block
	offset, above  uint32 // of the payload in the arena, low and high half
	length         uint32
	flags          uint32
	sequence, seq2 uint32
	pts, pts2      uint32
	user           uint32
	_              [20]byte
}

var (
	// The same as in include/poolgen_ipc_abi.h.
	_ = [1]struct{}{}[unsafe.Sizeof(channelHead{})-slotsOffset]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.magic)-0]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.version)-4]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.slots)-8]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.returns)-12]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.arena)-16]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.above)-20]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.pid)-24]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.policy)-28]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.tail)-128]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.closed)-132]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.news)-136]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.dropped)-140]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.lost)-144]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.returned)-256]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.asleep)-260]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.space)-264]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.leaving)-268]
	_ = [1]struct{}{}[unsafe.Offsetof(channelHead{}.waiting)-384]
	_ = [1]struct{}{}[unsafe.Sizeof(frameSlot{})-64]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.word)-0]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.id)-4]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.offset)-8]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.above)-12]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.length)-16]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.flags)-20]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.sequence)-24]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.seq2)-28]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.pts)-32]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.pts2)-36]
	_ = [1]struct{}{}[unsafe.Offsetof(frameSlot{}.user)-40]
)

// channel is one side's view. The numbers in it were checked once; what is in the memory may change at any time.
type channel struct {
	m      sys.Map
	head   *channelHead
	slots  []frameSlot
	back   []atomic.Uint32 // references that are given back
	fd     int             // the publisher's; -1 in a subscriber
	shift  uint32          // of the lap
	users  int             // who sleep on a word of it
	closed bool
}

func channelSize(slots, returns int) int { return slotsOffset + 64*slots + 4*returns }

// newChannel makes the memory.
func newChannel(slots, returns int) (*channel, error) {
	size := channelSize(slots, returns)
	fd, err := sys.Memfd("channel", size)
	if err != nil {
		return nil, err
	}
	m, err := sys.MapShared(fd, size)
	if err != nil {
		return nil, errors.Join(err, sys.Close(fd))
	}
	h := (*channelHead)(m.Base())
	h.magic, h.version, h.slots, h.returns = channelMagic, channelVersion, uint32(slots), uint32(returns)
	return view(m, fd, slots, returns), nil
}

// openChannel maps the memory of a publisher, which is not trusted. It takes fd over.
func openChannel(fd int) (c *channel, err error) {
	defer func() { err = errors.Join(err, sys.Close(fd)) }()
	size, sealed, err := sys.SealedSize(fd)
	if err != nil || !sealed {
		return nil, errors.Join(fmt.Errorf("the channel's memory could be cut off under us: %w", ErrProtocol), err)
	}
	if size < slotsOffset || size > int64(channelSize(maxSlots, maxReturns)) {
		return nil, fmt.Errorf("the channel has %d bytes: %w", size, ErrProtocol)
	}
	m, err := sys.MapShared(fd, int(size))
	if err != nil {
		return nil, err
	}
	h := (*channelHead)(m.Base())
	slots, returns := h.slots, h.returns
	pow2 := func(n, most uint32) bool { return n > 0 && n <= most && bits.OnesCount32(n) == 1 }
	switch {
	case h.magic != channelMagic:
		err = fmt.Errorf("the channel begins with %#x: %w", h.magic, ErrProtocol)
	case h.version != channelVersion:
		err = fmt.Errorf("the channel has version %d, this program knows %d: use the same version of poolgen on both sides: %w", h.version, channelVersion, ErrProtocol)
	case !pow2(slots, maxSlots) || !pow2(returns, maxReturns) || int64(channelSize(int(slots), int(returns))) != size:
		err = fmt.Errorf("the channel has %d slots and %d returns in %d bytes: %w", slots, returns, size, ErrProtocol)
	}
	if err != nil {
		return nil, errors.Join(err, m.Unmap())
	}
	return view(m, -1, int(slots), int(returns)), nil
}

// view takes the capacities as they were checked: in the memory the other process may have changed them since.
func view(m sys.Map, fd, slots, returns int) *channel {
	h := (*channelHead)(m.Base())
	c := &channel{m: m, head: h, fd: fd}
	c.slots = unsafe.Slice((*frameSlot)(unsafe.Add(m.Base(), slotsOffset)), slots)
	c.back = unsafe.Slice((*atomic.Uint32)(unsafe.Add(m.Base(), slotsOffset+64*slots)), returns)
	c.shift = uint32(bits.TrailingZeros(uint(slots)))
	return c
}

// label says what the channel is of, to who looks on. The subscriber does not have it yet.
func (c *channel) label(arena uint64, pid int32, p Policy) {
	h := c.head
	h.arena, h.above, h.pid, h.policy = uint32(arena), uint32(arena>>32), uint32(pid), uint32(p)
}

// slot is the slot of a position, and the word that says full in its lap. Positions go round at 2^32, and laps with them, but at 2^30 at the latest.
func (c *channel) slot(pos uint32) (*frameSlot, uint32) {
	lap := pos>>c.shift + 1
	return &c.slots[pos&uint32(len(c.slots)-1)], lap<<2 | slotFull
}

// lapsBetween is by how many laps word a is ahead of word b.
func (c *channel) lapsBetween(a, b uint32) int32 {
	unused := max(c.shift, 2) // bits
	return int32((a>>2-b>>2)<<unused) >> unused
}

// asleepOnSocket is head.asleep of a subscriber that polls its socket, where it also sees its publisher's end.
const asleepOnSocket = 2

// tell wakes the subscriber if it sleeps, by way of its socket if need be, and look the publisher.
func (c *channel) tell(socket func()) {
	if c.head.asleep.Load() == 0 {
		return
	}
	if asleep := c.head.asleep.Swap(0); asleep != 0 {
		c.head.news.Add(1)
		if asleep == asleepOnSocket {
			socket()
			return
		}
		sys.FutexWakeAll(&c.head.news)
	}
}

func (c *channel) look() {
	if c.head.waiting.Load() != 0 {
		c.head.waiting.Store(0)
		c.head.space.Add(1)
		sys.FutexWakeAll(&c.head.space)
	}
}

// waitingForMost is head.waiting of a publisher that would rather be woken once for several frames.
const waitingForMost = 2

// lookAt is look after the frame before position pos was taken.
func (c *channel) lookAt(pos uint32) {
	w := c.head.waiting.Load()
	if w == 0 || w == waitingForMost && c.head.tail.Load()-pos > uint32(len(c.slots))/4 {
		return
	}
	c.look()
}

// close ends this side's mapping, once nobody sleeps on it. The owner's lock is held.
func (c *channel) close() error {
	c.closed = true
	return c.unmap()
}

func (c *channel) unmap() error {
	if !c.closed || c.users > 0 || c.head == nil {
		return nil
	}
	c.head, c.slots, c.back = nil, nil, nil
	err := c.m.Unmap()
	if c.fd >= 0 {
		err = errors.Join(err, sys.Close(c.fd))
	}
	return err
}

// hold keeps the mapping until drop. The owner's lock is held for both.
func (c *channel) hold() { c.users++ }

func (c *channel) drop() {
	c.users--
	_ = c.unmap() // of memory that is mapped
}
