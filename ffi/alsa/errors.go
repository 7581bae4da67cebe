package alsa

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

var (
	// ErrClosed ends what is called on, or waits in, a PCM, control or mixer that was closed.
	ErrClosed = errors.New("the device is closed")
	// ErrDropped ends a transfer that waits when Drop stops its stream.
	ErrDropped = errors.New("the stream was stopped by Drop")
	// ErrBusy refuses a second transfer, drain or wait while one runs.
	ErrBusy = errors.New("another goroutine transfers or waits on the device: let one goroutine do it")
)

// Code is an error code of alsa-lib: a negative errno, or a negative code of its own beyond -500000. errors.Is matches it
// with the errno.
type Code int32

// Codes of alsa-lib's own, from alsa/error.h (SND_ERROR_BEGIN is 500000).
const (
	CodeIncompatibleVersion Code = -500000
	CodeLispNil             Code = -500001
)

const (
	codeENOENT   = -Code(syscall.ENOENT)
	codeEINTR    = -Code(syscall.EINTR)
	codeEIO      = -Code(syscall.EIO)
	codeEAGAIN   = -Code(syscall.EAGAIN)
	codeENOMEM   = -Code(syscall.ENOMEM)
	codeEACCES   = -Code(syscall.EACCES)
	codeEPERM    = -Code(syscall.EPERM)
	codeEBUSY    = -Code(syscall.EBUSY)
	codeENODEV   = -Code(syscall.ENODEV)
	codeENXIO    = -Code(syscall.ENXIO)
	codeEINVAL   = -Code(syscall.EINVAL)
	codeENOSPC   = -Code(syscall.ENOSPC)
	codeEPIPE    = -Code(syscall.EPIPE)
	codeEBADFD   = -Code(syscall.EBADFD)
	codeESTRPIPE = -Code(syscall.ESTRPIPE)
)

func (c Code) Error() string {
	switch {
	case c == CodeIncompatibleVersion:
		return "incompatible version of a plugin or of the kernel's interface"
	case c == CodeLispNil:
		return "a hook's script returned nil"
	case c == codeEPIPE:
		return "overrun or underrun (broken pipe)"
	case c == codeESTRPIPE:
		return "the device is suspended (streams pipe error)"
	case c < 0 && c > CodeIncompatibleVersion:
		return syscall.Errno(-c).Error()
	}
	return fmt.Sprintf("unknown alsa-lib code %d", int32(c))
}

// Unwrap is the errno, nil for alsa-lib's own codes.
func (c Code) Unwrap() error {
	if c < 0 && c > CodeIncompatibleVersion {
		return syscall.Errno(-c)
	}
	return nil
}

// Error is a failure of one PCM.
type Error struct {
	PCM  string    // its name as given to Open
	Dir  Direction // which side of it
	Op   string    // what was tried, with the value that was wrong: "setting rate 44100"
	Mend string    // what to do about it, may be empty
	Lib  string    // what alsa-lib said about it, may be empty
	Err  error     // a Code, or the reason that the transfer ended
}

func (e *Error) Error() string {
	return describe(fmt.Sprintf("%s of PCM %q: %s", e.Dir, e.PCM, e.Op), e.Err, e.Mend, e.Lib)
}

// describe puts the text of an error together; mend and lib may be empty.
func describe(what string, err error, mend, lib string) string {
	s := fmt.Sprintf("%s: %v", what, err)
	if mend != "" {
		s += ": " + mend
	}
	if lib != "" {
		s += " (alsa-lib: " + lib + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// fail makes the error of an operation on p.
func (p *PCM) fail(op string, err error, mend string) error {
	return &Error{PCM: p.name, Dir: p.dir, Op: op, Mend: mend, Err: err}
}

// openMend says what to do when a PCM cannot be opened.
func openMend(name string, code Code) string {
	card, ok := strings.CutPrefix(strings.TrimPrefix(name, "plug"), "hw:")
	switch code {
	case codeENOENT, codeENODEV, codeENXIO:
		if ok || name == "default" || name == "sysdefault" || strings.HasPrefix(name, "sysdefault:") {
			if !ok {
				card = "by default"
			}
			return fmt.Sprintf("no such sound card (%s): load its driver or plug it in; cat /proc/asound/cards and Devices list what there is", card)
		}
		if code != codeENOENT {
			return "the PCM's definition names a plugin or a device that is not there (package libasound2-plugins has more plugins)"
		}
		return "no PCM of this name: define it in asound.conf, or take one that Devices lists"
	case codeEBUSY:
		return "another program holds the device: end it, or open a PCM that mixes, such as default or dmix"
	case codeEACCES, codeEPERM:
		return "no permission: add the user to the group audio"
	case codeEINVAL:
		return "the PCM's definition in asound.conf is wrong, or it has no such direction"
	case CodeIncompatibleVersion:
		return "build the plugin for this libasound"
	}
	return ""
}

// transferMend says what to do when a running stream fails.
func transferMend(code Code) string {
	switch code {
	case codeENODEV, codeENXIO:
		return "the device is gone: close the PCM, and open it again when the device is back"
	case codeENOSPC:
		return "the disk behind the PCM is full"
	case codeEIO:
		return "the device failed or stopped answering: close the PCM and open it again"
	}
	return ""
}
