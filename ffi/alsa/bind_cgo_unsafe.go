//go:build cgo

package alsa

/*
#cgo pkg-config: alsa
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <alsa/asoundlib.h>

// What alsa-lib says on this thread while pg_listen is on. snd_lib_error_set_local is per thread too.
static __thread char pg_text[512];

static void pg_hear(const char *file, int line, const char *function, int err, const char *fmt, va_list arg) {
	(void)file; (void)line; (void)function;
	size_t n = strlen(pg_text);
	if (n > 0 && n + 3 < sizeof pg_text) { memcpy(pg_text + n, "; ", 3); n += 2; }
	vsnprintf(pg_text + n, sizeof pg_text - n, fmt, arg);
	n = strlen(pg_text);
	if (err) snprintf(pg_text + n, sizeof pg_text - n, ": %s", snd_strerror(err));
}

static snd_local_error_handler_t pg_listen(void) {
	pg_text[0] = 0;
	return snd_lib_error_set_local(pg_hear);
}

static const char *pg_said(snd_local_error_handler_t before) {
	snd_lib_error_set_local(before);
	return pg_text;
}

static void pg_tell(snd_local_error_handler_t before, snd_pcm_sframes_t result, char *say, size_t size) {
	const char *text = pg_said(before);
	say[0] = 0;
	if (result < 0) snprintf(say, size, "%s", text);
}

static snd_pcm_sframes_t pg_readi(snd_pcm_t *h, void *b, snd_pcm_uframes_t n, char *say, size_t size) {
	snd_local_error_handler_t before = pg_listen();
	snd_pcm_sframes_t result = snd_pcm_readi(h, b, n);
	pg_tell(before, result, say, size);
	return result;
}

static snd_pcm_sframes_t pg_writei(snd_pcm_t *h, const void *b, snd_pcm_uframes_t n, char *say, size_t size) {
	snd_local_error_handler_t before = pg_listen();
	snd_pcm_sframes_t result = snd_pcm_writei(h, b, n);
	pg_tell(before, result, say, size);
	return result;
}
*/
import "C"

