package sys

import (
	"time"

	"golang.org/x/sys/unix"
)

// PollFD is struct pollfd of poll(2), in C's layout.
type PollFD = unix.PollFd

// Events of a PollFD, see poll(2).
const (
	PollIn      = unix.POLLIN
	PollOut     = unix.POLLOUT
	PollPri     = unix.POLLPRI
	PollErr     = unix.POLLERR
	PollHangup  = unix.POLLHUP
	PollInvalid = unix.POLLNVAL
)

// Poll waits until one of fds is ready, a signal arrives, or d has passed; d < 0 waits without limit. It returns how many
// are ready: 0 after a signal or the time, so that a caller looks at its own conditions again. Errors are EFAULT, EINVAL
// (more descriptors than RLIMIT_NOFILE) and ENOMEM. It does not allocate.
func Poll(fds []PollFD, d time.Duration) (int, error) {
	ms := -1
	if d >= 0 {
		// Rounded up: a wait cut to 0 ms would spin.
		ms = int(min((d+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	n, err := unix.Poll(fds, ms)
	if err == unix.EINTR || err == unix.EAGAIN {
		return 0, nil
	}
	return n, err
}
