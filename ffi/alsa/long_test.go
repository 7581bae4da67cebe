package alsa

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// Ten minutes of sound go from one end of the kernel's card to the other, in its own memory on both sides: no frame is lost or comes twice
// but by an overrun or underrun, which are counted.
func TestLoopbackLong(t *testing.T) {
	if os.Getenv("POOLGEN_LONG") != "1" {
		t.Skip("it takes 10 minutes: make test-vm-full runs it, by POOLGEN_LONG=1")
	}
	count(t, 10*time.Minute)
}

// count plays a counter for that long and looks at what is captured. Both have mono samples of 32 bits: the number of the frame, from 1 on.
func count(t *testing.T, d time.Duration) {
	loopback(t)
	c := Config{Rate: 48000, Channels: 1, Format: S32LE, Period: 960, Buffer: 96000, Access: MMapInterleaved}
	out := open(t, "out", Capture, c)
	c.StartAt = 48000
	in := open(t, "in", Playback, c)
	total := uint32(d/time.Second) * 48000
	played := make(chan error, 1)
	go func() {
		for n := uint32(0); n < total; {
			r, err := in.Begin(t.Context(), 960)
			if err == nil {
				b := r.Bytes()
				for at := 0; at < len(b); at += 4 {
					n++
					binary.LittleEndian.PutUint32(b[at:], n)
				}
				_, err = r.Commit(r.Frames())
			}
			if err != nil && !errors.Is(err, syscall.EPIPE) {
				played <- err
				return
			}
		}
		played <- nil
	}()
	var last uint32
	gaps := uint64(0)
	for last < total {
		r, err := out.Begin(t.Context(), 960)
		if err != nil {
			t.Fatal(err)
		}
		b, was := r.Bytes(), last
		bad := false
		for at := 0; at < len(b) && last < total && !bad; at += 4 { // behind the last comes what the ring held before
			switch v := binary.LittleEndian.Uint32(b[at:]); {
			case v == last+1:
				last = v
			case v > last+1 && v <= total && last > 0:
				gaps++
				last = v
			default:
				bad = v != 0 || last > 0 && in.Stats().Xruns+out.Stats().Xruns == 0
			}
		}
		if _, err := r.Commit(r.Frames()); err != nil && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		if bad {
			t.Fatalf("between frame %d and %d comes another", was, total)
		}
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	xruns := in.Stats().Xruns + out.Stats().Xruns
	if gaps > xruns {
		t.Errorf("%d gaps, and %d overruns and underruns", gaps, xruns)
	}
	t.Logf("%d frames, %d gaps; playback %+v, capture %+v", last, gaps, in.Stats(), out.Stats())
}

func TestLoopbackCount(t *testing.T) {
	count(t, 5*time.Second)
}
