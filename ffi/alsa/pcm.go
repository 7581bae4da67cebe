package alsa

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// State is the state of a stream. The values are those of snd_pcm_state_t.
type State int32

const (
	StateOpen         State = iota // opened, nothing set
	StateSetup                     // configured, stopped
	StatePrepared                  // ready to start
	StateRunning                   //
	StateXrun                      // stopped by an overrun or underrun
	StateDraining                  // playing what is left
	StatePaused                    //
	StateSuspended                 // the machine slept
	StateDisconnected              // the device is gone
)

func (s State) String() string {
	names := [...]string{"open", "setup", "prepared", "running", "xrun", "draining", "paused", "suspended", "disconnected"}
	if s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Stats counts what a PCM did since Open.
type Stats struct {
	Frames    uint64 // moved between buffers and device
	Transfers uint64 // reads or writes that moved all they should
	Shorts    uint64 // times the device moved less than was left to move, and the transfer went on
	Waits     uint64 // times a transfer waited for the device
	Xruns     uint64 // overruns (capture) or underruns (playback), each recovered unless an error said otherwise
	Suspends  uint64 // suspends, each recovered unless an error said otherwise
}

// PCM is one direction of an open sound device.
type PCM struct {
	lib   *library
	name  string
	dir   Direction
	cfg   Config
	frame int // bytes
	wake  *sys.Event

	closed  atomic.Bool
	stopped atomic.Bool // by Drop or Drain; the next transfer prepares the stream

	io      sync.Mutex // held over a whole transfer or drain; taken before call
	fds     []sys.PollFD
	revents *uint16         // out of line: C writes it
	say     []byte          // C writes what it says about a failed transfer
	watched <-chan struct{} // Done of the context under watch
	unwatch func() bool

	call sync.Mutex // one call of alsa-lib at a time
	h    handle     // nil after Close

	frames, transfers, shorts, waits, xruns, suspends atomic.Uint64
}

// Open opens the PCM of that name and negotiates c. The caller closes it. Errors are *Error: they name the PCM, what was
// refused, what the device has and what to do; errors.Is matches them with an errno, such as ENOENT for a card that is not
// there. Without libasound the error names the library and its package.
func Open(name string, dir Direction, c Config) (*PCM, error) {
	p := &PCM{name: name, dir: dir, revents: new(uint16), say: make([]byte, 256)}
	if dir > Capture {
		return nil, p.fail("opening", codeEINVAL, "the direction is Playback or Capture")
	}
	if err := c.check(); err != nil {
		return nil, p.fail("checking the configuration", err, "")
	}
	lib, err := load()
	if err != nil {
		return nil, p.fail("opening", err, "")
	}
	p.lib = lib
	said := lib.listen()
	err = p.open(c)
	text := said()
	if err != nil {
		if e := (*Error)(nil); errors.As(err, &e) {
			e.Lib = text
		}
		return nil, err
	}
	return p, nil
}

func (p *PCM) open(c Config) error {
	if indexNUL(p.name) {
		return p.fail("opening", codeEINVAL, "the name holds a zero byte")
	}
	h, code := p.lib.open(p.name, p.dir)
	if code < 0 {
		return p.fail("opening", code, openMend(p.name, code))
	}
	p.h = h
	// Again, after SND_PCM_NONBLOCK at opening: only this reaches an ioplug device, whose drain blocks otherwise.
	if code := p.lib.nonblock(h, 1); code < 0 {
		p.lib.close(h)
		p.h = nil
		return p.fail("making it non-blocking", code, "")
	}
	err := p.negotiate(c)
	if err == nil {
		err = p.descriptors()
	}
	if err != nil {
		p.lib.close(h)
		p.h = nil
	}
	return err
}

// descriptors lists what a transfer polls: the device's descriptors, and the event that ends the wait.
func (p *PCM) descriptors() error {
	n := p.lib.pollCount(p.h)
	if n < 0 {
		return p.fail("counting descriptors", Code(n), "")
	}
	wake, err := sys.NewEvent()
	if err != nil {
		return p.fail("making an eventfd", err, "raise the limit of open files (ulimit -n)")
	}
	p.wake = wake
	p.fds = make([]sys.PollFD, n+1)
	if n > 0 {
		if got := p.lib.pollDescriptors(p.h, p.fds[:n]); got != n {
			_ = wake.Close()
			if got >= 0 {
				got = int(codeEIO)
			}
			return p.fail("listing descriptors", Code(got), "")
		}
	}
	p.fds[n] = sys.PollFD{Fd: int32(wake.FD()), Events: sys.PollIn}
	return nil
}

// Config is what the device really set: every field is filled in.
func (p *PCM) Config() Config { return p.cfg }

// Name is the name given to Open.
func (p *PCM) Name() string { return p.name }

// Direction is the direction given to Open.
func (p *PCM) Direction() Direction { return p.dir }

// Stats counts since Open. It may be called after Close.
func (p *PCM) Stats() Stats {
	return Stats{
		Frames: p.frames.Load(), Transfers: p.transfers.Load(), Shorts: p.shorts.Load(), Waits: p.waits.Load(),
		Xruns: p.xruns.Load(), Suspends: p.suspends.Load(),
	}
}

// State is the stream's state, StateOpen after Close.
func (p *PCM) State() State {
	p.call.Lock()
	defer p.call.Unlock()
	if p.h == nil {
		return StateOpen
	}
	return p.lib.state(p.h)
}

// Avail is how many frames can be read or written without waiting. A stream in an overrun or underrun gives EPIPE, which
// the next transfer mends.
func (p *PCM) Avail() (int, error) {
	p.call.Lock()
	defer p.call.Unlock()
	if p.h == nil {
		return 0, p.fail("asking for available frames", ErrClosed, "")
	}
	n := p.lib.avail(p.h)
	if n < 0 {
		return 0, p.fail("asking for available frames", Code(n), transferMend(Code(n)))
	}
	return n, nil
}

// Delay is how many frames lie between the next one to transfer and the converter: for playback the time until a frame
// written now is heard, for capture the age of the next frame to be read. It may be negative after an underrun.
func (p *PCM) Delay() (int, error) {
	p.call.Lock()
	defer p.call.Unlock()
	if p.h == nil {
		return 0, p.fail("asking for the delay", ErrClosed, "")
	}
	n, code := p.lib.delay(p.h)
	if code < 0 {
		return 0, p.fail("asking for the delay", code, transferMend(code))
	}
	return n, nil
}

// Drop stops the stream at once and forgets what was not played or read. A transfer that waits returns ErrDropped. The next
// transfer starts the stream anew.
func (p *PCM) Drop() error {
	p.call.Lock()
	defer p.call.Unlock()
	if p.h == nil {
		return p.fail("dropping", ErrClosed, "")
	}
	p.stopped.Store(true)
	p.wake.Signal()
	said := p.lib.listen()
	code := p.lib.drop(p.h)
	return p.check("dropping", code, said())
}

// Drain waits until all that was written has been played, then stops the stream; a capture stream stops at once and keeps
// what was captured for nobody. The next transfer starts the stream anew. It ends early, with the stream still playing, when ctx is
// done, and with ErrDropped or ErrClosed after Drop or Close.
func (p *PCM) Drain(ctx context.Context) error {
	if p.dir == Capture {
		return p.Drop()
	}
	if err := p.begin(ctx); err != nil {
		return p.fail("draining", err, "")
	}
	defer p.io.Unlock()
	// poll(2) is of no use here: what it reports on a draining stream differs between the kernel and plugins.
	nap := min(max(time.Duration(p.cfg.Period)*time.Second/time.Duration(p.cfg.Rate)/4, time.Millisecond), 20*time.Millisecond)
	for {
		if err := p.interrupted(ctx); err != nil {
			return p.fail("draining", err, "")
		}
		p.call.Lock()
		said := p.lib.listen()
		code := p.lib.drain(p.h)
		state := p.lib.state(p.h)
		text := said()
		p.call.Unlock()
		switch {
		case code == codeEAGAIN && state == StateDraining:
			if err := p.sleep(nap); err != nil {
				return p.fail("draining", err, "")
			}
		case code == codeEINTR:
		case state == StateDisconnected:
			return p.fail("draining", codeENODEV, transferMend(codeENODEV))
		case code < 0 && code != codeEPIPE && code != codeEAGAIN && state != StateSetup:
			return p.check("draining", code, text)
		default:
			// An underrun here is the ring running empty, which is what was waited for.
			p.stopped.Store(true)
			return nil
		}
	}
}

// Close stops the stream, ends a transfer or drain that waits with ErrClosed, and frees the device. What was written and not
// played is lost: Drain first. It may be called at any time, from any goroutine; the second call does nothing.
func (p *PCM) Close() error {
	p.closed.Store(true)
	p.wake.Signal()
	p.io.Lock()
	defer p.io.Unlock()
	p.call.Lock()
	defer p.call.Unlock()
	if p.h == nil {
		return nil
	}
	if p.unwatch != nil {
		p.unwatch()
	}
	said := p.lib.listen()
	code := p.lib.close(p.h)
	p.h = nil
	text := said()
	err := p.wake.Close()
	if code < 0 {
		return p.check("closing", code, text)
	}
	if err != nil {
		return p.fail("closing the eventfd", err, "")
	}
	return nil
}
