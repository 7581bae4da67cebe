package alsa

import (
	"context"
	"fmt"
	"slices"

	"github.com/poolgen/poolgen/internal/sys"
)

// Mixer is a card's volumes and switches as people know them: alsa-lib puts control elements together by their names (its simple mixer).
// Methods may be called from any goroutine; one at a time waits.
type Mixer struct {
	desk
	h       ptr          // snd_mixer_t *; nil after Close
	ready   []sys.PollFD // of alsa-lib
	changed bool         // and not told by Wait yet; both guarded by call
}

// OpenMixer opens the mixer of a card by the name of its control device: "hw:0", "hw:Loopback", "default". The caller closes it. Errors are
// *ControlError; errors.Is matches them with an errno.
func OpenMixer(name string) (*Mixer, error) {
	m := &Mixer{desk: desk{name: name}}
	err := m.opening(func() error {
		l, h := m.lib, new(ptr)
		if code := l.mixerOpen(h, 0); code < 0 {
			return m.check("opening", code)
		}
		m.h = *h
		err := m.load()
		if err != nil {
			_ = m.free()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Mixer) load() error {
	l := m.lib
	if code := l.mixerAttach(m.h, cString(m.name)); code < 0 {
		return m.fail("opening", code, openMend(m.name, code))
	}
	if code := min(l.selemRegister(m.h, nil, nil), l.mixerLoad(m.h)); code < 0 {
		return m.check("loading the elements", code)
	}
	fds, code := listFDs(func() Code { return l.mixerPollCount(m.h) }, func(fds ptr, n uint32) Code { return l.mixerPoll(m.h, fds, n) })
	if code >= 0 {
		m.ready = slices.Clone(fds[:len(fds)-1])
	}
	return m.watch(fds, code)
}

func (m *Mixer) free() Code {
	code := m.lib.mixerClose(m.h)
	m.h = nil
	return code
}

// Close frees the mixer and ends a Wait with ErrClosed. The second call does nothing.
func (m *Mixer) Close() error { return m.end(m.free) }

// Wait waits until something in the mixer has changed since the last Wait, also by this program. Errors are *ControlError: ENODEV when the
// card is gone, ErrClosed, ErrBusy, or the cause of ctx.
func (m *Mixer) Wait(ctx context.Context) error {
	return m.wait(ctx, "waiting for a change", func() (bool, Code) {
		code := m.handle()
		changed := m.changed
		m.changed = false
		return changed, code
	})
}

// handle takes in what has changed. Elements come and go with events. How many alsa-lib says it handled leaves out enumerations, so the
// descriptors are asked, and alsa-lib only if they say so: it would take in a change that came after the question, and nobody would be told.
func (m *Mixer) handle() Code {
	n, err := sys.Poll(m.ready, 0)
	if err == nil && n == 0 {
		return 0
	}
	code := m.lib.mixerHandleEvents(m.h)
	if code == codeEAGAIN {
		code = 0
	}
	if err == nil && code >= 0 {
		m.changed = true
		m.wake.Signal() // for a Wait, whose descriptors are not ready any more
	}
	return code
}

// with calls f with the element of that name.
func (m *Mixer) with(op string, id MixerID, f func(e ptr) Code) error {
	op += " " + id.String()
	if err := m.begin(op); err != nil {
		return err
	}
	defer m.call.Unlock()
	l := m.lib
	if code := m.handle(); code < 0 {
		return m.check(op, code)
	}
	for e := l.mixerFirstElem(m.h); e != nil; e = l.mixerElemNext(e) {
		if int(l.selemGetIndex(e)) == id.Index && l.selemGetName(e) == id.Name {
			return m.check(op, f(e))
		}
	}
	return m.check(op, codeENOENT)
}

// on is with for one direction and the channels of it that ch means, of which one at least must be there.
func (m *Mixer) on(op string, id MixerID, d Direction, ch Channel, f func(s side, e ptr, ch int32) Code) error {
	return m.with(op, id, func(e ptr) Code {
		s, done := m.lib.side(d), false
		for c := FrontLeft; c <= lastChannel; c++ {
			if ch != AllChannels && ch != c || s.hasChannel(e, int32(c)) <= 0 {
				continue
			}
			if code := f(s, e, int32(c)); code < 0 {
				return code
			}
			done = true
		}
		if !done {
			return codeEINVAL
		}
		return 0
	})
}

// Volume is the volume of one channel, within MixerSide.Range.
func (m *Mixer) Volume(id MixerID, d Direction, ch Channel) (int, error) {
	v := new(int)
	err := m.on("reading the volume of", id, d, ch, func(s side, e ptr, ch int32) Code { return volume(s, e, func() Code { return s.get(e, ch, v) }) })
	return *v, err
}

// volume calls f if the element has a volume in that direction; alsa-lib would take the other's.
func volume(s side, e ptr, f func() Code) Code {
	if s.has(e) <= 0 {
		return codeEINVAL
	}
	return f()
}

// SetVolume sets the volume of a channel, or of AllChannels, within MixerSide.Range.
func (m *Mixer) SetVolume(id MixerID, d Direction, ch Channel, v int) error {
	n := new([2]int)
	return m.on(fmt.Sprintf("setting to %d the volume of", v), id, d, ch, func(s side, e ptr, ch int32) Code {
		return volume(s, e, func() Code {
			if code := s.span(e, &n[0], &n[1]); code < 0 {
				return code
			}
			if v < n[0] || v > n[1] {
				return codeEINVAL
			}
			return s.set(e, ch, v)
		})
	})
}

// Decibels is the volume of one channel in hundredths of a decibel.
func (m *Mixer) Decibels(id MixerID, d Direction, ch Channel) (int, error) {
	v := new(int)
	err := m.on("reading the decibels of", id, d, ch, func(s side, e ptr, ch int32) Code { return volume(s, e, func() Code { return s.getDB(e, ch, v) }) })
	return *v, err
}

// SetDecibels sets the volume of a channel, or of AllChannels, to hundredths of a decibel, or to the nearest below.
func (m *Mixer) SetDecibels(id MixerID, d Direction, ch Channel, hundredths int) error {
	return m.on(fmt.Sprintf("setting to %d hundredths of a decibel", hundredths), id, d, ch, func(s side, e ptr, ch int32) Code {
		return volume(s, e, func() Code { return s.setDB(e, ch, hundredths, -1) })
	})
}

// Switch is whether a channel is on: not muted, or captured.
func (m *Mixer) Switch(id MixerID, d Direction, ch Channel) (bool, error) {
	v := new(int32)
	err := m.on("reading the switch of", id, d, ch, func(s side, e ptr, ch int32) Code {
		if s.hasSwitch(e) <= 0 {
			return codeEINVAL
		}
		return s.getSwitch(e, ch, v)
	})
	return *v != 0, err
}

// SetSwitch switches a channel, or AllChannels, on or off.
func (m *Mixer) SetSwitch(id MixerID, d Direction, ch Channel, on bool) error {
	v := int32(0)
	if on {
		v = 1
	}
	return m.on("switching", id, d, ch, func(s side, e ptr, ch int32) Code {
		if s.hasSwitch(e) <= 0 {
			return codeEINVAL
		}
		return s.setSwitch(e, ch, v)
	})
}

// Item is the number of the item that an enumeration has for a channel.
func (m *Mixer) Item(id MixerID, ch Channel) (int, error) {
	v := new(uint32)
	err := m.with("reading the choice of", id, func(e ptr) Code { return m.lib.selemGetEnumItem(e, int32(ch), v) })
	return int(*v), err
}

// SetItem chooses an item of an enumeration for a channel.
func (m *Mixer) SetItem(id MixerID, ch Channel, item int) error {
	return m.with(fmt.Sprintf("choosing item %d of", item), id, func(e ptr) Code {
		if m.lib.selemIsEnumerated(e) <= 0 || item < 0 || item >= int(m.lib.selemGetEnumItems(e)) {
			return codeEINVAL
		}
		return m.lib.selemSetEnumItem(e, int32(ch), uint32(item))
	})
}

// enumName is the name of an item of an enumeration.
func (l *library) enumName(e ptr, item uint32) (string, Code) {
	b := new(itemName)
	code := l.selemGetEnumItemName(e, item, uintptr(len(b)), b.at())
	return b.String(), code
}
