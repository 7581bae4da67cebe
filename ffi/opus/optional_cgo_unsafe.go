//go:build cgo

package opus

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <stdint.h>
#include <opus_types.h>

#cgo noescape call_projectionEncoderInit
#cgo nocallback call_projectionEncoderInit
#cgo noescape call_projectionEncode
#cgo nocallback call_projectionEncode
#cgo noescape call_projectionEncodeFloat
#cgo nocallback call_projectionEncodeFloat
#cgo noescape call_projectionEncoderSet
#cgo nocallback call_projectionEncoderSet
#cgo noescape call_projectionEncoderGet
#cgo nocallback call_projectionEncoderGet
#cgo noescape call_projectionEncoderAt
#cgo nocallback call_projectionEncoderAt
#cgo noescape call_projectionEncoderBytes
#cgo nocallback call_projectionEncoderBytes
#cgo noescape call_projectionDecoderInit
#cgo nocallback call_projectionDecoderInit
#cgo noescape call_projectionDecode
#cgo nocallback call_projectionDecode
#cgo noescape call_projectionDecodeFloat
#cgo nocallback call_projectionDecodeFloat
#cgo noescape call_projectionDecoderSet
#cgo nocallback call_projectionDecoderSet
#cgo noescape call_projectionDecoderGet
#cgo nocallback call_projectionDecoderGet
#cgo noescape call_projectionDecoderAt
#cgo nocallback call_projectionDecoderAt
#cgo noescape call_dredDecoderInit
#cgo nocallback call_dredDecoderInit
#cgo noescape call_dredParse
#cgo nocallback call_dredParse
#cgo noescape call_dredDecode
#cgo nocallback call_dredDecode
#cgo noescape call_dredDecodeFloat
#cgo nocallback call_dredDecodeFloat
#cgo noescape call_dredDecoderBytes
#cgo nocallback call_dredDecoderBytes
static int call_projectionEncoderSize(void *fn, int channels, int family) { return ((int (*)(int, int))fn)(channels, family); }
static int call_projectionEncoderInit(void *fn, void *st, opus_int32 rate, int channels, int family, void *streams, void *coupled, int application) { return ((int (*)(void *, opus_int32, int, int, void *, void *, int))fn)(st, rate, channels, family, streams, coupled, application); }
static int call_projectionEncode(void *fn, void *st, void *pcm, int samples, void *data, opus_int32 size) { return ((int (*)(void *, void *, int, void *, opus_int32))fn)(st, pcm, samples, data, size); }
static int call_projectionEncodeFloat(void *fn, void *st, void *pcm, int samples, void *data, opus_int32 size) { return ((int (*)(void *, void *, int, void *, opus_int32))fn)(st, pcm, samples, data, size); }
static int call_projectionEncoderSet(void *fn, void *st, int request, opus_int32 value) { return ((int (*)(void *, int, ...))fn)(st, request, value); }
static int call_projectionEncoderGet(void *fn, void *st, int request, void *value) { return ((int (*)(void *, int, ...))fn)(st, request, value); }
static int call_projectionEncoderAt(void *fn, void *st, int request, opus_int32 index, void *value) { return ((int (*)(void *, int, ...))fn)(st, request, index, value); }
static int call_projectionEncoderBytes(void *fn, void *st, int request, void *data, opus_int32 size) { return ((int (*)(void *, int, ...))fn)(st, request, data, size); }
static int call_projectionDecoderSize(void *fn, int channels, int streams, int coupled) { return ((int (*)(int, int, int))fn)(channels, streams, coupled); }
static int call_projectionDecoderInit(void *fn, void *st, opus_int32 rate, int channels, int streams, int coupled, void *demixing, opus_int32 size) { return ((int (*)(void *, opus_int32, int, int, int, void *, opus_int32))fn)(st, rate, channels, streams, coupled, demixing, size); }
static int call_projectionDecode(void *fn, void *st, void *data, opus_int32 size, void *pcm, int samples, int fec) { return ((int (*)(void *, void *, opus_int32, void *, int, int))fn)(st, data, size, pcm, samples, fec); }
static int call_projectionDecodeFloat(void *fn, void *st, void *data, opus_int32 size, void *pcm, int samples, int fec) { return ((int (*)(void *, void *, opus_int32, void *, int, int))fn)(st, data, size, pcm, samples, fec); }
static int call_projectionDecoderSet(void *fn, void *st, int request, opus_int32 value) { return ((int (*)(void *, int, ...))fn)(st, request, value); }
static int call_projectionDecoderGet(void *fn, void *st, int request, void *value) { return ((int (*)(void *, int, ...))fn)(st, request, value); }
static int call_projectionDecoderAt(void *fn, void *st, int request, opus_int32 index, void *value) { return ((int (*)(void *, int, ...))fn)(st, request, index, value); }
static int call_dredDecoderSize(void *fn) { return ((int (*)(void))fn)(); }
static int call_dredSize(void *fn) { return ((int (*)(void))fn)(); }
static int call_dredDecoderInit(void *fn, void *st) { return ((int (*)(void *))fn)(st); }
static int call_dredParse(void *fn, void *st, void *dred, void *data, opus_int32 size, opus_int32 max, opus_int32 rate, void *end, int deferred) { return ((int (*)(void *, void *, void *, opus_int32, opus_int32, opus_int32, void *, int))fn)(st, dred, data, size, max, rate, end, deferred); }
static int call_dredDecode(void *fn, void *st, void *dred, opus_int32 offset, void *pcm, opus_int32 samples) { return ((int (*)(void *, void *, opus_int32, void *, opus_int32))fn)(st, dred, offset, pcm, samples); }
static int call_dredDecodeFloat(void *fn, void *st, void *dred, opus_int32 offset, void *pcm, opus_int32 samples) { return ((int (*)(void *, void *, opus_int32, void *, opus_int32))fn)(st, dred, offset, pcm, samples); }
static int call_dredDecoderBytes(void *fn, void *st, int request, void *data, opus_int32 size) { return ((int (*)(void *, int, ...))fn)(st, request, data, size); }

