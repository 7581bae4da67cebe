package ring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/poolgen/poolgen/internal/sys"
)

// Side is which end of a ring a process has.
type Side uint8

const (
	// Both ends are in this process, in one Ring.
	Both Side = iota
	// Producer is the end that Unused, Advance and the writing methods belong to.
	Producer
	// Consumer is the end that Content, Consume and the reading methods belong to.
	Consumer
)

// Options tune a ring. The zero value is a ring of fixed size for two goroutines.
type Options struct {
	Name string // in errors, and in /proc/self/maps
	Side Side   // the end of this process; the other end is in the one that gets FD and calls Open
	Max  int    // bytes that Resize may grow the ring to, at most 1 GiB; 0: the size. Costs addresses, not memory
	// Local is for a ring whose producer and consumer are the same goroutine: nothing is synchronised, and nothing waits.
	Local bool
}

// Ring is a ring of bytes. One goroutine at a time may use the producer's methods (Unused, Advance, WaitUnused, WriteFunc, Write,
// ReadFrom, End) and one the consumer's (Content, Consume, WaitContent, ReadFunc, Read, WriteTo, Gone), in this process or another.
// The other methods may be called from any goroutine.
type Ring struct {
	prod, cons end
	state      atomic.Uint32 // stateClosed, stateBroken
	size       uint32        // of the data; changed by Resize, with both ends claimed and mu held
	data       address
	ctl        *control
	side       Side
	local      bool
	alone      bool // local, and neither closed nor broken: then cons.pos < size and cons.pos <= prod.pos <= cons.pos+size
	opened     bool
	name       string
	published  edge
	consumed   edge

	mu      sync.Mutex
	err     error // why the ring is broken
	mem     memory
	revoked bool // the data is
	wakes   [2]wide
	mapped  bool
}

// end is what one side of the ring keeps for itself. Its goroutine alone touches all but inside and mu.
type end struct {
	pos    uint32        // its own counter, modulo 2*size
	seen   uint32        // the other's counter, as last seen and checked
	avail  uint32        // bytes that it may use, by that
	inside atomic.Uint32 // 1 while it is in a call that uses the data or sleeps
	mu     sync.Mutex    // held while a call that uses the data moves pos, and while Close says so
	_      [104]byte     // two cache lines, for processors that fetch pairs
}

const (
	stateClosed = 1 << iota
	stateBroken
)

// New makes a ring of at least size bytes, rounded up to a multiple of 16 KiB or the page, and at most 1 GiB. Its memory is committed at
// once. The caller owns the ring and calls Close. Errors are those of memfd_create, fallocate and mmap: ENOMEM, ENOSPC, EMFILE, ENFILE.
func New(size int, o Options) (*Ring, error) {
	most := max(size, o.Max)
	if size <= 0 || most > maxSize {
		return nil, fmt.Errorf("poolgen: making ring %q of %d bytes, at most %d: sizes are from 1 to %d", o.Name, size, o.Max, maxSize)
	}
	if o.Local && o.Side != Both {
		return nil, fmt.Errorf("poolgen: making ring %q: a Local ring has both sides in one goroutine, leave Side out", o.Name)
	}
	size, most = roundUp(size), roundUp(most)
	fd, err := sys.Memfd(o.Name, dataOffset+most)
	if err != nil {
		return nil, fmt.Errorf("poolgen: making ring %q: %w", o.Name, err)
	}
	r, err := mapRing(fd, uint32(size), uint32(most), o)
	if err != nil {
		return nil, fmt.Errorf("poolgen: making ring %q: %w", o.Name, errors.Join(err, sys.Close(fd)))
	}
	c := r.ctl
	c.version, c.endian, c.size, c.dataOffset, c.magic = version, endianTag, uint32(size), dataOffset, ringMagic
	return r, nil
}

