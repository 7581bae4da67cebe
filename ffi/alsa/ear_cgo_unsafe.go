//go:build cgo

package alsa

/*
#cgo pkg-config: alsa
#include <stdarg.h>
#include <stdio.h>
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

static snd_pcm_sframes_t pg_do(int kind, snd_pcm_t *h, void *b, snd_pcm_uframes_t n, snd_pcm_uframes_t at) {
	switch (kind) {
	case 0: return snd_pcm_readi(h, b, n);
	case 1: return snd_pcm_writei(h, b, n);
	case 2: return snd_pcm_readn(h, b, n);
	case 3: return snd_pcm_writen(h, b, n);
	case 4: return snd_pcm_mmap_readi(h, b, n);
	case 5: return snd_pcm_mmap_writei(h, b, n);
	case 6: return snd_pcm_mmap_readn(h, b, n);
	case 7: return snd_pcm_mmap_writen(h, b, n);
	}
	return snd_pcm_mmap_commit(h, at, n);
}

static snd_pcm_sframes_t pg_move(int kind, snd_pcm_t *h, void *b, snd_pcm_uframes_t n, snd_pcm_uframes_t at, char *say, size_t size) {
	snd_local_error_handler_t before = pg_listen();
	snd_pcm_sframes_t result = pg_do(kind, h, b, n, at);
	const char *text = pg_said(before);
	say[0] = 0;
	if (result < 0) snprintf(say, size, "%s", text);
	return result;
}
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// ear collects what alsa-lib says on threads that listen.
type ear struct{}

// openLibrary is libasound as linked.
func openLibrary() (*library, error) {
	return &library{&streamCallsC{}, &paramCallsC{}, &controlCallsC{}, &mixerCallsC{}, &ear{}}, nil
}

// listen keeps what alsa-lib says on this thread until the result is called, which returns it.
func (*ear) listen() func() string {
	runtime.LockOSThread()
	before := C.pg_listen()
	return func() string {
		defer runtime.UnlockOSThread()
		return C.GoString(C.pg_said(before))
	}
}

// move moves frames from or to b, which has room for them, or commits a region at that offset. c gets what alsa-lib says about a
// negative result.
func (*library) move(k kind, h handle, b ptr, frames int, at uintptr, c *scratch) int {
	return int(C.pg_move(C.int(k), (*C.snd_pcm_t)(h), b, C.snd_pcm_uframes_t(frames), C.snd_pcm_uframes_t(at), (*C.char)(unsafe.Pointer(&c.say[0])), C.size_t(len(c.say))))
}