import (
	"runtime"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

type (
	handle   = *C.snd_pcm_t
	hwParams = *C.snd_pcm_hw_params_t
)

// library is libasound as linked.
type library struct{}

func load() (*library, error) { return &library{}, nil }

// listen keeps what alsa-lib says on this thread until the result is called, which returns it.
func (*library) listen() func() string {
	runtime.LockOSThread()
	before := C.pg_listen()
	return func() string {
		defer runtime.UnlockOSThread()
		return C.GoString(C.pg_said(before))
	}
}

func (*library) open(name string, dir Direction) (handle, Code) {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	var h handle
	code := C.snd_pcm_open(&h, s, C.snd_pcm_stream_t(dir), C.SND_PCM_NONBLOCK)
	return h, Code(code)
}

func (*library) close(h handle) Code { return Code(C.snd_pcm_close(h)) }

func (*library) hwNew(h handle) (hwParams, Code) {
	var hw hwParams
	if code := Code(C.snd_pcm_hw_params_malloc(&hw)); code < 0 {
		return nil, code
	}
	if code := Code(C.snd_pcm_hw_params_any(h, hw)); code < 0 {
		C.snd_pcm_hw_params_free(hw)
		return nil, code
	}
	return hw, 0
}

func (*library) hwFree(hw hwParams) { C.snd_pcm_hw_params_free(hw) }

func (*library) hwSetInterleaved(h handle, hw hwParams) Code {
	return Code(C.snd_pcm_hw_params_set_access(h, hw, C.SND_PCM_ACCESS_RW_INTERLEAVED))
}

func (*library) hwSetFormat(h handle, hw hwParams, f Format) Code {
	return Code(C.snd_pcm_hw_params_set_format(h, hw, C.snd_pcm_format_t(f)-1))
}

func (*library) hwTestFormat(h handle, hw hwParams, f Format) Code {
	return Code(C.snd_pcm_hw_params_test_format(h, hw, C.snd_pcm_format_t(f)-1))
}

func (*library) hwChannels(hw hwParams) (lo, hi uint32, code Code) {
	var a, b C.uint
	code = min(Code(C.snd_pcm_hw_params_get_channels_min(hw, &a)), Code(C.snd_pcm_hw_params_get_channels_max(hw, &b)))
	return uint32(a), uint32(b), code
}

func (*library) hwSetChannels(h handle, hw hwParams, n uint32) Code {
	return Code(C.snd_pcm_hw_params_set_channels(h, hw, C.uint(n)))
}

func (*library) hwRates(hw hwParams) (lo, hi uint32, code Code) {
	var a, b C.uint
	var dir C.int
	code = min(Code(C.snd_pcm_hw_params_get_rate_min(hw, &a, &dir)), Code(C.snd_pcm_hw_params_get_rate_max(hw, &b, &dir)))
	return uint32(a), uint32(b), code
}

func (*library) hwSetRate(h handle, hw hwParams, rate uint32) Code {
	return Code(C.snd_pcm_hw_params_set_rate(h, hw, C.uint(rate), 0))
}

func (*library) hwSetRateNear(h handle, hw hwParams, rate uint32) (uint32, Code) {
	r, dir := C.uint(rate), C.int(0)
	code := C.snd_pcm_hw_params_set_rate_near(h, hw, &r, &dir)
	return uint32(r), Code(code)
}

func (*library) hwSetPeriodNear(h handle, hw hwParams, frames int) (int, Code) {
	n, dir := C.snd_pcm_uframes_t(frames), C.int(0)
	code := C.snd_pcm_hw_params_set_period_size_near(h, hw, &n, &dir)
	return int(n), Code(code)
}

func (*library) hwSetBufferNear(h handle, hw hwParams, frames int) (int, Code) {
	n := C.snd_pcm_uframes_t(frames)
	code := C.snd_pcm_hw_params_set_buffer_size_near(h, hw, &n)
	return int(n), Code(code)
}

func (*library) hwApply(h handle, hw hwParams) Code { return Code(C.snd_pcm_hw_params(h, hw)) }

func (*library) hwCurrent(hw hwParams) (Config, Code) {
	var rate, channels C.uint
	var format C.snd_pcm_format_t
	var period, buffer C.snd_pcm_uframes_t
	var dir C.int
	code := min(Code(C.snd_pcm_hw_params_get_rate(hw, &rate, &dir)), Code(C.snd_pcm_hw_params_get_channels(hw, &channels)),
		Code(C.snd_pcm_hw_params_get_format(hw, &format)), Code(C.snd_pcm_hw_params_get_period_size(hw, &period, &dir)),
		Code(C.snd_pcm_hw_params_get_buffer_size(hw, &buffer)))
	return Config{Rate: int(rate), Channels: int(channels), Format: Format(format + 1), Period: int(period), Buffer: int(buffer)}, code
}

func (*library) swApply(h handle, start, wake int) Code {
	var sw *C.snd_pcm_sw_params_t
	if code := Code(C.snd_pcm_sw_params_malloc(&sw)); code < 0 {
		return code
	}
	defer C.snd_pcm_sw_params_free(sw)
	return min(Code(C.snd_pcm_sw_params_current(h, sw)),
		Code(C.snd_pcm_sw_params_set_start_threshold(h, sw, C.snd_pcm_uframes_t(start))),
		Code(C.snd_pcm_sw_params_set_avail_min(h, sw, C.snd_pcm_uframes_t(wake))),
		Code(C.snd_pcm_sw_params(h, sw)))
}

// readi fills b, which holds at least that many frames and is not empty. say gets what alsa-lib says about a negative result,
// ended by a zero byte.
func (*library) readi(h handle, b []byte, frames int, say []byte) int {
	return int(C.pg_readi(h, unsafe.Pointer(&b[0]), C.snd_pcm_uframes_t(frames), (*C.char)(unsafe.Pointer(&say[0])), C.size_t(len(say))))
}

// writei plays b, which holds at least that many frames and is not empty. say gets what alsa-lib says about a negative result,
// ended by a zero byte.
func (*library) writei(h handle, b []byte, frames int, say []byte) int {
	return int(C.pg_writei(h, unsafe.Pointer(&b[0]), C.snd_pcm_uframes_t(frames), (*C.char)(unsafe.Pointer(&say[0])), C.size_t(len(say))))
}

func (*library) nonblock(h handle, on int32) Code { return Code(C.snd_pcm_nonblock(h, C.int(on))) }
func (*library) prepare(h handle) Code            { return Code(C.snd_pcm_prepare(h)) }
func (*library) resume(h handle) Code             { return Code(C.snd_pcm_resume(h)) }
func (*library) drop(h handle) Code               { return Code(C.snd_pcm_drop(h)) }
func (*library) drain(h handle) Code              { return Code(C.snd_pcm_drain(h)) }
func (*library) state(h handle) State             { return State(C.snd_pcm_state(h)) }
func (*library) avail(h handle) int               { return int(C.snd_pcm_avail(h)) }

func (*library) delay(h handle) (int, Code) {
	var n C.snd_pcm_sframes_t
	code := C.snd_pcm_delay(h, &n)
	return int(n), Code(code)
}

func (*library) pollCount(h handle) int { return int(C.snd_pcm_poll_descriptors_count(h)) }

func (*library) pollDescriptors(h handle, fds []sys.PollFD) int {
	return int(C.snd_pcm_poll_descriptors(h, (*C.struct_pollfd)(unsafe.Pointer(&fds[0])), C.uint(len(fds))))
}

// pollRevents turns what poll(2) found in fds into one set of events.
func (*library) pollRevents(h handle, fds []sys.PollFD, events *uint16) Code {
	return Code(C.snd_pcm_poll_descriptors_revents(h, (*C.struct_pollfd)(unsafe.Pointer(&fds[0])), C.uint(len(fds)), (*C.ushort)(unsafe.Pointer(events))))
}

func (*library) hints() ([]hint, Code) {
	iface := C.CString("pcm")
	defer C.free(unsafe.Pointer(iface))
	var list *unsafe.Pointer
	if code := Code(C.snd_device_name_hint(-1, iface, &list)); code < 0 {
		return nil, code
	}
	defer C.snd_device_name_free_hint(list)
	get := func(entry unsafe.Pointer, id string) string {
		name := C.CString(id)
		defer C.free(unsafe.Pointer(name))
		s := C.snd_device_name_get_hint(entry, name)
		defer C.free(unsafe.Pointer(s))
		return C.GoString(s)
	}
	var all []hint
	for at := list; *at != nil; at = (*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(at), unsafe.Sizeof(*at))) {
		all = append(all, hint{get(*at, "NAME"), get(*at, "DESC"), get(*at, "IOID")})
	}
	return all, 0
}
