// Package luma computes statistics of the brightness in pictures: mean, histogram, difference to a background, bright and hot pixels.
//
// It works on a [Plane] of 8-bit samples: a grey picture, or the first plane of NV12, I420 and the like, as it lies in a buffer from a camera. Nothing is
// copied and nothing is allocated:
//
//	p, err := luma.Of(frame.Bytes(), width, height, stride)
//	mean := p.Mean()
//	change, err := p.Compare(background, 24)
//	if change.Count > 500 { ... } // as many samples differ by 24 or more
//
// A Plane is the caller's slice; it is valid as long as that is, and only read.
//
// Every sample counts, and is counted once, whatever the width, the stride and the alignment; bytes between the rows are not looked at. There are three ways to
// compute the same: byte by byte; eight bytes at a time in a machine word, for sums, counts and searches; and with vectors, AVX2 on amd64, NEON on
// arm64 and arm, for all but histograms. What the processor has is found at the start of the program. All agree exactly.
package luma
