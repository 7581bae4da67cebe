package pool

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// Pool hands out blocks of one size. Its methods may be called from any goroutine.
type Pool struct {
	// Read on the hot path, never written after New.
	headers unsafe.Pointer
	payload unsafe.Pointer
	hints   unsafe.Pointer
	desc    *descriptor
	stride  uintptr
	geo     geometry
	debug   Debug
	slow    atomic.Uint32 // slowDebug, slowClosed, slowSample: what makes Get look twice

	name     string
	id       uint64
	atLimit  Limit
	errLimit error // ErrLimit with the pool's name, made once: a full pool allocates nothing
	arena    *arena
	attached bool // opened from a descriptor: the arena's maker owns it
	external []externalBlock

	waits       atomic.Int64
	heapGets    atomic.Int64
	heapBytes   atomic.Int64
	joinedBytes atomic.Uint64 // of external and adopted memory, ever
	every       atomic.Uint32 // one in how many acquisitions is sampled
	trims       atomic.Uint32 // odd while Trim has blocks

	mu         sync.Mutex // guards what follows
	closed     bool
	gone       bool // payload memory given back
	extCursor  uint32
	extInUse   int
	extPeak    int
	trace      map[uint32][]event
	quarantine []uint32 // released blocks that are inaccessible, oldest first
	trimmed    trimmed
	counts     [4]wide           // of misses, refusals, stale handles and saturations
	holders    map[uint32]Holder // sampled, by block; a later life of the block may not be
}

// Bits of Pool.slow.
const (
	slowDebug = 1 << iota
	slowClosed
	slowSample // holders are sampled
)

// New makes a pool of blocks of size usable bytes, 1 to 1<<30. The caller owns it and calls Close.
func New(size int, o Options) (*Pool, error) {
	if o.Name == "" {
		o.Name = fmt.Sprintf("%d-byte", size)
	}
	g, err := plan(size, &o)
	if err != nil {
		return nil, err
	}
	a, err := newArena(o.Name, int(g.arenaSize), o.Shared)
	if err != nil {
		return nil, err
	}
	a.format(&g, &o)
	if err := a.prefault(&g); err != nil {
		return nil, errors.Join(fmt.Errorf("poolgen: committing %d blocks of pool %q: %w", g.prealloc, o.Name, err), a.release())
	}
	p := assemble(o.Name, a, g)
	p.atLimit = o.AtLimit
	p.external = make([]externalBlock, g.external)
	return p, nil
}

// Open maps the shared arena behind fd, made by a Pool with Options.Shared in this or another process, after checking
// every word that addresses are computed from. fd stays the caller's. External, adopted and heap blocks of the maker
// cannot be used from here.
func Open(fd int) (*Pool, error) {
	a, g, err := openArena(fd)
	if err != nil {
		return nil, err
	}
	g.external = 0
	p := assemble(fmt.Sprintf("arena-%016x", a.super().arenaID), a, g)
	p.attached = true
	return p, nil
}

func assemble(name string, a *arena, g geometry) *Pool {
	p := &Pool{name: name, id: a.super().arenaID, arena: a, geo: g, debug: g.debug, stride: uintptr(g.stride), desc: a.desc()}
	p.bind()
	p.errLimit = fmt.Errorf("poolgen: pool %q: %w (%d blocks of %d bytes); release sooner, raise Max or Budget, or use Wait", name, ErrLimit, g.fixed, g.capacity)
	if g.debug != 0 {
		p.slow.Store(slowDebug)
	}
	if g.debug&DebugTrace != 0 {
		p.trace = map[uint32][]event{}
	}
	return p
}

// Name is the pool's name in errors and Stats.
func (p *Pool) Name() string { return p.name }

// ID is the arena's: a random number, the same in every process that maps it.
func (p *Pool) ID() uint64 { return p.id }

