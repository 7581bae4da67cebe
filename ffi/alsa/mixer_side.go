package alsa

import "fmt"

// MixerID names a mixer element.
type MixerID struct {
	Name  string // "Master", "PCM", "Mic"
	Index int    // among elements of one name
}

func (id MixerID) String() string {
	if id.Index > 0 {
		return fmt.Sprintf("%q index %d", id.Name, id.Index)
	}
	return fmt.Sprintf("%q", id.Name)
}

// Channel is a speaker or microphone. The values are those of snd_mixer_selem_channel_id_t.
type Channel int32

const (
	AllChannels Channel = iota - 1 // for the functions that set
	FrontLeft
	FrontRight
	RearLeft
	RearRight
	FrontCenter
	Woofer
	SideLeft
	SideRight
	RearCenter
	Mono = FrontLeft
)

// lastChannel is SND_MIXER_SCHN_LAST.
const lastChannel Channel = 31

// MixerSide is what a mixer element has in one direction.
type MixerSide struct {
	Volume       bool
	Range        Range // of the volume, without a unit
	Decibels     Range // of the volume, in hundredths; both 0 where the driver does not tell
	VolumeJoined bool  // one volume for all channels
	Switch       bool
	SwitchJoined bool
	Mono         bool
	Channels     []Channel
}

// MixerElement describes a mixer element.
type MixerElement struct {
	ID           MixerID
	Active       bool
	Playback     MixerSide
	Capture      MixerSide
	CommonVolume bool // Playback and Capture are one
	CommonSwitch bool
	Items        []string // of an enumeration
}

// side is alsa-lib's functions for one direction.
type side struct {
	has, joined, hasSwitch, switchJoined, mono func(e ptr) Code
	hasChannel                                 func(e ptr, ch int32) Code
	span, spanDB                               func(e ptr, lo, hi *int) Code
	get, getDB                                 func(e ptr, ch int32, v *int) Code
	set                                        func(e ptr, ch int32, v int) Code
	setDB                                      func(e ptr, ch int32, v int, dir int32) Code
	getSwitch                                  func(e ptr, ch int32, v *int32) Code
	setSwitch                                  func(e ptr, ch int32, v int32) Code
}

func (l *library) side(d Direction) side {
	if d == Capture {
		return side{
			l.selemHasCaptureVolume, l.selemHasCaptureVolumeJoined, l.selemHasCaptureSwitch, l.selemHasCaptureSwitchJoined, l.selemIsCaptureMono,
			l.selemHasCaptureChannel, l.selemGetCaptureVolumeRange, l.selemGetCaptureDBRange, l.selemGetCaptureVolume, l.selemGetCaptureDB,
			l.selemSetCaptureVolume, l.selemSetCaptureDB, l.selemGetCaptureSwitch, l.selemSetCaptureSwitch,
		}
	}
	return side{
		l.selemHasPlaybackVolume, l.selemHasPlaybackVolumeJoined, l.selemHasPlaybackSwitch, l.selemHasPlaybackSwitchJoined, l.selemIsPlaybackMono,
		l.selemHasPlaybackChannel, l.selemGetPlaybackVolumeRange, l.selemGetPlaybackDBRange, l.selemGetPlaybackVolume, l.selemGetPlaybackDB,
		l.selemSetPlaybackVolume, l.selemSetPlaybackDB, l.selemGetPlaybackSwitch, l.selemSetPlaybackSwitch,
	}
}

// Elements describes all elements of the mixer.
func (m *Mixer) Elements() ([]MixerElement, error) {
	const op = "listing elements"
	if err := m.begin(op); err != nil {
		return nil, err
	}
	defer m.call.Unlock()
	l := m.lib
	if code := m.handle(); code < 0 {
		return nil, m.check(op, code)
	}
	var list []MixerElement
	for e := l.mixerFirstElem(m.h); e != nil; e = l.mixerElemNext(e) {
		x := MixerElement{
			ID: MixerID{l.selemGetName(e), int(l.selemGetIndex(e))}, Active: l.selemIsActive(e) > 0,
			CommonVolume: l.selemHasCommonVolume(e) > 0, CommonSwitch: l.selemHasCommonSwitch(e) > 0,
		}
		for d, s := range map[Direction]*MixerSide{Playback: &x.Playback, Capture: &x.Capture} {
			*s = l.side(d).describe(e)
		}
		if l.selemIsEnumerated(e) > 0 {
			n := l.selemGetEnumItems(e)
			for i := range n {
				name, code := l.enumName(e, uint32(i))
				if code < 0 {
					return nil, m.check(op, code)
				}
				x.Items = append(x.Items, name)
			}
		}
		list = append(list, x)
	}
	return list, nil
}

func (s side) describe(e ptr) (x MixerSide) {
	x.Volume, x.Switch = s.has(e) > 0, s.hasSwitch(e) > 0
	if !x.Volume && !x.Switch {
		return x
	}
	x.VolumeJoined, x.SwitchJoined, x.Mono = s.joined(e) > 0, s.switchJoined(e) > 0, s.mono(e) > 0
	for ch := FrontLeft; ch <= lastChannel; ch++ {
		if s.hasChannel(e, int32(ch)) > 0 {
			x.Channels = append(x.Channels, ch)
		}
	}
	n := new([2]int)
	if x.Volume && s.span(e, &n[0], &n[1]) >= 0 {
		x.Range = Range{n[0], n[1]}
	}
	if x.Volume && s.spanDB(e, &n[0], &n[1]) >= 0 {
		x.Decibels = Range{n[0], n[1]}
	}
	return x
}
