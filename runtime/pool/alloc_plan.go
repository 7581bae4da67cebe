package pool

import (
	"cmp"
	"fmt"
	"math/bits"
)

// AllocOptions say what an Allocator is made from.
type AllocOptions struct {
	Name     string // in errors and AllocStats
	Budget   int64  // bytes of all, bookkeeping included, at most 2 GiB
	Sizes    []int  // bytes of the blocks of each class, ascending multiples of Align, at most 250 of at most 16 MiB; see ClassSizes
	Prealloc []int  // blocks made at the start, a class; may be shorter than Sizes
	Align    int    // of every block: a power of two from 8 to 4096; 0 means 16
	Cache    int    // bytes that a Cache keeps at most; 0 means a 32nd of the budget, between 64 KiB and 32 MiB
	Shared   bool   // in a sealed memfd, which other processes can map
}

// ClassSizes are the sizes from low to high, in bytes, of which there are perDoubling (a power of two, at most 16) from one power of two
// to the next, and no two closer than align. With 8 a doubling a block is at most an eighth larger than the request, or than the
// request rounded up to align where that is more.
func ClassSizes(low, high, align, perDoubling int) []int {
	var sizes []int
	for n := (low + align - 1) / align * align; n > 0; {
		sizes = append(sizes, n)
		if n >= high {
			break
		}
		n += max(align, 1<<(bits.Len(uint(n))-1)/perDoubling)
	}
	return sizes
}

// layout is the header of an allocator that is to be made, with what does not fit it.
type allocLayout struct {
	allocHeader
	lookup []byte
	list   []class
}

// planAllocator computes an allocator's layout, with units of 1 << shift bytes, or of the size that suits if shift is 0.
// include/poolgen_alloc_init.h computes the same, to the byte.
func planAllocator(o *AllocOptions, shift uint32) (*allocLayout, error) {
	if o.Align == 0 {
		o.Align = 16
	}
	name := func(err error) error { return fmt.Errorf("poolgen: allocator %q: %w", o.Name, err) }
	switch {
	case o.Align < 8 || o.Align > maxBlockAlign || bits.OnesCount(uint(o.Align)) != 1:
		return nil, name(fmt.Errorf("alignment %d (Align) is not a power of two from 8 to %d", o.Align, maxBlockAlign))
	case len(o.Sizes) == 0 || len(o.Sizes) > maxClasses:
		return nil, name(fmt.Errorf("%d class sizes: give 1 to %d", len(o.Sizes), maxClasses))
	case o.Budget <= 0 || o.Budget > maxAllocator:
		return nil, name(fmt.Errorf("a budget of %d bytes (Budget) is out of range: 1 to %d bytes", o.Budget, int64(maxAllocator)))
	case len(o.Prealloc) > len(o.Sizes):
		return nil, name(fmt.Errorf("preallocation (Prealloc) for %d classes, there are %d", len(o.Prealloc), len(o.Sizes)))
	case o.Cache < 0 || int64(o.Cache) > o.Budget:
		return nil, name(fmt.Errorf("Cache %d is out of range: 0 to the budget of %d", o.Cache, o.Budget))
	}
	for i, n := range o.Sizes {
		if n <= 0 || n%o.Align != 0 || n > maxClassSize || i > 0 && n <= o.Sizes[i-1] {
			return nil, name(fmt.Errorf("class size %d is not a multiple of %d, above the one before it, of at most %d", n, o.Align, maxClassSize))
		}
	}
	l := &allocLayout{}
	l.abi, l.endian, l.headerSize = AllocABIVersion, endianTag, allocHeaderSize
	l.classes, l.align = uint32(len(o.Sizes)), uint32(o.Align)
	l.minSize, l.maxSize = uint32(o.Sizes[0]), uint32(o.Sizes[len(o.Sizes)-1])
	if shift == 0 {
		shift = min(max(log2(l.maxSize/8|1), 12), 16)
		for uint64(o.Budget)>>shift > maxUnits {
			shift++
		}
	}
	l.unitShift, l.blockShift = shift, 5
	if small := log2(l.minSize); small+5 <= shift {
		l.blockShift = shift - small
	}
	l.cacheLimit = uint32(min(max(o.Budget/32, 64<<10), 32<<20))
	if o.Cache > 0 {
		l.cacheLimit = uint32(o.Cache)
	}
	if !l.spacing(o.Sizes) {
		return nil, name(fmt.Errorf("class sizes %v lie too close to each other: leave some out", o.Sizes))
	}
	units := uint64(o.Budget) >> shift
	for units > 0 && l.offsets(units) > uint64(o.Budget) {
		units -= min((l.mapSize-uint64(o.Budget))>>shift/2+1, units)
	}
	if units == 0 {
		return nil, name(fmt.Errorf("a budget of %d bytes (Budget) holds not one unit of %d bytes beside its bookkeeping: raise it, or give fewer classes", o.Budget, 1<<shift))
	}
	for i, n := range o.Sizes {
		c := class{size: uint32(n), reciprocal: uint32((1<<32 + uint64(n) - 1) / uint64(n))}
		c.cap = min(max(l.cacheLimit/4/c.size, 2), maxMagazine)
		if i < len(o.Prealloc) {
			if o.Prealloc[i] < 0 || o.Prealloc[i] > maxBlocks {
				return nil, name(fmt.Errorf("%d preallocated blocks (Prealloc) of class %d: it is out of range: 0 to %d", o.Prealloc[i], n, maxBlocks))
			}
			c.prealloc = uint32(o.Prealloc[i])
		}
		c.span(shift)
		l.list = append(l.list, c)
	}
	return l, nil
}

