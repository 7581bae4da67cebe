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
	bufTypeVideoCapture       = C.V4L2_BUF_TYPE_VIDEO_CAPTURE
	bufTypeVideoCaptureMplane = C.V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
	bufTypeVideoOutput        = C.V4L2_BUF_TYPE_VIDEO_OUTPUT
	bufTypeVideoOutputMplane  = C.V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE
)

const (
	memoryDmabuf  = C.V4L2_MEMORY_DMABUF
	memoryMmap    = C.V4L2_MEMORY_MMAP
	memoryUserptr = C.V4L2_MEMORY_USERPTR
)

const (
	capDeviceCaps         = C.V4L2_CAP_DEVICE_CAPS
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
	bufCapSupportsOrphanedBufs = C.V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS
)

const (
	bufFlagBframe             = C.V4L2_BUF_FLAG_BFRAME
	bufFlagError              = C.V4L2_BUF_FLAG_ERROR
	bufFlagKeyframe           = C.V4L2_BUF_FLAG_KEYFRAME
	bufFlagLast               = C.V4L2_BUF_FLAG_LAST
	bufFlagPframe             = C.V4L2_BUF_FLAG_PFRAME
	bufFlagTimestampCopy      = C.V4L2_BUF_FLAG_TIMESTAMP_COPY
	bufFlagTimestampMask      = C.V4L2_BUF_FLAG_TIMESTAMP_MASK
	bufFlagTimestampMonotonic = C.V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
	bufFlagTstampSrcSoe       = C.V4L2_BUF_FLAG_TSTAMP_SRC_SOE
)

const (
	fmtFlagCompressed = C.V4L2_FMT_FLAG_COMPRESSED
	fmtFlagEmulated   = C.V4L2_FMT_FLAG_EMULATED
)

const (
	frmsizeTypeDiscrete = C.V4L2_FRMSIZE_TYPE_DISCRETE
)

const (
	frmivalTypeDiscrete = C.V4L2_FRMIVAL_TYPE_DISCRETE
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
	colorspaceBt2020      = C.V4L2_COLORSPACE_BT2020
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
	ctrlTypeArea        = C.V4L2_CTRL_TYPE_AREA
	ctrlTypeBitmask     = C.V4L2_CTRL_TYPE_BITMASK
	ctrlTypeBoolean     = C.V4L2_CTRL_TYPE_BOOLEAN
	ctrlTypeButton      = C.V4L2_CTRL_TYPE_BUTTON
	ctrlTypeCtrlClass   = C.V4L2_CTRL_TYPE_CTRL_CLASS
	ctrlTypeInteger     = C.V4L2_CTRL_TYPE_INTEGER
	ctrlTypeInteger64   = C.V4L2_CTRL_TYPE_INTEGER64
	ctrlTypeIntegerMenu = C.V4L2_CTRL_TYPE_INTEGER_MENU
	ctrlTypeMenu        = C.V4L2_CTRL_TYPE_MENU
	ctrlTypeString      = C.V4L2_CTRL_TYPE_STRING
	ctrlTypeU16         = C.V4L2_CTRL_TYPE_U16
	ctrlTypeU32         = C.V4L2_CTRL_TYPE_U32
	ctrlTypeU8          = C.V4L2_CTRL_TYPE_U8
)

const (
	ctrlFlagDisabled       = C.V4L2_CTRL_FLAG_DISABLED
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
	ctrlWhichCurVal = C.V4L2_CTRL_WHICH_CUR_VAL
)

const (
	eventCtrl               = C.V4L2_EVENT_CTRL
	eventCtrlChDimensions   = C.V4L2_EVENT_CTRL_CH_DIMENSIONS
	eventCtrlChFlags        = C.V4L2_EVENT_CTRL_CH_FLAGS
	eventCtrlChRange        = C.V4L2_EVENT_CTRL_CH_RANGE
	eventCtrlChValue        = C.V4L2_EVENT_CTRL_CH_VALUE
	eventEos                = C.V4L2_EVENT_EOS
	eventFrameSync          = C.V4L2_EVENT_FRAME_SYNC
	eventMdFlHaveFrameSeq   = C.V4L2_EVENT_MD_FL_HAVE_FRAME_SEQ
	eventMotionDet          = C.V4L2_EVENT_MOTION_DET
	eventSourceChange       = C.V4L2_EVENT_SOURCE_CHANGE
	eventSrcChResolution    = C.V4L2_EVENT_SRC_CH_RESOLUTION
	eventSubFlAllowFeedback = C.V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK
	eventVsync              = C.V4L2_EVENT_VSYNC
)

const (
	encCmdPause  = C.V4L2_ENC_CMD_PAUSE
	encCmdResume = C.V4L2_ENC_CMD_RESUME
	encCmdStart  = C.V4L2_ENC_CMD_START
	encCmdStop   = C.V4L2_ENC_CMD_STOP
)

const (
	decCmdFlush  = C.V4L2_DEC_CMD_FLUSH
	decCmdPause  = C.V4L2_DEC_CMD_PAUSE
	decCmdResume = C.V4L2_DEC_CMD_RESUME
	decCmdStart  = C.V4L2_DEC_CMD_START
	decCmdStop   = C.V4L2_DEC_CMD_STOP
)

const (
	selTgtCompose        = C.V4L2_SEL_TGT_COMPOSE
	selTgtComposeBounds  = C.V4L2_SEL_TGT_COMPOSE_BOUNDS
	selTgtComposeDefault = C.V4L2_SEL_TGT_COMPOSE_DEFAULT
	selTgtComposePadded  = C.V4L2_SEL_TGT_COMPOSE_PADDED
	selTgtCrop           = C.V4L2_SEL_TGT_CROP
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
)

const (
	inputStatusNoPower  = C.V4L2_IN_ST_NO_POWER
	inputStatusNoSignal = C.V4L2_IN_ST_NO_SIGNAL
)

const (
	inCapDvTimings = C.V4L2_IN_CAP_DV_TIMINGS
)

const (
	outCapDvTimings = C.V4L2_OUT_CAP_DV_TIMINGS
)

const (
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
