//go:build ignore

// The structures of linux/videodev2.h that hold a time, with 64 bits for the seconds, and the numbers of the calls that take them.
// scripts/v4l2abi.sh makes ztime_GOARCH.go of it.

package v4l2

/*
#include <linux/videodev2.h>
*/
import "C"

type (
	kBuffer   C.struct_v4l2_buffer
	kTimecode C.struct_v4l2_timecode
	kTimeval  C.struct_timeval
	kEvent    C.struct_v4l2_event
	kTimespec C.struct_timespec
)

const (
	iocQuerybuf = C.VIDIOC_QUERYBUF
	iocQbuf     = C.VIDIOC_QBUF
	iocDqbuf    = C.VIDIOC_DQBUF
	iocDqevent  = C.VIDIOC_DQEVENT
)
