package alsa

import (
	"errors"
	"slices"
	"syscall"
	"testing"
)

func TestChannelMap(t *testing.T) {
	card(t, "")
	p := open(t, "card", Playback, cd)
	if m, err := p.ChannelMap(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("nothing was set: %v, %v", m, err)
	}
	if err := p.SetChannelMap(SpeakerFR, SpeakerLFE); err != nil {
		t.Fatal(err)
	}
	if m, err := p.ChannelMap(); err != nil || !slices.Equal(m, []Speaker{SpeakerFR, SpeakerLFE}) || m[1].String() != "LFE" {
		t.Errorf("%v, %v", m, err)
	}
	if err := p.SetChannelMap(SpeakerFL); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("one speaker for two channels: %v", err)
	}
	if s := Speaker(30).String(); s != "speaker 30" {
		t.Error(s)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ChannelMap(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := p.SetChannelMap(SpeakerFL, SpeakerFR); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
