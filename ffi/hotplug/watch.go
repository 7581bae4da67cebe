package hotplug

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/poolgen/poolgen/internal/sys"
)

// Subsystems of the kernel: their folders below /sys/class.
const (
	Video = "video4linux" // cameras, and all else with a file /dev/video*, /dev/v4l-subdev*, /dev/vbi*, /dev/radio*
	Sound = "sound"       // sound cards and their files in /dev/snd
)

var (
	// ErrOverrun says that the kernel had to drop events, because Next was not called for long. What was queued before is
	// still delivered, then what comes after. The mend is to [List] the devices again; the watcher goes on.
	ErrOverrun = errors.New("the kernel dropped events: list the devices again")
	// ErrClosed ends Next on a watcher that is closed.
	ErrClosed = errors.New("the watcher is closed")
)

const (
	// The kernel holds so much for a program that is busy: about a thousand events.
	queue = 1 << 20
	// A message has at most 2,048 bytes of variables (UEVENT_BUFFER_SIZE) and a path before them.
	messageSize = 8 << 10
)

// Stats counts what a watcher received. They are read one by one, while Next may go on.
type Stats struct {
	Events    uint64 // returned by Next
	Other     uint64 // of other subsystems
	Foreign   uint64 // not from the kernel, or longer than the kernel's get: dropped
	Malformed uint64 // from the kernel, and not understood: dropped
	Overruns  uint64 // [ErrOverrun] was returned
}

// Watcher hears the kernel's events until Close. All methods may be called from any goroutine.
type Watcher struct {
	subsystems []string
	wake       *sys.Event    // by contexts and Close
	closed     chan struct{} // closed by Close
	once       sync.Once
	closeErr   error

	turn chan struct{} // held by who uses what follows
	fd   int
	buf  []byte

	events, other, foreign, malformed, overruns atomic.Uint64
}

// Watch starts listening for events of the subsystems, [Video] and [Sound] if none is given. The kernel keeps what happens
// from then on until [Watcher.Next] is called. The caller owes the watcher a Close. Errors are those of opening
// descriptors, and an empty or impossible subsystem.
func Watch(subsystems ...string) (*Watcher, error) { return watch(queue, subsystems) }

func watch(queue int, subsystems []string) (*Watcher, error) {
	subsystems, err := chosen(subsystems)
	if err != nil {
		return nil, err
	}
	wake, err := sys.NewEvent()
	if err != nil {
		return nil, fmt.Errorf("watching devices: %w", err)
	}
	fd, err := sys.UeventSocket(queue)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watching devices: %w", err), wake.Close())
	}
	return &Watcher{
		subsystems: subsystems, wake: wake, closed: make(chan struct{}),
		turn: make(chan struct{}, 1), fd: fd, buf: make([]byte, messageSize),
	}, nil
}

func chosen(subsystems []string) ([]string, error) {
	if len(subsystems) == 0 {
		return []string{Video, Sound}, nil
	}
	for _, s := range subsystems {
		if err := checkSubsystem(s); err != nil {
			return nil, err
		}
	}
	return slices.Clone(subsystems), nil
}

// Next waits for the next event. If several goroutines call it, each event goes to one of them. Errors are those of ctx,
// [ErrOverrun], after which the watcher goes on, [ErrClosed], and what the socket says.
func (w *Watcher) Next(ctx context.Context) (Event, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return Event{}, ctx.Err()
	case <-w.closed:
		return Event{}, ErrClosed
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, w.wake.Signal)()
	}
	for {
		// Cleared before the conditions are looked at: a signal that comes after is seen by the poll.
		w.wake.Clear()
		if err := ctx.Err(); err != nil {
			return Event{}, err
		}
		if w.isClosed() {
			return Event{}, ErrClosed
		}
		e, ok, err := w.receive()
		if ok || err != nil {
			return e, err
		}
	}
}

// receive takes one message, or waits until there is one or a wake-up.
func (w *Watcher) receive() (e Event, ok bool, err error) {
	n, kernel, err := sys.RecvUevent(w.fd, w.buf)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		fds := []sys.PollFD{{Fd: int32(w.fd), Events: sys.PollIn}, {Fd: int32(w.wake.FD()), Events: sys.PollIn}}
		if _, err := sys.Poll(fds, -1); err != nil {
			return Event{}, false, fmt.Errorf("waiting for a device: %w", err)
		}
		return Event{}, false, nil
	case errors.Is(err, syscall.EINTR):
		return Event{}, false, nil
	case errors.Is(err, syscall.ENOBUFS):
		w.overruns.Add(1)
		return Event{}, false, ErrOverrun
	case err != nil:
		return Event{}, false, fmt.Errorf("receiving from the kernel: %w", err)
	case !kernel:
		w.foreign.Add(1)
		return Event{}, false, nil
	}
	e, err = parse(string(w.buf[:n]))
	switch {
	case err != nil:
		w.malformed.Add(1)
		return Event{}, false, nil
	case !slices.Contains(w.subsystems, e.Subsystem):
		w.other.Add(1)
		return Event{}, false, nil
	}
	w.events.Add(1)
	return e, true, nil
}

func (w *Watcher) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// Stats returns the counts since Watch.
func (w *Watcher) Stats() Stats {
	return Stats{
		Events: w.events.Load(), Other: w.other.Load(), Foreign: w.foreign.Load(),
		Malformed: w.malformed.Load(), Overruns: w.overruns.Load(),
	}
}

// Close ends every Next with [ErrClosed] and frees the descriptors. It may be called again, and returns the same.
func (w *Watcher) Close() error {
	w.once.Do(func() {
		close(w.closed)
		w.wake.Signal()
		w.turn <- struct{}{} // the goroutine in Next is out of the descriptors, and no other gets in
		w.closeErr = errors.Join(sys.Close(w.fd), w.wake.Close())
	})
	return w.closeErr
}
