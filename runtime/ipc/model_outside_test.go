package ipc

import (
	"fmt"
	"math/bits"
)

// fromOutside checks what poolgen top makes of the words of a channel against what the publisher itself knows, between two frames: frames
// written, less those taken back from the queue, less those given back, are the blocks that the subscriber has. It only reads, so that the
// states there are do not become more by it. Mistakes in the protocol are told as what they break in it.
func (m *model) fromOutside(s modelState, i int) string {
	if m.mistake != "" || s.p.pc != pIdle || s.gone[i] || s.r[i].pc == rDead {
		return ""
	}
	c := &s.chans[s.p.self][i]
	never := bits.OnesCount8(s.given[i]) - int(c.tail) // frames that never were in the queue
	dropped := bits.OnesCount8(s.lost[i]) - never
	has := -int(c.returned - s.read[i]) // what it gave back, and the publisher has not seen yet
	for _, mask := range s.mask {
		has += int(mask >> i & 1)
	}
	if holds := int(c.tail) - dropped - int(c.returned); never < 0 || dropped < 0 || holds != has {
		return fmt.Sprintf("subscriber %d has %d blocks, from outside it looks like %d: %d written, %d dropped, %d returned", i, has, holds, c.tail, dropped, c.returned)
	}
	return ""
}