func log2(n uint32) uint32 { return uint32(bits.Len32(n)) - 1 }

// bucketOf has no loop, branch or division: evenly spaced sizes up to 2 << base, then 1 << step a doubling.
func bucketOf(n, base, step uint32) uint32 {
	k := log2((n - 1) | 1<<base)
	return (k-base)<<step + (n-1)>>(k-step)
}

// spacing chooses the buckets: as few a doubling as keep two classes from ending in one bucket. Where every class is one bucket
// no table is needed.
func (l *allocLayout) spacing(sizes []int) bool {
	for s := uint32(0); s <= 6; s++ {
		base := log2(l.align) + s
		first := bucketOf(l.minSize, base, s)
		n := bucketOf(l.maxSize, base, s) - first + 1
		if n > maxBuckets {
			break
		}
		lookup := make([]byte, 0, n)
		fits, regular := true, n == l.classes
		for k, size := range sizes {
			b := bucketOf(uint32(size), base, s) - first
			regular = regular && bucketOf(uint32(size)+1, base, s)-first == b+1
			fits = fits && uint32(len(lookup)) <= b
			for uint32(len(lookup)) <= b {
				lookup = append(lookup, byte(k))
			}
		}
		if fits {
			l.stepLog, l.baseLog, l.bucket = s, base, first
			if !regular {
				l.buckets, l.lookup = n, lookup
			}
			return true
		}
	}
	return false
}

// span chooses how many units are cut into blocks together: at most a 16th is left over, if that takes no more than 64 units, and a
// span is no smaller than 16 blocks or 64 KiB.
func (c *class) span(unitShift uint32) {
	least, waste := min(uint64(c.size)*16, 64<<10), ^uint64(0)
	from := uint64(c.size-1)>>unitShift + 1
	for n := from; n < from+64; n++ {
		bytes := n << unitShift
		blocks := bytes / uint64(c.size)
		left := bytes - blocks*uint64(c.size)
		done := left*16 <= bytes && bytes >= least
		if left*1024/bytes < waste || done {
			waste = left * 1024 / bytes
			c.spanUnits, c.spanBlocks = uint32(n), uint32(blocks)
		}
		if done {
			return
		}
	}
}

// offsets lays the parts out for a number of units and returns the bytes of all.
func (l *allocLayout) offsets(units uint64) uint64 {
	words, classes, unit := (units+31)/32, uint64(l.classes), uint64(1)<<l.unitShift
	l.units = uint32(units)
	at := uint64(allocHeaderSize)
	part := func(bytes uint64, round uint64) uint32 {
		here := uint32(at)
		at = roundUp(at+bytes, round)
		return here
	}
	l.classOffset = part(classes*classSize, 1)
	l.lookupOffset = part(uint64(l.buckets), 64)
	l.hintOffset = part(hintRows*roundUp(classes, 16)*4, 1)
	l.summaryOffset = part(classes*((words+31)/32)*4, 64)
	l.maybeOffset = part(classes*words*4, 64)
	l.unitOffset = part(units*4, 64)
	l.runOffset = part(units*4, 64)
	l.freeOffset = part(words*4, 64)
	l.bitsOffset = part(units<<(l.blockShift-5)*4, 64)
	l.stateOffset = part(units<<l.blockShift, unit)
	l.data = at
	l.mapSize = at + units*unit
	return l.mapSize
}

// Or fills in from d what is zero in o.
func (o AllocOptions) Or(d AllocOptions) AllocOptions {
	o.Name = cmp.Or(o.Name, d.Name)
	o.Budget = cmp.Or(o.Budget, d.Budget)
	o.Align = cmp.Or(o.Align, d.Align)
	o.Cache = cmp.Or(o.Cache, d.Cache)
	o.Shared = o.Shared || d.Shared
	if len(o.Sizes) == 0 {
		o.Sizes = d.Sizes
	}
	if len(o.Prealloc) == 0 {
		o.Prealloc = d.Prealloc
	}
	return o
}
