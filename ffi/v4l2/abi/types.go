//go:build ignore

// The structures and numbers of linux/videodev2.h that do not depend on the size of time_t. scripts/v4l2abi.sh makes zabi_GOARCH.go of it.

package v4l2

/*
#include <linux/videodev2.h>
#include <linux/udmabuf.h>
#include <linux/dma-heap.h>
#include <linux/dma-buf.h>
#include <sys/sysmacros.h>
*/
import "C"

type (
	kCapability      C.struct_v4l2_capability
	kFmtdesc         C.struct_v4l2_fmtdesc
	kFrmsizeenum     C.struct_v4l2_frmsizeenum
	kFrmsizeDiscrete C.struct_v4l2_frmsize_discrete
	kFrmsizeStepwise C.struct_v4l2_frmsize_stepwise
	kFrmivalenum     C.struct_v4l2_frmivalenum
	kFrmivalStepwise C.struct_v4l2_frmival_stepwise
	kFract           C.struct_v4l2_fract
	kRect            C.struct_v4l2_rect
	kPixFormat       C.struct_v4l2_pix_format
	kPlanePixFormat  C.struct_v4l2_plane_pix_format
	kPixFormatMplane C.struct_v4l2_pix_format_mplane
	kMetaFormat      C.struct_v4l2_meta_format
	kFormat          C.struct_v4l2_format
	kCaptureparm     C.struct_v4l2_captureparm
	kOutputparm      C.struct_v4l2_outputparm
	kStreamparm      C.struct_v4l2_streamparm
	kInput           C.struct_v4l2_input
	kOutput          C.struct_v4l2_output
	kStandard        C.struct_v4l2_standard
	kBtTimings       C.struct_v4l2_bt_timings
	kDvTimings       C.struct_v4l2_dv_timings
	kEnumDvTimings   C.struct_v4l2_enum_dv_timings
	kSelection       C.struct_v4l2_selection
	kRequestbuffers  C.struct_v4l2_requestbuffers
	kExportbuffer    C.struct_v4l2_exportbuffer
	kPlane           C.struct_v4l2_plane
	kQueryExtCtrl    C.struct_v4l2_query_ext_ctrl
	kQuerymenu       C.struct_v4l2_querymenu
	kExtControl      C.struct_v4l2_ext_control
	kExtControls     C.struct_v4l2_ext_controls
	kSubscription    C.struct_v4l2_event_subscription
	kEventCtrl       C.struct_v4l2_event_ctrl
	kEventVsync      C.struct_v4l2_event_vsync
	kEventFrameSync  C.struct_v4l2_event_frame_sync
	kEventSrcChange  C.struct_v4l2_event_src_change
	kEventMotionDet  C.struct_v4l2_event_motion_det
	kEncoderCmd      C.struct_v4l2_encoder_cmd
	kDecoderCmd      C.struct_v4l2_decoder_cmd
	kUdmabufCreate   C.struct_udmabuf_create
	kHeapAllocation  C.struct_dma_heap_allocation_data
	kDmaBufSync      C.struct_dma_buf_sync
)

