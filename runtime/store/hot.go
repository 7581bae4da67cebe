package store

import (
	"fmt"
	"sync"

	"github.com/poolgen/poolgen/runtime/pool"
)

// slot is a hot frame.
type slot struct {
	buf  pool.Buf
	time int64
	size int64 // what it is charged: the capacity of its block
}

// hot is the tier of live blocks: a ring of the newest frames, which leave it oldest first. Frame id is at slot id modulo their number.
//
//	tail        durable        flight        next
//	 | on disk     | being written | not yet    |
//
// The tail may overtake durable, because the frames that are being written are in the batch too, and flight, by dropping frames.
type hot struct {
	mu     sync.Mutex
	slots  []slot
	mask   ID
	budget int64
	used   int64 // charged for all frames in the ring, in the batch and loaded
	tail   ID    // the oldest in the ring
	next   ID
	full   Full
	closed bool
	refuse error // what Put says whatever there is room for: ErrClosed or ErrReadOnly

	durable ID     // all before are on disk, or dropped
	flight  ID     // where the batch ends; durable if there is none
	batch   []item // what is being written, or could not be
	alone   int64  // charged for frames of the batch that have left the ring
	waiting int64  // charged for frames from flight on

	loaded loaded
	loads  map[ID]*load

	syncs    int           // calls of Sync that wait
	attempts uint64        // times that a batch was begun to be written
	failed   uint64        // the last of them that failed
	err      error         // of the last
	progress chan struct{} // closed when one ends
	stopped  bool          // there will be no more

	puts, hits, warmHits, coldHits, remoteHits, misses, broken uint64
	hitBytes                                                   uint64 // of hits
	refused, dropped, evicted, failures                        uint64
}

// item is a frame that is being written.
type item struct {
	slot
	id ID
}

func (h *hot) init(o Options, first ID) {
	h.slots = make([]slot, o.HotFrames)
	h.mask = ID(o.HotFrames - 1)
	h.budget, h.full = o.Hot, o.Full
	h.batch = make([]item, 0, o.HotFrames/4)
	h.loads = make(map[ID]*load)
	h.loaded.init()
	h.progress = make(chan struct{})
	h.tail, h.next, h.durable, h.flight = first, first, first, first
}

// crowded reports whether a frame of n bytes has no room.
func (h *hot) crowded(n int64) bool { return h.used+n > h.budget || h.next-h.tail > h.mask }

// pop takes the oldest frame out of the ring; the caller releases it, without the lock. Its block stays charged while the batch has it.
func (h *hot) pop() pool.Buf {
	sl := &h.slots[h.tail&h.mask]
	b := sl.buf
	if h.tail >= h.durable && h.tail < h.flight {
		h.alone += sl.size
	} else {
		h.used -= sl.size
	}
	sl.buf = pool.Buf{}
	h.tail++
	return b
}

// Put keeps the buffer's Len bytes as a frame of the given time, such as nanoseconds of its capture, and returns its ID. It takes a
// reference of its own, which the frame keeps while it is hot; nobody may write to the block meanwhile. It never waits for the disk. The
// error is ErrFull, see Options.Full, ErrClosed, ErrReadOnly, or says that the block is larger than Options.Hot.
func (s *Store) Put(b pool.Buf, time int64) (ID, error) {
	n := int64(b.Cap())
	b.Retain()
	h := &s.hot
	var gone [4]pool.Buf // released without the lock, because callbacks of the pool may call the store
	for {
		k := 0
		h.mu.Lock()
		for k < len(gone) && h.crowded(n) && h.refuse == nil && n <= h.budget {
			b, ok := h.shed()
			if !ok {
				break
			}
			gone[k] = b
			k++
		}
		enough := !h.crowded(n) && h.refuse == nil
		stop := k < len(gone) // else there may be more to shed
		var id ID
		var wake bool
		if enough {
			id = h.next
			h.slots[id&h.mask] = slot{b, time, n}
			h.used += n
			h.next++
			h.puts++
			wake = s.added(n)
		} else if stop && h.refuse == nil {
			h.refused++
		}
		refuse, budget := h.refuse, h.budget
		h.mu.Unlock()
		for _, g := range gone[:k] {
			g.Release()
		}
		switch {
		case enough:
			if wake {
				s.writer.signal()
			}
			return id, nil
		case !stop:
			continue
		}
		b.Release()
		switch {
		case refuse != nil:
			return 0, refuse
		case n > budget:
			return 0, fmt.Errorf("storing a frame: its block has %d bytes, and Options.Hot is %d; raise it", n, budget)
		}
		return 0, ErrFull
	}
}

// shed takes the frame out of the hot tier that may leave it next, if there is one; the caller releases it, without the lock.
func (h *hot) shed() (pool.Buf, bool) {
	switch {
	case h.tail == h.next:
		return h.loaded.oldest(h)
	case h.tail < h.durable:
		h.evicted++
	case h.tail < h.flight && h.next-h.tail > h.mask: // the batch has it
	case h.loaded.used > 0 && h.next-h.tail <= h.mask:
		return h.loaded.oldest(h)
	case h.tail < h.flight && h.full == FullDrop && h.flight < h.next: // to get at the one behind the batch
	case h.tail >= h.flight && h.full == FullDrop:
		h.dropped++
		h.waiting -= h.slots[h.tail&h.mask].size
		if len(h.batch) == 0 {
			h.durable, h.flight = h.tail+1, h.tail+1
		}
	default:
		return pool.Buf{}, false
	}
	return h.pop(), true
}

// added notes the frame of n bytes that was just put, and reports whether to wake the writer.
func (s *Store) added(n int64) bool {
	h := &s.hot
	if s.disk == nil {
		h.durable, h.flight = h.next, h.next
		return false
	}
	before := h.waiting
	h.waiting += n
	quarter := h.budget / 4
	return before == 0 || before < quarter && h.waiting >= quarter || h.next-max(h.flight, h.tail) == h.mask/4+1
}

// lookup returns a hot frame, with a reference for the caller.
func (h *hot) lookup(id ID) (Frame, bool) {
	if id-h.tail < h.next-h.tail {
		sl := &h.slots[id&h.mask]
		return Frame{Buf: sl.buf.Retain(), ID: id, Time: sl.time}, true
	}
	if len(h.batch) > 0 {
		if i := id - h.batch[0].id; i < ID(len(h.batch)) {
			return Frame{Buf: h.batch[i].buf.Retain(), ID: id, Time: h.batch[i].time}, true
		}
	}
	if h.loaded.used > 0 {
		return h.loaded.lookup(id)
	}
	return Frame{}, false
}