static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }
*/
import "C"

import "unsafe"

// optional has the functions that older libraries lack: such a one answers Unimplemented.
type optional struct {
	projectionAmbisonicsEncoderGetSizeFn unsafe.Pointer // int opus_projection_ambisonics_encoder_get_size(int channels, int family)
	projectionAmbisonicsEncoderInitFn    unsafe.Pointer // int opus_projection_ambisonics_encoder_init(OpusProjectionEncoder *st, opus_int32 rate, int channels, int family, int *streams, int *coupled, int application)
	projectionEncodeFn                   unsafe.Pointer // int opus_projection_encode(OpusProjectionEncoder *st, const opus_int16 *pcm, int samples, unsigned char *data, opus_int32 size)
	projectionEncodeFloatFn              unsafe.Pointer // int opus_projection_encode_float(OpusProjectionEncoder *st, const float *pcm, int samples, unsigned char *data, opus_int32 size)
	projectionEncoderCtlFn               unsafe.Pointer // int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	projectionDecoderGetSizeFn           unsafe.Pointer // int opus_projection_decoder_get_size(int channels, int streams, int coupled)
	projectionDecoderInitFn              unsafe.Pointer // int opus_projection_decoder_init(OpusProjectionDecoder *st, opus_int32 rate, int channels, int streams, int coupled, unsigned char *demixing, opus_int32 size)
	projectionDecodeFn                   unsafe.Pointer // int opus_projection_decode(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 size, opus_int16 *pcm, int samples, int fec)
	projectionDecodeFloatFn              unsafe.Pointer // int opus_projection_decode_float(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 size, float *pcm, int samples, int fec)
	projectionDecoderCtlFn               unsafe.Pointer // int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	dredDecoderGetSizeFn                 unsafe.Pointer // int opus_dred_decoder_get_size(void)
	dredGetSizeFn                        unsafe.Pointer // int opus_dred_get_size(void)
	dredDecoderInitFn                    unsafe.Pointer // int opus_dred_decoder_init(OpusDREDDecoder *st)
	dredParseFn                          unsafe.Pointer // int opus_dred_parse(OpusDREDDecoder *st, OpusDRED *dred, const unsigned char *data, opus_int32 size, opus_int32 max, opus_int32 rate, int *end, int deferred)
	decoderDredDecodeFn                  unsafe.Pointer // int opus_decoder_dred_decode(OpusDecoder *st, const OpusDRED *dred, opus_int32 offset, opus_int16 *pcm, opus_int32 samples)
	decoderDredDecodeFloatFn             unsafe.Pointer // int opus_decoder_dred_decode_float(OpusDecoder *st, const OpusDRED *dred, opus_int32 offset, float *pcm, opus_int32 samples)
	dredDecoderCtlFn                     unsafe.Pointer // int opus_dred_decoder_ctl(OpusDREDDecoder *st, int request, ...)
}