const (
	iocQuerycap           = C.VIDIOC_QUERYCAP
	iocEnumFmt            = C.VIDIOC_ENUM_FMT
	iocGFmt               = C.VIDIOC_G_FMT
	iocSFmt               = C.VIDIOC_S_FMT
	iocTryFmt             = C.VIDIOC_TRY_FMT
	iocReqbufs            = C.VIDIOC_REQBUFS
	iocExpbuf             = C.VIDIOC_EXPBUF
	iocStreamon           = C.VIDIOC_STREAMON
	iocStreamoff          = C.VIDIOC_STREAMOFF
	iocGParm              = C.VIDIOC_G_PARM
	iocSParm              = C.VIDIOC_S_PARM
	iocEnumFramesizes     = C.VIDIOC_ENUM_FRAMESIZES
	iocEnumFrameintervals = C.VIDIOC_ENUM_FRAMEINTERVALS
	iocEnuminput          = C.VIDIOC_ENUMINPUT
	iocGInput             = C.VIDIOC_G_INPUT
	iocSInput             = C.VIDIOC_S_INPUT
	iocEnumoutput         = C.VIDIOC_ENUMOUTPUT
	iocGOutput            = C.VIDIOC_G_OUTPUT
	iocSOutput            = C.VIDIOC_S_OUTPUT
	iocEnumstd            = C.VIDIOC_ENUMSTD
	iocGStd               = C.VIDIOC_G_STD
	iocSStd               = C.VIDIOC_S_STD
	iocQuerystd           = C.VIDIOC_QUERYSTD
	iocEnumDvTimings      = C.VIDIOC_ENUM_DV_TIMINGS
	iocGDvTimings         = C.VIDIOC_G_DV_TIMINGS
	iocSDvTimings         = C.VIDIOC_S_DV_TIMINGS
	iocQueryDvTimings     = C.VIDIOC_QUERY_DV_TIMINGS
	iocGSelection         = C.VIDIOC_G_SELECTION
	iocSSelection         = C.VIDIOC_S_SELECTION
	iocQueryExtCtrl       = C.VIDIOC_QUERY_EXT_CTRL
	iocQuerymenu          = C.VIDIOC_QUERYMENU
	iocGExtCtrls          = C.VIDIOC_G_EXT_CTRLS
	iocSExtCtrls          = C.VIDIOC_S_EXT_CTRLS
	iocTryExtCtrls        = C.VIDIOC_TRY_EXT_CTRLS
	iocSubscribeEvent     = C.VIDIOC_SUBSCRIBE_EVENT
	iocUnsubscribeEvent   = C.VIDIOC_UNSUBSCRIBE_EVENT
	iocEncoderCmd         = C.VIDIOC_ENCODER_CMD
	iocDecoderCmd         = C.VIDIOC_DECODER_CMD
	iocUdmabufCreate      = C.UDMABUF_CREATE
	iocHeapAlloc          = C.DMA_HEAP_IOCTL_ALLOC
	iocDmaBufSync         = C.DMA_BUF_IOCTL_SYNC
)

const (
	bufTypeMetaCapture        = C.V4L2_BUF_TYPE_META_CAPTURE
	bufTypeMetaOutput         = C.V4L2_BUF_TYPE_META_OUTPUT
	bufTypePrivate            = C.V4L2_BUF_TYPE_PRIVATE
	bufTypeSdrCapture         = C.V4L2_BUF_TYPE_SDR_CAPTURE
	bufTypeSdrOutput          = C.V4L2_BUF_TYPE_SDR_OUTPUT
	bufTypeSlicedVbiCapture   = C.V4L2_BUF_TYPE_SLICED_VBI_CAPTURE
	bufTypeSlicedVbiOutput    = C.V4L2_BUF_TYPE_SLICED_VBI_OUTPUT
	bufTypeVbiCapture         = C.V4L2_BUF_TYPE_VBI_CAPTURE
	bufTypeVbiOutput          = C.V4L2_BUF_TYPE_VBI_OUTPUT
	bufTypeVideoCapture       = C.V4L2_BUF_TYPE_VIDEO_CAPTURE
	bufTypeVideoCaptureMplane = C.V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
	bufTypeVideoOutput        = C.V4L2_BUF_TYPE_VIDEO_OUTPUT
	bufTypeVideoOutputMplane  = C.V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE
	bufTypeVideoOutputOverlay = C.V4L2_BUF_TYPE_VIDEO_OUTPUT_OVERLAY
	bufTypeVideoOverlay       = C.V4L2_BUF_TYPE_VIDEO_OVERLAY
)

const (
	memoryDmabuf          = C.V4L2_MEMORY_DMABUF
	memoryFlagNonCoherent = C.V4L2_MEMORY_FLAG_NON_COHERENT
	memoryMmap            = C.V4L2_MEMORY_MMAP
	memoryOverlay         = C.V4L2_MEMORY_OVERLAY
	memoryUserptr         = C.V4L2_MEMORY_USERPTR
)

