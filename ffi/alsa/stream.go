package alsa

import "time"

// ask makes one call of alsa-lib on an open PCM, between transfers' calls.
func (p *PCM) ask(op string, f func() Code) error {
	p.call.Lock()
	defer p.call.Unlock()
	if p.h == nil {
		return p.fail(op, ErrClosed, "")
	}
	if code := f(); code < 0 {
		return p.fail(op, code, transferMend(code))
	}
	return nil
}

// change is ask for a call that changes the stream's state: what alsa-lib says goes into the error.
func (p *PCM) change(op string, f func() Code) error {
	p.call.Lock()
	defer p.call.Unlock()
	if p.h == nil {
		return p.fail(op, ErrClosed, "")
	}
	said := p.lib.listen()
	code := f()
	return p.check(op, code, said())
}

// Avail is how many frames can be read or written without waiting. A stream in an overrun or underrun gives EPIPE, which
// the next transfer mends.
func (p *PCM) Avail() (n int, err error) {
	err = p.ask("asking for available frames", func() Code {
		n = p.lib.avail(p.h)
		return Code(min(n, 0))
	})
	return max(n, 0), err
}

// Delay is how many frames lie between the next one to transfer and the converter: for playback the time until a frame
// written now is heard, for capture the age of the next frame to be read. It may be negative after an underrun.
func (p *PCM) Delay() (n int, err error) {
	err = p.ask("asking for the delay", func() Code {
		code := p.lib.delay(p.h, &p.c.delay)
		n = p.c.delay
		return code
	})
	if err != nil {
		n = 0
	}
	return n, err
}

// AvailDelay is Avail and Delay at one moment.
func (p *PCM) AvailDelay() (avail, delay int, err error) {
	err = p.ask("asking for available frames and the delay", func() Code {
		code := p.lib.availDelay(p.h, &p.c.avail, &p.c.delay)
		avail, delay = p.c.avail, p.c.delay
		return code
	})
	if err != nil {
		avail, delay = 0, 0
	}
	return avail, delay, err
}

// Timestamp is how many frames were available at a moment, and that moment on Config.Clock: that of the device's last report. A plugin may
// know none: 0.
func (p *PCM) Timestamp() (avail int, at time.Duration, err error) {
	err = p.ask("asking for the timestamp", func() Code {
		p.c.stamp.clear()
		code := p.lib.htimestamp(p.h, &p.c.size, p.c.stamp.at())
		avail, at = int(p.c.size), p.c.stamp.duration()
		return code
	})
	if err != nil {
		avail, at = 0, 0
	}
	return avail, at, err
}

func (s *stamp) duration() time.Duration {
	if s[0] == unwritten && s[1] == unwritten {
		return 0
	}
	sec, nsec := s.timespec()
	return time.Duration(sec)*time.Second + time.Duration(nsec)
}

// Status is a stream at one moment. Its times are on Config.Clock, and 0 where a plugin knows none.
type Status struct {
	State     State
	Triggered time.Duration // when the stream started, stopped or paused last
	At        time.Duration // when this was
	Audio     time.Duration // what the device's own clock of samples counted since the start
	Delay     int           // frames, as PCM.Delay
	Avail     int           // frames, as PCM.Avail
	AvailMax  int           // the most there were since the last Status
	Overrange int           // capture: samples beyond the converter's range since the last Status
}

// Status asks for all of the stream's status at once. An overrun or underrun is a state here, not an error.
func (p *PCM) Status() (s Status, err error) {
	err = p.ask("asking for the status", func() Code {
		if p.status == nil {
			if code := p.lib.statusNew(&p.c.areas); code < 0 {
				return code
			}
			p.status = p.c.areas
		}
		l, o := p.lib, p.status
		if code := l.statusRead(p.h, o); code < 0 {
			return code
		}
		s.State, s.Delay, s.Avail = l.statusGetState(o), l.statusGetDelay(o), int(l.statusGetAvail(o))
		s.AvailMax, s.Overrange = int(l.statusGetAvailMax(o)), int(l.statusGetOverrange(o))
		at := &p.c.stamp
		at.clear()
		l.statusGetTriggerHtstamp(o, at.at())
		s.Triggered = at.duration()
		at.clear()
		l.statusGetHtstamp(o, at.at())
		s.At = at.duration()
		at.clear()
		l.statusGetAudioHtstamp(o, at.at())
		s.Audio = at.duration()
		return 0
	})
	return s, err
}

