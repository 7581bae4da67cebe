package alsa

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestCaptureXrunRecovers(t *testing.T) {
	dir := card(t, `file "DIR/in.raw"  xrun_at 4800  xrun_every 9600`)
	want := noise(60 * 480 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	p := open(t, "card", Capture, cd)
	got := make([]byte, len(want))
	for at := 0; at < len(got); at += 480 * 4 {
		if n, err := p.ReadBytes(t.Context(), got[at:at+480*4]); n != 480 || err != nil {
			t.Fatal(n, err)
		}
	}
	// At 4,800, 14,400 and 24,000 of 28,800 frames, each with an empty ring: nothing is lost.
	if s := p.Stats(); s.Xruns != 3 || s.Frames != 60*480 || s.Transfers != 60 || s.Waits == 0 {
		t.Errorf("stats %+v", s)
	}
	if !bytes.Equal(got, want) {
		t.Error("frames lost or repeated")
	}
}

func TestPlaybackXrunRecovers(t *testing.T) {
	dir := card(t, `file "DIR/out.raw"  xrun_at 4800`)
	p := open(t, "card", Playback, cd)
	data := noise(40 * 480 * 4)
	for at := 0; at < len(data); at += 480 * 4 {
		if n, err := p.WriteBytes(t.Context(), data[at:at+480*4]); n != 480 || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Xruns != 1 || s.Frames != 40*480 {
		t.Errorf("stats %+v", s)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "out.raw"))
	if err != nil {
		t.Fatal(err)
	}
	// Lost is what the ring held, at most 1,920 frames after the 4,800th; all else is played in order.
	lost := len(data) - len(got)
	if lost < 0 || lost > 1920*4 || !bytes.Equal(got[:4800*4], data[:4800*4]) || !bytes.Equal(got[4800*4:], data[4800*4+lost:]) {
		t.Errorf("played %d of %d bytes, or others", len(got), len(data))
	}
}

// A device that always runs over must not spin for ever.
func TestXrunWithoutEnd(t *testing.T) {
	card(t, "tick_us 200  xrun_at 1  xrun_every -1")
	p := open(t, "card", Capture, cd)
	within(t, "reading", func() {
		_, err := p.ReadBytes(t.Context(), make([]byte, 480*4))
		if !errors.Is(err, syscall.EPIPE) || !strings.Contains(err.Error(), "without a frame") {
			t.Errorf("got %v", err)
		}
	})
}

func TestSuspendResumes(t *testing.T) {
	dir := card(t, `file "DIR/in.raw"  suspend_at 4800`)
	want := noise(20 * 480 * 4)
	if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	p := open(t, "card", Capture, cd)
	got := make([]byte, len(want))
	within(t, "reading", func() {
		if n, err := p.ReadBytes(t.Context(), got); n != 20*480 || err != nil {
			t.Error(n, err)
		}
	})
	if s := p.Stats(); s.Suspends != 1 || s.Xruns != 0 {
		t.Errorf("stats %+v", s)
	}
	if !bytes.Equal(got, want) {
		t.Error("frames lost or repeated")
	}
}

func TestUnplugged(t *testing.T) {
	for _, dir := range []Direction{Capture, Playback} {
		t.Run(dir.String(), func(t *testing.T) {
			card(t, "unplug_at 5000")
			p := open(t, "card", dir, cd)
			within(t, "transfer", func() {
				n, err := p.transfer(t.Context(), make([]byte, 9600*4), dir)
				if !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "the device is gone") {
					t.Errorf("got %v", err)
				}
				if n < 5000 || n > 5000+1920 || dir == Capture && n != 5000 {
					t.Errorf("%d frames before the device went, want 5000", n)
				}
				if _, err := p.transfer(t.Context(), make([]byte, 480*4), dir); !errors.Is(err, syscall.ENODEV) {
					t.Errorf("second transfer: %v", err)
				}
				// Some kernels and libraries say only "bad state".
				if err := p.recover(t.Context(), codeEBADFD); !errors.Is(err, syscall.ENODEV) {
					t.Errorf("bad state of a device that is gone: %v", err)
				}
				if err := p.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
		})
	}
}

var errWhy = errors.New("why")

func TestCancelWhileBlocked(t *testing.T) {
	card(t, "tick_us 0")
	for _, dir := range []Direction{Capture, Playback} {
		p := open(t, "card", dir, cd)
		for range 3 {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(20*time.Millisecond, func() { cancel(errWhy) })
			within(t, "transfer", func() {
				_, err := p.transfer(ctx, make([]byte, 9600*4), dir)
				if !errors.Is(err, errWhy) || !strings.Contains(err.Error(), `"card"`) {
					t.Errorf("%v: got %v", dir, err)
				}
			})
			if _, err := p.transfer(ctx, make([]byte, 4), dir); !errors.Is(err, errWhy) {
				t.Errorf("done before: %v", err)
			}
		}
	}
}

func TestDeadline(t *testing.T) {
	card(t, "tick_us 0")
	p := open(t, "card", Capture, cd)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	within(t, "reading", func() {
		if _, err := p.ReadBytes(ctx, make([]byte, 4)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCloseAndDropWhileBlocked(t *testing.T) {
	card(t, "tick_us 0")
	for _, c := range []struct {
		name string
		end  func(*PCM) error
		want error
	}{
		{"close", (*PCM).Close, ErrClosed},
		{"drop", (*PCM).Drop, ErrDropped},
	} {
		for _, dir := range []Direction{Capture, Playback} {
			t.Run(c.name+" "+dir.String(), func(t *testing.T) {
				p := open(t, "card", dir, cd)
				got := make(chan error, 1)
				go func() {
					_, err := p.transfer(context.Background(), make([]byte, 9600*4), dir)
					got <- err
				}()
				for p.Stats().Waits == 0 {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(5 * time.Millisecond)
				if _, err := p.transfer(t.Context(), make([]byte, 4), dir); !errors.Is(err, ErrBusy) {
					t.Errorf("second transfer: %v", err)
				}
				within(t, c.name, func() {
					if err := c.end(p); err != nil {
						t.Error(err)
					}
					if err := <-got; !errors.Is(err, c.want) {
						t.Errorf("got %v, want %v", err, c.want)
					}
				})
				if c.want == ErrClosed {
					closed(t, p)
				}
			})
		}
	}
}

// closed checks that every method of a closed PCM says so.
func closed(t *testing.T, p *PCM) {
	t.Helper()
	_, avail := p.Avail()
	_, delay := p.Delay()
	_, move := p.transfer(t.Context(), make([]byte, 4), p.Direction())
	for i, err := range []error{avail, delay, move, p.Drop(), p.Drain(t.Context())} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: %v", i, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if s := p.State(); s != StateOpen {
		t.Errorf("state after Close: %v", s)
	}
}

func TestDrainCancelled(t *testing.T) {
	card(t, "tick_us 0")
	p := open(t, "card", Playback, cd)
	if _, err := p.WriteBytes(t.Context(), make([]byte, 480*4)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	within(t, "draining", func() {
		if err := p.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// Reading goes on without allocating while it waits, is woken, and could be cancelled.
func TestZeroAllocationsWhileWaiting(t *testing.T) {
	card(t, "tick_us 500")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, dir := range []Direction{Capture, Playback} {
		p := open(t, "card", dir, cd)
		b := make([]byte, cd.PeriodBytes())
		// On a busy machine many a period is there before it is waited for.
		for end := time.Now().Add(patience); p.Stats().Waits < 20; {
			if n := testing.AllocsPerRun(50, func() {
				if _, err := p.transfer(ctx, b, dir); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%v: %v allocations a period", dir, n)
			}
			if time.Now().After(end) {
				t.Fatalf("%v: the test did not wait: %+v", dir, p.Stats())
			}
		}
	}
}

// One goroutine transfers while others look on, stop the stream and at last close it.
func TestOthersMeanwhile(t *testing.T) {
	card(t, "tick_us 200  xrun_at 4800  xrun_every 4800")
	p := open(t, "card", Capture, cd)
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 480*4)
		for {
			_, err := p.ReadBytes(context.Background(), b)
			if errors.Is(err, ErrClosed) {
				return
			}
			if err != nil && !errors.Is(err, ErrDropped) {
				t.Error(err)
				return
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			for range 100 {
				p.State()
				p.Stats()
				_, _ = p.Delay() // an overrun makes both fail
				_, _ = p.Avail()
				time.Sleep(200 * time.Microsecond)
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			time.Sleep(3 * time.Millisecond)
			if err := p.Drop(); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(5 * time.Millisecond)
		for range 2 {
			wg.Go(func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	})
	within(t, "the lot", wg.Wait)
	if p.Stats().Frames == 0 {
		t.Error("no frame was read")
	}
}
