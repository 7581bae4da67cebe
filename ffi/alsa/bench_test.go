package alsa

import (
	"context"
	"testing"
)

// BenchmarkPeriod moves one period with the null PCM, which does no work, so that what remains is the way to alsa-lib and
// back; region lends one and takes it back; State is one bare call of the binding beside it.
func BenchmarkPeriod(b *testing.B) {
	configure(b, fileConf)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	buf := make([]byte, cd.PeriodBytes())
	rec, play := open(b, "null", Capture, cd), open(b, "null", Playback, cd)
	ring := open(b, "null", Capture, shared)
	for name, f := range map[string]func() error{
		"region": func() error {
			r, err := ring.Begin(ctx, 480)
			if err != nil {
				return err
			}
			_, err = r.Commit(r.Frames())
			return err
		},
		"read":  func() error { _, err := rec.ReadBytes(ctx, buf); return err },
		"write": func() error { _, err := play.WriteBytes(ctx, buf); return err },
		"state": func() error { rec.State(); return nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
