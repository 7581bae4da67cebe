package ring

import (
	"errors"
	"fmt"

	"github.com/poolgen/poolgen/internal/sys"
)

// mostPieces bounds how many mappings a ring may come to consist of.
const mostPieces = 256

// Resize makes the ring hold at least size bytes, rounded as in New, and at most Options.Max, with what is in it, which must fit.
// The content is not copied: its pages are mapped anew (only where its end lies in the page of its beginning are these at most
// 16 KiB, or a page, moved; and all of it after some hundred resizings of a ring that was never empty). Slices kept from before lie in the ring or
// fault. It fails with ErrBusy while a call of either side is in progress and with ErrSide if one is in another process; it must not be called while
// either side works with a slice, or may begin a call.
func (r *Ring) Resize(size int) error {
	unclaim, err := r.claim("resizing")
	if err != nil {
		return err
	}
	defer unclaim()
	used := distance(r.cons.pos, r.prod.pos, r.size)
	if size <= 0 || size > int(r.mem.most) || roundUp(size) < int(used) {
		return fmt.Errorf("poolgen: resizing ring %q to %d bytes: it holds %d, and may have at most %d (Options.Max)", r.name, size, used, r.mem.most)
	}
	to := uint32(roundUp(size))
	if to == r.size {
		return nil
	}
	if err := r.remap(to, used); err != nil {
		return fmt.Errorf("poolgen: resizing ring %q to %d bytes: %w", r.name, size, err)
	}
	return nil
}

// remap maps the ring with size to, so that the unit that its content begins in comes first. Both sides are claimed.
func (r *Ring) remap(to, used uint32) error {
	m := &r.mem
	start := r.cons.pos
	if start >= r.size {
		start -= r.size
	}
	within := start % m.unit
	order := reorder(m.order, int(start/m.unit), int(to/m.unit))
	from := min(to, r.size) - within // bytes of the content that keep their place
	if used == 0 || pieces(order) > mostPieces {
		order, from, within = inOrder(to/m.unit), 0, 0
	}
	var moved []byte
	if used > from {
		// The rest lies, or comes to lie, in the unit that the content begins in.
		moved = append(moved, r.window(r.cons.pos, used)[from:]...)
	}
	if err := m.commit(order); err != nil {
		return err
	}
	old := m.order
	if err := m.lay(order); err != nil {
		// As it was, if that is possible; a ring in between is not safe to use.
		if again := m.lay(old); again != nil {
			r.fail("mapping it as it was: %v", again)
			return errors.Join(err, again)
		}
		return err
	}
	r.mu.Lock() // for Stats
	r.size = to
	r.ctl.size = to
	r.place(within+used, within)
	r.ctl.head.Store(r.cons.pos)
	r.ctl.tail.Store(r.prod.pos)
	r.mu.Unlock()
	copy(r.window(within, used)[min(from, used):], moved)
	return m.discard()
}

// reorder rotates the units so that number first comes first, and adds or takes away units at the end until there are want.
func reorder(order []uint32, first, want int) []uint32 {
	next := append(append(make([]uint32, 0, max(want, len(order))), order[first:]...), order[:first]...)
	if want <= len(next) {
		return next[:want]
	}
	next = append(next, others(next, want-len(next))...)
	return next
}

// others are the n lowest units that are not in use.
func others(use []uint32, n int) []uint32 {
	in := make(map[uint32]bool, len(use))
	for _, u := range use {
		in[u] = true
	}
	var free []uint32
	for u := uint32(0); len(free) < n; u++ {
		if !in[u] {
			free = append(free, u)
		}
	}
	return free
}

// inOrder is the file's own order.
func inOrder(n uint32) []uint32 {
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	return order
}

// pieces is how many mappings an order takes for one view.
func pieces(order []uint32) int {
	n := 0
	for i, u := range order {
		if i == 0 || order[i-1]+1 != u {
			n++
		}
	}
	return n
}

// discard gives the memory of all units that are not in use back.
func (m *memory) discard() error {
	free := others(m.order, int(m.most/m.unit)-len(m.order))
	return m.runs(free, func(offset, n int64) error { return sys.PunchHole(m.fd, offset, n) })
}
