package opus

// The requests of opus_defines.h, opus_multistream.h and opus_projection.h, each with the first libopus that knows it where that
// is later than 1.1. Of two neighbours the even one sets and the odd one asks.
const (
	setApplication         = 4000 // OPUS_SET_APPLICATION_REQUEST
	setBitrate             = 4002 // OPUS_SET_BITRATE_REQUEST
	setMaxBandwidth        = 4004 // OPUS_SET_MAX_BANDWIDTH_REQUEST
	setVBR                 = 4006 // OPUS_SET_VBR_REQUEST
	setBandwidth           = 4008 // OPUS_SET_BANDWIDTH_REQUEST
	setComplexity          = 4010 // OPUS_SET_COMPLEXITY_REQUEST; decoders 1.5
	setInbandFEC           = 4012 // OPUS_SET_INBAND_FEC_REQUEST
	setPacketLoss          = 4014 // OPUS_SET_PACKET_LOSS_PERC_REQUEST
	setDTX                 = 4016 // OPUS_SET_DTX_REQUEST
	setVBRConstraint       = 4020 // OPUS_SET_VBR_CONSTRAINT_REQUEST
	setForceChannels       = 4022 // OPUS_SET_FORCE_CHANNELS_REQUEST
	setSignal              = 4024 // OPUS_SET_SIGNAL_REQUEST
	getLookahead           = 4027 // OPUS_GET_LOOKAHEAD_REQUEST
	resetState             = 4028 // OPUS_RESET_STATE
	getSampleRate          = 4029 // OPUS_GET_SAMPLE_RATE_REQUEST
	getFinalRange          = 4031 // OPUS_GET_FINAL_RANGE_REQUEST
	getPitch               = 4033 // OPUS_GET_PITCH_REQUEST
	setGain                = 4034 // OPUS_SET_GAIN_REQUEST
	getGain                = 4045 // OPUS_GET_GAIN_REQUEST, not 4035
	setLSBDepth            = 4036 // OPUS_SET_LSB_DEPTH_REQUEST
	getLastPacketDuration  = 4039 // OPUS_GET_LAST_PACKET_DURATION_REQUEST
	setExpertFrameDuration = 4040 // OPUS_SET_EXPERT_FRAME_DURATION_REQUEST
	getExpertFrameDuration = 4041 // OPUS_GET_EXPERT_FRAME_DURATION_REQUEST
	setPredictionDisabled  = 4042 // OPUS_SET_PREDICTION_DISABLED_REQUEST
	setPhaseInversionOff   = 4046 // OPUS_SET_PHASE_INVERSION_DISABLED_REQUEST, 1.3
	getInDTX               = 4049 // OPUS_GET_IN_DTX_REQUEST, 1.3.1
	setDREDDuration        = 4050 // OPUS_SET_DRED_DURATION_REQUEST, 1.5
	setDNNBlob             = 4052 // OPUS_SET_DNN_BLOB_REQUEST, 1.5
	setOSCEBWE             = 4054 // OPUS_SET_OSCE_BWE_REQUEST, 1.6
	setQEXT                = 4056 // OPUS_SET_QEXT_REQUEST, 1.6
	setIgnoreExtensions    = 4058 // OPUS_SET_IGNORE_EXTENSIONS_REQUEST, 1.6
	getEncoderState        = 5120 // OPUS_MULTISTREAM_GET_ENCODER_STATE_REQUEST
	getDecoderState        = 5122 // OPUS_MULTISTREAM_GET_DECODER_STATE_REQUEST
	getDemixingMatrixGain  = 6001 // OPUS_PROJECTION_GET_DEMIXING_MATRIX_GAIN_REQUEST, 1.3
	getDemixingMatrixSize  = 6003 // OPUS_PROJECTION_GET_DEMIXING_MATRIX_SIZE_REQUEST, 1.3
	getDemixingMatrix      = 6005 // OPUS_PROJECTION_GET_DEMIXING_MATRIX_REQUEST, 1.3
)

// Values that several options take, from opus_defines.h.
const (
	Auto       = -1000 // OPUS_AUTO: libopus decides
	BitrateMax = -1    // OPUS_BITRATE_MAX: as many bits as the packet's buffer holds
)

// Signal tells the encoder what it hears.
type Signal int32

// The signals of libopus.
const (
	SignalAuto  Signal = Auto
	SignalVoice Signal = 3001 // OPUS_SIGNAL_VOICE
	SignalMusic Signal = 3002 // OPUS_SIGNAL_MUSIC
)

// Bandwidth is how high the frequencies of a packet go.
type Bandwidth int32

// The bandwidths of libopus.
const (
	BandwidthAuto Bandwidth = Auto
	Narrowband    Bandwidth = 1101 // to 4 kHz
	Mediumband    Bandwidth = 1102 // to 6 kHz
	Wideband      Bandwidth = 1103 // to 8 kHz
	Superwideband Bandwidth = 1104 // to 12 kHz
	Fullband      Bandwidth = 1105 // to 20 kHz
)

// FEC is how an encoder uses in-band forward error correction, a coarse copy of the packet before in each packet of SILK.
type FEC int32

// The ways of libopus.
const (
	FECOff       FEC = 0 // no copies; the default
	FECOn        FEC = 1 // copies, for which libopus may code music as speech where much is lost
	FECKeepMusic FEC = 2 // copies where SILK is used anyway; libopus 1.4 or later
)

// FrameSize is the duration of packets that SetFrameSize chooses.
type FrameSize int32

// The frame sizes of libopus, OPUS_FRAMESIZE_ARG to OPUS_FRAMESIZE_120_MS.
const (
	FrameSizeArg   FrameSize = 5000 + iota // as many samples as Encode is given
	FrameSize2_5ms                         // 2.5 ms
	FrameSize5ms
	FrameSize10ms
	FrameSize20ms
	FrameSize40ms
	FrameSize60ms
	FrameSize80ms
	FrameSize100ms
	FrameSize120ms
)

// samples is the duration in samples, 0 for FrameSizeArg.
func (s FrameSize) samples(rate int) int {
	switch {
	case s == FrameSizeArg:
		return 0
	case s <= FrameSize40ms:
		return rate / 400 << (s - FrameSize2_5ms)
	default:
		return rate / 50 * int(s-FrameSize20ms+1)
	}
}
