package hotplug

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func message(head string, variables ...string) string {
	return strings.Join(append([]string{head}, variables...), "\x00") + "\x00"
}

// As the kernel sent them; the driver's own variables stand between the kernel's.
var camera = message("add@/devices/platform/vivid.0/video4linux/video0", "ACTION=add",
	"DEVPATH=/devices/platform/vivid.0/video4linux/video0", "SUBSYSTEM=video4linux", "MAJOR=81", "MINOR=3", "DEVNAME=video0", "SEQNUM=1042")

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, message string
		want          Event
	}{
		{"camera", camera, Event{Add, Device{Video, "/devices/platform/vivid.0/video4linux/video0", "/dev/video0", 81, 3}, 1042}},
		{"sound card", message("change@/devices/platform/snd_aloop.0/sound/card1", "ACTION=change", "DEVPATH=/devices/platform/snd_aloop.0/sound/card1",
			"SUBSYSTEM=sound", "SYNTH_UUID=0", "SEQNUM=18446744073709551615"),
			Event{Change, Device{Sound, "/devices/platform/snd_aloop.0/sound/card1", "", 0, 0}, 1<<64 - 1}},
		{"in a folder", message("remove@/devices/x/sound/card1/controlC1", "ACTION=remove", "DEVPATH=/devices/x/sound/card1/controlC1",
			"SUBSYSTEM=sound", "MAJOR=116", "MINOR=4294967295", "DEVNAME=snd/controlC1", "SEQNUM=1"),
			Event{Remove, Device{Sound, "/devices/x/sound/card1/controlC1", "/dev/snd/controlC1", 116, 1<<32 - 1}, 1}},
		{"the first counts", message("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=sound", "SUBSYSTEM=block", "ACTION=remove", "SEQNUM=1", "SEQNUM=2"),
			Event{Add, Device{Sound, "/d", "", 0, 0}, 1}},
		{"no end", strings.TrimSuffix(camera, "\x00"), Event{Add, Device{Video, "/devices/platform/vivid.0/video4linux/video0", "/dev/video0", 81, 3}, 1042}},
		{"action of tomorrow", message("rest@/d", "ACTION=rest", "DEVPATH=/d", "SUBSYSTEM=sound", "SEQNUM=1"), Event{"rest", Device{Sound, "/d", "", 0, 0}, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parse(test.message)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"nothing", camera, "", "want action@path"},
		{"udev's own", camera, "libudev\x00\xfe\xed\xca\xfe", "want action@path"},
		{"no variables", camera, "add@/devices", "want action@path"},
		{"other action", "ACTION=add", "ACTION=remove", `ACTION="remove"`},
		{"other path", "DEVPATH=/devices", "DEVPATH=/device", `DEVPATH="/device`},
		{"no action", "add", "", "the action"},
		{"newline in action", "add", "a\nd", "the action"},
		{"relative path", "/devices", "devices", "none below /sys"},
		{"path upwards", "/devices", "/devices/../..", "none below /sys"},
		{"no subsystem", "SUBSYSTEM=video4linux", "S=", "the subsystem"},
		{"subsystem upwards", "SUBSYSTEM=video4linux", "SUBSYSTEM=..", "the subsystem"},
		{"file upwards", "DEVNAME=video0", "DEVNAME=../etc/passwd", "none below /dev"},
		{"absolute file", "DEVNAME=video0", "DEVNAME=/etc/passwd", "none below /dev"},
		{"file is a folder", "DEVNAME=video0", "DEVNAME=.", "none below /dev"},
		{"escape in file", "DEVNAME=video0", "DEVNAME=video\x1b[2J", "none below /dev"},
		{"negative number", "MINOR=3", "MINOR=-3", "no number of 32 bits"},
		{"long number", "MINOR=3", "MINOR=4294967296", "no number of 32 bits"},
		{"no sequence", "SEQNUM=1042", "SEQ=1", "no number of 64 bits"},
		{"long sequence", "SEQNUM=1042", "SEQNUM=18446744073709551616", "no number of 64 bits"},
		{"no value", "MAJOR=81", "MAJOR", "want NAME=value"},
		{"no name", "MAJOR=81", "=81", "want NAME=value"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := parse(strings.ReplaceAll(camera, test.old, test.new))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, %v, want an error with %q", e, err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(camera)
	f.Add(strings.ReplaceAll(camera, "video0", "../x"))
	f.Add("libudev\x00\xfe\xed\xca\xfe")
	f.Add("@\x00=")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parse(text)
		if err != nil {
			if e != (Event{}) {
				t.Errorf("%+v beside the error %v", e, err)
			}
			return
		}
		if d := e.DevName; d != "" && (!strings.HasPrefix(d, "/dev/") || strings.Contains(d, "..") && filepath.Clean(d) != d) {
			t.Errorf("file %q", d)
		}
		if filepath.Clean(e.DevPath) != e.DevPath || e.DevPath[0] != '/' || e.Subsystem == "" || e.Action == "" {
			t.Errorf("%+v", e)
		}
		if again, err := parse(strings.TrimSuffix(text, "\x00") + "\x00"); err != nil || again != e {
			t.Errorf("with its end: %+v, %v; without: %+v", again, err, e)
		}
	})
}

// A /sys with one camera, a sound card, a file beside the links, and a device that went.
func TestListOfATree(t *testing.T) {
	sys := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(sys, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(class, target string) {
		name := filepath.Join(sys, "class", class, filepath.Base(target))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("../..", target), name); err != nil {
			t.Fatal(err)
		}
	}
	write("devices/usb/video4linux/video2/uevent", "MAJOR=81\nMINOR=2\nDEVNAME=video2\n")
	write("devices/hda/sound/card0/uevent", "")
	write("devices/hda/sound/card0/controlC0/uevent", "MAJOR=116\nMINOR=7\nDEVNAME=snd/controlC0\n")
	link(Video, "devices/usb/video4linux/video2")
	link(Sound, "devices/hda/sound/card0/controlC0")
	link(Sound, "devices/hda/sound/card0")
	link(Sound, "devices/hda/sound/card9")
	write("class/sound/version", "1")

	got, err := list(sys, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Device{
		{Video, "/devices/usb/video4linux/video2", "/dev/video2", 81, 2},
		{Sound, "/devices/hda/sound/card0", "", 0, 0},
		{Sound, "/devices/hda/sound/card0/controlC0", "/dev/snd/controlC0", 116, 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := list(sys, []string{Sound, "nosuch"}); err != nil || !slices.Equal(got, want[1:]) {
		t.Errorf("sound alone: %v, %v", got, err)
	}

	write("devices/usb/video4linux/video2/uevent", "MAJOR=81\nMINOR=2\nDEVNAME=../video2\n")
	if _, err := list(sys, nil); err == nil || !strings.Contains(err.Error(), "video2 of video4linux") {
		t.Errorf("a bad file name: %v", err)
	}
}

func TestSubsystemNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "a\x00b"} {
		if w, err := Watch(Video, name); err == nil {
			w.Close()
			t.Errorf("Watch takes %q", name)
		}
		if _, err := List(name); err == nil {
			t.Errorf("List takes %q", name)
		}
	}
}
