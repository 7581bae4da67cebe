//go:build !cgo

package main

// meterName says who measures the level.
const meterName = "Go, because this build has no cgo"

func meter(_ *FramePool, f FrameRef) (int, error) {
	v := f.Value()
	peak := 0
	for _, s := range v.PCM[:min(v.Samples, frameSize)] {
		peak = max(peak, int(s), -int(s))
	}
	v.Peak = uint32(peak)
	return peak, nil
}
