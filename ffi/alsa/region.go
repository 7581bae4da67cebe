package alsa

import (
	"context"
	"errors"
	"fmt"

	"github.com/poolgen/poolgen/runtime/pool"
)

// ErrRegion refuses a region that was committed before, and a second one while one is out.
var ErrRegion = errors.New("the region is committed, or another is out: commit each once, before the next Begin")

// region is the part of the ring that is out.
type region struct {
	held           bool
	lease          uint32 // counts regions, so that a stale Region is known
	areas          []area // alsa-lib's
	offset, frames int
	done           func() // released; made once, so that Lease does not allocate
	err            error  // of a commit by the last release of a Lease
}

// Region is a lease on frames of the device's own ring, from Begin to Commit. It is a value; copies are the same lease. Its memory may be
// read and written only until Commit: a method called later panics, and a slice kept until later shows what the device does next.
type Region struct {
	p      *PCM
	lease  uint32
	frames int
}

// Begin waits until the device has frames for the program, as Config.WakeAt has it, and lends up to want of them where they lie in its ring, without a
// copy: capture shows what was captured, playback is to be filled. They may be fewer than want, because the ring ends there or because
// there are no more yet; never 0. The PCM must have one of the MMap accesses. Other transfers are refused with ErrBusy until Commit.
//
// Overruns, underruns and suspends are recovered and counted. Errors are those of Read.
func (p *PCM) Begin(ctx context.Context, want int) (Region, error) {
	const op = "lending a region"
	if !p.cfg.Access.MMap() {
		return Region{}, p.fail(op, codeEINVAL, fmt.Sprintf("the access is %v: open the PCM with MMapInterleaved", p.cfg.Access))
	}
	if want <= 0 || want > maxFrames {
		return Region{}, p.fail(fmt.Sprintf("%s of %d frames", op, want), codeEINVAL, "give at least 1, normally a period")
	}
	if err := p.begin(ctx); err != nil {
		return Region{}, p.fail(op, err, "")
	}
	r, err := p.lend(ctx, want)
	if err != nil {
		p.io.Unlock()
	}
	return r, err
}

// lend is Begin with io held.
func (p *PCM) lend(ctx context.Context, want int) (Region, error) {
	if p.stopped.Swap(false) {
		if err := p.prepare(); err != nil {
			return Region{}, err
		}
	}
	for idle, recovered := 0, 0; ; {
		if err := p.interrupted(ctx); err != nil {
			return Region{}, p.fail("lending a region", err, "")
		}
		n := p.take(min(want, p.cfg.Buffer))
		if n > 0 {
			return Region{p, p.out.lease, n}, nil
		}
		var err error
		if code := Code(n); code == 0 || code == codeEAGAIN {
			idle++
			err = p.wait(idle)
		} else if recovered++; recovered > recoverLimit {
			err = p.tired(code)
		} else {
			err = p.recover(ctx, code)
		}
		if err != nil {
			return Region{}, err
		}
	}
}

// take makes p.out of up to want frames if the device has a wake-up's worth of them: how many, 0, or a negative code.
func (p *PCM) take(want int) int {
	p.call.Lock()
	defer p.call.Unlock()
	if p.closed.Load() {
		return 0 // the loop says so
	}
	l, c := p.lib, p.c
	c.say[0] = 0
	n := l.availUpdate(p.h)
	if n < 0 {
		return n
	}
	if p.dir == Capture && p.cfg.StartAt != Never || n == 0 {
		if code := p.startIfDue(n, want); code < 0 {
			return int(code)
		}
	}
	if n < min(want, p.cfg.WakeAt) {
		// Not every device says so by the number. The rest of a stream that runs no more is less than a wake-up.
		switch state := l.state(p.h); {
		case state == StateXrun:
			return int(codeEPIPE)
		case state == StateSuspended:
			return int(codeESTRPIPE)
		case state == StateDisconnected:
			return int(codeENODEV)
		case state == StateSetup:
			return int(codeEBADFD)
		case n == 0, state == StateRunning:
			return 0
		}
	}
	c.frames, c.offset = uintptr(want), 0
	if code := l.mmapBegin(p.h, &c.areas, &c.offset, &c.frames); code < 0 {
		return int(code)
	}
	frames := min(int(c.frames), want, n)
	if frames <= 0 || c.areas == nil {
		return 0
	}
	r := &p.out
	r.areas = areasAt(c.areas, p.cfg.Channels)
	r.offset, r.frames, r.held = int(c.offset), frames, true
	r.lease++
	return frames
}

// startIfDue starts a stream that is prepared and has reached its start threshold, which alsa-lib does only for its own transfers.
func (p *PCM) startIfDue(avail, want int) Code {
	if p.cfg.StartAt == Never || p.lib.state(p.h) != StatePrepared {
		return 0
	}
	if due := max(want, p.cfg.WakeAt); p.dir == Playback && p.cfg.Buffer-avail < p.cfg.StartAt || p.dir == Capture && due < p.cfg.StartAt {
		return 0
	}
	return p.lib.start(p.h)
}

// tired is the error of a stream that gives no frame however often it is restarted.
func (p *PCM) tired(code Code) error {
	return p.fail(fmt.Sprintf("recovering %d times without a frame", recoverLimit), code, "the program or the device is too slow: ask for longer periods and a larger buffer")
}

// Frames is how many frames the region has.
func (r Region) Frames() int { return r.frames }

