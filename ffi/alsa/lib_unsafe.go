package alsa

import (
	"strings"
	"sync"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// library is libasound: its functions as bind*.go declare them, and what listens to it.
type library struct {
	*streamCallsC
	*paramCallsC
	*controlCallsC
	*mixerCallsC
	*ear
}

// load opens libasound once in a process and keeps it.
var load = sync.OnceValues(openLibrary)

// scratch is what C writes to in calls on one PCM. It is an allocation of its own and has no Go pointers: cgo lets C have no
// memory with some.
type scratch struct {
	say            [256]byte // what alsa-lib said about a failed transfer, ended by a zero byte
	size           uintptr
	areas          ptr // const snd_pcm_channel_area_t *, alsa-lib's
	offset, frames uintptr
	avail, delay   int
	revents        uint16
	stamp          stamp
}

func (s *scratch) said() string {
	text, _, _ := strings.Cut(string(s.say[:]), "\x00")
	return text
}

// stamp is room for a snd_htimestamp_t, which is a struct timespec.
type stamp [2]int64

// at is s in memory.
func (s *stamp) at() ptr { return ptr(s) }

// timespec is the seconds and nanoseconds that C wrote to s after s.clear, whose struct timespec may have a time_t of 32 or 64 bits
// on 32-bit machines, as libasound was built.
func (s *stamp) timespec() (sec, nsec int64) {
	if s[1] == unwritten { // two 32-bit words: seconds below
		return int64(int32(s[0])), s[0] >> 32
	}
	return s[0], int64(int32(s[1]))
}

// unwritten is no nanoseconds.
const unwritten = -1

func (s *stamp) clear() { s[0], s[1] = unwritten, unwritten }

// area is snd_pcm_channel_area_t: where a channel's samples lie in a ring.
type area struct {
	addr        ptr
	first, step uint32 // bits: from addr to the first sample, and from one to the next
}

// areasAt is the channels' areas at p, alsa-lib's memory, valid until the stream's parameters change.
func areasAt(p ptr, channels int) []area { return unsafe.Slice((*area)(p), channels) }

// span is the memory of one channel from frame offset on, n frames with width bytes of each, and the bytes between two samples.
func (a area) span(offset, n, width int) ([]byte, int) {
	step := int(a.step / 8)
	return unsafe.Slice((*byte)(unsafe.Add(a.addr, int(a.first/8)+offset*step)), (n-1)*step+width), step
}

// listFDs fills fds with the descriptors that count and list report, and returns them with room for one more.
func listFDs(count func() Code, list func(fds ptr, n uint32) Code) ([]sys.PollFD, Code) {
	n := count()
	if n < 0 {
		return nil, n
	}
	fds := make([]sys.PollFD, n+1)
	if n == 0 {
		return fds, 0
	}
	if got := list(ptr(&fds[0]), uint32(n)); got != n {
		return nil, min(got, codeEIO)
	}
	return fds, 0
}

// fdsAt is the address of fds, which is not empty.
func fdsAt(fds []sys.PollFD) ptr { return ptr(&fds[0]) }

// cString is s for C, which does not keep it.
func cString(s string) ptr {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return ptr(&b[0])
}

// cText is the string at p, which may be nil, copied.
func cText(p ptr) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// pointersAt is the pointers at p up to the first that is nil.
func pointersAt(p ptr) []ptr {
	var list []ptr
	for at := (*ptr)(p); *at != nil; at = (*ptr)(unsafe.Add(ptr(at), unsafe.Sizeof(*at))) {
		list = append(list, *at)
	}
	return list
}

// bytesOf is the memory of s. It is valid as long as s is.
func bytesOf(s []int16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 2*len(s))
}

// before orders PCMs, so that two are always locked in one order.
func before(a, b *PCM) bool { return uintptr(unsafe.Pointer(a)) < uintptr(unsafe.Pointer(b)) }

func indexNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }

// externalBuf is b, which is not Go's, as a buffer of frames.
func externalBuf(frames *pool.Pool, b []byte, done func()) (pool.Buf, error) {
	return frames.External(ptr(&b[0]), len(b), done)
}

// cArray is list, an array of pointers, as C takes it back.
func cArray(list ptr) *ptr { return (*ptr)(list) }

// iec958 is snd_aes_iec958_t.
type iec958 struct {
	status   [iec958Bytes]byte
	subcode  [147]byte
	_        byte
	subframe [4]byte
}

func (s *iec958) at() ptr { return ptr(s) }

// itemName is room for the name of an item, ended by a zero byte.
type itemName [128]byte

func (b *itemName) at() ptr { return ptr(b) }

func (b *itemName) String() string {
	text, _, _ := strings.Cut(string(b[:]), "\x00")
	return text
}

// chmapAt is the positions of the snd_pcm_chmap_t at p: their number, and they.
func chmapAt(p ptr) []uint32 { return unsafe.Slice((*uint32)(unsafe.Add(p, 4)), *(*uint32)(p)) }

// wordsAt is the address of w, which is not empty.
func wordsAt(w []uint32) ptr { return ptr(&w[0]) }
