package alsa

import (
	"context"
	"fmt"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

const (
	// recoverLimit is how often one transfer restarts a stream that gives no frame in between.
	recoverLimit = 64
	// idleLimit is how many wake-ups without a frame are taken as they come; later ones are paced, so that a descriptor that is always
	// ready does not spin.
	idleLimit = 8
	// deadLimit is how many wake-ups with an error and without a frame make a device dead.
	deadLimit = 100
	// resumeNap is how long to wait before a device that is still waking up is asked again.
	resumeNap = 20 * time.Millisecond
	// asleepLimit is how many naps a device gets that says it resumed and did not.
	asleepLimit = 25
)

// begin takes the right to transfer; the caller unlocks p.io if it got no error. It starts the watch on ctx.
func (p *PCM) begin(ctx context.Context) error {
	if !p.io.TryLock() {
		if p.closed.Load() {
			return ErrClosed
		}
		return ErrBusy
	}
	if p.closed.Load() {
		p.io.Unlock()
		return ErrClosed
	}
	// Contexts need not be comparable, their Done channels are.
	if done := ctx.Done(); done != p.watched {
		if p.unwatch != nil {
			p.unwatch()
		}
		p.unwatch, p.watched = nil, done
		if done != nil {
			p.unwatch = context.AfterFunc(ctx, p.wake.Signal)
		}
	}
	return nil
}

// interrupted says why a transfer must end. What it looks at is set before p.wake is signalled.
func (p *PCM) interrupted(ctx context.Context) error {
	switch {
	case p.closed.Load():
		return ErrClosed
	case p.stopped.Load():
		return ErrDropped
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

// transfer moves all of b, whole frames, and returns how many frames it moved.
func (p *PCM) transfer(ctx context.Context, b []byte, dir Direction) (int, error) {
	if dir != p.dir {
		return 0, p.fail(opName(dir), codeEBADFD, "the PCM was opened for "+p.dir.String())
	}
	if len(b)%p.frame != 0 {
		return 0, p.fail(fmt.Sprintf("%s %d bytes", opName(dir), len(b)), codeEINVAL,
			fmt.Sprintf("a frame has %d bytes: give a whole number of frames", p.frame))
	}
	if err := p.begin(ctx); err != nil {
		return 0, p.fail(opName(dir), err, "")
	}
	defer p.io.Unlock()
	if p.stopped.Swap(false) {
		if err := p.prepare(); err != nil {
			return 0, err
		}
	}
	done, total, idle, recovered := 0, len(b)/p.frame, 0, 0
	for done < total {
		if err := p.interrupted(ctx); err != nil {
			return done, p.fail(opName(dir), err, "")
		}
		n := p.step(b, done, total-done)
		if n > 0 {
			n = min(n, total-done)
			done += n
			idle, recovered = 0, 0
			p.frames.Add(uint64(n))
			if done < total {
				p.shorts.Add(1)
			}
			continue
		}
		var err error
		if code := Code(n); code == 0 || code == codeEAGAIN {
			idle++
			err = p.wait(idle)
		} else {
			if recovered++; recovered > recoverLimit {
				err = p.tired(code)
			} else {
				err = p.recover(ctx, code)
			}
		}
		if err != nil {
			return done, err
		}
	}
	p.transfers.Add(1)
	return done, nil
}

func opName(d Direction) string {
	if d == Capture {
		return "reading"
	}
	return "writing"
}

// step is one non-blocking transfer of frames from frame skip of b on: frames, 0, or a negative code.
func (p *PCM) step(b []byte, skip, frames int) int {
	p.call.Lock()
	defer p.call.Unlock()
	return p.moveBytes(b, skip, frames)
}

// prepare makes a stopped stream ready to start. An error carries what alsa-lib said.
func (p *PCM) prepare() error {
	p.call.Lock()
	defer p.call.Unlock()
	said := p.lib.listen()
	code := p.lib.prepare(p.h)
	return p.check("preparing", code, said())
}

// check makes an error of a negative code of alsa-lib's and what it said.
func (p *PCM) check(op string, code Code, lib string) error {
	if code >= 0 {
		return nil
	}
	return &Error{PCM: p.name, Dir: p.dir, Op: op, Mend: transferMend(code), Lib: lib, Err: code}
}

// wait sleeps until the device can move frames or p.wake is signalled; it may return early.
func (p *PCM) wait(idle int) error {
	p.waits.Add(1)
	if idle > idleLimit {
		if err := p.sleep(time.Millisecond); err != nil {
			return err
		}
	}
	n, err := sys.Poll(p.fds, -1)
	if err != nil {
		return p.fail("polling", err, "")
	}
	last := len(p.fds) - 1
	if p.fds[last].Revents != 0 {
		p.wake.Clear()
	}
	if n == 0 || last == 0 {
		return nil
	}
	p.call.Lock()
	code := p.lib.pollRevents(p.h, fdsAt(p.fds), uint32(last), &p.c.revents)
	bad := code < 0 || p.c.revents&(sys.PollErr|sys.PollHangup|sys.PollInvalid) != 0
	state := StateRunning
	if bad {
		state = p.lib.state(p.h)
	}
	p.call.Unlock()
	switch {
	case !bad, state == StateXrun, state == StateSuspended, state == StateDisconnected: // the next step says so with a code
	case idle > deadLimit:
		return p.fail("waiting for the device", codeEIO, transferMend(codeEIO))
	}
	return nil
}

// sleep waits d or until p.wake is signalled.
func (p *PCM) sleep(d time.Duration) error {
	last := p.fds[len(p.fds)-1:]
	if _, err := sys.Poll(last, d); err != nil {
		return p.fail("polling", err, "")
	}
	if last[0].Revents != 0 {
		p.wake.Clear()
	}
	return nil
}

// recover brings the stream back after code, or says why not.
func (p *PCM) recover(ctx context.Context, code Code) error {
	switch code {
	case codeEINTR:
		return nil
	case codeEPIPE:
		p.xruns.Add(1)
		return p.prepare()
	case codeESTRPIPE:
		p.suspends.Add(1)
		return p.resume(ctx)
	case codeEBADFD:
		// A stream that failed in a call which reports only "bad state" tells the reason by its state.
		switch p.State() {
		case StateXrun:
			return p.recover(ctx, codeEPIPE)
		case StateSuspended:
			return p.recover(ctx, codeESTRPIPE)
		case StateDisconnected:
			code = codeENODEV
		case StateSetup:
			p.stopped.Store(true) // by Drop of this PCM or of one that it is linked with; the loop says so
			return nil
		}
	}
	return p.check(opName(p.dir), code, p.c.said())
}

// resume wakes a suspended device, which may take it a while, or prepares a device that cannot resume.
func (p *PCM) resume(ctx context.Context) error {
	for asleep := 0; ; {
		if err := p.interrupted(ctx); err != nil {
			return p.fail("resuming", err, "")
		}
		p.call.Lock()
		said := p.lib.listen()
		code := p.lib.resume(p.h)
		if code < 0 && code != codeEAGAIN {
			code = p.lib.prepare(p.h)
		} else if code >= 0 && p.lib.state(p.h) == StateSuspended {
			// ioplug devices report success before they are awake, and also if they cannot (alsa-lib, pcm_ioplug.c).
			if code = codeEAGAIN; asleep == asleepLimit {
				code = p.lib.prepare(p.h)
			}
			asleep++
		}
		text := said()
		p.call.Unlock()
		if code != codeEAGAIN {
			return p.check("resuming", code, text)
		}
		if err := p.sleep(resumeNap); err != nil {
			return err
		}
	}
}