// Start starts a stream that is prepared, and those linked with it. Transfers start it by themselves as Config.StartAt says. A playback
// stream with nothing written is in an underrun at once, or refuses with EPIPE.
func (p *PCM) Start() error {
	if p.stopped.Swap(false) {
		if err := p.prepare(); err != nil {
			return err
		}
	}
	return p.change("starting", func() Code { return p.lib.start(p.h) })
}

// Pause stops the stream where it is, or lets it go on: nothing is lost. A transfer waits meanwhile. Info.CanPause tells whether the device
// can; ENOSYS otherwise, and EBADFD if the stream does not run.
func (p *PCM) Pause(on bool) error {
	enable := int32(0)
	if on {
		enable = 1
	}
	return p.change("pausing", func() Code { return p.lib.pause(p.h, enable) })
}

// Reset forgets what is in the ring without stopping the stream.
func (p *PCM) Reset() error {
	return p.change("resetting", func() Code { return p.lib.reset(p.h) })
}

// Rewind takes back up to n frames of what was last written (or gives back what was last read), so that they can be written (read) again, and
// returns how many it was. Rewindable is the most there are.
func (p *PCM) Rewind(n int) (int, error) {
	return p.move("rewinding", n, func() int { return p.lib.rewind(p.h, uintptr(n)) })
}

// Forward passes over up to n frames and returns how many: capture loses them, playback plays what is in the ring there.
func (p *PCM) Forward(n int) (int, error) {
	return p.move("forwarding", n, func() int { return p.lib.forward(p.h, uintptr(n)) })
}

// Rewindable is how many frames Rewind can go back at this moment.
func (p *PCM) Rewindable() (int, error) {
	return p.move("asking how far to rewind", 0, func() int { return p.lib.rewindable(p.h) })
}

// Forwardable is how many frames Forward can pass over at this moment.
func (p *PCM) Forwardable() (int, error) {
	return p.move("asking how far to forward", 0, func() int { return p.lib.forwardable(p.h) })
}

func (p *PCM) move(op string, n int, f func() int) (moved int, err error) {
	if n < 0 || n > maxFrames {
		return 0, p.fail(op, codeEINVAL, "give a number of frames from 0 on")
	}
	err = p.ask(op, func() Code {
		moved = f()
		return Code(min(moved, 0))
	})
	return max(moved, 0), err
}

// Link makes two streams start, stop, pause and prepare as one: what is done to one is done to both. Devices whose Info has CanSyncStart
// then start at the same frame. Both must be prepared and not linked. ENOSYS where the PCMs are plugins that cannot.
//
// An overrun of one stops both: the transfer that sees it prepares both, and what was in both rings is lost.
func Link(p, q *PCM) error {
	if p == q {
		return p.fail("linking", codeEINVAL, "give two PCMs")
	}
	first, second := p, q
	if before(q, p) {
		first, second = q, p
	}
	first.call.Lock()
	defer first.call.Unlock()
	second.call.Lock()
	defer second.call.Unlock()
	if p.h == nil || q.h == nil {
		return p.fail("linking", ErrClosed, "")
	}
	said := p.lib.listen()
	code := p.lib.link(p.h, q.h)
	return p.check("linking with "+q.dir.String()+" of "+q.name, code, said())
}

// Unlink makes the stream stand alone again.
func (p *PCM) Unlink() error {
	return p.change("unlinking", func() Code { return p.lib.unlink(p.h) })
}