// Get takes a block, or one from the heap where Options.AtLimit says so, and never blocks. The buffer's content is undefined, its
// Len is its Cap. The caller owes one Release. It returns ErrLimit when every block is in use and ErrClosed after Close.
func (p *Pool) Get() (Buf, error) {
	s := p.slot()
	if t := get(&s.top) - 1; t < hintDepth {
		set(&s.top, t)
		if i := get(&s.entry[t]); i < p.geo.fixed {
			h := p.header(i)
			if w := h.ref.Load(); w&0xffff == 0 && h.ref.CompareAndSwap(w, w|1) {
				// Looked at after the claim: Close counts claims after it sets this.
				if p.slow.Load() != 0 {
					return p.handOut(i)
				}
				set(&h.length, p.geo.capacity)
				return Buf{p, i, h.begin(w)}, nil
			}
		}
	}
	return p.getSlow(true)
}

// released runs after a last release while somebody waits or the pool is closed.
func (p *Pool) released() {
	a := p.desc.attention.Load()
	if a&attentionWaiters != 0 {
		p.desc.wakeSeq.Add(1)
		sys.FutexWake(&p.desc.wakeSeq)
	}
	if a&attentionClosed != 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.finish()
	}
}

// Buf takes over a reference that C held under h: the caller owes its Release from now on. It returns ErrStale when h
// names no reference of this pool.
func (p *Pool) Buf(h Handle) (Buf, error) {
	if h.Index >= p.geo.fixed+p.geo.external {
		return Buf{}, fmt.Errorf("poolgen: taking block %d of pool %q, which has %d: %w", h.Index, p.name, p.geo.fixed+p.geo.external, ErrStale)
	}
	hd := p.header(h.Index)
	if w := hd.ref.Load(); w>>refGenShift != h.Generation&0xffff || w&refCountMask == 0 || get(&hd.generation) != h.Generation {
		p.desc.stale.Add(1)
		return Buf{}, fmt.Errorf("poolgen: taking block %d of pool %q in generation %d: %w", h.Index, p.name, h.Generation, ErrStale)
	}
	return Buf{p, h.Index, h.Generation}, nil
}

// Arena is the start of the arena, which C's functions take as poolgen_arena. It is valid until Close has succeeded.
func (p *Pool) Arena() unsafe.Pointer { return p.arena.base }

// ArenaSize is the length of the arena in bytes.
func (p *Pool) ArenaSize() int { return p.arena.size }

// FD is the sealed memfd of a shared arena, to be passed to other processes, or -1. The pool owns it and closes it.
func (p *Pool) FD() int { return p.arena.fd }

// Close ends the pool: Get and Wait return ErrClosed from now on. It may be called again. While buffers are out it returns
// a *LeakError, and the memory stays as it is until the last of them is released; where C releases that one, until the next call of Close.
// A pool from Open gives only its own mapping back and leaves the arena as it is for others.
func (p *Pool) Close() error {
	p.Reap()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.slow.Or(slowClosed)
		if p.attached {
			// The buffers that this process holds keep p, and with it the mapping, alive.
			p.gone = true
			runtime.AddCleanup(p, func(a *arena) { _ = a.release() }, p.arena)
			return nil
		}
		p.desc.attention.Or(attentionClosed)
		p.desc.wakeSeq.Add(1)
		sys.FutexWakeAll(&p.desc.wakeSeq)
	}
	if p.gone {
		return nil
	}
	if n := p.finish(); n > 0 {
		return &LeakError{Pool: p.name, Outstanding: n, History: p.outstandingHistory()}
	}
	return nil
}

// finish gives the payloads' memory back once the pool is closed and nothing is out; it returns how many buffers are.
// The headers stay mapped until the garbage collector finds that no handle refers to the pool any more, so that a stale handle
// is caught even then. The caller holds mu.
func (p *Pool) finish() int {
	for _, i := range p.quarantine {
		p.free(i)
	}
	p.quarantine = nil
	n := 0
	for i := range p.geo.fixed + p.geo.external {
		if p.header(i).ref.Load()&(refCountMask|refClosing) != 0 {
			n++
		}
	}
	if n > 0 || p.gone {
		return n
	}
	p.gone = true
	// Giving memory back at a fixed address can only fail for lack of kernel memory; the mapping then lives as long as the pool.
	_ = p.arena.revoke(&p.geo)
	runtime.AddCleanup(p, func(a *arena) { _ = a.release() }, p.arena)
	return 0
}
