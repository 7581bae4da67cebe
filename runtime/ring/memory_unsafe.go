package ring

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

const (
	ringMagic  = 0x676e5250 // "PRng" in a little-endian file
	version    = 1
	endianTag  = 0x01020304
	dataOffset = 64 << 10        // of the data in the file: the largest page of any target
	unit       = sys.CacheColour // sizes are multiples of it, and of the page
	maxSize    = 1 << 30
)

// control is the start of the file, in the same layout on every machine.
type control struct {
	magic, version, endian, size, dataOffset uint32
	_                                        [44]byte

	tail atomic.Uint32
	_    [60]byte
	head atomic.Uint32
	_    [60]byte

	content waiting // the consumer sleeps here; ended is the producer's
	_       [48]byte
	unused  waiting // the producer sleeps here; ended is the consumer's
	_       [48]byte
}

// waiting is where one side sleeps for the other.
type waiting struct {
	armed atomic.Uint32 // not 0: somebody sleeps, or is about to, since seq had the value that this tells of
	bytes atomic.Uint32 // for how many bytes
	seq   atomic.Uint32 // the futex word, changed by each wake-up
	ended atomic.Uint32 // not 0: the other side will do nothing more
}

// The layout is shared with other programs.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(control{})-320]
	_ = [1]struct{}{}[unsafe.Offsetof(control{}.tail)-64]
	_ = [1]struct{}{}[unsafe.Offsetof(control{}.head)-128]
	_ = [1]struct{}{}[unsafe.Offsetof(control{}.content)-192]
	_ = [1]struct{}{}[unsafe.Offsetof(control{}.unused)-256]
)

// controlWords are a copy of what addresses are computed from.
type controlWords struct{ magic, version, endian, size, offset, tail, head uint32 }

const controlSize = int(unsafe.Sizeof(control{}))

// words reads each word once.
func (c *control) words() controlWords {
	return controlWords{c.magic, c.version, c.endian, c.size, c.dataOffset, c.tail.Load(), c.head.Load()}
}

// parseControl takes them from the first controlSize bytes of a file.
func parseControl(b []byte) controlWords {
	word := func(at uintptr) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	return controlWords{word(0), word(4), word(8), word(12), word(16), word(unsafe.Offsetof(control{}.tail)), word(unsafe.Offsetof(control{}.head))}
}

// memory is a file mapped once for the control area and twice in a row for the data.
type memory struct {
	fd       int
	reserved sys.Map  // control, then room for twice the largest data
	most     uint32   // bytes of data that fit
	unit     uint32   // what the data is mapped in
	order    []uint32 // unit of the file at each unit of the ring
}

// pageUnit is what sizes are multiples of.
func pageUnit() int { return max(unit, sys.PageSize()) }

func reserve(fd int, most uint32) (memory, error) {
	if uint64(most)*2+dataOffset+uint64(pageUnit()) > 1<<(bits.UintSize-1)-1 {
		return memory{}, fmt.Errorf("%d bytes twice are more than this machine's addresses", most)
	}
	m, err := sys.Reserve(dataOffset+2*int(most), max(pageUnit(), dataOffset))
	if err != nil {
		return memory{}, fmt.Errorf("reserving %d bytes of addresses: %w", dataOffset+2*int(most), err)
	}
	mem := memory{fd: fd, reserved: m, most: most, unit: uint32(pageUnit())}
	if err := m.MapFileAt(0, fd, 0, dataOffset, true); err != nil {
		return mem, fmt.Errorf("mapping the control area: %w", err)
	}
	return mem, nil
}

// lay maps the units of the file in this order, and the same once more behind. What is left of the reservation faults.
func (m *memory) lay(order []uint32) error {
	size := len(order) * int(m.unit)
	for view := range 2 {
		at := dataOffset + view*size
		err := m.runs(order, func(offset, n int64) error {
			err := m.reserved.MapFileAt(at, m.fd, offset, int(n), true)
			at += int(n)
			return err
		})
		if err != nil {
			return fmt.Errorf("mapping %d bytes of data: %w", size, err)
		}
	}
	end := dataOffset + 2*size
	if err := m.reserved.Revoke(end, m.reserved.Size()-end); err != nil {
		return err
	}
	m.order = order
	return nil
}

// runs calls f for each piece of the file that the units make up.
func (m *memory) runs(order []uint32, f func(offset, n int64) error) error {
	for i := 0; i < len(order); {
		n := 1
		for i+n < len(order) && order[i+n] == order[i]+uint32(n) {
			n++
		}
		if err := f(dataOffset+int64(order[i])*int64(m.unit), int64(n)*int64(m.unit)); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// commit takes the memory of the units from the kernel, by fallocate, which returns an error where a store would end in SIGBUS.
func (m *memory) commit(order []uint32) error {
	if err := m.runs(order, func(offset, n int64) error { return sys.Allocate(m.fd, offset, n) }); err != nil {
		return fmt.Errorf("committing %d bytes: %w", len(order)*int(m.unit), err)
	}
	return nil
}

func (m *memory) control() *control { return (*control)(m.reserved.Base()) }

// window is n bytes at pos, a counter. It is not inlined, and nor are Content and Unused, so that the compiler knows nothing of how two
// slices lie: they may be two addresses of the same bytes.
//
//go:noinline
func (r *Ring) window(pos, n uint32) []byte { return r.slice(pos, n) }

// slice and at are for window, Content and Unused only.
func (r *Ring) slice(pos, n uint32) []byte {
	if pos >= r.size {
		pos -= r.size
	}
	return r.at(pos, n)
}

// at is n bytes at offset pos.
func (r *Ring) at(pos, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(r.data, uintptr(pos))), n)
}

func (r *Ring) bind() {
	r.ctl = r.mem.control()
	r.data = unsafe.Add(r.mem.reserved.Base(), dataOffset)
}

// address is where memory outside the Go heap begins.
type address = unsafe.Pointer