func mapRing(fd int, size, most uint32, o Options) (*Ring, error) {
	if o.Side > Consumer {
		return nil, fmt.Errorf("side %d is none of Both, Producer and Consumer", o.Side)
	}
	mem, err := reserve(fd, most)
	if err == nil {
		err = sys.Allocate(fd, 0, int64(sys.PageSize()))
	}
	order := inOrder(size / uint32(pageUnit()))
	if err == nil {
		err = mem.commit(order)
	}
	if err == nil {
		err = mem.lay(order)
	}
	if err == nil {
		err = mem.reserved.Populate(dataOffset, 2*int(size))
	}
	if err != nil {
		if mem.reserved.Size() > 0 {
			err = errors.Join(err, mem.reserved.Unmap())
		}
		return nil, err
	}
	r := &Ring{size: size, side: o.Side, local: o.Local, alone: o.Local, name: o.Name, mem: mem, mapped: true}
	r.bind()
	r.place(0, 0)
	return r, nil
}

// place sets both sides' private counters.
func (r *Ring) place(tail, head uint32) {
	used := distance(head, tail, r.size)
	r.prod.pos, r.prod.seen, r.prod.avail = tail, head, r.size-used
	r.cons.pos, r.cons.seen, r.cons.avail = head, tail, used
}

// Open maps the ring behind fd, made by a Ring in this or another process, for one side of it, after checking every word that
// addresses are computed from. fd stays the caller's. A side must be in one place only: Open takes it over, with what is in the ring,
// from a process that has ended. The error wraps ErrCorrupt if the file is no ring or could be truncated.
func Open(fd int, side Side) (*Ring, error) {
	n, sealed, err := sys.SealedSize(fd)
	switch {
	case err != nil:
		return nil, fmt.Errorf("poolgen: opening a ring: descriptor %d is no memfd: %w", fd, errors.Join(ErrCorrupt, err))
	case !sealed:
		return nil, fmt.Errorf("poolgen: opening a ring: %w: descriptor %d lacks F_SEAL_SHRINK, its other holder could truncate it under this program", ErrCorrupt, fd)
	case n <= dataOffset || n > dataOffset+maxSize || (n-dataOffset)%int64(pageUnit()) != 0:
		return nil, fmt.Errorf("poolgen: opening a ring: %w: a file of %d bytes holds none with pages of %d", ErrCorrupt, n, pageUnit())
	}
	if err := examine(fd, n); err != nil { // before memory is committed for it
		return nil, fmt.Errorf("poolgen: opening a ring: %w: %w", ErrCorrupt, err)
	}
	own, err := sys.Dup(fd)
	if err != nil {
		return nil, fmt.Errorf("poolgen: opening a ring: duplicating descriptor %d: %w", fd, err)
	}
	r, err := mapRing(own, uint32(n-dataOffset), uint32(n-dataOffset), Options{Side: side})
	if err != nil {
		return nil, fmt.Errorf("poolgen: opening a ring: %w", errors.Join(err, sys.Close(own)))
	}
	if err := r.adopt(); err != nil {
		return nil, fmt.Errorf("poolgen: opening a ring: %w: %w", ErrCorrupt, errors.Join(err, r.mem.reserved.Unmap(), sys.Close(own)))
	}
	return r, nil
}

// examine looks at the control area of a file of n bytes that is not mapped yet.
func examine(fd int, n int64) error {
	b := make([]byte, controlSize)
	if _, err := sys.ReadAt(fd, b, 0); err != nil {
		return fmt.Errorf("reading its control area: %w", err)
	}
	return parseControl(b).check(uint32(n - dataOffset))
}

// check tells what is wrong with a copy of the control area of a ring whose file has so many bytes of data.
func (w controlWords) check(data uint32) error {
	switch {
	case w.magic != ringMagic:
		return fmt.Errorf("magic is %#x, not %#x", w.magic, uint32(ringMagic))
	case w.endian != endianTag:
		return fmt.Errorf("byte order tag is %#x: written by a machine of the other byte order", w.endian)
	case w.version != version:
		return fmt.Errorf("layout version is %d, this program speaks %d: build both sides with the same poolgen", w.version, version)
	case w.offset != dataOffset || w.size != data:
		return fmt.Errorf("says it has %d bytes at %d, the file has %d at %d; rings that can be resized cannot be shared", w.size, w.offset, data, dataOffset)
	case w.tail >= 2*w.size || w.head >= 2*w.size || distance(w.head, w.tail, w.size) > w.size:
		return fmt.Errorf("tail %d and head %d of %d bytes", w.tail, w.head, w.size)
	}
	return nil
}