func openOptional() (*optional, error) {
	l := &optional{}
	for name, fn := range map[string]*unsafe.Pointer{
		"opus_projection_ambisonics_encoder_get_size": &l.projectionAmbisonicsEncoderGetSizeFn,
		"opus_projection_ambisonics_encoder_init":     &l.projectionAmbisonicsEncoderInitFn,
		"opus_projection_encode":                      &l.projectionEncodeFn,
		"opus_projection_encode_float":                &l.projectionEncodeFloatFn,
		"opus_projection_encoder_ctl":                 &l.projectionEncoderCtlFn,
		"opus_projection_decoder_get_size":            &l.projectionDecoderGetSizeFn,
		"opus_projection_decoder_init":                &l.projectionDecoderInitFn,
		"opus_projection_decode":                      &l.projectionDecodeFn,
		"opus_projection_decode_float":                &l.projectionDecodeFloatFn,
		"opus_projection_decoder_ctl":                 &l.projectionDecoderCtlFn,
		"opus_dred_decoder_get_size":                  &l.dredDecoderGetSizeFn,
		"opus_dred_get_size":                          &l.dredGetSizeFn,
		"opus_dred_decoder_init":                      &l.dredDecoderInitFn,
		"opus_dred_parse":                             &l.dredParseFn,
		"opus_decoder_dred_decode":                    &l.decoderDredDecodeFn,
		"opus_decoder_dred_decode_float":              &l.decoderDredDecodeFloatFn,
		"opus_dred_decoder_ctl":                       &l.dredDecoderCtlFn,
	} {
		s := C.CString(name)
		*fn = C.find(s)
		C.free(unsafe.Pointer(s))
	}
	return l, nil
}

func (l *optional) projectionEncoderSize(channels, family int32) int32 {
	if l.projectionAmbisonicsEncoderGetSizeFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncoderSize(l.projectionAmbisonicsEncoderGetSizeFn, C.int(channels), C.int(family)))
}

func (l *optional) projectionEncoderInit(st unsafe.Pointer, rate, channels, family int32, streams, coupled unsafe.Pointer, application int32) int32 {
	if l.projectionAmbisonicsEncoderInitFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncoderInit(l.projectionAmbisonicsEncoderInitFn, st, C.opus_int32(rate), C.int(channels), C.int(family), streams, coupled, C.int(application)))
}

func (l *optional) projectionEncode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	if l.projectionEncodeFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncode(l.projectionEncodeFn, st, pcm, C.int(samples), data, C.opus_int32(size)))
}

func (l *optional) projectionEncodeFloat(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	if l.projectionEncodeFloatFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncodeFloat(l.projectionEncodeFloatFn, st, pcm, C.int(samples), data, C.opus_int32(size)))
}

func (l *optional) projectionEncoderSet(st unsafe.Pointer, request, value int32) int32 {
	if l.projectionEncoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncoderSet(l.projectionEncoderCtlFn, st, C.int(request), C.opus_int32(value)))
}

func (l *optional) projectionEncoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	if l.projectionEncoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncoderGet(l.projectionEncoderCtlFn, st, C.int(request), value))
}

