package alsa

import "unsafe"

type (
	// handle is a snd_pcm_t *.
	handle unsafe.Pointer
	// ptr is any other pointer: to what alsa-lib allocates, or to memory without Go pointers that a call borrows.
	ptr = unsafe.Pointer
)
