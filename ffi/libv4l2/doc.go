// Package libv4l2 opens V4L2 devices through libv4l2 (v4l-utils), which converts the pixel formats of cameras that have none that a program
// reads, such as those of old webcams. It is optional: package ffi/v4l2 alone needs no C library.
//
//	lib, err := libv4l2.New()
//	camera, err := v4l2.Open("/dev/video0", v4l2.Options{System: lib})
//
// The library adds the formats RGB24, BGR24, YUV420 and YVU420 to the list ([v4l2.FormatDesc] says Emulated). A frame of one of them is
// converted in the call that dequeues it, into memory of the library's that is mapped as the driver's own would be: one copy, which package
// v4l2 alone does not have. Emulated formats need v4l2.MemoryMMAP.
//
// On 386 and arm a library that was built for 32-bit time knows only the calls with that; New sees which it is.
package libv4l2
