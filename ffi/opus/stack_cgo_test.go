//go:build cgo

package opus_test

import (
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
)

// Samples and packets on the caller's stack stay there: cgo knows that libopus keeps neither.
func TestStackStaysStack(t *testing.T) {
	e, d := voice(t)
	n := testing.AllocsPerRun(50, func() {
		var pcm [960]int16
		var packet [opus.MaxPacket]byte
		k, err := e.Encode(pcm[:], packet[:])
		if err == nil {
			_, err = d.Decode(packet[:k], pcm[:])
		}
		if err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