const (
	capDeviceCaps         = C.V4L2_CAP_DEVICE_CAPS
	capExtPixFormat       = C.V4L2_CAP_EXT_PIX_FORMAT
	capIoMc               = C.V4L2_CAP_IO_MC
	capMetaCapture        = C.V4L2_CAP_META_CAPTURE
	capMetaOutput         = C.V4L2_CAP_META_OUTPUT
	capReadwrite          = C.V4L2_CAP_READWRITE
	capSdrCapture         = C.V4L2_CAP_SDR_CAPTURE
	capStreaming          = C.V4L2_CAP_STREAMING
	capTimeperframe       = C.V4L2_CAP_TIMEPERFRAME
	capTouch              = C.V4L2_CAP_TOUCH
	capVbiCapture         = C.V4L2_CAP_VBI_CAPTURE
	capVideoCapture       = C.V4L2_CAP_VIDEO_CAPTURE
	capVideoCaptureMplane = C.V4L2_CAP_VIDEO_CAPTURE_MPLANE
	capVideoM2m           = C.V4L2_CAP_VIDEO_M2M
	capVideoM2mMplane     = C.V4L2_CAP_VIDEO_M2M_MPLANE
	capVideoOutput        = C.V4L2_CAP_VIDEO_OUTPUT
	capVideoOutputMplane  = C.V4L2_CAP_VIDEO_OUTPUT_MPLANE
)

const (
	bufCapSupportsDmabuf            = C.V4L2_BUF_CAP_SUPPORTS_DMABUF
	bufCapSupportsM2mHoldCaptureBuf = C.V4L2_BUF_CAP_SUPPORTS_M2M_HOLD_CAPTURE_BUF
	bufCapSupportsMmap              = C.V4L2_BUF_CAP_SUPPORTS_MMAP
	bufCapSupportsMmapCacheHints    = C.V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS
	bufCapSupportsOrphanedBufs      = C.V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS
	bufCapSupportsRequests          = C.V4L2_BUF_CAP_SUPPORTS_REQUESTS
	bufCapSupportsUserptr           = C.V4L2_BUF_CAP_SUPPORTS_USERPTR
)

const (
	bufFlagBframe             = C.V4L2_BUF_FLAG_BFRAME
	bufFlagDone               = C.V4L2_BUF_FLAG_DONE
	bufFlagError              = C.V4L2_BUF_FLAG_ERROR
	bufFlagInRequest          = C.V4L2_BUF_FLAG_IN_REQUEST
	bufFlagKeyframe           = C.V4L2_BUF_FLAG_KEYFRAME
	bufFlagLast               = C.V4L2_BUF_FLAG_LAST
	bufFlagM2mHoldCaptureBuf  = C.V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF
	bufFlagMapped             = C.V4L2_BUF_FLAG_MAPPED
	bufFlagNoCacheClean       = C.V4L2_BUF_FLAG_NO_CACHE_CLEAN
	bufFlagNoCacheInvalidate  = C.V4L2_BUF_FLAG_NO_CACHE_INVALIDATE
	bufFlagPframe             = C.V4L2_BUF_FLAG_PFRAME
	bufFlagPrepared           = C.V4L2_BUF_FLAG_PREPARED
	bufFlagQueued             = C.V4L2_BUF_FLAG_QUEUED
	bufFlagRequestFd          = C.V4L2_BUF_FLAG_REQUEST_FD
	bufFlagTimecode           = C.V4L2_BUF_FLAG_TIMECODE
	bufFlagTimestampCopy      = C.V4L2_BUF_FLAG_TIMESTAMP_COPY
	bufFlagTimestampMask      = C.V4L2_BUF_FLAG_TIMESTAMP_MASK
	bufFlagTimestampMonotonic = C.V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
	bufFlagTimestampUnknown   = C.V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN
	bufFlagTstampSrcEof       = C.V4L2_BUF_FLAG_TSTAMP_SRC_EOF
	bufFlagTstampSrcMask      = C.V4L2_BUF_FLAG_TSTAMP_SRC_MASK
	bufFlagTstampSrcSoe       = C.V4L2_BUF_FLAG_TSTAMP_SRC_SOE
)

const (
	fmtFlagCompressed           = C.V4L2_FMT_FLAG_COMPRESSED
	fmtFlagContinuousBytestream = C.V4L2_FMT_FLAG_CONTINUOUS_BYTESTREAM
	fmtFlagCscColorspace        = C.V4L2_FMT_FLAG_CSC_COLORSPACE
	fmtFlagCscHsvEnc            = C.V4L2_FMT_FLAG_CSC_HSV_ENC
	fmtFlagCscQuantization      = C.V4L2_FMT_FLAG_CSC_QUANTIZATION
	fmtFlagCscXferFunc          = C.V4L2_FMT_FLAG_CSC_XFER_FUNC
	fmtFlagCscYcbcrEnc          = C.V4L2_FMT_FLAG_CSC_YCBCR_ENC
	fmtFlagDynResolution        = C.V4L2_FMT_FLAG_DYN_RESOLUTION
	fmtFlagEmulated             = C.V4L2_FMT_FLAG_EMULATED
	fmtFlagEncCapFrameInterval  = C.V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL
)

