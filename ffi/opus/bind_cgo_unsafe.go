//go:build cgo

package opus

/*
#cgo pkg-config: opus
#cgo noescape opus_encoder_init
#cgo nocallback opus_encoder_init
#cgo noescape opus_encode
#cgo nocallback opus_encode
#cgo noescape opus_encode_float
#cgo nocallback opus_encode_float
#cgo noescape ctl_encoderSet
#cgo nocallback ctl_encoderSet
#cgo noescape ctl_encoderGet
#cgo nocallback ctl_encoderGet
#cgo noescape ctl_encoderBytes
#cgo nocallback ctl_encoderBytes
#cgo noescape opus_decoder_init
#cgo nocallback opus_decoder_init
#cgo noescape opus_decode
#cgo nocallback opus_decode
#cgo noescape opus_decode_float
#cgo nocallback opus_decode_float
#cgo noescape ctl_decoderSet
#cgo nocallback ctl_decoderSet
#cgo noescape ctl_decoderGet
#cgo nocallback ctl_decoderGet
#cgo noescape ctl_decoderBytes
#cgo nocallback ctl_decoderBytes
#cgo noescape opus_pcm_soft_clip
#cgo nocallback opus_pcm_soft_clip
#cgo noescape opus_repacketizer_init
#cgo nocallback opus_repacketizer_init
#cgo noescape opus_repacketizer_cat
#cgo nocallback opus_repacketizer_cat
#cgo noescape opus_repacketizer_get_nb_frames
#cgo nocallback opus_repacketizer_get_nb_frames
#cgo noescape opus_repacketizer_out_range
#cgo nocallback opus_repacketizer_out_range
#cgo noescape opus_multistream_packet_pad
#cgo nocallback opus_multistream_packet_pad
#cgo noescape opus_multistream_packet_unpad
#cgo nocallback opus_multistream_packet_unpad
#cgo noescape opus_multistream_encoder_init
#cgo nocallback opus_multistream_encoder_init
#cgo noescape opus_multistream_surround_encoder_init
#cgo nocallback opus_multistream_surround_encoder_init
#cgo noescape opus_multistream_encode
#cgo nocallback opus_multistream_encode
#cgo noescape opus_multistream_encode_float
#cgo nocallback opus_multistream_encode_float
#cgo noescape ctl_msEncoderSet
#cgo nocallback ctl_msEncoderSet
#cgo noescape ctl_msEncoderGet
#cgo nocallback ctl_msEncoderGet
#cgo noescape ctl_msEncoderAt
#cgo nocallback ctl_msEncoderAt
#cgo noescape opus_multistream_decoder_init
#cgo nocallback opus_multistream_decoder_init
#cgo noescape opus_multistream_decode
#cgo nocallback opus_multistream_decode
#cgo noescape opus_multistream_decode_float
#cgo nocallback opus_multistream_decode_float
#cgo noescape ctl_msDecoderSet
#cgo nocallback ctl_msDecoderSet
#cgo noescape ctl_msDecoderGet
#cgo nocallback ctl_msDecoderGet
#cgo noescape ctl_msDecoderAt
#cgo nocallback ctl_msDecoderAt
#include <opus.h>
#include <opus_multistream.h>

// The ctl functions are variadic, which Go cannot call: one function for each shape of request.
static int ctl_encoderSet(OpusEncoder *st, int request, opus_int32 value) { return opus_encoder_ctl(st, request, value); }
static int ctl_encoderGet(OpusEncoder *st, int request, opus_int32 *value) { return opus_encoder_ctl(st, request, value); }
static int ctl_encoderBytes(OpusEncoder *st, int request, void *data, opus_int32 size) { return opus_encoder_ctl(st, request, data, size); }
static int ctl_decoderSet(OpusDecoder *st, int request, opus_int32 value) { return opus_decoder_ctl(st, request, value); }
static int ctl_decoderGet(OpusDecoder *st, int request, opus_int32 *value) { return opus_decoder_ctl(st, request, value); }
static int ctl_decoderBytes(OpusDecoder *st, int request, void *data, opus_int32 size) { return opus_decoder_ctl(st, request, data, size); }
static int ctl_msEncoderSet(OpusMSEncoder *st, int request, opus_int32 value) { return opus_multistream_encoder_ctl(st, request, value); }
static int ctl_msEncoderGet(OpusMSEncoder *st, int request, opus_int32 *value) { return opus_multistream_encoder_ctl(st, request, value); }
static int ctl_msEncoderAt(OpusMSEncoder *st, int request, opus_int32 index, void **value) { return opus_multistream_encoder_ctl(st, request, index, value); }
static int ctl_msDecoderSet(OpusMSDecoder *st, int request, opus_int32 value) { return opus_multistream_decoder_ctl(st, request, value); }
static int ctl_msDecoderGet(OpusMSDecoder *st, int request, opus_int32 *value) { return opus_multistream_decoder_ctl(st, request, value); }
static int ctl_msDecoderAt(OpusMSDecoder *st, int request, opus_int32 index, void **value) { return opus_multistream_decoder_ctl(st, request, index, value); }
*/
import "C"

