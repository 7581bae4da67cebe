package luma

// A kernel does whole blocks with vectors where the processor has them, then whole words where that pays, and the last bytes one by one.

// The sums of an even and an odd byte fit in a lane of 16 bits for so many words.
const wordsAtOnce = 128

const (
	evenBytes = 0x00ff00ff00ff00ff
	lanes     = 0x0001000100010001 // 1 in each lane of 16 bits
	evenLanes = 0x0000ffff0000ffff
)

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
	up := (256 - uint64(level)) * lanes // carries into bit 8 what is at least level
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

func compareBytes(a, b []byte, level uint8) (s uint64, most uint8, c uint64) {
	for i, v := range a {
		d := distance(v, b[i])
		s += uint64(d)
		most = max(most, d)
		if d >= level {
			c++
		}
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
	}
	for ; at < len(p); at++ {
		if p[at] >= level {
			break
		}
	}
	return at
}

// findChange is the index of the first byte where a and b, of one length, differ by at least level, or len(a).
func findChange(a, b []byte, level uint8) int {
	at := 0
	if n := len(a) &^ (block - 1); n > 0 && vectors() {
		at = findChangeVector(&a[0], &b[0], n, level)
	}
	for ; at < len(a); at++ {
		if distance(a[at], b[at]) >= level {
			break
		}
	}
	return at
}
