//go:build !cgo

package opus

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/dl"
)

// library is libopus, loaded at run time. Each field is the address of a C function, whose prototype stands beside it.
type library struct {
	call dl.Caller

	getVersionStringFn                  uintptr // const char *opus_get_version_string(void)
	encoderGetSizeFn                    uintptr // int opus_encoder_get_size(int channels)
	encoderInitFn                       uintptr // int opus_encoder_init(OpusEncoder *st, opus_int32 rate, int channels, int application)
	encodeFn                            uintptr // int opus_encode(OpusEncoder *st, const opus_int16 *pcm, int samples, unsigned char *data, opus_int32 size)
	encodeFloatFn                       uintptr // int opus_encode_float(OpusEncoder *st, const float *pcm, int samples, unsigned char *data, opus_int32 size)
	encoderCtlFn                        uintptr // int opus_encoder_ctl(OpusEncoder *st, int request, ...)
	decoderGetSizeFn                    uintptr // int opus_decoder_get_size(int channels)
	decoderInitFn                       uintptr // int opus_decoder_init(OpusDecoder *st, opus_int32 rate, int channels)
	decodeFn                            uintptr // int opus_decode(OpusDecoder *st, const unsigned char *data, opus_int32 size, opus_int16 *pcm, int samples, int fec)
	decodeFloatFn                       uintptr // int opus_decode_float(OpusDecoder *st, const unsigned char *data, opus_int32 size, float *pcm, int samples, int fec)
	decoderCtlFn                        uintptr // int opus_decoder_ctl(OpusDecoder *st, int request, ...)
	pcmSoftClipFn                       uintptr // void opus_pcm_soft_clip(float *pcm, int samples, int channels, float *mem)
	repacketizerGetSizeFn               uintptr // int opus_repacketizer_get_size(void)
	repacketizerInitFn                  uintptr // void opus_repacketizer_init(OpusRepacketizer *st)
	repacketizerCatFn                   uintptr // int opus_repacketizer_cat(OpusRepacketizer *st, const unsigned char *data, opus_int32 size)
	repacketizerGetNbFramesFn           uintptr // int opus_repacketizer_get_nb_frames(OpusRepacketizer *st)
	repacketizerOutRangeFn              uintptr // int opus_repacketizer_out_range(OpusRepacketizer *st, int begin, int end, unsigned char *data, opus_int32 size)
	multistreamPacketPadFn              uintptr // int opus_multistream_packet_pad(unsigned char *data, opus_int32 size, opus_int32 to, int streams)
	multistreamPacketUnpadFn            uintptr // int opus_multistream_packet_unpad(unsigned char *data, opus_int32 size, int streams)
	multistreamEncoderGetSizeFn         uintptr // int opus_multistream_encoder_get_size(int streams, int coupled)
	multistreamSurroundEncoderGetSizeFn uintptr // int opus_multistream_surround_encoder_get_size(int channels, int family)
	multistreamEncoderInitFn            uintptr // int opus_multistream_encoder_init(OpusMSEncoder *st, opus_int32 rate, int channels, int streams, int coupled, const unsigned char *mapping, int application)
	multistreamSurroundEncoderInitFn    uintptr // int opus_multistream_surround_encoder_init(OpusMSEncoder *st, opus_int32 rate, int channels, int family, int *streams, int *coupled, unsigned char *mapping, int application)
	multistreamEncodeFn                 uintptr // int opus_multistream_encode(OpusMSEncoder *st, const opus_int16 *pcm, int samples, unsigned char *data, opus_int32 size)
	multistreamEncodeFloatFn            uintptr // int opus_multistream_encode_float(OpusMSEncoder *st, const float *pcm, int samples, unsigned char *data, opus_int32 size)
	multistreamEncoderCtlFn             uintptr // int opus_multistream_encoder_ctl(OpusMSEncoder *st, int request, ...)
	multistreamDecoderGetSizeFn         uintptr // int opus_multistream_decoder_get_size(int streams, int coupled)
	multistreamDecoderInitFn            uintptr // int opus_multistream_decoder_init(OpusMSDecoder *st, opus_int32 rate, int channels, int streams, int coupled, const unsigned char *mapping)
	multistreamDecodeFn                 uintptr // int opus_multistream_decode(OpusMSDecoder *st, const unsigned char *data, opus_int32 size, opus_int16 *pcm, int samples, int fec)
	multistreamDecodeFloatFn            uintptr // int opus_multistream_decode_float(OpusMSDecoder *st, const unsigned char *data, opus_int32 size, float *pcm, int samples, int fec)
	multistreamDecoderCtlFn             uintptr // int opus_multistream_decoder_ctl(OpusMSDecoder *st, int request, ...)
}

