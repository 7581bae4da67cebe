package alsa

import (
	"errors"
	"fmt"
)

// Speaker is where a channel is heard or taken from. The values are those of enum snd_pcm_chmap_position.
type Speaker uint32

const (
	SpeakerUnknown Speaker = iota
	SpeakerNone            // silent
	SpeakerMono
	SpeakerFL // front left, and so on: F front, R rear, S side, L left, R right, C center
	SpeakerFR
	SpeakerRL
	SpeakerRR
	SpeakerFC
	SpeakerLFE // low frequencies
	SpeakerSL
	SpeakerSR
	SpeakerRC
)

// String is alsa-lib's short name, or its number for speakers that have no constant here.
func (s Speaker) String() string {
	names := [...]string{"UNKNOWN", "NA", "MONO", "FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR", "RC"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("speaker %d", uint32(s))
}

// ChannelMap tells which speaker each channel is, in the order of a frame. A device that does not know gives errors.ErrUnsupported.
func (p *PCM) ChannelMap() ([]Speaker, error) {
	const op = "asking for the channels' speakers"
	var list []Speaker
	err := p.ask(op, func() Code {
		m := p.lib.getChmap(p.h)
		if m == nil {
			return 0
		}
		for _, v := range chmapAt(m) {
			list = append(list, Speaker(v))
		}
		p.lib.free(m)
		return 0
	})
	if err == nil && list == nil {
		err = p.fail(op, errors.ErrUnsupported, "")
	}
	return list, err
}

// SetChannelMap asks for these speakers, one for each channel. The device may refuse, with ENXIO or EINVAL, or EBUSY while it runs.
func (p *PCM) SetChannelMap(list ...Speaker) error {
	op := fmt.Sprintf("setting the channels' speakers to %v", list)
	if len(list) != p.cfg.Channels {
		return p.fail(op, codeEINVAL, fmt.Sprintf("a frame has %d channels: name as many", p.cfg.Channels))
	}
	m := make([]uint32, 1, len(list)+1) // snd_pcm_chmap_t
	m[0] = uint32(len(list))
	for _, s := range list {
		m = append(m, uint32(s))
	}
	return p.change(op, func() Code { return p.lib.setChmap(p.h, wordsAt(m)) })
}