import "unsafe"

// library is libopus, linked by cgo.
type library struct{}

func openLibrary() (*library, error) { return &library{}, nil }

// version is what libopus calls itself.
func (*library) version() string { return C.GoString(C.opus_get_version_string()) }

// token is an address within libopus, which tells this process's libopus from another's.
func (*library) token() uintptr { return uintptr(unsafe.Pointer(C.opus_get_version_string())) }

func (*library) encoderSize(channels int32) int32 {
	return int32(C.opus_encoder_get_size(C.int(channels)))
}

func (*library) encoderInit(st unsafe.Pointer, rate, channels, application int32) int32 {
	return int32(C.opus_encoder_init((*C.OpusEncoder)(st), C.opus_int32(rate), C.int(channels), C.int(application)))
}

func (*library) encode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.opus_encode((*C.OpusEncoder)(st), (*C.opus_int16)(pcm), C.int(samples), (*C.uchar)(data), C.opus_int32(size)))
}

func (*library) encodeFloat(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.opus_encode_float((*C.OpusEncoder)(st), (*C.float)(pcm), C.int(samples), (*C.uchar)(data), C.opus_int32(size)))
}

func (*library) encoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(C.ctl_encoderSet((*C.OpusEncoder)(st), C.int(request), C.opus_int32(value)))
}

func (*library) encoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(C.ctl_encoderGet((*C.OpusEncoder)(st), C.int(request), (*C.opus_int32)(value)))
}

func (*library) encoderBytes(st unsafe.Pointer, request int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.ctl_encoderBytes((*C.OpusEncoder)(st), C.int(request), data, C.opus_int32(size)))
}

func (*library) decoderSize(channels int32) int32 {
	return int32(C.opus_decoder_get_size(C.int(channels)))
}

func (*library) decoderInit(st unsafe.Pointer, rate, channels int32) int32 {
	return int32(C.opus_decoder_init((*C.OpusDecoder)(st), C.opus_int32(rate), C.int(channels)))
}

func (*library) decode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(C.opus_decode((*C.OpusDecoder)(st), (*C.uchar)(data), C.opus_int32(size), (*C.opus_int16)(pcm), C.int(samples), C.int(fec)))
}

func (*library) decodeFloat(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(C.opus_decode_float((*C.OpusDecoder)(st), (*C.uchar)(data), C.opus_int32(size), (*C.float)(pcm), C.int(samples), C.int(fec)))
}

func (*library) decoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(C.ctl_decoderSet((*C.OpusDecoder)(st), C.int(request), C.opus_int32(value)))
}

func (*library) decoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(C.ctl_decoderGet((*C.OpusDecoder)(st), C.int(request), (*C.opus_int32)(value)))
}

func (*library) decoderBytes(st unsafe.Pointer, request int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.ctl_decoderBytes((*C.OpusDecoder)(st), C.int(request), data, C.opus_int32(size)))
}

func (*library) softClip(pcm unsafe.Pointer, samples, channels int32, mem unsafe.Pointer) {
	C.opus_pcm_soft_clip((*C.float)(pcm), C.int(samples), C.int(channels), (*C.float)(mem))
}

func (*library) repacketizerSize() int32 {
	return int32(C.opus_repacketizer_get_size())
}

func (*library) repacketizerInit(st unsafe.Pointer) {
	C.opus_repacketizer_init((*C.OpusRepacketizer)(st))
}

func (*library) repacketizerCat(st, data unsafe.Pointer, size int32) int32 {
	return int32(C.opus_repacketizer_cat((*C.OpusRepacketizer)(st), (*C.uchar)(data), C.opus_int32(size)))
}

func (*library) repacketizerFrames(st unsafe.Pointer) int32 {
	return int32(C.opus_repacketizer_get_nb_frames((*C.OpusRepacketizer)(st)))
}

