package alsa

import (
	"errors"
	"syscall"
	"testing"
	"time"
)

// Status, timestamps and the way through the ring, of the kernel's own.
func TestLoopbackStatus(t *testing.T) {
	loopback(t)
	c := Config{Rate: 8000, Channels: 2, Period: 480, Buffer: 48000, StartAt: Never}
	p := open(t, "in", Playback, c)
	if s, err := p.Status(); err != nil || s.State != StatePrepared || s.Avail != 48000 || s.Delay != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := p.WriteBytes(t.Context(), make([]byte, 24000*4)); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Rewindable(); n != 24000 || err != nil {
		t.Errorf("rewindable %d, %v", n, err)
	}
	if n, err := p.Rewind(4000); n != 4000 || err != nil {
		t.Errorf("rewound %d, %v", n, err)
	}
	if n, err := p.Forward(1000); n != 1000 || err != nil {
		t.Errorf("forwarded %d, %v", n, err)
	}
	if avail, delay, err := p.AvailDelay(); avail != 27000 || delay != 21000 || err != nil {
		t.Errorf("%d available, delay %d, %v", avail, delay, err)
	}
	if n, err := p.Forwardable(); n != 27000 || err != nil {
		t.Errorf("forwardable %d, %v", n, err)
	}
	before := monotonic(t)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	after := monotonic(t)
	time.Sleep(50 * time.Millisecond)
	s, err := p.Status()
	now := monotonic(t)
	if err != nil || s.State != StateRunning || s.Triggered < before || s.Triggered > after || s.At < after || s.At > now {
		t.Errorf("%+v, %v; started between %v and %v, now %v", s, err, before, after, now)
	}
	if played := 48000 - 27000; s.Delay >= played || s.Delay <= 0 || s.Avail <= 27000 || s.Audio <= 0 || s.Audio > s.At-s.Triggered+time.Second {
		t.Errorf("%+v", s)
	}
	avail, at, err := p.Timestamp()
	if err != nil || avail < s.Avail || at < s.Triggered || at > monotonic(t) {
		t.Errorf("%d available at %v, %v; status %+v", avail, at, err, s)
	}
	if err := p.Reset(); err != nil {
		t.Error(err)
	}
	if n, err := p.Delay(); n != 0 || err != nil && !errors.Is(err, syscall.EPIPE) { // an empty ring is an underrun soon
		t.Errorf("after Reset: delay %d, %v", n, err)
	}
	if _, err := p.Rewind(-1); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i, f := range []func() error{
		func() error { _, err := p.Status(); return err },
		func() error { _, _, err := p.Timestamp(); return err },
		func() error { _, _, err := p.AvailDelay(); return err },
		func() error { _, err := p.Rewind(1); return err },
		func() error { return p.Pause(true) },
		func() error { return p.Reset() },
		func() error { return p.Start() },
		func() error { return p.Unlink() },
		func() error { return Link(p, newPCM("other", Capture)) },
	} {
		if err := f(); !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: %v", i, err)
		}
	}
}

func monotonic(t *testing.T) time.Duration {
	t.Helper()
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, timespecAt(&ts), 0); errno != 0 { // CLOCK_MONOTONIC
		t.Fatal(errno)
	}
	return time.Duration(ts.Nano())
}

