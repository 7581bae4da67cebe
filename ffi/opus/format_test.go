package opus

import "testing"

// On 32 bit the product that decides would wrap for absurd lengths, and these would look like 2.5 ms and 20 ms.
func TestFrameSizesDoNotWrap(t *testing.T) {
	for _, samples := range []int{1<<28 + 120, 1<<28 + 960, 1<<30 - 1, -120, -960} {
		if validFrame(samples, 48000) {
			t.Errorf("%d samples are taken for a frame", samples)
		}
	}
}

// libopus would refuse other lengths too; here they do not get that far.
func TestEveryFrameSize(t *testing.T) {
	for _, rate := range []int{8000, 12000, 16000, 24000, 48000} {
		good := map[int]bool{}
		for _, tenths := range []int{25, 50, 100, 200, 400, 600, 800, 1000, 1200} {
			good[rate*tenths/10000] = true
		}
		for samples := range rate/8 + 2 {
			if validFrame(samples, rate) != good[samples] {
				t.Errorf("%d samples at %d Hz: %v", samples, rate, !good[samples])
			}
		}
	}
}
