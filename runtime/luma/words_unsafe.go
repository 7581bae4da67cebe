package luma

import "unsafe"

// words splits p into aligned words and the bytes before and after them. The words are in the machine's byte order, which no kernel depends on.
func words(p []byte) (head []byte, w []uint64, tail []byte) {
	if len(p) < 16 {
		return p, nil, nil
	}
	h := int(-uintptr(unsafe.Pointer(&p[0])) & 7)
	n := (len(p) - h) / 8
	return p[:h], unsafe.Slice((*uint64)(unsafe.Pointer(&p[h])), n), p[h+8*n:]
}
