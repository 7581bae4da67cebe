package alsa

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

func mixer(t testing.TB, name string) *Mixer {
	t.Helper()
	m, err := OpenMixer(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

var master, mic, mode = MixerID{Name: "Master"}, MixerID{Name: "Mic"}, MixerID{Name: "Output Mode"}

func TestMixerElements(t *testing.T) {
	card(t, "")
	list, err := mixer(t, "card").Elements()
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, e := range list {
		p, c := e.Playback, e.Capture
		switch e.ID {
		case master:
			if !p.Volume || !p.Switch || p.VolumeJoined || p.Mono || p.Range != (Range{0, 64}) || p.Decibels != (Range{-4800, 0}) || !slices.Equal(p.Channels, []Channel{FrontLeft, FrontRight}) ||
				c.Volume || c.Switch || !e.Active || e.CommonVolume || e.Items != nil {
				t.Errorf("%+v", e)
			}
		case mic:
			if p.Volume || p.Switch || !c.Volume || !c.Switch || !c.Mono || c.Range != (Range{-10, 10}) || c.Decibels != (Range{}) || !slices.Equal(c.Channels, []Channel{Mono}) {
				t.Errorf("%+v", e)
			}
		case mode:
			if p.Volume || c.Volume || !slices.Equal(e.Items, []string{"Speaker", "Headphones", "Off"}) {
				t.Errorf("%+v", e)
			}
		default:
			t.Errorf("element %v", e.ID)
		}
	}
}

func TestMixerValues(t *testing.T) {
	card(t, "")
	m, c := mixer(t, "card"), control(t, "card")
	elements := func(name string, want ...int64) {
		t.Helper()
		if v, err := c.Read(byName(name)); err != nil || !slices.Equal(v, want) {
			t.Errorf("%s: %v, want %v, %v", name, v, want, err)
		}
	}
	for _, f := range []func() error{
		func() error { return m.SetVolume(master, Playback, AllChannels, 10) },
		func() error { return m.SetVolume(master, Playback, FrontRight, 20) },
		func() error { return m.SetSwitch(master, Playback, AllChannels, true) },
		func() error { return m.SetSwitch(master, Playback, FrontLeft, false) },
		func() error { return m.SetVolume(mic, Capture, Mono, -4) },
		func() error { return m.SetSwitch(mic, Capture, AllChannels, true) },
		func() error { return m.SetItem(mode, Mono, 1) },
	} {
		if err := f(); err != nil {
			t.Error(err)
		}
	}
	elements("Master Playback Volume", 10, 20)
	elements("Master Playback Switch", 0, 1)
	elements("Mic Capture Volume", -4)
	elements("Mic Capture Switch", 1)
	elements("Output Mode", 1)
	// And what the control writes the mixer reads.
	if err := c.Write(byName("Master Playback Volume"), 32, 64); err != nil {
		t.Fatal(err)
	}
	for ch, want := range map[Channel]int{FrontLeft: 32, FrontRight: 64} {
		if v, err := m.Volume(master, Playback, ch); err != nil || v != want {
			t.Errorf("channel %d: %d, want %d, %v", ch, v, want, err)
		}
		if v, err := m.Decibels(master, Playback, ch); err != nil || v != -4800+75*want {
			t.Errorf("channel %d: %d hundredths of a decibel, %v", ch, v, err)
		}
	}
	if err := m.SetDecibels(master, Playback, FrontLeft, -1000); err != nil {
		t.Error(err)
	}
	elements("Master Playback Volume", 50, 64) // -1050 is the nearest below
	if on, err := m.Switch(master, Playback, FrontRight); err != nil || !on {
		t.Error(on, err)
	}
	if on, err := m.Switch(master, Playback, FrontLeft); err != nil || on {
		t.Error(on, err)
	}
	if i, err := m.Item(mode, Mono); err != nil || i != 1 {
		t.Error(i, err)
	}
	for i, f := range []func() error{
		func() error { return m.SetVolume(master, Playback, AllChannels, 65) },
		func() error { return m.SetVolume(master, Playback, Woofer, 1) },
		func() error { return m.SetVolume(master, Capture, FrontLeft, 1) },
		func() error { _, err := m.Volume(mic, Playback, Mono); return err },
		func() error { _, err := m.Decibels(mic, Playback, Mono); return err },
		func() error { return m.SetSwitch(mic, Playback, Mono, true) },
		func() error { return m.SetItem(mode, Mono, 3) },
		func() error { return m.SetItem(master, Mono, 0) },
	} {
		if err := f(); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := m.SetVolume(MixerID{"Master", 1}, Playback, AllChannels, 1); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("an element that is not there: %v", err)
	}
}

func TestMixerWaitAndClose(t *testing.T) {
	card(t, "")
	testutil.OpenFDs(t)
	m, c := mixer(t, "card"), control(t, "card")
	ended := make(chan error)
	go func() {
		err := m.Wait(context.Background())
		for ended <- err; err == nil; ended <- err {
			err = m.Wait(context.Background())
		}
	}()
	v, err := c.Read(byName("Mic Capture Volume"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(byName("Mic Capture Volume"), 3-v[0]%4); err != nil {
		t.Fatal(err)
	}
	within(t, "waiting", func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	// What another call took in is told, too.
	idle := mixer(t, "card")
	if err := c.Write(byName("Output Mode"), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(byName("Output Mode"), 1); err != nil {
		t.Fatal(err)
	}
	if i, err := idle.Item(mode, Mono); err != nil || i != 1 {
		t.Error(i, err)
	}
	within(t, "waiting", func() {
		if err := idle.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errWhy)
	defer cancel()
	if err := mixer(t, "card").Wait(ctx); !errors.Is(err, errWhy) {
		t.Errorf("cancelled: %v", err)
	}
	within(t, "closing", func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		var err error
		for err == nil { // the changes above
			err = <-ended
		}
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
	if _, err := m.Elements(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := m.Volume(master, Playback, FrontLeft); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := OpenMixer("nothing"); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
}

// The kernel's loopback card has elements, and no mixer of volumes.
func TestLoopbackMixer(t *testing.T) {
	loopback(t)
	if list, err := mixer(t, "hw:Loopback").Elements(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
