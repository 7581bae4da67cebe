package alsa

import (
	"testing"
	"time"
)

// A struct timespec has a time_t of 32 or 64 bits on 32-bit machines, as libasound was built.
func TestStampWidths(t *testing.T) {
	want := 86400*time.Second*365 + 123456789
	sec, nsec := int64(want/time.Second), int64(want%time.Second)
	for name, write := range map[string]func(s *stamp){
		"time64, 64 bits":               func(s *stamp) { s[0], s[1] = sec, nsec },
		"time64, 32 bits, no padding":   func(s *stamp) { s[0], s[1] = sec, unwritten&^0xffffffff|nsec },
		"time64, 32 bits, zero padding": func(s *stamp) { s[0], s[1] = sec, nsec },
		"time32":                        func(s *stamp) { s[0] = nsec<<32 | sec },
	} {
		var s stamp
		s.clear()
		write(&s)
		if got := s.duration(); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	var s stamp
	s.clear()
	if got := s.duration(); got != 0 {
		t.Errorf("nothing was written: %v", got)
	}
}

// Thresholds are what was asked for, as far as alsa-lib lets them; the kernel's own are tested on its loopback card.
func TestThresholds(t *testing.T) {
	card(t, "tick_us 0")
	c := Config{Rate: 48000, Channels: 2, Format: S16LE, Period: 480, Buffer: 4800, StartAt: 960, StopAt: 2400, SilenceAt: 1000, SilenceSize: 480, WakeAt: 720, Clock: ClockRealtime}
	if got := open(t, "card", Playback, c).Config(); got != c {
		t.Errorf("got %#v, want %#v", got, c)
	}
	c.StartAt, c.StopAt, c.SilenceAt, c.SilenceSize, c.Clock = Never, Never, 0, Never, ClockMonotonic
	p := open(t, "card", Playback, c)
	if got := p.Config(); got != c {
		t.Errorf("got %#v, want %#v", got, c)
	}
	if _, err := p.WriteBytes(t.Context(), make([]byte, 4800*4)); err != nil {
		t.Fatal(err)
	}
	if s := p.State(); s != StatePrepared {
		t.Errorf("it starts by itself: %v", s)
	}
	if err := p.Start(); err != nil || p.State() != StateRunning {
		t.Error(err, p.State())
	}
	for _, bad := range []Config{{StartAt: -2}, {StopAt: 1 << 30}, {SilenceAt: -1}, {WakeAt: -1}, {SilenceSize: 10}, {SilenceAt: 1, SilenceSize: Never}, {Access: 4}, {Clock: 3}} {
		if _, err := Open("card", Playback, bad); err == nil {
			t.Errorf("%#v was taken", bad)
		}
	}
}

func TestProbe(t *testing.T) {
	card(t, "")
	c, err := Probe("card", Capture)
	if err != nil {
		t.Fatal(err)
	}
	// As the card's source has them.
	if c.Channels != (Range{1, 8}) || c.Rate != (Range{8000, 192000}) || len(c.Formats) != 2 || len(c.Accesses) != 2 || len(c.Rates) != 14 || c.Periods.Min != 2 || c.Period != (Range{2, 1 << 15}) {
		t.Errorf("%+v", c)
	}
	if _, err := Probe("nothing", Capture); err == nil {
		t.Error("there is nothing, and it can do something")
	}
	if i := open(t, "card", Capture, cd).Info(); i.Card != -1 || i.Name != "card" || !i.CanResume || i.CanPause || i.Kind == 0 || i.RateNum != 48000 {
		t.Errorf("%+v", i)
	}
}
