package luma

// A kernel does whole blocks with vectors where the processor has them, then whole words where that pays, and the last bytes one by one.

// The sums of an even and an odd byte fit in a lane of 16 bits for so many words.
const wordsAtOnce = 128

const (
	evenBytes = 0x00ff00ff00ff00ff
	lanes     = 0x0001000100010001 // 1 in each lane of 16 bits
	evenLanes = 0x0000ffff0000ffff
)

// upTo is what carries into bit 8 of a lane what is at least level.
func upTo(level uint8) uint64 { return (256 - uint64(level)) * lanes }

// fold adds the four lanes of x.
func fold(x uint64) uint64 {
	x = x&evenLanes + x>>16&evenLanes
	return x>>32 + x&0xffffffff
}

func sum(p []byte) (s uint64) {
	if n := len(p) &^ (block - 1); n > 0 && vectors() {
		s = sumVector(&p[0], n)
		p = p[n:]
	}
	return s + sumWords(p)
}

func sumWords(p []byte) (s uint64) {
	head, w, tail := words(p)
	s = sumBytes(head) + sumBytes(tail)
	for len(w) > 0 {
		n := min(len(w), wordsAtOnce)
		var acc uint64
		for _, x := range w[:n] {
			acc += x&evenBytes + x>>8&evenBytes
		}
		s += fold(acc)
		w = w[n:]
	}
	return s
}

func sumBytes(p []byte) (s uint64) {
	for _, v := range p {
		s += uint64(v)
	}
	return s
}

func count(p []byte, level uint8) (c uint64) {
	if n := len(p) &^ (block - 1); n > 0 && vectors() {
		c = countVector(&p[0], n, level)
		p = p[n:]
	}
	return c + countWords(p, level)
}

func countWords(p []byte, level uint8) (c uint64) {
	head, w, tail := words(p)
	c = countBytes(head, level) + countBytes(tail, level)
	up := upTo(level)
	for len(w) > 0 {
		n := min(len(w), wordsAtOnce)
		var acc uint64
		for _, x := range w[:n] {
			acc += (x&evenBytes+up)>>8&lanes + (x>>8&evenBytes+up)>>8&lanes
		}
		c += fold(acc)
		w = w[n:]
	}
	return c
}

func countBytes(p []byte, level uint8) (c uint64) {
	for _, v := range p {
		if v >= level {
			c++
		}
	}
	return c
}

// compare is for slices of one length.
func compare(a, b []byte, level uint8) (s uint64, most uint8, c uint64) {
	if n := len(a) &^ (block - 1); n > 0 && vectors() {
		var m uint64
		s, m, c = compareVector(&a[0], &b[0], n, level)
		most = uint8(m)
		a, b = a[n:], b[n:]
	}
	s2, most2, c2 := compareBytes(a, b[:len(a)], level)
	return s + s2, max(most, most2), c + c2
}

// compareBytes has no branches: which of two samples of a noisy picture is larger is not to be predicted.
func compareBytes(a, b []byte, level uint8) (s uint64, most uint8, c uint64) {
	for i, v := range a {
		d := int32(v) - int32(b[i])
		d = d ^ d>>31 - d>>31
		s += uint64(d)
		most = max(most, uint8(d))
		c += uint64(1 + (d-int32(level))>>31)
	}
	return s, most, c
}

func distance(a, b uint8) uint8 {
	if a < b {
		return b - a
	}
	return a - b
}

// find is the index of the first byte that is at least level, or len(p).
func find(p []byte, level uint8) int {
	at := 0
	if n := len(p) &^ (block - 1); n > 0 && vectors() {
		at = findVector(&p[0], n, level)
	} else {
		at = findWord(p, level)
	}
	for at < len(p) && p[at] < level {
		at++
	}
	return at
}

// findWord is the index of the first word with a byte that is at least level, or of a byte before it that may be, or of what is left behind the last word.
func findWord(p []byte, level uint8) int {
	head, w, _ := words(p)
	for i, v := range head {
		if v >= level {
			return i
		}
	}
	up := upTo(level)
	for i, x := range w {
		if ((x&evenBytes+up)|(x>>8&evenBytes+up))&^evenBytes != 0 {
			return len(head) + 8*i
		}
	}
	return len(head) + 8*len(w)
}

// findChange is the index of the first byte where a and b, of one length, differ by at least level, or len(a).
func findChange(a, b []byte, level uint8) int {
	at := 0
	if n := len(a) &^ (block - 1); n > 0 && vectors() {
		at = findChangeVector(&a[0], &b[0], n, level)
	} else {
		at = findChangeWord(a, b, level)
	}
	for at < len(a) && distance(a[at], b[at]) < level {
		at++
	}
	return at
}

// findChangeWord is findWord for differences; 0 where a and b do not begin at the same place of a word.
func findChangeWord(a, b []byte, level uint8) int {
	head, wa, _ := words(a)
	headB, wb, _ := words(b)
	if len(head) != len(headB) {
		return 0
	}
	for i, v := range head {
		if distance(v, headB[i]) >= level {
			return i
		}
	}
	wb = wb[:len(wa)]
	up := upTo(level) + 256*lanes // carries into bit 9 what is larger by at least level
	for i, a := range wa {
		a, b, a2, b2 := a&evenBytes, wb[i]&evenBytes, a>>8&evenBytes, wb[i]>>8&evenBytes
		if ((a+up-b)|(b+up-a)|(a2+up-b2)|(b2+up-a2))&(512*lanes) != 0 {
			return len(head) + 8*i
		}
	}
	return len(head) + 8*len(wa)
}

// tally counts the bytes of each value in tables that take turns, so that equal neighbours do not wait for each other.
type tally struct {
	tables [4][256]uint32
	n      uint64 // bytes in them
}

// tallied is how many bytes tables may hold, so that nothing overflows.
const tallied = 1<<32 - 1

// add counts p, and moves what is in the tables to h when there might be no room in them. most is how many they may hold.
func (t *tally) add(p []byte, h *[256]uint64, most uint64) {
	for len(p) > 0 {
		if t.n == most {
			t.move(h)
		}
		n := int(min(uint64(len(p)), most-t.n))
		t.n += uint64(n)
		t.count(p[:n])
		p = p[n:]
	}
}

func (t *tally) count(p []byte) {
	for ; len(p) >= len(t.tables); p = p[len(t.tables):] {
		t.tables[0][p[0]]++
		t.tables[1][p[1]]++
		t.tables[2][p[2]]++
		t.tables[3][p[3]]++
	}
	for _, v := range p {
		t.tables[0][v]++
	}
}

// move adds the tables to h, and empties them.
func (t *tally) move(h *[256]uint64) {
	for i := range t.tables {
		for v, n := range t.tables[i] {
			h[v] += uint64(n)
		}
	}
	*t = tally{}
}
