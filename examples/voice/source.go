package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/poolgen/poolgen/ffi/alsa"
)

// source is where sound comes from and goes to.
type source struct {
	describe     string
	in           *alsa.PCM
	playback     string // PCM to play on
	playbackName string
	samples      int64 // how much to record
	dir          string
}

// recordings is where Debian's alsa-utils keeps spoken words.
const recordings = "/usr/share/sounds/alsa/*.wav"

func openSource(c *config) (*source, error) {
	const longest = 24 * 60 * 60 // so that a mistaken number does not fill the disk
	if !(c.seconds > 0 && c.seconds <= longest) {
		return nil, fmt.Errorf("recording for %g seconds: it must be more than 0 and at most %d", c.seconds, longest)
	}
	s := &source{samples: int64(c.seconds * rate), playback: c.playback, playbackName: c.playback}
	capture := c.capture
	if capture == "" && len(c.wavs) == 0 && hasCard() {
		capture = "default"
	}
	if capture == "" {
		if err := s.useFiles(c); err != nil {
			return nil, errors.Join(err, s.close())
		}
		capture = "voicein"
	} else {
		s.describe = "PCM " + capture
	}
	if s.playback == "" {
		s.playback, s.playbackName = "default", "PCM default"
	}
	var err error
	s.in, err = alsa.Open(capture, alsa.Capture, alsa.Config{Rate: rate, Channels: 1, Period: frameSize})
	if err != nil {
		if s.dir == "" {
			err = fmt.Errorf("%w\nno microphone? name recordings: voice recording.wav", err)
		}
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// hasCard reports whether the kernel knows a device that records.
func hasCard() bool {
	list, err := filepath.Glob("/dev/snd/pcmC*c")
	return err == nil && len(list) > 0
}

// useFiles makes a configuration for alsa-lib, complete in itself, whose PCMs read and write raw files.
func (s *source) useFiles(c *config) error {
	wavs := c.wavs
	if len(wavs) == 0 {
		all, err := filepath.Glob(recordings)
		if err != nil {
			return err
		}
		for _, w := range all {
			if filepath.Base(w) != "Noise.wav" {
				wavs = append(wavs, w)
			}
		}
		if len(wavs) == 0 {
			return fmt.Errorf("no sound card and no recordings in %s: install the package alsa-utils, or name a recording", filepath.Dir(recordings))
		}
	}
	var raw []byte
	for _, w := range wavs {
		pcm, err := readWAV(w)
		if err != nil {
			return err
		}
		raw = append(raw, pcm...)
	}
	s.samples = int64(len(raw) / 2)
	s.describe = fmt.Sprintf("alsa-lib's file plugin: %d recordings, %.2f s", len(wavs), float64(s.samples)/rate)
	dir, err := os.MkdirTemp("", "voice-")
	if err != nil {
		return err
	}
	s.dir = dir
	// The plugin rereads its last samples past the end of the file: we stop at the end ourselves, but it reads ahead.
	raw = append(raw, make([]byte, 2*rate)...)
	played := strings.TrimSuffix(c.output, filepath.Ext(c.output)) + ".raw"
	if strings.HasPrefix(c.output, "/dev/") {
		played = filepath.Join(dir, "played.raw")
	}
	conf := fmt.Sprintf(`pcm.voicein { type file slave.pcm { type null } file /dev/null infile %q format raw }
pcm.voiceout { type file slave.pcm { type null } file %q format raw }
`, filepath.Join(dir, "in.raw"), played)
	for name, content := range map[string][]byte{"in.raw": raw, "asound.conf": []byte(conf)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	if s.playback == "" {
		s.playback, s.playbackName = "voiceout", "alsa-lib's file plugin, into "+played
	}
	return os.Setenv("ALSA_CONFIG_PATH", filepath.Join(dir, "asound.conf"))
}

func (s *source) close() error {
	var err error
	if s.in != nil {
		err = s.in.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	return err
}

// readWAV returns the samples of a WAV file (RIFF, "Multimedia Programming Interface and Data Specifications 1.0").
func readWAV(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < 12 || !bytes.Equal(b[:4], []byte("RIFF")) || !bytes.Equal(b[8:12], []byte("WAVE")) {
		return nil, fmt.Errorf("%s is not a WAV file", path)
	}
	known := false
	for p := 12; p+8 <= len(b); {
		size := int64(binary.LittleEndian.Uint32(b[p+4:]))
		body := b[p+8:]
		body = body[:min(size, int64(len(body)))]
		switch id := string(b[p : p+4]); {
		case id == "fmt " && len(body) >= 16:
			channels, hz, bits := binary.LittleEndian.Uint16(body[2:]), binary.LittleEndian.Uint32(body[4:]), binary.LittleEndian.Uint16(body[14:])
			if channels != 1 || hz != rate || bits != 16 {
				return nil, fmt.Errorf("%s has %d channels of %d bits at %d Hz: convert it to 1 channel of 16 bits at %d Hz", path, channels, bits, hz, rate)
			}
			known = true
		case id == "data" && known && len(body) > 1:
			return body[:len(body)&^1], nil
		}
		if size > int64(len(b)) {
			break
		}
		p += 8 + int(size) + int(size&1)
	}
	return nil, fmt.Errorf("%s holds no sound", path)
}
