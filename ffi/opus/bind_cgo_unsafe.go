//go:build cgo

package opus

/*
#cgo pkg-config: opus
#cgo noescape opus_encode
#cgo nocallback opus_encode
#cgo noescape opus_decode
#cgo nocallback opus_decode
#include <opus.h>

// opus_encoder_ctl is variadic, which Go cannot call: one function for each shape of request.
static int encoder_set(OpusEncoder *st, int request, opus_int32 v) { return opus_encoder_ctl(st, request, v); }
static int encoder_get(OpusEncoder *st, int request, opus_int32 *v) { return opus_encoder_ctl(st, request, v); }
static int decoder_set(OpusDecoder *st, int request, opus_int32 v) { return opus_decoder_ctl(st, request, v); }
static int decoder_get(OpusDecoder *st, int request, opus_int32 *v) { return opus_decoder_ctl(st, request, v); }
*/
import "C"

import "unsafe"

// library is libopus, linked by cgo.
type library struct{}

func openLibrary() (*library, error) { return &library{}, nil }

// version is what libopus calls itself.
func (*library) version() string { return C.GoString(C.opus_get_version_string()) }

func (*library) encoderSize(channels int32) int32 {
	return int32(C.opus_encoder_get_size(C.int(channels)))
}

func (*library) decoderSize(channels int32) int32 {
	return int32(C.opus_decoder_get_size(C.int(channels)))
}

func (*library) encoderInit(st unsafe.Pointer, rate, channels, application int32) int32 {
	return int32(C.opus_encoder_init((*C.OpusEncoder)(st), C.opus_int32(rate), C.int(channels), C.int(application)))
}

func (*library) decoderInit(st unsafe.Pointer, rate, channels int32) int32 {
	return int32(C.opus_decoder_init((*C.OpusDecoder)(st), C.opus_int32(rate), C.int(channels)))
}

func (*library) encode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.opus_encode((*C.OpusEncoder)(st), (*C.opus_int16)(pcm), C.int(samples), (*C.uchar)(data), C.opus_int32(size)))
}

func (*library) decode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(C.opus_decode((*C.OpusDecoder)(st), (*C.uchar)(data), C.opus_int32(size), (*C.opus_int16)(pcm), C.int(samples), C.int(fec)))
}

func (*library) encoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(C.encoder_set((*C.OpusEncoder)(st), C.int(request), C.opus_int32(value)))
}

func (*library) encoderGet(st unsafe.Pointer, request int32) (value, result int32) {
	var v C.opus_int32
	r := C.encoder_get((*C.OpusEncoder)(st), C.int(request), &v)
	return int32(v), int32(r)
}

func (*library) decoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(C.decoder_set((*C.OpusDecoder)(st), C.int(request), C.opus_int32(value)))
}

func (*library) decoderGet(st unsafe.Pointer, request int32) (value, result int32) {
	var v C.opus_int32
	r := C.decoder_get((*C.OpusDecoder)(st), C.int(request), &v)
	return int32(v), int32(r)
}
