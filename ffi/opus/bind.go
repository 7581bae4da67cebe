package opus

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// bindings is what this package calls of libopus. A state is a block of a pool, which does not move: its address is a uintptr. The ctl
// functions have a method for each shape of request.
//
//poolgen:bind soname=libopus.so.0 pkg-config=opus include=opus.h,opus_multistream.h package=libopus0 dev=libopus-dev types=opus_int32:int32,opus_int16:int16 as=library
type bindings interface {
	// const char *opus_get_version_string(void)
	version() string

	// int opus_encoder_get_size(int channels)
	encoderSize(channels int32) int32

	// int opus_encoder_init(OpusEncoder *st, opus_int32 Fs, int channels, int application)
	encoderInit(st uintptr, rate, channels, application int32) int32

	// int opus_encode(OpusEncoder *st, const opus_int16 *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c noescape nocallback
	plainEncode(st uintptr, pcm *int16, samples int32, data *byte, size int32) int32

	// int opus_encode_float(OpusEncoder *st, const float *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c noescape nocallback
	plainEncodeFloat(st uintptr, pcm *float32, samples int32, data *byte, size int32) int32

	// int opus_encoder_ctl(OpusEncoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	encoderSet(st uintptr, request, value int32) int32

	// int opus_encoder_ctl(OpusEncoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	encoderGet(st uintptr, request int32, value *int32) int32

	// int opus_encoder_ctl(OpusEncoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	encoderBytes(st uintptr, request int32, data *byte, size int32) int32

	// int opus_decoder_get_size(int channels)
	decoderSize(channels int32) int32

	// int opus_decoder_init(OpusDecoder *st, opus_int32 Fs, int channels)
	decoderInit(st uintptr, rate, channels int32) int32

	// int opus_decode(OpusDecoder *st, const unsigned char *data, opus_int32 len, opus_int16 *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c noescape nocallback
	plainDecode(st uintptr, data *byte, size int32, pcm *int16, samples, fec int32) int32

	// int opus_decode_float(OpusDecoder *st, const unsigned char *data, opus_int32 len, float *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c noescape nocallback
	plainDecodeFloat(st uintptr, data *byte, size int32, pcm *float32, samples, fec int32) int32

	// int opus_decoder_ctl(OpusDecoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	decoderSet(st uintptr, request, value int32) int32

	// int opus_decoder_ctl(OpusDecoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	decoderGet(st uintptr, request int32, value *int32) int32

	// int opus_decoder_ctl(OpusDecoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	decoderBytes(st uintptr, request int32, data *byte, size int32) int32

	// void opus_pcm_soft_clip(float *pcm, int frame_size, int channels, float *softclip_mem)
	//
	//poolgen:c noescape nocallback
	softClip(pcm *float32, samples, channels int32, mem *float32)

	// int opus_repacketizer_get_size(void)
	repacketizerSize() int32

	// OpusRepacketizer *opus_repacketizer_init(OpusRepacketizer *rp)
	repacketizerInit(st uintptr) uintptr

	// The state keeps data, which is C's own memory or a pooled block therefore.
	repacketizerCat(st, data uintptr, size int32) int32 // int opus_repacketizer_cat(OpusRepacketizer *rp, const unsigned char *data, opus_int32 len)

	// int opus_repacketizer_get_nb_frames(OpusRepacketizer *rp)
	repacketizerFrames(st uintptr) int32

	// opus_int32 opus_repacketizer_out_range(OpusRepacketizer *rp, int begin, int end, unsigned char *data, opus_int32 maxlen)
	//
	//poolgen:c noescape nocallback
	repacketizerOutRange(st uintptr, begin, end int32, data *byte, size int32) int32

	// int opus_multistream_packet_pad(unsigned char *data, opus_int32 len, opus_int32 new_len, int nb_streams)
	//
	//poolgen:c noescape nocallback
	packetPad(data *byte, size, to, streams int32) int32

	// opus_int32 opus_multistream_packet_unpad(unsigned char *data, opus_int32 len, int nb_streams)
	//
	//poolgen:c noescape nocallback
	packetUnpad(data *byte, size, streams int32) int32

	// opus_int32 opus_multistream_encoder_get_size(int streams, int coupled_streams)
	msEncoderSize(streams, coupled int32) int32

	// opus_int32 opus_multistream_surround_encoder_get_size(int channels, int mapping_family)
	surroundSize(channels, family int32) int32

	// int opus_multistream_encoder_init(OpusMSEncoder *st, opus_int32 Fs, int channels, int streams, int coupled_streams, const unsigned char *mapping, int application)
	//
	//poolgen:c noescape nocallback
	msEncoderInit(st uintptr, rate, channels, streams, coupled int32, mapping *byte, application int32) int32

	// int opus_multistream_surround_encoder_init(OpusMSEncoder *st, opus_int32 Fs, int channels, int mapping_family, int *streams, int *coupled_streams, unsigned char *mapping, int application)
	//
	//poolgen:c noescape nocallback
	surroundInit(st uintptr, rate, channels, family int32, streams, coupled *int32, mapping *byte, application int32) int32

	// int opus_multistream_encode(OpusMSEncoder *st, const opus_int16 *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c noescape nocallback
	msEncode(st uintptr, pcm *int16, samples int32, data *byte, size int32) int32

	// int opus_multistream_encode_float(OpusMSEncoder *st, const float *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c noescape nocallback
	msEncodeFloat(st uintptr, pcm *float32, samples int32, data *byte, size int32) int32

	// int opus_multistream_encoder_ctl(OpusMSEncoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	msEncoderSet(st uintptr, request, value int32) int32

	// int opus_multistream_encoder_ctl(OpusMSEncoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	msEncoderGet(st uintptr, request int32, value *int32) int32

	// int opus_multistream_encoder_ctl(OpusMSEncoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	msEncoderAt(st uintptr, request, index int32, state *uintptr) int32

	// opus_int32 opus_multistream_decoder_get_size(int streams, int coupled_streams)
	msDecoderSize(streams, coupled int32) int32

	// int opus_multistream_decoder_init(OpusMSDecoder *st, opus_int32 Fs, int channels, int streams, int coupled_streams, const unsigned char *mapping)
	//
	//poolgen:c noescape nocallback
	msDecoderInit(st uintptr, rate, channels, streams, coupled int32, mapping *byte) int32

	// int opus_multistream_decode(OpusMSDecoder *st, const unsigned char *data, opus_int32 len, opus_int16 *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c noescape nocallback
	msDecode(st uintptr, data *byte, size int32, pcm *int16, samples, fec int32) int32

	// int opus_multistream_decode_float(OpusMSDecoder *st, const unsigned char *data, opus_int32 len, float *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c noescape nocallback
	msDecodeFloat(st uintptr, data *byte, size int32, pcm *float32, samples, fec int32) int32

	// int opus_multistream_decoder_ctl(OpusMSDecoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	msDecoderSet(st uintptr, request, value int32) int32

	// int opus_multistream_decoder_ctl(OpusMSDecoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	msDecoderGet(st uintptr, request int32, value *int32) int32

	// int opus_multistream_decoder_ctl(OpusMSDecoder *st, int request, ...)
	//
	//poolgen:c noescape nocallback
	msDecoderAt(st uintptr, request, index int32, state *uintptr) int32

	// opus_int32 opus_projection_ambisonics_encoder_get_size(int channels, int mapping_family)
	//
	//poolgen:c optional=1.3
	projectionEncoderSize(channels, family int32) (int32, error)

	// int opus_projection_ambisonics_encoder_init(OpusProjectionEncoder *st, opus_int32 Fs, int channels, int mapping_family, int *streams, int *coupled_streams, int application)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionEncoderInit(st uintptr, rate, channels, family int32, streams, coupled *int32, application int32) (int32, error)

	// int opus_projection_encode(OpusProjectionEncoder *st, const opus_int16 *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionEncode(st uintptr, pcm *int16, samples int32, data *byte, size int32) (int32, error)

	// int opus_projection_encode_float(OpusProjectionEncoder *st, const float *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionEncodeFloat(st uintptr, pcm *float32, samples int32, data *byte, size int32) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionEncoderSet(st uintptr, request, value int32) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionEncoderGet(st uintptr, request int32, value *int32) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionEncoderAt(st uintptr, request, index int32, state *uintptr) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionEncoderBytes(st uintptr, request int32, data *byte, size int32) (int32, error)

	// opus_int32 opus_projection_decoder_get_size(int channels, int streams, int coupled_streams)
	//
	//poolgen:c optional=1.3
	projectionDecoderSize(channels, streams, coupled int32) (int32, error)

	// int opus_projection_decoder_init(OpusProjectionDecoder *st, opus_int32 Fs, int channels, int streams, int coupled_streams, unsigned char *demixing_matrix, opus_int32 demixing_matrix_size)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionDecoderInit(st uintptr, rate, channels, streams, coupled int32, demixing *byte, size int32) (int32, error)

	// int opus_projection_decode(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 len, opus_int16 *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionDecode(st uintptr, data *byte, size int32, pcm *int16, samples, fec int32) (int32, error)

	// int opus_projection_decode_float(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 len, float *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionDecodeFloat(st uintptr, data *byte, size int32, pcm *float32, samples, fec int32) (int32, error)

	// int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionDecoderSet(st uintptr, request, value int32) (int32, error)

	// int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionDecoderGet(st uintptr, request int32, value *int32) (int32, error)

	// int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 noescape nocallback
	projectionDecoderAt(st uintptr, request, index int32, state *uintptr) (int32, error)

	// int opus_dred_decoder_get_size(void)
	//
	//poolgen:c optional=1.5
	dredDecoderSize() (int32, error)

	// int opus_dred_get_size(void)
	//
	//poolgen:c optional=1.5
	dredSize() (int32, error)

	// int opus_dred_decoder_init(OpusDREDDecoder *dec)
	//
	//poolgen:c optional=1.5
	dredDecoderInit(dec uintptr) (int32, error)

	// int opus_dred_decoder_ctl(OpusDREDDecoder *dred_dec, int request, ...)
	//
	//poolgen:c optional=1.5 noescape nocallback
	dredDecoderBytes(dec uintptr, request int32, data *byte, size int32) (int32, error)

	// int opus_dred_parse(OpusDREDDecoder *dred_dec, OpusDRED *dred, const unsigned char *data, opus_int32 len, opus_int32 max_dred_samples, opus_int32 sampling_rate, int *dred_end, int defer_processing)
	//
	//poolgen:c optional=1.5 noescape nocallback
	dredParse(dec, dred uintptr, data *byte, size, max, rate int32, end *int32, deferred int32) (int32, error)

	// int opus_decoder_dred_decode(OpusDecoder *st, const OpusDRED *dred, opus_int32 dred_offset, opus_int16 *pcm, opus_int32 frame_size)
	//
	//poolgen:c optional=1.5 noescape nocallback
	dredDecode(st, dred uintptr, offset int32, pcm *int16, samples int32) (int32, error)

	// int opus_decoder_dred_decode_float(OpusDecoder *st, const OpusDRED *dred, opus_int32 dred_offset, float *pcm, opus_int32 frame_size)
	//
	//poolgen:c optional=1.5 noescape nocallback
	dredDecodeFloat(st, dred uintptr, offset int32, pcm *float32, samples int32) (int32, error)
}