// adopt checks the control area once more, which a hostile peer may have changed meanwhile, and takes the counters over.
func (r *Ring) adopt() error {
	c := r.ctl
	w := c.words()
	if err := w.check(r.size); err != nil {
		return err
	}
	r.opened = true
	r.place(w.tail, w.head)
	// A process that died in its sleep, or after its end, leaves its words; one that died before a wake-up, somebody asleep.
	if r.side != Consumer {
		c.unused.armed.Store(0)
		c.content.ended.Store(0)
		wake(&c.content)
	}
	if r.side != Producer {
		c.content.armed.Store(0)
		c.unused.ended.Store(0)
		wake(&c.unused)
	}
	return nil
}

func roundUp(n int) int { return (n + pageUnit() - 1) / pageUnit() * pageUnit() }

// distance is how far counter b is ahead of a; both are below 2*size.
func distance(a, b, size uint32) uint32 {
	if b < a {
		return b + 2*size - a
	}
	return b - a
}

// Size is how many bytes fit. Resize changes it.
func (r *Ring) Size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.size)
}

// FD is the memfd to pass to the other process, -1 after Close. It stays the ring's.
func (r *Ring) FD() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mem.fd
}

// Err is nil while the ring works, then ErrClosed or an error that wraps ErrCorrupt.
func (r *Ring) Err() error {
	if r.state.Load() == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Load()&stateClosed == 0 {
		return r.err
	}
	return fmt.Errorf("poolgen: ring %q: %w", r.name, ErrClosed)
}

// fail ends the ring after what the other side did.
func (r *Ring) fail(format string, args ...any) {
	r.mu.Lock()
	if r.err == nil {
		r.err = fmt.Errorf("poolgen: ring %q: %w: %s", r.name, ErrCorrupt, fmt.Sprintf(format, args...))
	}
	if r.local {
		r.alone = false
	}
	r.state.Or(stateBroken)
	r.mu.Unlock()
	r.wakeAll()
}

// Close ends the ring in this process: sleepers wake, every method returns ErrClosed or nothing, and slices kept from before fault as
// soon as no call is in a callback. The other process sees the end that this one had as ended. What a call in progress has published or
// consumed by then counts, and nothing after; but no Advance or Consume of one's own may run meanwhile. The second call does nothing.
func (r *Ring) Close() error {
	if !r.over() {
		return r.revoke() // the first call may not have come to it yet, and Unmap needs it
	}
	if r.local {
		r.alone = false
	}
	if idle := func() bool { return r.prod.inside.Load()|r.cons.inside.Load() == 0 }; !idle() {
		go insist(r.wakeAll, idle)
	}
	return r.revoke()
}

// revoke takes the data away once no side is in a call.
func (r *Ring) revoke() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.revoked || r.prod.inside.Load()|r.cons.inside.Load() != 0 {
		return nil
	}
	r.revoked = true
	err := r.mem.reserved.Revoke(dataOffset, r.mem.reserved.Size()-dataOffset)
	err = errors.Join(err, sys.Close(r.mem.fd))
	r.mem.fd = -1
	return err
}

// Unmap closes the ring and gives its addresses back as well, about twice its size. Slices kept from before may show foreign memory
// then: call it when there are none, and no other goroutine may begin a call. It fails with ErrBusy while a call is in progress.
func (r *Ring) Unmap() error {
	if err := r.Close(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.mapped:
		return nil
	case !r.revoked || r.prod.inside.Load()|r.cons.inside.Load() != 0:
		return fmt.Errorf("poolgen: unmapping ring %q: %w", r.name, ErrBusy)
	}
	r.mapped = false
	return r.mem.reserved.Unmap()
}

// wakeAll wakes whoever sleeps at either end, of any process.
func (r *Ring) wakeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mapped {
		wake(&r.ctl.content)
		wake(&r.ctl.unused)
	}
}

// enter marks a side as being in a call, so that Close, Reset and Resize leave the data alone.
func (r *Ring) enter(e *end, who string) error {
	if e.inside.Swap(1) != 0 {
		panic(fmt.Sprintf("poolgen: ring %q has two %ss at once", r.name, who))
	}
	if r.state.Load() != 0 {
		r.leave(e)
		return r.Err()
	}
	return nil
}

func (r *Ring) leave(e *end) {
	e.inside.Store(0)
	if r.state.Load()&stateClosed != 0 {
		_ = r.revoke() // nobody is there to be told
	}
}
