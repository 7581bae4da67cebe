//go:build !cgo

package alsa

import (
	"errors"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/dl"
)

// ear collects what alsa-lib says on threads that listen.
type ear struct {
	call     dl.Caller
	setLocal uintptr // snd_local_error_handler_t snd_lib_error_set_local(snd_local_error_handler_t)
	format   uintptr // int vsnprintf(char *, size_t, const char *, va_list)
	address  uintptr // of the C function that calls hear

	mu    sync.Mutex
	heard map[int]string // by thread, what was said since attend; absent: nothing
}

func newEar(so *dl.Lib) (*ear, error) {
	e := &ear{heard: map[int]string{}}
	// A Go function as argument becomes a C function that is never freed, so it is passed once, and its address read back.
	var set func(handler func(file uintptr, line int32, function uintptr, code int32, format, args uintptr)) uintptr
	err := so.Func(&set, "snd_lib_error_set_local")
	if err != nil {
		return nil, err
	}
	if e.setLocal, err = so.Sym("snd_lib_error_set_local"); err != nil {
		return nil, err
	}
	if e.format, err = so.Sym("vsnprintf"); err != nil { // of the C library that libasound depends on
		return nil, err
	}
	runtime.LockOSThread() // the handler is the thread's
	defer runtime.UnlockOSThread()
	before := set(e.hear)
	e.address = e.call.Call(e.setLocal, before, 0, 0, 0, 0, 0, 0, 0)
	return e, nil
}

// hear is snd_local_error_handler_t. A va_list parameter is one machine word on every target: the list itself on arm and 386,
// a pointer to it on amd64 and arm64. vsnprintf takes the same word.
func (e *ear) hear(_ uintptr, _ int32, _ uintptr, code int32, format, args uintptr) {
	buf := make([]byte, 512)
	n := int32(e.call.Call(e.format, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), format, args, 0, 0, 0, 0))
	if n <= 0 {
		return
	}
	text := string(buf[:min(int(n), len(buf)-1)])
	if code != 0 {
		text += ": " + Code(min(code, -code)).Error() // plugins pass an errno of either sign
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	thread := syscall.Gettid()
	if before := e.heard[thread]; before != "" {
		text = before + "; " + text
	}
	e.heard[thread] = text
}

// attend keeps the goroutine on its thread, and what alsa-lib says there, until leave, which takes attend's result.
func (e *ear) attend() uintptr {
	runtime.LockOSThread()
	return e.call.Call(e.setLocal, e.address, 0, 0, 0, 0, 0, 0, 0)
}

// leave returns what was said since attend.
func (e *ear) leave(before uintptr) string {
	e.call.Call(e.setLocal, before, 0, 0, 0, 0, 0, 0, 0)
	defer runtime.UnlockOSThread()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.heard) == 0 {
		return ""
	}
	thread := syscall.Gettid()
	text := e.heard[thread]
	delete(e.heard, thread)
	return text
}

// listen keeps what alsa-lib says on this thread until the result is called, which returns it.
func (e *ear) listen() func() string {
	before := e.attend()
	return func() string { return e.leave(before) }
}

// move moves frames from or to b, which has room for them, or commits a region at that offset. c gets what alsa-lib says about a
// negative result.
func (l *library) move(k kind, h handle, b ptr, frames int, at uintptr, c *scratch) int {
	before := l.attend()
	n := l.do(k, h, b, uintptr(frames), at)
	text := l.leave(before)
	if n >= 0 {
		text = ""
	}
	c.say[copy(c.say[:len(c.say)-1], text)] = 0
	return n
}

func (l *library) do(k kind, h handle, b ptr, n, at uintptr) int {
	switch k {
	case moveReadI:
		return l.readi(h, b, n)
	case moveWriteI:
		return l.writei(h, b, n)
	case moveReadN:
		return l.readn(h, (*ptr)(b), n)
	case moveWriteN:
		return l.writen(h, (*ptr)(b), n)
	case moveMmapReadI:
		return l.mmapReadi(h, b, n)
	case moveMmapWriteI:
		return l.mmapWritei(h, b, n)
	case moveMmapReadN:
		return l.mmapReadn(h, (*ptr)(b), n)
	case moveMmapWriteN:
		return l.mmapWriten(h, (*ptr)(b), n)
	}
	return l.mmapCommit(h, at, n)
}

// openLibrary is libasound as loaded.
func openLibrary() (*library, error) {
	return loadFrom(libasound())
}

func libasound() dl.Library {
	return dl.Library{Sonames: []string{"libasound.so.2"}, Package: "libasound2"}
}

func loadFrom(name dl.Library) (*library, error) {
	so, err := dl.Open(name)
	if err != nil {
		return nil, err
	}
	l := &library{}
	var errs [5]error
	l.streamCallsC, errs[0] = openStreamCallsFrom(name)
	l.paramCallsC, errs[1] = openParamCallsFrom(name)
	l.controlCallsC, errs[2] = openControlCallsFrom(name)
	l.mixerCallsC, errs[3] = openMixerCallsFrom(name)
	l.ear, errs[4] = newEar(so)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return l, nil
}
