package copies

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// BenchmarkCamera compares the designs, each in processes of its own, in turns. As fast as possible tells the rate, the processor time and the
// memory; a picture every ten milliseconds tells how long it takes from the driver until the last stage is done. Lean is without histories but
// the clip's, whose writing no picture waits for. What is divided is always the figure of one design by that of another of the same run.
func BenchmarkCamera(b *testing.B) {
	const rounds = 4
	for _, f := range formats() {
		for _, lean := range []bool{false, true} {
			name := f.Name
			if lean {
				name += "-lean"
			}
			fast := plan{Format: f, History: 30, Frames: 1e9 / 2 / f.size(), Lean: lean}
			paced := fast
			paced.Every, paced.Frames = 10*time.Millisecond, 120
			var speed, delay [4][]figures
			all := func(b *testing.B) {
				for range rounds {
					for i, d := range designs() {
						fast.Design, paced.Design = d, d
						speed[i] = append(speed[i], apart(b, fast))
						delay[i] = append(delay[i], apart(b, paced))
					}
				}
			}
			b.Run(name, func(b *testing.B) {
				if speed[0] == nil {
					all(b)
				}
				var sums [4]summary
				for i, d := range designs() {
					sums[i] = summarize(fast, speed[i], delay[i])
					b.Run(d, sums[i].report)
				}
				pooled := sums[len(sums)-1]
				for i, d := range designs()[:len(sums)-1] {
					b.Run("pooled-against-"+d, sums[i].against(pooled))
				}
			})
		}
	}
}

// summary has the best of the rounds, as other programs only add to it, to the garbage that waits too; in MB and µs.
type summary struct{ copies, rate, cpu, peak, heap, offHeap, p50, p99 float64 }

func summarize(p plan, speed, delay []figures) summary {
	least := func(all []figures, value func(figures) float64) float64 {
		return value(slices.MinFunc(all, func(a, b figures) int { return cmp.Compare(value(a), value(b)) }))
	}
	most := func(all []figures, value func(figures) float64) float64 {
		return -least(all, func(f figures) float64 { return -value(f) })
	}
	return summary{
		copies:  float64(speed[0].Copied) / float64(p.Frames) / float64(p.Format.size()),
		rate:    most(speed, func(f figures) float64 { return f.Rate }),
		cpu:     least(speed, func(f figures) float64 { return float64(f.CPU) / 1e3 }),
		peak:    least(speed, func(f figures) float64 { return float64(f.Peak) / 1e6 }),
		heap:    least(speed, func(f figures) float64 { return float64(f.Heap) / 1e6 }),
		offHeap: least(speed, func(f figures) float64 { return float64(f.OffHeap) / 1e6 }),
		p50:     least(delay, func(f figures) float64 { return float64(f.P50) / 1e3 }),
		p99:     least(delay, func(f figures) float64 { return float64(f.P99) / 1e3 }),
	}
}

func (s summary) report(b *testing.B) {
	b.ReportMetric(0, "ns/op") // leaves it out
	b.ReportMetric(s.copies, "copies/frame")
	b.ReportMetric(s.rate, "frames/s")
	b.ReportMetric(s.cpu, "cpu-µs/frame")
	b.ReportMetric(s.p50, "p50-µs")
	b.ReportMetric(s.p99, "p99-µs")
	b.ReportMetric(s.peak, "peak-MB")
	b.ReportMetric(s.heap, "heap-MB")
	b.ReportMetric(s.offHeap, "off-heap-MB")
}

// against reports the pooled design beside s: what is less in percent, and what is more in times.
func (s summary) against(pooled summary) func(b *testing.B) {
	return func(b *testing.B) {
		less := func(was, is float64) float64 { return 100 * (1 - is/was) }
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(less(s.copies, pooled.copies), "%-fewer-copies")
		b.ReportMetric(less(s.peak, pooled.peak), "%-less-memory")
		b.ReportMetric(less(s.p50, pooled.p50), "%-less-p50")
		b.ReportMetric(less(s.p99, pooled.p99), "%-less-p99")
		b.ReportMetric(less(s.cpu, pooled.cpu), "%-less-cpu")
		b.ReportMetric(pooled.rate/s.rate, "times-frames/s")
	}
}
