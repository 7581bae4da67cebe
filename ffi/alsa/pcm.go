package alsa

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// State is the state of a stream. The values are those of snd_pcm_state_t.
type State uint32

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
	if int(s) < len(names) {
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
	info  Info
	frame int // bytes
	kind  kind
	wake  *sys.Event

	closed  atomic.Bool
	stopped atomic.Bool // by Drop or Drain; the next transfer prepares the stream

	io      sync.Mutex // held over a whole transfer, drain or region; taken before call
	fds     []sys.PollFD
	planes  []uintptr       // addresses of the channels, for planar access
	base    ptr             // keeps what planes point to while C has it
	watched <-chan struct{} // Done of the context under watch
	unwatch func() bool

	call   sync.Mutex // one call of alsa-lib at a time
	h      handle     // nil after Close
	c      *scratch
	out    region // guarded by call
	status ptr    // snd_pcm_status_t *, made at the first use; guarded by call

	frames, transfers, shorts, waits, xruns, suspends atomic.Uint64
}

func newPCM(name string, dir Direction) *PCM {
	p := &PCM{name: name, dir: dir, c: new(scratch)}
	p.out.done = p.released
	return p
}

// Open opens the PCM of that name and negotiates c. The caller closes it. Errors are *Error: they name the PCM, what was
// refused, what the device has and what to do; errors.Is matches them with an errno, such as ENOENT for a card that is not
// there. Without libasound the error names the library and its package.
func Open(name string, dir Direction, c Config) (*PCM, error) {
	p := newPCM(name, dir)
	if err := c.check(); err != nil {
		return nil, p.fail("checking the configuration", err, "")
	}
	err := p.opening(func() error {
		if err := p.openHandle(); err != nil {
			return err
		}
		err := p.negotiate(c)
		if err == nil {
			err = p.descriptors()
		}
		if err != nil {
			_ = p.closeHandle()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *PCM) openHandle() error {
	if indexNUL(p.name) {
		return p.fail("opening", codeEINVAL, "the name holds a zero byte")
	}
	h := new(handle)
	if code := p.lib.open(h, cString(p.name), uint32(p.dir), 1); code < 0 { // SND_PCM_NONBLOCK
		return p.fail("opening", code, openMend(p.name, code))
	}
	p.h = *h
	// Again, after SND_PCM_NONBLOCK at opening: only this reaches an ioplug device, whose drain blocks otherwise.
	if code := p.lib.nonblock(p.h, 1); code < 0 {
		_ = p.closeHandle()
		return p.fail("making it non-blocking", code, "")
	}
	return nil
}

// closeHandle frees what alsa-lib has of p.
func (p *PCM) closeHandle() Code {
	if p.status != nil {
		p.lib.statusFree(p.status)
		p.status = nil
	}
	code := p.lib.close(p.h)
	p.h = nil
	return code
}

// descriptors lists what a transfer polls: the device's descriptors, and the event that ends the wait.
func (p *PCM) descriptors() error {
	fds, code := listFDs(func() Code { return p.lib.pollCount(p.h) }, func(fds ptr, n uint32) Code { return p.lib.poll(p.h, fds, n) })
	if code < 0 {
		return p.fail("listing descriptors", code, "")
	}
	wake, err := sys.NewEvent()
	if err != nil {
		return p.fail("making an eventfd", err, "raise the limit of open files (ulimit -n)")
	}
	p.wake, p.fds = wake, fds
	p.fds[len(fds)-1] = sys.PollFD{Fd: int32(wake.FD()), Events: sys.PollIn}
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
// played is lost: Drain first. While a region is out the device is kept until its Commit, so that nobody's memory goes away. Close may be
// called at any time, from any goroutine; the second call does nothing.
func (p *PCM) Close() error {
	p.closed.Store(true)
	p.wake.Signal()
	p.call.Lock()
	out := p.out.held
	p.call.Unlock()
	if out {
		return nil
	}
	p.io.Lock()
	defer p.io.Unlock()
	p.call.Lock()
	defer p.call.Unlock()
	return p.finish()
}

// finish frees the device. The caller holds io and call, and has set closed.
func (p *PCM) finish() error {
	if p.h == nil {
		return nil
	}
	if p.unwatch != nil {
		p.unwatch()
	}
	said := p.lib.listen()
	code := p.closeHandle()
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
