package alsa

import (
	"fmt"
	"strings"
)

// Device is a PCM that alsa-lib offers.
type Device struct {
	Name        string // for Open
	Description string // for people; may have several lines
	Playback    bool
	Capture     bool
}

// Devices lists the PCMs that alsa-lib's configuration offers (snd_device_name_hint), in its order: of cards that are there
// and of plugins. A PCM that is not listed may still be opened by name. Without a sound card the list may be empty.
func Devices() ([]Device, error) { return DevicesOf("pcm") }

// DevicesOf is Devices for another interface of alsa-lib: "ctl" for names that OpenControl and OpenMixer take, "pcm", "rawmidi", "timer",
// "seq" or "hwdep".
func DevicesOf(iface string) ([]Device, error) {
	op := "listing " + iface + " devices"
	lib, err := load()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if indexNUL(iface) {
		return nil, fmt.Errorf("%s: %w: the name holds a zero byte", op, codeEINVAL)
	}
	said := lib.listen()
	list := new(ptr)
	code := lib.deviceNameHint(-1, cString(iface), list)
	text := said()
	if code < 0 {
		return nil, fmt.Errorf("%s: %w: check the file that ALSA_CONFIG_PATH names, or /usr/share/alsa/alsa.conf (package libasound2-data) (alsa-lib: %s)", op, code, text)
	}
	defer func() { _ = lib.deviceNameFreeHint(cArray(*list)) }()
	var devices []Device
	for _, h := range pointersAt(*list) {
		name := lib.hint(h, "NAME")
		if name == "" {
			continue
		}
		ioid := lib.hint(h, "IOID")
		// alsa-lib gives no IOID for a PCM with both directions.
		devices = append(devices, Device{
			Name: name, Description: strings.TrimSpace(lib.hint(h, "DESC")),
			Playback: ioid != "Input", Capture: ioid != "Output",
		})
	}
	return devices, nil
}

// hint is one text of an entry of snd_device_name_hint.
func (l *library) hint(entry ptr, id string) string {
	s := l.deviceNameGetHint(entry, cString(id))
	defer l.free(s)
	return cText(s)
}