func (l *optional) projectionEncoderAt(st unsafe.Pointer, request, index int32, value unsafe.Pointer) int32 {
	if l.projectionEncoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncoderAt(l.projectionEncoderCtlFn, st, C.int(request), C.opus_int32(index), value))
}

func (l *optional) projectionEncoderBytes(st unsafe.Pointer, request int32, data unsafe.Pointer, size int32) int32 {
	if l.projectionEncoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionEncoderBytes(l.projectionEncoderCtlFn, st, C.int(request), data, C.opus_int32(size)))
}

func (l *optional) projectionDecoderSize(channels, streams, coupled int32) int32 {
	if l.projectionDecoderGetSizeFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionDecoderSize(l.projectionDecoderGetSizeFn, C.int(channels), C.int(streams), C.int(coupled)))
}

func (l *optional) projectionDecoderInit(st unsafe.Pointer, rate, channels, streams, coupled int32, demixing unsafe.Pointer, size int32) int32 {
	if l.projectionDecoderInitFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionDecoderInit(l.projectionDecoderInitFn, st, C.opus_int32(rate), C.int(channels), C.int(streams), C.int(coupled), demixing, C.opus_int32(size)))
}

func (l *optional) projectionDecode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	if l.projectionDecodeFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionDecode(l.projectionDecodeFn, st, data, C.opus_int32(size), pcm, C.int(samples), C.int(fec)))
}

func (l *optional) projectionDecodeFloat(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	if l.projectionDecodeFloatFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionDecodeFloat(l.projectionDecodeFloatFn, st, data, C.opus_int32(size), pcm, C.int(samples), C.int(fec)))
}

func (l *optional) projectionDecoderSet(st unsafe.Pointer, request, value int32) int32 {
	if l.projectionDecoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionDecoderSet(l.projectionDecoderCtlFn, st, C.int(request), C.opus_int32(value)))
}

func (l *optional) projectionDecoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	if l.projectionDecoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionDecoderGet(l.projectionDecoderCtlFn, st, C.int(request), value))
}

func (l *optional) projectionDecoderAt(st unsafe.Pointer, request, index int32, value unsafe.Pointer) int32 {
	if l.projectionDecoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_projectionDecoderAt(l.projectionDecoderCtlFn, st, C.int(request), C.opus_int32(index), value))
}

func (l *optional) dredDecoderSize() int32 {
	if l.dredDecoderGetSizeFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_dredDecoderSize(l.dredDecoderGetSizeFn))
}

func (l *optional) dredSize() int32 {
	if l.dredGetSizeFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_dredSize(l.dredGetSizeFn))
}

func (l *optional) dredDecoderInit(st unsafe.Pointer) int32 {
	if l.dredDecoderInitFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_dredDecoderInit(l.dredDecoderInitFn, st))
}

func (l *optional) dredParse(st, dred, data unsafe.Pointer, size, max, rate int32, end unsafe.Pointer, deferred int32) int32 {
	if l.dredParseFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_dredParse(l.dredParseFn, st, dred, data, C.opus_int32(size), C.opus_int32(max), C.opus_int32(rate), end, C.int(deferred)))
}

func (l *optional) dredDecode(st, dred unsafe.Pointer, offset int32, pcm unsafe.Pointer, samples int32) int32 {
	if l.decoderDredDecodeFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_dredDecode(l.decoderDredDecodeFn, st, dred, C.opus_int32(offset), pcm, C.opus_int32(samples)))
}

func (l *optional) dredDecodeFloat(st, dred unsafe.Pointer, offset int32, pcm unsafe.Pointer, samples int32) int32 {
	if l.decoderDredDecodeFloatFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_dredDecodeFloat(l.decoderDredDecodeFloatFn, st, dred, C.opus_int32(offset), pcm, C.opus_int32(samples)))
}

func (l *optional) dredDecoderBytes(st unsafe.Pointer, request int32, data unsafe.Pointer, size int32) int32 {
	if l.dredDecoderCtlFn == nil {
		return int32(Unimplemented)
	}
	return int32(C.call_dredDecoderBytes(l.dredDecoderCtlFn, st, C.int(request), data, C.opus_int32(size)))
}