const (
	frmsizeTypeContinuous = C.V4L2_FRMSIZE_TYPE_CONTINUOUS
	frmsizeTypeDiscrete   = C.V4L2_FRMSIZE_TYPE_DISCRETE
	frmsizeTypeStepwise   = C.V4L2_FRMSIZE_TYPE_STEPWISE
)

const (
	frmivalTypeContinuous = C.V4L2_FRMIVAL_TYPE_CONTINUOUS
	frmivalTypeDiscrete   = C.V4L2_FRMIVAL_TYPE_DISCRETE
	frmivalTypeStepwise   = C.V4L2_FRMIVAL_TYPE_STEPWISE
)

const (
	fieldAlternate    = C.V4L2_FIELD_ALTERNATE
	fieldAny          = C.V4L2_FIELD_ANY
	fieldBottom       = C.V4L2_FIELD_BOTTOM
	fieldInterlaced   = C.V4L2_FIELD_INTERLACED
	fieldInterlacedBt = C.V4L2_FIELD_INTERLACED_BT
	fieldInterlacedTb = C.V4L2_FIELD_INTERLACED_TB
	fieldNone         = C.V4L2_FIELD_NONE
	fieldSeqBt        = C.V4L2_FIELD_SEQ_BT
	fieldSeqTb        = C.V4L2_FIELD_SEQ_TB
	fieldTop          = C.V4L2_FIELD_TOP
)

const (
	colorspace470SystemBg = C.V4L2_COLORSPACE_470_SYSTEM_BG
	colorspace470SystemM  = C.V4L2_COLORSPACE_470_SYSTEM_M
	colorspaceAdobergb    = C.V4L2_COLORSPACE_ADOBERGB
	colorspaceBt2020      = C.V4L2_COLORSPACE_BT2020
	colorspaceBt878       = C.V4L2_COLORSPACE_BT878
	colorspaceDciP3       = C.V4L2_COLORSPACE_DCI_P3
	colorspaceDefault     = C.V4L2_COLORSPACE_DEFAULT
	colorspaceJpeg        = C.V4L2_COLORSPACE_JPEG
	colorspaceOprgb       = C.V4L2_COLORSPACE_OPRGB
	colorspaceRaw         = C.V4L2_COLORSPACE_RAW
	colorspaceRec709      = C.V4L2_COLORSPACE_REC709
	colorspaceSmpte170m   = C.V4L2_COLORSPACE_SMPTE170M
	colorspaceSmpte240m   = C.V4L2_COLORSPACE_SMPTE240M
	colorspaceSrgb        = C.V4L2_COLORSPACE_SRGB
)

const (
	xferFunc709       = C.V4L2_XFER_FUNC_709
	xferFuncAdobergb  = C.V4L2_XFER_FUNC_ADOBERGB
	xferFuncDciP3     = C.V4L2_XFER_FUNC_DCI_P3
	xferFuncDefault   = C.V4L2_XFER_FUNC_DEFAULT
	xferFuncNone      = C.V4L2_XFER_FUNC_NONE
	xferFuncOprgb     = C.V4L2_XFER_FUNC_OPRGB
	xferFuncSmpte2084 = C.V4L2_XFER_FUNC_SMPTE2084
	xferFuncSmpte240m = C.V4L2_XFER_FUNC_SMPTE240M
	xferFuncSrgb      = C.V4L2_XFER_FUNC_SRGB
)

const (
	ycbcrEnc601            = C.V4L2_YCBCR_ENC_601
	ycbcrEnc709            = C.V4L2_YCBCR_ENC_709
	ycbcrEncBt2020         = C.V4L2_YCBCR_ENC_BT2020
	ycbcrEncBt2020ConstLum = C.V4L2_YCBCR_ENC_BT2020_CONST_LUM
	ycbcrEncDefault        = C.V4L2_YCBCR_ENC_DEFAULT
	ycbcrEncSmpte240m      = C.V4L2_YCBCR_ENC_SMPTE240M
	ycbcrEncSycc           = C.V4L2_YCBCR_ENC_SYCC
	ycbcrEncXv601          = C.V4L2_YCBCR_ENC_XV601
	ycbcrEncXv709          = C.V4L2_YCBCR_ENC_XV709
)