func openLibrary() (*library, error) {
	return openFrom(dl.Library{Sonames: []string{"libopus.so.0"}, Package: "libopus0"})
}

func openFrom(of dl.Library) (*library, error) {
	lib, err := dl.Open(of)
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	l := &library{}
	for name, fn := range map[string]*uintptr{
		"opus_get_version_string":                    &l.getVersionStringFn,
		"opus_encoder_get_size":                      &l.encoderGetSizeFn,
		"opus_encoder_init":                          &l.encoderInitFn,
		"opus_encode":                                &l.encodeFn,
		"opus_encode_float":                          &l.encodeFloatFn,
		"opus_encoder_ctl":                           &l.encoderCtlFn,
		"opus_decoder_get_size":                      &l.decoderGetSizeFn,
		"opus_decoder_init":                          &l.decoderInitFn,
		"opus_decode":                                &l.decodeFn,
		"opus_decode_float":                          &l.decodeFloatFn,
		"opus_decoder_ctl":                           &l.decoderCtlFn,
		"opus_pcm_soft_clip":                         &l.pcmSoftClipFn,
		"opus_repacketizer_get_size":                 &l.repacketizerGetSizeFn,
		"opus_repacketizer_init":                     &l.repacketizerInitFn,
		"opus_repacketizer_cat":                      &l.repacketizerCatFn,
		"opus_repacketizer_get_nb_frames":            &l.repacketizerGetNbFramesFn,
		"opus_repacketizer_out_range":                &l.repacketizerOutRangeFn,
		"opus_multistream_packet_pad":                &l.multistreamPacketPadFn,
		"opus_multistream_packet_unpad":              &l.multistreamPacketUnpadFn,
		"opus_multistream_encoder_get_size":          &l.multistreamEncoderGetSizeFn,
		"opus_multistream_surround_encoder_get_size": &l.multistreamSurroundEncoderGetSizeFn,
		"opus_multistream_encoder_init":              &l.multistreamEncoderInitFn,
		"opus_multistream_surround_encoder_init":     &l.multistreamSurroundEncoderInitFn,
		"opus_multistream_encode":                    &l.multistreamEncodeFn,
		"opus_multistream_encode_float":              &l.multistreamEncodeFloatFn,
		"opus_multistream_encoder_ctl":               &l.multistreamEncoderCtlFn,
		"opus_multistream_decoder_get_size":          &l.multistreamDecoderGetSizeFn,
		"opus_multistream_decoder_init":              &l.multistreamDecoderInitFn,
		"opus_multistream_decode":                    &l.multistreamDecodeFn,
		"opus_multistream_decode_float":              &l.multistreamDecodeFloatFn,
		"opus_multistream_decoder_ctl":               &l.multistreamDecoderCtlFn,
	} {
		p, e := lib.Sym(name)
		*fn, err = p, errors.Join(err, e)
	}
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	return l, nil
}

// arg is a C int or opus_int32 in a register or stack slot.
func arg(v int32) uintptr { return uintptr(uint32(v)) }

// token is an address within libopus, which tells this process's libopus from another's.
func (l *library) token() uintptr { return l.call.Call(l.getVersionStringFn, 0, 0, 0, 0, 0, 0, 0, 0) }

// version is what libopus calls itself.
func (l *library) version() string {
	p := l.token()
	// The string is static in libopus.
	s := *(*unsafe.Pointer)(unsafe.Pointer(&p))
	n := 0
	for *(*byte)(unsafe.Add(s, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(s), n))
}

func (l *library) encoderSize(channels int32) int32 {
	return int32(l.call.Call(l.encoderGetSizeFn, arg(channels), 0, 0, 0, 0, 0, 0, 0))
}

func (l *library) encoderInit(st unsafe.Pointer, rate, channels, application int32) int32 {
	return int32(l.call.Call(l.encoderInitFn, uintptr(st), arg(rate), arg(channels), arg(application), 0, 0, 0, 0))
}

func (l *library) encode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.encodeFn, uintptr(st), uintptr(pcm), arg(samples), uintptr(data), arg(size), 0, 0, 0))
}

func (l *library) encodeFloat(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.encodeFloatFn, uintptr(st), uintptr(pcm), arg(samples), uintptr(data), arg(size), 0, 0, 0))
}

func (l *library) encoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(l.call.Call(l.encoderCtlFn, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *library) encoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(l.call.Call(l.encoderCtlFn, uintptr(st), arg(request), uintptr(value), 0, 0, 0, 0, 0))
}

