package sys

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Futex operations without FUTEX_PRIVATE_FLAG: the word may be shared with another process (linux/futex.h).
const (
	futexWait = 0
	futexWake = 1
)

// FutexWait sleeps while *word is value, until a wake-up or a signal. It has no timeout, so that the kernel's two sizes
// of timespec on 32-bit machines do not matter; who wants one changes the word and wakes.
func FutexWait(word *atomic.Uint32, value uint32) {
	// EAGAIN (the word changed) and EINTR both mean: look again, which every caller does.
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value), 0, 0, 0)
}

// FutexWaitFor is FutexWait for at most d.
func FutexWaitFor(word *atomic.Uint32, value uint32, d time.Duration) {
	t := unix.NsecToTimespec(int64(d)) // of this machine's word size, as this call takes it
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value), uintptr(unsafe.Pointer(&t)), 0, 0)
}

// FutexWake wakes one sleeper of word.
func FutexWake(word *atomic.Uint32) { wake(word, 1) }

// FutexWakeAll wakes every sleeper of word.
func FutexWakeAll(word *atomic.Uint32) { wake(word, math.MaxInt32) }

func wake(word *atomic.Uint32, n uintptr) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, n, 0, 0, 0)
}

// FutexSet is words to sleep on at once, as struct futex_waitv of linux/futex.h lists them. It may be used again after Reset.
type FutexSet struct {
	n     uint32
	waits [maxFutexSet]futexWaitV
}

const maxFutexSet = 34

type futexWaitV struct {
	value    uint64
	address  uint64
	flags    uint32
	reserved uint32
}

const futexSize32 = 2 // FUTEX_32 and FUTEX2_SIZE_U32: not private to this process

// Reset empties the set.
func (s *FutexSet) Reset() { s.n = 0 }

// Add puts a word into the set, at most 34, and the value that it sleeps on. The word stays where it is until Wait has returned.
func (s *FutexSet) Add(word *atomic.Uint32, value uint32) {
	s.waits[s.n] = futexWaitV{uint64(value), uint64(uintptr(unsafe.Pointer(word))), futexSize32, 0}
	s.n++
}

// Wait sleeps while all words have their values, until a wake-up of any or a signal. woken is the word that was woken, by its turn of Add, or -1 if
// the kernel does not tell. ok is false if it cannot do so: kernels before 5.16 cannot.
func (s *FutexSet) Wait() (woken int, ok bool) {
	n, _, err := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&s.waits)), uintptr(s.n), 0, 0, 0, 0)
	if err != 0 {
		return -1, err == unix.EAGAIN || err == unix.EINTR
	}
	return int(n), true
}
