package stream

import (
	"fmt"
	"math/bits"
	"time"
)

// A duration falls into one of 8 buckets a doubling, so that a quantile is at most an eighth too high.
const (
	histogramSub  = 8
	histogramSize = histogramSub * 36 // up to 2^38 ns, more than four minutes; longer ones share the last bucket
)

// Histogram counts durations. The zero Histogram is empty. It is a plain value: copies are independent.
type Histogram struct {
	Count   uint64
	Max     time.Duration
	sum     float64
	buckets [histogramSize]uint64
}

// Record counts one duration; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.Count++
	h.Max = max(h.Max, d)
	h.sum += float64(d)
	h.buckets[bucketOf(uint64(d))]++
}

func bucketOf(v uint64) int {
	if v < histogramSub {
		return int(v)
	}
	e := bits.Len64(v) - 4 // so that v>>e has four bits, the first of them set
	return min((e+1)*histogramSub+int(v>>e)&(histogramSub-1), histogramSize-1)
}

// bucketEnd is the longest duration of bucket i.
func bucketEnd(i int) time.Duration {
	if i < histogramSub {
		return time.Duration(i)
	}
	e := i/histogramSub - 1
	return time.Duration((histogramSub+uint64(i)%histogramSub+1)<<e - 1)
}

// Sum is all recorded durations together, in seconds.
func (h *Histogram) Sum() float64 { return h.sum / float64(time.Second) }

// Quantile is a duration that the share q (0 to 1) of the recorded ones does not exceed: 0.5 for the median. It is at most an
// eighth too high, never too low, and 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(min(max(q, 0), 1)*float64(h.Count) + 0.5)
	want = max(want, 1)
	for i, n := range h.buckets {
		if n < want {
			want -= n
			continue
		}
		if i == histogramSize-1 {
			return h.Max
		}
		return min(bucketEnd(i), h.Max)
	}
	return h.Max
}

// AtMost is how many of the recorded durations are certainly no longer than d: one that is at most an eighth shorter may be missing.
func (h *Histogram) AtMost(d time.Duration) uint64 {
	if d >= h.Max {
		return h.Count
	}
	n := uint64(0)
	for i := 0; i < histogramSize-1 && bucketEnd(i) <= d; i++ {
		n += h.buckets[i]
	}
	return n
}

// String sums the histogram up for people.
func (h Histogram) String() string {
	return fmt.Sprintf("%d: mean %v, p50 %v, p99 %v, max %v", h.Count, h.Mean(), h.Quantile(0.5), h.Quantile(0.99), h.Max)
}

// Mean is the average of the recorded durations.
func (h *Histogram) Mean() time.Duration {
	if h.Count == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.Count))
}

// add puts the durations of o in.
func (h *Histogram) add(o *Histogram) {
	h.Count += o.Count
	h.Max = max(h.Max, o.Max)
	h.sum += o.sum
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
}