const (
	quantizationDefault   = C.V4L2_QUANTIZATION_DEFAULT
	quantizationFullRange = C.V4L2_QUANTIZATION_FULL_RANGE
	quantizationLimRange  = C.V4L2_QUANTIZATION_LIM_RANGE
)

const (
	ctrlTypeArea                  = C.V4L2_CTRL_TYPE_AREA
	ctrlTypeBitmask               = C.V4L2_CTRL_TYPE_BITMASK
	ctrlTypeBoolean               = C.V4L2_CTRL_TYPE_BOOLEAN
	ctrlTypeButton                = C.V4L2_CTRL_TYPE_BUTTON
	ctrlTypeCtrlClass             = C.V4L2_CTRL_TYPE_CTRL_CLASS
	ctrlTypeFwhtParams            = C.V4L2_CTRL_TYPE_FWHT_PARAMS
	ctrlTypeH264DecodeParams      = C.V4L2_CTRL_TYPE_H264_DECODE_PARAMS
	ctrlTypeH264Pps               = C.V4L2_CTRL_TYPE_H264_PPS
	ctrlTypeH264PredWeights       = C.V4L2_CTRL_TYPE_H264_PRED_WEIGHTS
	ctrlTypeH264ScalingMatrix     = C.V4L2_CTRL_TYPE_H264_SCALING_MATRIX
	ctrlTypeH264SliceParams       = C.V4L2_CTRL_TYPE_H264_SLICE_PARAMS
	ctrlTypeH264Sps               = C.V4L2_CTRL_TYPE_H264_SPS
	ctrlTypeHdr10CllInfo          = C.V4L2_CTRL_TYPE_HDR10_CLL_INFO
	ctrlTypeHdr10MasteringDisplay = C.V4L2_CTRL_TYPE_HDR10_MASTERING_DISPLAY
	ctrlTypeHevcDecodeParams      = C.V4L2_CTRL_TYPE_HEVC_DECODE_PARAMS
	ctrlTypeHevcPps               = C.V4L2_CTRL_TYPE_HEVC_PPS
	ctrlTypeHevcScalingMatrix     = C.V4L2_CTRL_TYPE_HEVC_SCALING_MATRIX
	ctrlTypeHevcSliceParams       = C.V4L2_CTRL_TYPE_HEVC_SLICE_PARAMS
	ctrlTypeHevcSps               = C.V4L2_CTRL_TYPE_HEVC_SPS
	ctrlTypeInteger               = C.V4L2_CTRL_TYPE_INTEGER
	ctrlTypeInteger64             = C.V4L2_CTRL_TYPE_INTEGER64
	ctrlTypeIntegerMenu           = C.V4L2_CTRL_TYPE_INTEGER_MENU
	ctrlTypeMenu                  = C.V4L2_CTRL_TYPE_MENU
	ctrlTypeMpeg2Picture          = C.V4L2_CTRL_TYPE_MPEG2_PICTURE
	ctrlTypeMpeg2Quantisation     = C.V4L2_CTRL_TYPE_MPEG2_QUANTISATION
	ctrlTypeMpeg2Sequence         = C.V4L2_CTRL_TYPE_MPEG2_SEQUENCE
	ctrlTypeString                = C.V4L2_CTRL_TYPE_STRING
	ctrlTypeU16                   = C.V4L2_CTRL_TYPE_U16
	ctrlTypeU32                   = C.V4L2_CTRL_TYPE_U32
	ctrlTypeU8                    = C.V4L2_CTRL_TYPE_U8
	ctrlTypeVp8Frame              = C.V4L2_CTRL_TYPE_VP8_FRAME
	ctrlTypeVp9CompressedHdr      = C.V4L2_CTRL_TYPE_VP9_COMPRESSED_HDR
	ctrlTypeVp9Frame              = C.V4L2_CTRL_TYPE_VP9_FRAME
)

