package v4l2_test

import (
	"context"
	"testing"
	"time"

	"github.com/blackjack/webcam"

	"github.com/poolgen/poolgen/ffi/v4l2"
)

// BenchmarkVividFrame is what the hand-off of one frame of 1280x720 costs: from the driver, which has it ready, to the program, and back. A
// consumer of blackjack/webcam that wants to keep frames has to copy them out of the driver's buffer.
func BenchmarkVividFrame(b *testing.B) {
	const width, height = 1280, 720
	d := find(b, "vid-cap")
	path := d.Path()
	if _, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FmtYUYV, Width: width, Height: height}); err != nil {
		b.Fatal(err)
	}
	interval, err := d.SetInterval(v4l2.Capture, v4l2.Fraction{Numerator: 2, Denominator: 25})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("poolgen", func(b *testing.B) {
		s := start(b, d, v4l2.StreamConfig{})
		defer s.Close()
		ctx := context.Background()
		b.ReportAllocs()
		handOff(b, interval.Duration(), func() {
			f, err := s.Read(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if len(f.Bytes()) != 2*width*height {
				b.Fatalf("%d bytes", len(f.Bytes()))
			}
			f.Release()
		})
	})
	d.Close()
	b.Run("webcam+copy", func(b *testing.B) {
		w, err := webcam.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		if _, _, _, err := w.SetImageFormat(webcam.PixelFormat(v4l2.FmtYUYV), width, height); err != nil {
			b.Fatal(err)
		}
		if err := w.SetBufferCount(4); err != nil {
			b.Fatal(err)
		}
		if err := w.StartStreaming(); err != nil {
			b.Fatal(err)
		}
		mine := make([]byte, 2*width*height)
		b.ReportAllocs()
		handOff(b, interval.Duration(), func() {
			if err := w.WaitForFrame(5); err != nil {
				b.Fatal(err)
			}
			f, err := w.ReadFrame()
			if err != nil || copy(mine, f) != len(mine) {
				b.Fatalf("%d bytes, %v", len(f), err)
			}
		})
	})
}

// handOff reports the time for each frame, without the time that the camera takes: it lets 3 frames come first.
func handOff(b *testing.B, interval time.Duration, frame func()) {
	for range 5 {
		frame()
	}
	var spent time.Duration
	b.ResetTimer()
	for i := 0; i < b.N; {
		b.StopTimer()
		time.Sleep(4 * interval)
		b.StartTimer()
		begin := time.Now()
		for range min(3, b.N-i) {
			frame()
			i++
		}
		spent += time.Since(begin)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/frame")
}
