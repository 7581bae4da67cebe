package top

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

var (
	_ = [1]struct{}{}[unsafe.Sizeof(arenaHead{})-superSize-descSize]
	_ = [1]struct{}{}[unsafe.Sizeof(header{})-headerSize]
	_ = [1]struct{}{}[unsafe.Sizeof(channelHead{})-slotsOffset]
	_ = [1]struct{}{}[unsafe.Sizeof(allocHeader{})-allocHeaderSize]
	_ = [1]struct{}{}[unsafe.Sizeof(frameSlot{})-64]
)

// block is what one look at a header gives.
type block struct {
	generation uint32
	references uint32
	out        bool // it is in use
	closing    bool // its last reference is gone, and Go must still finish it
	saturated  bool
	damaged    bool
}

// arenaLook is one look at an arena.
type arenaLook struct {
	shape
	from, to                                    time.Time // when it was looked at
	opened, attention, pending                  uint32
	wraps, misses, refusals, stale, saturations uint32
	blocks                                      []block // fixed ones that were opened, then external ones
}

// index is the number of the block at place i of blocks.
func (l *arenaLook) index(i int) uint32 {
	if opened := len(l.blocks) - int(l.external); i >= opened {
		return l.fixed + uint32(i-opened)
	}
	return uint32(i)
}

// channelLook is one look at a channel.
type channelLook struct {
	at                               time.Time
	slots, pid, policy               uint32
	arena                            uint64
	tail, dropped, lost, returned    uint32
	full, taken                      uint32
	closed, asleep, leaving, waiting bool
	offsets                          []uint64 // of the payloads that wait, in the arena
}

// maxDamaged is how many headers without their canary are looked at: beyond, this is no arena.
const maxDamaged = 64

// look reads the memory file at path, which must be file: an *arenaLook, a *channelLook or an *allocLook. into may be an earlier result of the same file, which is
// written over. The error is errOther for memory that is none of these.
func look(path string, file sys.File, into any) (_ any, err error) {
	fd, now, size, err := sys.Look(path)
	if errors.Is(err, sys.ErrNotRegular) {
		return nil, errYet // the descriptor is another's by now
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sys.Close(fd)) }()
	if now != file {
		return nil, errYet
	}
	var magic [4]byte
	if n, err := sys.ReadAt(fd, magic[:], 0); err != nil || n < len(magic) {
		return nil, errors.Join(err, errYet)
	}
	switch *(*uint32)(unsafe.Pointer(&magic)) {
	case arenaMagic:
		l, _ := into.(*arenaLook)
		if l == nil {
			l = &arenaLook{}
		}
		return l, lookArena(fd, size, l)
	case channelMagic:
		l, _ := into.(*channelLook)
		if l == nil {
			l = &channelLook{}
		}
		return l, lookChannel(fd, size, l)
	case allocMagic:
		var h allocHeader
		if err := readHead(fd, size, unsafe.Pointer(&h), allocHeaderSize); err != nil {
			return nil, err
		}
		return checkAllocator(&h, size)
	case 0:
		return nil, errYet
	}
	return nil, errOther
}

// readHead copies the start of the file to head, of n bytes.
func readHead(fd int, size int64, head unsafe.Pointer, n int) error {
	if got, err := sys.ReadAt(fd, unsafe.Slice((*byte)(head), n), 0); err != nil {
		return err
	} else if got < n {
		return fmt.Errorf("it is cut off: it has %d bytes, its head alone %d", size, n)
	}
	sealed, err := sys.SealedAgainstShrinking(fd)
	if err != nil {
		return err
	}
	if !sealed {
		return errors.New("it is not sealed with F_SEAL_SHRINK: it could be cut off while it is read")
	}
	return nil
}

// mapped calls f with the first n bytes of the file mapped for reading. A fault there is an error.
func mapped(fd int, n int64, f func(base unsafe.Pointer)) (err error) {
	if n > math.MaxInt {
		return fmt.Errorf("its %d bytes of bookkeeping are more than this machine can address", n)
	}
	m, err := sys.MapReadOnly(fd, int(n))
	if err != nil {
		return fmt.Errorf("mapping %d bytes for reading: %w", n, err)
	}
	defer func() { err = errors.Join(err, m.Unmap()) }()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error: // with an address, but not from all emulators
			err = fmt.Errorf("its memory went away while it was read: %w", r)
		default:
			panic(r)
		}
	}()
	f(m.Base())
	return nil
}

