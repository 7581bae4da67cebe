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
func Devices() ([]Device, error) {
	lib, err := load()
	if err != nil {
		return nil, fmt.Errorf("listing PCMs: %w", err)
	}
	said := lib.listen()
	hints, code := lib.hints()
	text := said()
	if code < 0 {
		return nil, fmt.Errorf("listing PCMs: %w: check the file that ALSA_CONFIG_PATH names, or /usr/share/alsa/alsa.conf (package libasound2-data) (alsa-lib: %s)", code, text)
	}
	devices := make([]Device, 0, len(hints))
	for _, h := range hints {
		if h.name == "" {
			continue
		}
		// alsa-lib gives no IOID for a PCM with both directions.
		devices = append(devices, Device{
			Name: h.name, Description: strings.TrimSpace(h.desc),
			Playback: h.ioid != "Input", Capture: h.ioid != "Output",
		})
	}
	return devices, nil
}

// hint is one entry of snd_device_name_hint.
type hint struct{ name, desc, ioid string }
