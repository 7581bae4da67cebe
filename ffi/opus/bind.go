package opus

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// bindings is what this package calls of libopus. A state is a block of a pool, which does not move: its address is a uintptr. The ctl
// functions have a method for each shape of request.
//
//poolgen:bind soname=libopus.so.0 pkg-config=opus include=opus.h,opus_multistream.h,opus_projection.h? package=libopus0 dev=libopus-dev types=opus_int32:int32,opus_int16:int16 as=library noescape nocallback
type bindings interface {
	// const char *opus_get_version_string(void)
	version() string

	// int opus_encoder_get_size(int channels)
	encoderSize(channels int32) int32

	// int opus_encoder_init(OpusEncoder *st, opus_int32 Fs, int channels, int application)
	encoderInit(st uintptr, rate, channels, application int32) int32

	// int opus_encode(OpusEncoder *st, const opus_int16 *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	plainEncode(st uintptr, pcm *int16, samples int32, data *byte, size int32) int32

	// int opus_encode_float(OpusEncoder *st, const float *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	plainEncodeFloat(st uintptr, pcm *float32, samples int32, data *byte, size int32) int32

	// int opus_encoder_ctl(OpusEncoder *st, int request, ...)
	encoderSet(st uintptr, request, value int32) int32

	// int opus_encoder_ctl(OpusEncoder *st, int request, ...)
	encoderGet(st uintptr, request int32, value *int32) int32

	// int opus_encoder_ctl(OpusEncoder *st, int request, ...)
	encoderBytes(st uintptr, request int32, data *byte, size int32) int32

	// int opus_decoder_get_size(int channels)
	decoderSize(channels int32) int32

	// int opus_decoder_init(OpusDecoder *st, opus_int32 Fs, int channels)
	decoderInit(st uintptr, rate, channels int32) int32

	// int opus_decode(OpusDecoder *st, const unsigned char *data, opus_int32 len, opus_int16 *pcm, int frame_size, int decode_fec)
	plainDecode(st uintptr, data *byte, size int32, pcm *int16, samples, fec int32) int32

	// int opus_decode_float(OpusDecoder *st, const unsigned char *data, opus_int32 len, float *pcm, int frame_size, int decode_fec)
	plainDecodeFloat(st uintptr, data *byte, size int32, pcm *float32, samples, fec int32) int32

	// int opus_decoder_ctl(OpusDecoder *st, int request, ...)
	decoderSet(st uintptr, request, value int32) int32

	// int opus_decoder_ctl(OpusDecoder *st, int request, ...)
	decoderGet(st uintptr, request int32, value *int32) int32

	// int opus_decoder_ctl(OpusDecoder *st, int request, ...)
	decoderBytes(st uintptr, request int32, data *byte, size int32) int32

	// void opus_pcm_soft_clip(float *pcm, int frame_size, int channels, float *softclip_mem)
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
	repacketizerOutRange(st uintptr, begin, end int32, data *byte, size int32) int32

	// int opus_multistream_packet_pad(unsigned char *data, opus_int32 len, opus_int32 new_len, int nb_streams)
	packetPad(data *byte, size, to, streams int32) int32

	// opus_int32 opus_multistream_packet_unpad(unsigned char *data, opus_int32 len, int nb_streams)
	packetUnpad(data *byte, size, streams int32) int32

	// opus_int32 opus_multistream_encoder_get_size(int streams, int coupled_streams)
	msEncoderSize(streams, coupled int32) int32

	// opus_int32 opus_multistream_surround_encoder_get_size(int channels, int mapping_family)
	surroundSize(channels, family int32) int32

	// int opus_multistream_encoder_init(OpusMSEncoder *st, opus_int32 Fs, int channels, int streams, int coupled_streams, const unsigned char *mapping, int application)
	msEncoderInit(st uintptr, rate, channels, streams, coupled int32, mapping *byte, application int32) int32

	// int opus_multistream_surround_encoder_init(OpusMSEncoder *st, opus_int32 Fs, int channels, int mapping_family, int *streams, int *coupled_streams, unsigned char *mapping, int application)
	surroundInit(st uintptr, rate, channels, family int32, streams, coupled *int32, mapping *byte, application int32) int32

	// int opus_multistream_encode(OpusMSEncoder *st, const opus_int16 *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	msEncode(st uintptr, pcm *int16, samples int32, data *byte, size int32) int32

	// int opus_multistream_encode_float(OpusMSEncoder *st, const float *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	msEncodeFloat(st uintptr, pcm *float32, samples int32, data *byte, size int32) int32

	// int opus_multistream_encoder_ctl(OpusMSEncoder *st, int request, ...)
	msEncoderSet(st uintptr, request, value int32) int32

	// int opus_multistream_encoder_ctl(OpusMSEncoder *st, int request, ...)
	msEncoderGet(st uintptr, request int32, value *int32) int32

	// int opus_multistream_encoder_ctl(OpusMSEncoder *st, int request, ...)
	msEncoderAt(st uintptr, request, index int32, state *uintptr) int32

	// opus_int32 opus_multistream_decoder_get_size(int streams, int coupled_streams)
	msDecoderSize(streams, coupled int32) int32

	// int opus_multistream_decoder_init(OpusMSDecoder *st, opus_int32 Fs, int channels, int streams, int coupled_streams, const unsigned char *mapping)
	msDecoderInit(st uintptr, rate, channels, streams, coupled int32, mapping *byte) int32

	// int opus_multistream_decode(OpusMSDecoder *st, const unsigned char *data, opus_int32 len, opus_int16 *pcm, int frame_size, int decode_fec)
	msDecode(st uintptr, data *byte, size int32, pcm *int16, samples, fec int32) int32

	// int opus_multistream_decode_float(OpusMSDecoder *st, const unsigned char *data, opus_int32 len, float *pcm, int frame_size, int decode_fec)
	msDecodeFloat(st uintptr, data *byte, size int32, pcm *float32, samples, fec int32) int32

	// int opus_multistream_decoder_ctl(OpusMSDecoder *st, int request, ...)
	msDecoderSet(st uintptr, request, value int32) int32

	// int opus_multistream_decoder_ctl(OpusMSDecoder *st, int request, ...)
	msDecoderGet(st uintptr, request int32, value *int32) int32

	// int opus_multistream_decoder_ctl(OpusMSDecoder *st, int request, ...)
	msDecoderAt(st uintptr, request, index int32, state *uintptr) int32

	// opus_int32 opus_projection_ambisonics_encoder_get_size(int channels, int mapping_family)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncoderSize(channels, family int32) (int32, error)

	// int opus_projection_ambisonics_encoder_init(OpusProjectionEncoder *st, opus_int32 Fs, int channels, int mapping_family, int *streams, int *coupled_streams, int application)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncoderInit(st uintptr, rate, channels, family int32, streams, coupled *int32, application int32) (int32, error)

	// int opus_projection_encode(OpusProjectionEncoder *st, const opus_int16 *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncode(st uintptr, pcm *int16, samples int32, data *byte, size int32) (int32, error)

	// int opus_projection_encode_float(OpusProjectionEncoder *st, const float *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncodeFloat(st uintptr, pcm *float32, samples int32, data *byte, size int32) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncoderSet(st uintptr, request, value int32) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncoderGet(st uintptr, request int32, value *int32) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncoderAt(st uintptr, request, index int32, state *uintptr) (int32, error)

	// int opus_projection_encoder_ctl(OpusProjectionEncoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionEncoderBytes(st uintptr, request int32, data *byte, size int32) (int32, error)

	// opus_int32 opus_projection_decoder_get_size(int channels, int streams, int coupled_streams)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionDecoderSize(channels, streams, coupled int32) (int32, error)

	// int opus_projection_decoder_init(OpusProjectionDecoder *st, opus_int32 Fs, int channels, int streams, int coupled_streams, unsigned char *demixing_matrix, opus_int32 demixing_matrix_size)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionDecoderInit(st uintptr, rate, channels, streams, coupled int32, demixing *byte, size int32) (int32, error)

	// int opus_projection_decode(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 len, opus_int16 *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionDecode(st uintptr, data *byte, size int32, pcm *int16, samples, fec int32) (int32, error)

	// int opus_projection_decode_float(OpusProjectionDecoder *st, const unsigned char *data, opus_int32 len, float *pcm, int frame_size, int decode_fec)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionDecodeFloat(st uintptr, data *byte, size int32, pcm *float32, samples, fec int32) (int32, error)

	// int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionDecoderSet(st uintptr, request, value int32) (int32, error)

	// int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionDecoderGet(st uintptr, request int32, value *int32) (int32, error)

	// int opus_projection_decoder_ctl(OpusProjectionDecoder *st, int request, ...)
	//
	//poolgen:c optional=1.3 header=defined(OPUS_PROJECTION_H)
	projectionDecoderAt(st uintptr, request, index int32, state *uintptr) (int32, error)

	// int opus_dred_decoder_get_size(void)
	//
	//poolgen:c optional=1.5 header=defined(OPUS_SET_DRED_DURATION_REQUEST)
	dredDecoderSize() (int32, error)

	// int opus_dred_get_size(void)
	//
	//poolgen:c optional=1.5 header=defined(OPUS_SET_DRED_DURATION_REQUEST)
	dredSize() (int32, error)

	// int opus_dred_decoder_init(OpusDREDDecoder *dec)
	//
	//poolgen:c optional=1.5 header=defined(OPUS_SET_DRED_DURATION_REQUEST)
	dredDecoderInit(dec uintptr) (int32, error)

	// int opus_dred_decoder_ctl(OpusDREDDecoder *dred_dec, int request, ...)
	//
	//poolgen:c optional=1.5 header=defined(OPUS_SET_DRED_DURATION_REQUEST)
	dredDecoderBytes(dec uintptr, request int32, data *byte, size int32) (int32, error)

	// int opus_dred_parse(OpusDREDDecoder *dred_dec, OpusDRED *dred, const unsigned char *data, opus_int32 len, opus_int32 max_dred_samples, opus_int32 sampling_rate, int *dred_end, int defer_processing)
	//
	//poolgen:c optional=1.5 header=defined(OPUS_SET_DRED_DURATION_REQUEST)
	dredParse(dec, dred uintptr, data *byte, size, max, rate int32, end *int32, deferred int32) (int32, error)

	// int opus_decoder_dred_decode(OpusDecoder *st, const OpusDRED *dred, opus_int32 dred_offset, opus_int16 *pcm, opus_int32 frame_size)
	//
	//poolgen:c optional=1.5 header=defined(OPUS_SET_DRED_DURATION_REQUEST)
	dredDecode(st, dred uintptr, offset int32, pcm *int16, samples int32) (int32, error)

	// int opus_decoder_dred_decode_float(OpusDecoder *st, const OpusDRED *dred, opus_int32 dred_offset, float *pcm, opus_int32 frame_size)
	//
	//poolgen:c optional=1.5 header=defined(OPUS_SET_DRED_DURATION_REQUEST)
	dredDecodeFloat(st, dred uintptr, offset int32, pcm *float32, samples int32) (int32, error)
}
