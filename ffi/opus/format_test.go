package opus

import "testing"

// On 32 bit the product that decides would wrap for absurd lengths, and these would look like 2.5 ms and 20 ms.
func TestFrameSizesDoNotWrap(t *testing.T) {
	for _, samples := range []int{1<<28 + 120, 1<<28 + 960, 1<<30 - 1, -120, -960} {
		if validFrame(samples, 48000) {
			t.Errorf("%d samples are taken for a frame", samples)
		}
	}
	if !validFrame(120, 48000) || !validFrame(5760, 48000) || validFrame(5761, 48000) {
		t.Error("2.5 ms, 120 ms")
	}
}
