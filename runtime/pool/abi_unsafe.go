package pool

import "unsafe"

// The layout that C and other processes rely on, asserted for every target: an index out of range does not compile.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(superblock{})-superSize]
	_ = [1]struct{}{}[unsafe.Offsetof(superblock{}.arenaID)-16]
	_ = [1]struct{}{}[unsafe.Offsetof(superblock{}.arenaSize)-24]
	_ = [1]struct{}{}[unsafe.Offsetof(superblock{}.pools)-32]
	_ = [1]struct{}{}[unsafe.Offsetof(superblock{}.descOffset)-36]

	_ = [1]struct{}{}[unsafe.Sizeof(descriptor{})-descSize]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.stride)-4]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.capacity)-8]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.fixed)-12]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.external)-16]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.prealloc)-20]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.hintSlots)-24]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.headersOffset)-28]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.payloadOffset)-32]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.budget)-40]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.limit)-48]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.opened)-64]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.attention)-68]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.wakeSeq)-72]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.pending)-76]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.wraps)-80]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.misses)-84]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.refusals)-88]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.stale)-92]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.saturations)-96]
	_ = [1]struct{}{}[unsafe.Offsetof(descriptor{}.cursor)-100]

	_ = [1]struct{}{}[unsafe.Sizeof(hintSlot{})-slotSize]
	_ = [1]struct{}{}[unsafe.Offsetof(hintSlot{}.entry)-4]

	_ = [1]struct{}{}[unsafe.Sizeof(header{})-headerSize]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.generation)-4]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.length)-8]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.capacity)-12]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.payload)-16]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.pool)-20]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.class)-22]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.flags)-23]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.canary)-24]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.user)-28]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.holders)-32]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.external)-36]
	_ = [1]struct{}{}[unsafe.Offsetof(header{}.externalHi)-40]

	_ = [1]struct{}{}[unsafe.Sizeof(Handle{})-8]
)

// The same for allocators.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(class{})-classSize]
	_ = [1]struct{}{}[unsafe.Offsetof(class{}.spanBlocks)-12]
	_ = [1]struct{}{}[unsafe.Offsetof(class{}.prealloc)-20]

	_ = [1]struct{}{}[unsafe.Sizeof(allocHeader{})-allocHeaderSize]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.id)-16]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.data)-32]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.classes)-52]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.buckets)-68]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.cacheLimit)-84]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.maybeOffset)-104]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.stateOffset)-124]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.cursor)-192]
	_ = [1]struct{}{}[unsafe.Offsetof(allocHeader{}.caches)-216]
)
