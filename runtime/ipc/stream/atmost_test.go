package stream

import (
	"testing"
	"time"
)

func TestHistogramAtMost(t *testing.T) {
	var h Histogram
	for d := time.Microsecond; d <= time.Millisecond; d += time.Microsecond {
		h.Record(d)
	}
	for _, d := range []time.Duration{0, 10 * time.Microsecond, 500 * time.Microsecond, 999 * time.Microsecond} {
		if n, exact := h.AtMost(d), uint64(d/time.Microsecond); n > exact || n < exact-exact/8 {
			t.Errorf("AtMost(%v) = %d of %d", d, n, exact)
		}
	}
	if n := h.AtMost(time.Millisecond); n != 1000 {
		t.Errorf("AtMost of the longest = %d", n)
	}
	h.Record(time.Hour) // beyond the last bucket
	if n := h.AtMost(30 * time.Minute); n != 1000 {
		t.Errorf("AtMost below an hour = %d", n)
	}
	if n := h.AtMost(time.Hour); n != 1001 {
		t.Errorf("AtMost of an hour = %d", n)
	}
}
