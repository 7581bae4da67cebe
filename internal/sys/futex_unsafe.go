package sys

import (
	"math"
	"sync/atomic"
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

// FutexWake wakes one sleeper of word.
func FutexWake(word *atomic.Uint32) { wake(word, 1) }

// FutexWakeAll wakes every sleeper of word.
func FutexWakeAll(word *atomic.Uint32) { wake(word, math.MaxInt32) }

func wake(word *atomic.Uint32, n uintptr) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, n, 0, 0, 0)
}