func (l *library) encoderBytes(st unsafe.Pointer, request int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.encoderCtlFn, uintptr(st), arg(request), uintptr(data), arg(size), 0, 0, 0, 0))
}

func (l *library) decoderSize(channels int32) int32 {
	return int32(l.call.Call(l.decoderGetSizeFn, arg(channels), 0, 0, 0, 0, 0, 0, 0))
}

func (l *library) decoderInit(st unsafe.Pointer, rate, channels int32) int32 {
	return int32(l.call.Call(l.decoderInitFn, uintptr(st), arg(rate), arg(channels), 0, 0, 0, 0, 0))
}

func (l *library) decode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(l.call.Call(l.decodeFn, uintptr(st), uintptr(data), arg(size), uintptr(pcm), arg(samples), arg(fec), 0, 0))
}

func (l *library) decodeFloat(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(l.call.Call(l.decodeFloatFn, uintptr(st), uintptr(data), arg(size), uintptr(pcm), arg(samples), arg(fec), 0, 0))
}

func (l *library) decoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(l.call.Call(l.decoderCtlFn, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *library) decoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(l.call.Call(l.decoderCtlFn, uintptr(st), arg(request), uintptr(value), 0, 0, 0, 0, 0))
}

func (l *library) decoderBytes(st unsafe.Pointer, request int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.decoderCtlFn, uintptr(st), arg(request), uintptr(data), arg(size), 0, 0, 0, 0))
}

func (l *library) softClip(pcm unsafe.Pointer, samples, channels int32, mem unsafe.Pointer) {
	l.call.Call(l.pcmSoftClipFn, uintptr(pcm), arg(samples), arg(channels), uintptr(mem), 0, 0, 0, 0)
}

func (l *library) repacketizerSize() int32 {
	return int32(l.call.Call(l.repacketizerGetSizeFn, 0, 0, 0, 0, 0, 0, 0, 0))
}

func (l *library) repacketizerInit(st unsafe.Pointer) {
	l.call.Call(l.repacketizerInitFn, uintptr(st), 0, 0, 0, 0, 0, 0, 0)
}

func (l *library) repacketizerCat(st, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.repacketizerCatFn, uintptr(st), uintptr(data), arg(size), 0, 0, 0, 0, 0))
}

func (l *library) repacketizerFrames(st unsafe.Pointer) int32 {
	return int32(l.call.Call(l.repacketizerGetNbFramesFn, uintptr(st), 0, 0, 0, 0, 0, 0, 0))
}

func (l *library) repacketizerOutRange(st unsafe.Pointer, begin, end int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.repacketizerOutRangeFn, uintptr(st), arg(begin), arg(end), uintptr(data), arg(size), 0, 0, 0))
}

func (l *library) multistreamPacketPad(data unsafe.Pointer, size, to, streams int32) int32 {
	return int32(l.call.Call(l.multistreamPacketPadFn, uintptr(data), arg(size), arg(to), arg(streams), 0, 0, 0, 0))
}

func (l *library) multistreamPacketUnpad(data unsafe.Pointer, size, streams int32) int32 {
	return int32(l.call.Call(l.multistreamPacketUnpadFn, uintptr(data), arg(size), arg(streams), 0, 0, 0, 0, 0))
}

func (l *library) msEncode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.multistreamEncodeFn, uintptr(st), uintptr(pcm), arg(samples), uintptr(data), arg(size), 0, 0, 0))
}

func (l *library) msEncodeFloat(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.multistreamEncodeFloatFn, uintptr(st), uintptr(pcm), arg(samples), uintptr(data), arg(size), 0, 0, 0))
}

func (l *library) msEncoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(l.call.Call(l.multistreamEncoderCtlFn, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *library) msEncoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(l.call.Call(l.multistreamEncoderCtlFn, uintptr(st), arg(request), uintptr(value), 0, 0, 0, 0, 0))
}

func (l *library) msDecode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(l.call.Call(l.multistreamDecodeFn, uintptr(st), uintptr(data), arg(size), uintptr(pcm), arg(samples), arg(fec), 0, 0))
}

func (l *library) msDecodeFloat(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(l.call.Call(l.multistreamDecodeFloatFn, uintptr(st), uintptr(data), arg(size), uintptr(pcm), arg(samples), arg(fec), 0, 0))
}

func (l *library) msDecoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(l.call.Call(l.multistreamDecoderCtlFn, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *library) msDecoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(l.call.Call(l.multistreamDecoderCtlFn, uintptr(st), arg(request), uintptr(value), 0, 0, 0, 0, 0))
}