// open panics if the lease has ended. The memory of areas stays mapped until Commit, also after Close.
func (r Region) open() *region {
	r.p.call.Lock()
	defer r.p.call.Unlock()
	if o := &r.p.out; o.held && o.lease == r.lease {
		return o
	}
	panic(fmt.Sprintf("alsa: region %d of %s of PCM %q was used after Commit", r.lease, r.p.dir, r.p.name))
}

// Bytes is the region's memory in the device's ring, valid until Commit: whole frames. It is nil where frames do not lie whole, as with
// MMapPlanar: use Channel.
func (r Region) Bytes() []byte {
	o := r.open()
	sample := r.p.frame / len(o.areas)
	for i, a := range o.areas {
		if a.addr != o.areas[0].addr || int(a.step) != r.p.frame*8 || int(a.first) != int(o.areas[0].first)+i*sample*8 {
			return nil
		}
	}
	b, _ := o.areas[0].span(o.offset, o.frames, r.p.frame)
	return b
}

// Channel is the memory of one channel, counted from 0, valid until Commit: b begins with the channel's first sample and ends with its last; step
// is the bytes from the beginning of one sample to that of the next. With MMapPlanar b has nothing but the channel's samples.
func (r Region) Channel(i int) (b []byte, step int) {
	o := r.open()
	return o.areas[i].span(o.offset, o.frames, r.p.frame/len(o.areas))
}

// Commit ends the lease and gives the first n frames back to the device: played, or read; 0 gives up the region, whose
// frames then come with the next Begin. It returns how many the device took. A playback stream starts when Config.StartAt is reached.
//
// Errors are *Error: EPIPE or ESTRPIPE when the stream stopped meanwhile, so that the region's frames are lost, or overwritten in capture; it is
// recovered and counted, and the next Begin works. ErrClosed after Close, ErrDropped after Drop, ErrRegion after another Commit.
func (r Region) Commit(n int) (int, error) {
	p := r.p
	if p == nil {
		return 0, ErrRegion
	}
	if n < 0 || n > r.frames {
		return 0, p.fail(fmt.Sprintf("committing %d frames", n), codeEINVAL, fmt.Sprintf("the region has %d frames: give at most that", r.frames))
	}
	p.call.Lock()
	o := &p.out
	if !o.held || o.lease != r.lease {
		p.call.Unlock()
		return 0, p.fail("committing", ErrRegion, "")
	}
	defer p.io.Unlock() // held since Begin
	defer p.call.Unlock()
	o.held, o.areas = false, nil
	if p.closed.Load() {
		if err := p.finish(); err != nil {
			return 0, err
		}
		return 0, p.fail("committing", ErrClosed, "")
	}
	if p.stopped.Load() {
		return 0, p.fail("committing", ErrDropped, "")
	}
	if n == 0 {
		return 0, nil
	}
	got := p.lib.move(moveCommit, p.h, nil, n, uintptr(o.offset), p.c)
	if got < 0 {
		return 0, p.lost(Code(got))
	}
	// A kernel's device takes frames after the stream has stopped, too.
	if state := p.lib.state(p.h); state == StateXrun || state == StateSuspended || state == StateDisconnected {
		return 0, p.lost(codeEPIPE)
	}
	p.frames.Add(uint64(got))
	if got < n {
		p.shorts.Add(1)
	}
	p.transfers.Add(1)
	if p.dir == Playback {
		if avail := p.lib.availUpdate(p.h); avail >= 0 {
			if code := p.startIfDue(avail, 0); code < 0 {
				return got, p.fail("starting", code, transferMend(code))
			}
		}
	}
	return got, nil
}

// lost recovers a stream that stopped while a region was out. The caller holds call.
func (p *PCM) lost(code Code) error {
	said, state := p.c.said(), p.lib.state(p.h)
	switch {
	case state == StateDisconnected:
		code = codeENODEV
	case code == codeESTRPIPE, state == StateSuspended:
		code = codeESTRPIPE // the next Begin resumes and counts
	case code == codeEPIPE, state == StateXrun:
		code = codeEPIPE
		p.xruns.Add(1)
		p.stopped.Store(p.lib.prepare(p.h) < 0)
	}
	return p.check("committing", code, said)
}

// Lease is Begin with a buffer of pool in place of a Region: an external block of it, whose memory is the device's. Its last Release commits the
// whole region, so that it can go wherever buffers go; a handle used after that is caught as with every buffer. pool needs a free slot
// (pool.Options.External). The error of that commit comes with the next Lease. Only interleaved access has it.
func (p *PCM) Lease(ctx context.Context, frames *pool.Pool, want int) (pool.Buf, error) {
	r, err := p.Begin(ctx, want)
	if err != nil {
		return pool.Buf{}, err
	}
	p.call.Lock()
	err, p.out.err = p.out.err, nil
	p.call.Unlock()
	if err != nil {
		_, _ = r.Commit(0)
		return pool.Buf{}, err
	}
	b := r.Bytes()
	if b == nil {
		_, _ = r.Commit(0)
		return pool.Buf{}, p.fail("lending a region", codeEINVAL, "frames do not lie whole in the device's ring: open the PCM with MMapInterleaved")
	}
	buf, err := externalBuf(frames, b, p.out.done)
	if err != nil {
		_, _ = r.Commit(0)
	}
	return buf, err
}

// released commits the region of a Lease.
func (p *PCM) released() {
	p.call.Lock()
	r := Region{p, p.out.lease, p.out.frames}
	p.call.Unlock()
	_, err := r.Commit(r.frames)
	p.call.Lock()
	if p.out.err == nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrDropped) {
		p.out.err = err
	}
	p.call.Unlock()
}