func lookArena(fd int, size int64, l *arenaLook) error {
	var h arenaHead
	if err := readHead(fd, size, unsafe.Pointer(&h), superSize+descSize); err != nil {
		return err
	}
	s, err := checkArena(&h, size)
	if err != nil {
		return err
	}
	l.shape, l.blocks = s, l.blocks[:0]
	damaged := 0
	err = mapped(fd, s.mapped(), func(base unsafe.Pointer) {
		d := (*descriptor)(unsafe.Add(base, superSize))
		l.from = time.Now()
		l.opened = min(d.opened.Load(), s.fixed)
		headers := unsafe.Slice((*header)(unsafe.Add(base, headersOffset)), s.blocks())
		for _, part := range [][]header{headers[:l.opened], headers[s.fixed:]} {
			for i := range part {
				b := lookBlock(&part[i])
				if b.damaged {
					if damaged++; damaged > maxDamaged {
						return
					}
				}
				l.blocks = append(l.blocks, b)
			}
		}
		l.attention, l.pending, l.wraps = d.attention.Load(), d.pending.Load(), d.wraps.Load()
		l.misses, l.refusals, l.stale, l.saturations = d.misses.Load(), d.refusals.Load(), d.stale.Load(), d.saturations.Load()
		l.to = time.Now()
	})
	if err == nil && damaged > maxDamaged {
		err = fmt.Errorf("a pool whose headers are damaged: more than %d have no canary", maxDamaged)
	}
	return err
}

// lookBlock reads a block's generation and references, of one moment if its owner lets it.
func lookBlock(h *header) block {
	var w, g uint32
	for range 100 {
		w, g = h.ref.Load(), h.generation.Load()
		if h.ref.Load() == w {
			break
		}
	}
	return block{
		generation: g + (w>>refGenShift-g)&0xffff, // a free block's header has the generation of its last life
		references: w & refCountMask,
		out:        w&refCountMask != 0,
		closing:    w&(refCountMask|refClosing|refSaturated) == refClosing,
		saturated:  w&refSaturated != 0 && w&refClosing == 0,
		damaged:    h.canary != headerCanary,
	}
}

func lookChannel(fd int, size int64, l *channelLook) error {
	var h channelHead
	if err := readHead(fd, size, unsafe.Pointer(&h), slotsOffset); err != nil {
		return err
	}
	slots, err := checkChannel(&h, size)
	if err != nil {
		return err
	}
	*l = channelLook{slots: slots, arena: uint64(h.arena) | uint64(h.above)<<32, pid: h.pid, policy: h.policy, offsets: l.offsets[:0]}
	return mapped(fd, slotsOffset+64*int64(slots), func(base unsafe.Pointer) {
		h := (*channelHead)(base)
		for range 100 {
			l.tail, l.dropped, l.returned = h.tail.Load(), h.dropped.Load(), h.returned.Load()
			if h.tail.Load() == l.tail && h.dropped.Load() == l.dropped {
				break
			}
		}
		l.at = time.Now()
		// Slots that were never written are not read: that would commit their memory.
		written := unsafe.Slice((*frameSlot)(unsafe.Add(base, slotsOffset)), min(slots, l.tail))
		for i := range written {
			f := &written[i]
			w := f.word.Load()
			switch w & stateMask {
			case slotFull:
				l.full++
				if at := uint64(f.offset) | uint64(f.above)<<32; f.word.Load() == w {
					l.offsets = append(l.offsets, at)
				}
			case slotTaken:
				l.taken++
			}
		}
		l.lost = h.lost.Load()
		l.closed, l.asleep, l.leaving, l.waiting = h.closed.Load() != 0, h.asleep.Load() != 0, h.leaving.Load() != 0, h.waiting.Load() != 0
	})
}
