//go:build !cgo

package opus

import (
	"fmt"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/dl"
)

// optional has the functions that older libraries lack: such a one answers Unimplemented.
type optional struct {
	call dl.Caller

	projectionAmbisonicsEncoderGetSizeFn uintptr // int opus_projection_ambisonics_encoder_get_size(int channels, int family)
	projectionAmbisonicsEncoderInitFn    uintptr // int opus_projection_ambisonics_encoder_init(OpusProjectionEncoder *st, opus_int32 rate, int channels, int family, int *streams, int *coupled, int application)
	projectionEncodeFn                   uintptr // int opus_projection_encode(OpusProjectionEncoder *st, const opus_int16 *pcm, int samples, unsigned char *data, opus_int32 size)
	projectionEncodeFloatFn              uintptr // int opus_projection_encode_float(OpusProjectionEncoder *st, const float *pcm, int samples, unsigned char *data, opus_int32 size)
	projectionEncoderCtlFn               uintptr // int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	projectionDecoderGetSizeFn           uintptr // int opus_projection_decoder_get_size(int channels, int streams, int coupled)
	projectionDecoderInitFn              uintptr // int opus_projection_decoder_init(OpusProjectionDecoder *st, opus_int32 rate, int channels, int streams, int coupled, unsigned char *demixing, opus_int32 size)
	projectionDecodeFn                   uintptr // int opus_projection_decode(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 size, opus_int16 *pcm, int samples, int fec)
	projectionDecodeFloatFn              uintptr // int opus_projection_decode_float(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 size, float *pcm, int samples, int fec)
	projectionDecoderCtlFn               uintptr // int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	dredDecoderGetSizeFn                 uintptr // int opus_dred_decoder_get_size(void)
	dredGetSizeFn                        uintptr // int opus_dred_get_size(void)
	dredDecoderInitFn                    uintptr // int opus_dred_decoder_init(OpusDREDDecoder *st)
	dredParseFn                          uintptr // int opus_dred_parse(OpusDREDDecoder *st, OpusDRED *dred, const unsigned char *data, opus_int32 size, opus_int32 max, opus_int32 rate, int *end, int deferred)
	decoderDredDecodeFn                  uintptr // int opus_decoder_dred_decode(OpusDecoder *st, const OpusDRED *dred, opus_int32 offset, opus_int16 *pcm, opus_int32 samples)
	decoderDredDecodeFloatFn             uintptr // int opus_decoder_dred_decode_float(OpusDecoder *st, const OpusDRED *dred, opus_int32 offset, float *pcm, opus_int32 samples)
	dredDecoderCtlFn                     uintptr // int opus_dred_decoder_ctl(OpusDREDDecoder *st, int request, ...)
}

func openOptional() (*optional, error) {
	lib, err := dl.Open(dl.Library{Sonames: []string{"libopus.so.0"}, Package: "libopus0"})
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	l := &optional{}
	for name, fn := range map[string]*uintptr{
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
		*fn, _ = lib.Sym(name) // 0 where an older libopus lacks it
	}
	return l, nil
}

func (l *optional) projectionEncode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	if l.projectionEncodeFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionEncodeFn, uintptr(st), uintptr(pcm), arg(samples), uintptr(data), arg(size), 0, 0, 0))
}

func (l *optional) projectionEncodeFloat(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	if l.projectionEncodeFloatFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionEncodeFloatFn, uintptr(st), uintptr(pcm), arg(samples), uintptr(data), arg(size), 0, 0, 0))
}

func (l *optional) projectionEncoderSet(st unsafe.Pointer, request, value int32) int32 {
	if l.projectionEncoderCtlFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionEncoderCtlFn, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *optional) projectionEncoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	if l.projectionEncoderCtlFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionEncoderCtlFn, uintptr(st), arg(request), uintptr(value), 0, 0, 0, 0, 0))
}

func (l *optional) projectionEncoderBytes(st unsafe.Pointer, request int32, data unsafe.Pointer, size int32) int32 {
	if l.projectionEncoderCtlFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionEncoderCtlFn, uintptr(st), arg(request), uintptr(data), arg(size), 0, 0, 0, 0))
}

func (l *optional) projectionDecode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	if l.projectionDecodeFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionDecodeFn, uintptr(st), uintptr(data), arg(size), uintptr(pcm), arg(samples), arg(fec), 0, 0))
}

func (l *optional) projectionDecodeFloat(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	if l.projectionDecodeFloatFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionDecodeFloatFn, uintptr(st), uintptr(data), arg(size), uintptr(pcm), arg(samples), arg(fec), 0, 0))
}

func (l *optional) projectionDecoderSet(st unsafe.Pointer, request, value int32) int32 {
	if l.projectionDecoderCtlFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionDecoderCtlFn, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *optional) projectionDecoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	if l.projectionDecoderCtlFn == 0 {
		return int32(Unimplemented)
	}
	return int32(l.call.Call(l.projectionDecoderCtlFn, uintptr(st), arg(request), uintptr(value), 0, 0, 0, 0, 0))
}
