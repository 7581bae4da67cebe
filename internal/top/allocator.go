package top

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/poolgen/poolgen/internal/sys"
)

// Allocator is a size-class allocator in shared memory. Numbers are those of pool.AllocStats.
type Allocator struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Parts []Part `json:"processes"`

	Used      uint64 `json:"used_bytes"`       // units in use: spans, also their free blocks, and large blocks
	HighWater uint64 `json:"high_water_bytes"` // the most there were
	Budget    uint64 `json:"budget_bytes"`     // units in all
	Overhead  uint64 `json:"overhead_bytes"`   // bookkeeping beside them
	Unit      uint32 `json:"unit_bytes"`
	Classes   uint32 `json:"classes"`
	Caches    uint32 `json:"caches"`   // open ones
	Refusals  uint32 `json:"refusals"` // requests that did not fit
	Misuses   uint32 `json:"misuses"`  // frees of what was not allocated
	Reclaims  uint32 `json:"reclaims"` // spans that went back because all their blocks were free
}

// allocLook is one look at an allocator.
type allocLook struct {
	id  uint64
	was Allocator
}

// checkAllocator checks the copied head h of a file of size bytes.
func checkAllocator(h *allocHeader, size int64) (*allocLook, error) {
	switch {
	case h.magic != allocMagic:
		return nil, errOther
	case h.endian != endianTag:
		return nil, fmt.Errorf("an allocator of a machine of the other byte order (tag %#x)", h.endian)
	case h.abi != allocABIVersion:
		return nil, fmt.Errorf("an allocator with layout version %d, this program knows %d: use the poolgen that the program was built with", h.abi, allocABIVersion)
	case h.mapSize > uint64(size) || h.mapSize > maxAllocator:
		return nil, fmt.Errorf("an allocator that is cut off: it says it has %d bytes, the file has %d", h.mapSize, size)
	case h.classes == 0 || h.classes > maxClasses || h.unitShift < 12 || h.unitShift > 16 || h.units == 0 || h.units > maxUnits ||
		h.data > h.mapSize || uint64(h.units)<<h.unitShift > h.mapSize-h.data:
		return nil, fmt.Errorf("an allocator whose head is damaged: %d classes, %d units of 1<<%d bytes at %d", h.classes, h.units, h.unitShift, h.data)
	}
	bytes := func(units uint32) uint64 { return uint64(min(units, h.units)) << h.unitShift }
	return &allocLook{h.id, Allocator{
		ID: identity(h.id), Used: bytes(h.used.Load()), HighWater: bytes(h.high.Load()), Budget: bytes(h.units), Overhead: h.data,
		Unit: 1 << h.unitShift, Classes: h.classes, Caches: h.caches.Load(), Refusals: h.refusals.Load(), Misuses: h.misuses.Load(), Reclaims: h.reclaims.Load(),
	}}, nil
}

// parts lists who has a file.
func (w *Watcher) parts(file sys.File) []Part {
	list := []Part{}
	for _, u := range w.users(file) {
		u.shown = true
		use := u.uses[file]
		list = append(list, Part{u.pid, use.fd, use.maps > 0, use.write})
	}
	return list
}

// allocators describes those that were seen.
func (w *Watcher) allocators() []Allocator {
	list := []Allocator{}
	for file, m := range w.seen {
		if l, ok := m.look.(*allocLook); ok && m.use.fd >= 0 {
			a := l.was
			a.Name, a.Parts = m.name, w.parts(file)
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Allocator) int {
		return cmp.Or(cmp.Compare(maker(a.Parts), maker(b.Parts)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// maker is the likely maker among those who have a file.
func maker(parts []Part) int {
	if len(parts) == 0 {
		return 0
	}
	return parts[0].PID
}
