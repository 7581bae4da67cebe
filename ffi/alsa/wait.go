package alsa

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/poolgen/poolgen/internal/sys"
)

// ControlError is a failure of one control or mixer.
type ControlError struct {
	Name string // as given to OpenControl or OpenMixer
	Op   string // what was tried, with the value that was wrong
	Mend string // what to do about it, may be empty
	Lib  string // what alsa-lib said about it, may be empty
	Err  error  // a Code, or the reason that a wait ended
}

func (e *ControlError) Error() string {
	return describe(fmt.Sprintf("control %q: %s", e.Name, e.Op), e.Err, e.Mend, e.Lib)
}

func (e *ControlError) Unwrap() error { return e.Err }

// desk is what controls and mixers have in common: one call of alsa-lib at a time, and a wait that Close ends.
type desk struct {
	lib  *library
	name string

	closed atomic.Bool

	io   sync.Mutex // held over a wait; taken before call
	wake *sys.Event
	fds  []sys.PollFD

	call sync.Mutex
}

func (d *desk) fail(op string, err error, mend string) error {
	return &ControlError{Name: d.name, Op: op, Mend: mend, Err: err}
}

// check makes an error of a negative code.
func (d *desk) check(op string, code Code) error {
	if code >= 0 {
		return nil
	}
	return d.fail(op, code, controlMend(code))
}

// controlMend says what to do when a control fails.
func controlMend(code Code) string {
	switch code {
	case codeENODEV:
		return "the card is gone: close the control, and open it again when the card is back"
	case codeEPERM, codeEACCES:
		return "another program has locked the element, or it is read-only"
	case codeENOENT, codeENXIO:
		return "there is no such element: Elements lists them"
	case codeEBUSY:
		return "another program owns the element"
	}
	return ""
}

// opening runs f, which opens the control, and puts what alsa-lib says meanwhile into its error.
func (d *desk) opening(f func() error) error {
	if indexNUL(d.name) {
		return d.fail("opening", codeEINVAL, "the name holds a zero byte")
	}
	lib, err := load()
	if err != nil {
		return d.fail("opening", err, "")
	}
	d.lib = lib
	if d.wake, err = sys.NewEvent(); err != nil {
		return d.fail("making an eventfd", err, "raise the limit of open files (ulimit -n)")
	}
	said := lib.listen()
	err = f()
	text := said()
	if err == nil {
		return nil
	}
	_ = d.wake.Close()
	if e := (*ControlError)(nil); errors.As(err, &e) {
		e.Lib = text
	}
	return err
}

// watch makes fds, which are alsa-lib's with room for one more, what a wait polls.
func (d *desk) watch(fds []sys.PollFD, code Code) error {
	if code < 0 {
		return d.check("listing descriptors", code)
	}
	fds[len(fds)-1] = sys.PollFD{Fd: int32(d.wake.FD()), Events: sys.PollIn}
	d.fds = fds
	return nil
}

// begin takes the right to call alsa-lib; the caller unlocks d.call if it got no error.
func (d *desk) begin(op string) error {
	d.call.Lock()
	if d.closed.Load() {
		d.call.Unlock()
		return d.fail(op, ErrClosed, "")
	}
	return nil
}

// wait calls next, with call held, until it says that there is something, and polls meanwhile.
func (d *desk) wait(ctx context.Context, op string, next func() (bool, Code)) error {
	if !d.io.TryLock() {
		if d.closed.Load() {
			return d.fail(op, ErrClosed, "")
		}
		return d.fail(op, ErrBusy, "")
	}
	defer d.io.Unlock()
	defer context.AfterFunc(ctx, d.wake.Signal)()
	for {
		if ctx.Err() != nil {
			return d.fail(op, context.Cause(ctx), "")
		}
		if err := d.begin(op); err != nil {
			return err
		}
		found, code := next()
		d.call.Unlock()
		if found {
			return nil
		}
		if code < 0 && code != codeEAGAIN && code != codeEINTR {
			return d.check(op, code)
		}
		if _, err := sys.Poll(d.fds, -1); err != nil {
			return d.fail(op, err, "")
		}
		last := len(d.fds) - 1
		if d.fds[last].Revents != 0 {
			d.wake.Clear()
		}
		for _, fd := range d.fds[:last] {
			if fd.Revents&(sys.PollErr|sys.PollHangup|sys.PollInvalid) != 0 {
				return d.check(op, codeENODEV)
			}
		}
	}
}

// end is Close: free frees what alsa-lib has, once.
func (d *desk) end(free func() Code) error {
	if d.closed.Swap(true) {
		return nil
	}
	d.wake.Signal()
	d.io.Lock()
	defer d.io.Unlock()
	d.call.Lock()
	defer d.call.Unlock()
	code := free()
	err := d.wake.Close()
	if code < 0 {
		return d.check("closing", code)
	}
	if err != nil {
		return d.fail("closing the eventfd", err, "")
	}
	return nil
}
