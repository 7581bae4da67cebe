//go:build cgo

package main

/*
#cgo CFLAGS: -I${SRCDIR}/../../include
#include "native/meter.h"
*/
import "C"

import "fmt"

// meterName says who measures the level.
const meterName = "C, through poolgen.h"

// meter lets C measure a frame: it retains, reads and releases it without a call back into Go.
func meter(p *FramePool, f FrameRef) (int, error) {
	h := f.Handle()
	peak := C.voice_meter((*C.poolgen_arena)(p.Pool().Arena()), C.poolgen_buf{index: C.uint32_t(h.Index), generation: C.uint32_t(h.Generation)})
	if peak < 0 {
		return 0, fmt.Errorf("measuring the level: %s", C.GoString(C.poolgen_strerror(peak)))
	}
	return int(peak), nil
}