func TestLoopbackPause(t *testing.T) {
	loopback(t)
	p := open(t, "in", Playback, Config{Rate: 8000, Channels: 2, Period: 480, Buffer: 48000, StartAt: 480})
	if err := p.Pause(true); !errors.Is(err, syscall.EBADFD) {
		t.Errorf("pausing what does not run: %v", err)
	}
	if _, err := p.WriteBytes(t.Context(), make([]byte, 47520*4)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if err := p.Pause(true); err != nil {
		t.Fatal(err)
	}
	a, err := p.Status()
	if err != nil || a.State != StatePaused || p.State() != StatePaused {
		t.Errorf("%+v, %v, %v", a, err, p.State())
	}
	time.Sleep(100 * time.Millisecond)
	if b, err := p.Status(); err != nil || b.Avail != a.Avail || b.Delay != a.Delay {
		t.Errorf("it goes on while paused: %+v, then %+v, %v", a, b, err)
	}
	if err := p.Pause(false); err != nil || p.State() != StateRunning {
		t.Error(err, p.State())
	}
	if s := p.Stats(); s.Xruns != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestLoopbackLink(t *testing.T) {
	loopback(t)
	c := Config{Rate: 8000, Channels: 2, Period: 480, Buffer: 24000, StartAt: Never}
	p, q := open(t, "in", Playback, c), open(t, "out", Capture, c)
	if err := Link(p, p); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("linked with itself: %v", err)
	}
	if err := Link(p, q); err != nil {
		t.Fatal(err)
	}
	if err := Link(q, p); !errors.Is(err, syscall.EALREADY) {
		t.Errorf("linked twice: %v", err)
	}
	data := noise(24000 * 4)
	if _, err := p.WriteBytes(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if a, b := p.State(), q.State(); a != StateRunning || b != StateRunning {
		t.Errorf("started one: %v and %v", a, b)
	}
	a, err := p.Status()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := q.Status(); err != nil || (a.Triggered-b.Triggered).Abs() > time.Millisecond {
		t.Errorf("one started at %v, the other at %v, %v", a.Triggered, b.Triggered, err)
	}
	if _, err := q.ReadBytes(t.Context(), make([]byte, 480*4)); err != nil {
		t.Error(err)
	}
	if err := p.Drop(); err != nil {
		t.Fatal(err)
	}
	if a, b := p.State(), q.State(); a != StateSetup || b != StateSetup {
		t.Errorf("dropped one: %v and %v", a, b)
	}
	// The other's transfer says so, and the next one starts anew.
	if _, err := q.ReadBytes(t.Context(), make([]byte, 480*4)); !errors.Is(err, ErrDropped) {
		t.Errorf("reading: %v", err)
	}
	if err := q.Unlink(); err != nil {
		t.Fatal(err)
	}
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	if a, b := p.State(), q.State(); a == StateRunning || b != StateRunning {
		t.Errorf("started one after Unlink: %v and %v", a, b)
	}
}

// reaches waits until a stream is in that state: emulated machines are late.
func reaches(t *testing.T, p *PCM, want State) {
	t.Helper()
	for range 1000 {
		if p.State() == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the stream is %v, not %v", p.State(), want)
}

// A stream left alone stops, and goes on by itself with the next transfer, whatever its access.
func TestLoopbackXrun(t *testing.T) {
	loopback(t)
	for _, dir := range []Direction{Capture, Playback} {
		for _, access := range []Access{RWInterleaved, MMapInterleaved} {
			t.Run(dir.String()+" "+access.String(), func(t *testing.T) {
				name := map[Direction]string{Capture: "out", Playback: "in"}[dir]
				p := open(t, name, dir, Config{Rate: 48000, Channels: 2, Period: 480, Buffer: 9600, Access: access})
				b := make([]byte, 9600*4)
				for i := range 3 {
					if err := shift(t, p, b, dir); err != nil {
						t.Fatal(err)
					}
					reaches(t, p, StateXrun)
					if s, err := p.Status(); err != nil || s.State != StateXrun {
						t.Errorf("round %d: %+v, %v", i, s, err)
					}
				}
				if n := p.Stats().Xruns; n < 2 {
					t.Errorf("%d xruns in 3 rounds", n)
				}
				if !access.MMap() {
					return
				}
				// While a region is out.
				r, err := p.Begin(t.Context(), 480)
				if err != nil {
					t.Fatal(err)
				}
				if dir == Playback {
					if _, err := r.Commit(480); err != nil {
						t.Fatal(err)
					}
					if err := shift(t, p, b[:9120*4], dir); err != nil { // the ring is full, and runs
						t.Fatal(err)
					}
					if r, err = p.Begin(t.Context(), 480); err != nil {
						t.Fatal(err)
					}
				}
				before := p.Stats().Xruns
				reaches(t, p, StateXrun)
				if _, err := r.Commit(r.Frames()); !errors.Is(err, syscall.EPIPE) {
					t.Errorf("the stream stopped while the region was out, and Commit says %v", err)
				}
				if n := p.Stats().Xruns; n != before+1 || p.State() != StatePrepared {
					t.Errorf("%d xruns, want %d; %v", n, before+1, p.State())
				}
				if err := shift(t, p, b, dir); err != nil {
					t.Errorf("the next: %v", err)
				}
			})
		}
	}
}