const (
	ctrlFlagDisabled       = C.V4L2_CTRL_FLAG_DISABLED
	ctrlFlagDynamicArray   = C.V4L2_CTRL_FLAG_DYNAMIC_ARRAY
	ctrlFlagExecuteOnWrite = C.V4L2_CTRL_FLAG_EXECUTE_ON_WRITE
	ctrlFlagGrabbed        = C.V4L2_CTRL_FLAG_GRABBED
	ctrlFlagHasPayload     = C.V4L2_CTRL_FLAG_HAS_PAYLOAD
	ctrlFlagInactive       = C.V4L2_CTRL_FLAG_INACTIVE
	ctrlFlagModifyLayout   = C.V4L2_CTRL_FLAG_MODIFY_LAYOUT
	ctrlFlagNextCompound   = C.V4L2_CTRL_FLAG_NEXT_COMPOUND
	ctrlFlagNextCtrl       = C.V4L2_CTRL_FLAG_NEXT_CTRL
	ctrlFlagReadOnly       = C.V4L2_CTRL_FLAG_READ_ONLY
	ctrlFlagSlider         = C.V4L2_CTRL_FLAG_SLIDER
	ctrlFlagUpdate         = C.V4L2_CTRL_FLAG_UPDATE
	ctrlFlagVolatile       = C.V4L2_CTRL_FLAG_VOLATILE
	ctrlFlagWriteOnly      = C.V4L2_CTRL_FLAG_WRITE_ONLY
)

const (
	ctrlWhichCurVal     = C.V4L2_CTRL_WHICH_CUR_VAL
	ctrlWhichDefVal     = C.V4L2_CTRL_WHICH_DEF_VAL
	ctrlWhichRequestVal = C.V4L2_CTRL_WHICH_REQUEST_VAL
)

const (
	eventAll                = C.V4L2_EVENT_ALL
	eventCtrl               = C.V4L2_EVENT_CTRL
	eventCtrlChDimensions   = C.V4L2_EVENT_CTRL_CH_DIMENSIONS
	eventCtrlChFlags        = C.V4L2_EVENT_CTRL_CH_FLAGS
	eventCtrlChRange        = C.V4L2_EVENT_CTRL_CH_RANGE
	eventCtrlChValue        = C.V4L2_EVENT_CTRL_CH_VALUE
	eventEos                = C.V4L2_EVENT_EOS
	eventFrameSync          = C.V4L2_EVENT_FRAME_SYNC
	eventMdFlHaveFrameSeq   = C.V4L2_EVENT_MD_FL_HAVE_FRAME_SEQ
	eventMotionDet          = C.V4L2_EVENT_MOTION_DET
	eventPrivateStart       = C.V4L2_EVENT_PRIVATE_START
	eventSourceChange       = C.V4L2_EVENT_SOURCE_CHANGE
	eventSrcChResolution    = C.V4L2_EVENT_SRC_CH_RESOLUTION
	eventSubFlAllowFeedback = C.V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK
	eventSubFlSendInitial   = C.V4L2_EVENT_SUB_FL_SEND_INITIAL
	eventVsync              = C.V4L2_EVENT_VSYNC
)

const (
	encCmdPause        = C.V4L2_ENC_CMD_PAUSE
	encCmdResume       = C.V4L2_ENC_CMD_RESUME
	encCmdStart        = C.V4L2_ENC_CMD_START
	encCmdStop         = C.V4L2_ENC_CMD_STOP
	encCmdStopAtGopEnd = C.V4L2_ENC_CMD_STOP_AT_GOP_END
)

const (
	decCmdFlush           = C.V4L2_DEC_CMD_FLUSH
	decCmdPause           = C.V4L2_DEC_CMD_PAUSE
	decCmdPauseToBlack    = C.V4L2_DEC_CMD_PAUSE_TO_BLACK
	decCmdResume          = C.V4L2_DEC_CMD_RESUME
	decCmdStart           = C.V4L2_DEC_CMD_START
	decCmdStartMuteAudio  = C.V4L2_DEC_CMD_START_MUTE_AUDIO
	decCmdStop            = C.V4L2_DEC_CMD_STOP
	decCmdStopImmediately = C.V4L2_DEC_CMD_STOP_IMMEDIATELY
	decCmdStopToBlack     = C.V4L2_DEC_CMD_STOP_TO_BLACK
)

