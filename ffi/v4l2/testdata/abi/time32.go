//go:build ignore

// The structures of linux/videodev2.h that hold a time, with 32 bits for the seconds, for kernels before 5.6, and the numbers of the calls that take them.
// scripts/v4l2abi.sh makes ztime32_GOARCH.go of it.

package v4l2

/*
#include <linux/videodev2.h>
*/
import "C"

type (
	kBuffer32   C.struct_v4l2_buffer
	kTimeval32  C.struct_timeval
	kEvent32    C.struct_v4l2_event
	kTimespec32 C.struct_timespec
)

const (
	iocQuerybuf32 = C.VIDIOC_QUERYBUF
	iocQbuf32     = C.VIDIOC_QBUF
	iocDqbuf32    = C.VIDIOC_DQBUF
	iocDqevent32  = C.VIDIOC_DQEVENT
)