func (*library) repacketizerOutRange(st unsafe.Pointer, begin, end int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.opus_repacketizer_out_range((*C.OpusRepacketizer)(st), C.int(begin), C.int(end), (*C.uchar)(data), C.opus_int32(size)))
}

func (*library) multistreamPacketPad(data unsafe.Pointer, size, to, streams int32) int32 {
	return int32(C.opus_multistream_packet_pad((*C.uchar)(data), C.opus_int32(size), C.opus_int32(to), C.int(streams)))
}

func (*library) multistreamPacketUnpad(data unsafe.Pointer, size, streams int32) int32 {
	return int32(C.opus_multistream_packet_unpad((*C.uchar)(data), C.opus_int32(size), C.int(streams)))
}

func (*library) msEncoderSize(streams, coupled int32) int32 {
	return int32(C.opus_multistream_encoder_get_size(C.int(streams), C.int(coupled)))
}

func (*library) surroundEncoderSize(channels, family int32) int32 {
	return int32(C.opus_multistream_surround_encoder_get_size(C.int(channels), C.int(family)))
}

func (*library) msEncoderInit(st unsafe.Pointer, rate, channels, streams, coupled int32, mapping unsafe.Pointer, application int32) int32 {
	return int32(C.opus_multistream_encoder_init((*C.OpusMSEncoder)(st), C.opus_int32(rate), C.int(channels), C.int(streams), C.int(coupled), (*C.uchar)(mapping), C.int(application)))
}

func (*library) surroundEncoderInit(st unsafe.Pointer, rate, channels, family int32, streams, coupled, mapping unsafe.Pointer, application int32) int32 {
	return int32(C.opus_multistream_surround_encoder_init((*C.OpusMSEncoder)(st), C.opus_int32(rate), C.int(channels), C.int(family), (*C.int)(streams), (*C.int)(coupled), (*C.uchar)(mapping), C.int(application)))
}

func (*library) msEncode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.opus_multistream_encode((*C.OpusMSEncoder)(st), (*C.opus_int16)(pcm), C.int(samples), (*C.uchar)(data), C.opus_int32(size)))
}

func (*library) msEncodeFloat(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(C.opus_multistream_encode_float((*C.OpusMSEncoder)(st), (*C.float)(pcm), C.int(samples), (*C.uchar)(data), C.opus_int32(size)))
}

func (*library) msEncoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(C.ctl_msEncoderSet((*C.OpusMSEncoder)(st), C.int(request), C.opus_int32(value)))
}

func (*library) msEncoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(C.ctl_msEncoderGet((*C.OpusMSEncoder)(st), C.int(request), (*C.opus_int32)(value)))
}

func (*library) msEncoderAt(st unsafe.Pointer, request, index int32, value unsafe.Pointer) int32 {
	return int32(C.ctl_msEncoderAt((*C.OpusMSEncoder)(st), C.int(request), C.opus_int32(index), (*unsafe.Pointer)(value)))
}

func (*library) msDecoderSize(streams, coupled int32) int32 {
	return int32(C.opus_multistream_decoder_get_size(C.int(streams), C.int(coupled)))
}

func (*library) msDecoderInit(st unsafe.Pointer, rate, channels, streams, coupled int32, mapping unsafe.Pointer) int32 {
	return int32(C.opus_multistream_decoder_init((*C.OpusMSDecoder)(st), C.opus_int32(rate), C.int(channels), C.int(streams), C.int(coupled), (*C.uchar)(mapping)))
}

func (*library) msDecode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(C.opus_multistream_decode((*C.OpusMSDecoder)(st), (*C.uchar)(data), C.opus_int32(size), (*C.opus_int16)(pcm), C.int(samples), C.int(fec)))
}

func (*library) msDecodeFloat(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(C.opus_multistream_decode_float((*C.OpusMSDecoder)(st), (*C.uchar)(data), C.opus_int32(size), (*C.float)(pcm), C.int(samples), C.int(fec)))
}

func (*library) msDecoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(C.ctl_msDecoderSet((*C.OpusMSDecoder)(st), C.int(request), C.opus_int32(value)))
}

func (*library) msDecoderGet(st unsafe.Pointer, request int32, value unsafe.Pointer) int32 {
	return int32(C.ctl_msDecoderGet((*C.OpusMSDecoder)(st), C.int(request), (*C.opus_int32)(value)))
}

func (*library) msDecoderAt(st unsafe.Pointer, request, index int32, value unsafe.Pointer) int32 {
	return int32(C.ctl_msDecoderAt((*C.OpusMSDecoder)(st), C.int(request), C.opus_int32(index), (*unsafe.Pointer)(value)))
}