const (
	selTgtCompose        = C.V4L2_SEL_TGT_COMPOSE
	selTgtComposeActive  = C.V4L2_SEL_TGT_COMPOSE_ACTIVE
	selTgtComposeBounds  = C.V4L2_SEL_TGT_COMPOSE_BOUNDS
	selTgtComposeDefault = C.V4L2_SEL_TGT_COMPOSE_DEFAULT
	selTgtComposePadded  = C.V4L2_SEL_TGT_COMPOSE_PADDED
	selTgtCrop           = C.V4L2_SEL_TGT_CROP
	selTgtCropActive     = C.V4L2_SEL_TGT_CROP_ACTIVE
	selTgtCropBounds     = C.V4L2_SEL_TGT_CROP_BOUNDS
	selTgtCropDefault    = C.V4L2_SEL_TGT_CROP_DEFAULT
	selTgtNativeSize     = C.V4L2_SEL_TGT_NATIVE_SIZE
)

const (
	selFlagGe         = C.V4L2_SEL_FLAG_GE
	selFlagKeepConfig = C.V4L2_SEL_FLAG_KEEP_CONFIG
	selFlagLe         = C.V4L2_SEL_FLAG_LE
)

const (
	inputTypeCamera = C.V4L2_INPUT_TYPE_CAMERA
	inputTypeTouch  = C.V4L2_INPUT_TYPE_TOUCH
	inputTypeTuner  = C.V4L2_INPUT_TYPE_TUNER
)

const (
	inputStatusColorKill   = C.V4L2_IN_ST_COLOR_KILL
	inputStatusHflip       = C.V4L2_IN_ST_HFLIP
	inputStatusMacrovision = C.V4L2_IN_ST_MACROVISION
	inputStatusNoAccess    = C.V4L2_IN_ST_NO_ACCESS
	inputStatusNoCarrier   = C.V4L2_IN_ST_NO_CARRIER
	inputStatusNoColor     = C.V4L2_IN_ST_NO_COLOR
	inputStatusNoEqu       = C.V4L2_IN_ST_NO_EQU
	inputStatusNoHLock     = C.V4L2_IN_ST_NO_H_LOCK
	inputStatusNoPower     = C.V4L2_IN_ST_NO_POWER
	inputStatusNoSignal    = C.V4L2_IN_ST_NO_SIGNAL
	inputStatusNoStdLock   = C.V4L2_IN_ST_NO_STD_LOCK
	inputStatusNoSync      = C.V4L2_IN_ST_NO_SYNC
	inputStatusNoVLock     = C.V4L2_IN_ST_NO_V_LOCK
	inputStatusVflip       = C.V4L2_IN_ST_VFLIP
	inputStatusVtr         = C.V4L2_IN_ST_VTR
)

const (
	inCapCustomTimings = C.V4L2_IN_CAP_CUSTOM_TIMINGS
	inCapDvTimings     = C.V4L2_IN_CAP_DV_TIMINGS
	inCapNativeSize    = C.V4L2_IN_CAP_NATIVE_SIZE
	inCapStd           = C.V4L2_IN_CAP_STD
)

const (
	outputTypeAnalog           = C.V4L2_OUTPUT_TYPE_ANALOG
	outputTypeAnalogvgaoverlay = C.V4L2_OUTPUT_TYPE_ANALOGVGAOVERLAY
	outputTypeModulator        = C.V4L2_OUTPUT_TYPE_MODULATOR
)

const (
	outCapCustomTimings = C.V4L2_OUT_CAP_CUSTOM_TIMINGS
	outCapDvTimings     = C.V4L2_OUT_CAP_DV_TIMINGS
	outCapNativeSize    = C.V4L2_OUT_CAP_NATIVE_SIZE
	outCapStd           = C.V4L2_OUT_CAP_STD
)

const (
	timecapMode    = C.V4L2_MODE_HIGHQUALITY
	ctrlIDMask     = C.V4L2_CTRL_ID_MASK
	maxPlanes      = C.VIDEO_MAX_PLANES
	udmabufCloexec = C.UDMABUF_FLAGS_CLOEXEC
	dmaSyncRead    = C.DMA_BUF_SYNC_READ
	dmaSyncWrite   = C.DMA_BUF_SYNC_WRITE
	dmaSyncStart   = C.DMA_BUF_SYNC_START
	dmaSyncEnd     = C.DMA_BUF_SYNC_END
	pixPrivMagic   = C.V4L2_PIX_FMT_PRIV_MAGIC
	pixFlagPremul  = C.V4L2_PIX_FMT_FLAG_PREMUL_ALPHA
	dvBt656_1120   = C.V4L2_DV_BT_656_1120
)
