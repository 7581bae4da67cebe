package sys

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Event is an eventfd that wakes a Poll. Signal, Clear and Close may be called from any goroutine, in any order: after
// Close they do nothing, so that a late Signal never writes to a descriptor which is someone else's by then.
type Event struct {
	mu  sync.Mutex
	fd  int     // -1 after Close
	buf [8]byte // here, because what race builds pass to read and write escapes
}

// NewEvent makes an event that is not signalled. Errors are EMFILE, ENFILE and ENOMEM.
func NewEvent() (*Event, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return &Event{fd: fd}, nil
}

// FD is the descriptor to poll for PollIn, -1 after Close. It stays the event's.
func (e *Event) FD() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fd
}

// Signal makes the descriptor readable until the next Clear.
func (e *Event) Signal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fd >= 0 {
		e.buf = [8]byte{1} // any non-zero count, in either byte order
		_, _ = unix.Write(e.fd, e.buf[:])
	}
}

// Clear takes all signals back.
func (e *Event) Clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fd >= 0 {
		_, _ = unix.Read(e.fd, e.buf[:])
	}
}

// Close frees the descriptor. The second call does nothing.
func (e *Event) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fd < 0 {
		return nil
	}
	fd := e.fd
	e.fd = -1
	return unix.Close(fd)
}
