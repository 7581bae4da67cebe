package hotplug

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Action is what happened to a device. There may be others than those below: the kernel's kobject_action.
type Action string

// Actions of the kernel, lib/kobject_uevent.c.
const (
	Add    Action = "add"    // the device is there
	Remove Action = "remove" // the device is gone
	Change Action = "change" // its state changed, or somebody asked for its events again
	Move   Action = "move"   // it has another name
	Bind   Action = "bind"   // a driver took it
	Unbind Action = "unbind" // its driver let it go
)

// Device is one node of a device in the kernel.
type Device struct {
	Subsystem string // such as [Video]
	DevPath   string // its folder below /sys, such as "/devices/platform/vivid.0/video4linux/video0"
	DevName   string // its file, such as "/dev/video0" or "/dev/snd/controlC0"; "" if it has none
	Major     uint32 // the file's device numbers, 0 and 0 without a file
	Minor     uint32
}

// Event is one message of the kernel.
type Event struct {
	Action Action
	Device
	Seq uint64 // counts the kernel's messages of all subsystems since boot: it grows, with gaps
}

// A message is "add@/devices/..." and then variables, "NAME=value", each ended by a NUL.
func parse(message string) (Event, error) {
	head, rest, ended := strings.Cut(message, "\x00")
	action, devpath, ok := strings.Cut(head, "@")
	if !ok || !ended {
		return Event{}, fmt.Errorf("%.80q is no message of the kernel: want action@path", head)
	}
	v, err := variables(rest, "\x00")
	if err != nil {
		return Event{}, err
	}
	if v["ACTION"] != action || v["DEVPATH"] != devpath {
		return Event{}, fmt.Errorf("%.80q has the variables ACTION=%.80q and DEVPATH=%.80q", head, v["ACTION"], v["DEVPATH"])
	}
	e := Event{Action: Action(action)}
	if e.Device, err = v.device(v["SUBSYSTEM"], devpath); err != nil {
		return Event{}, err
	}
	if action == "" || !printable(action) {
		return Event{}, fmt.Errorf("the action %.80q is empty or has control characters", action)
	}
	if e.Seq, err = v.number("SEQNUM", 64); err != nil {
		return Event{}, err
	}
	return e, nil
}

type vars map[string]string

// variables reads lines of NAME=value. The first of a name counts: the kernel's own come before the driver's.
func variables(text, end string) (vars, error) {
	v := make(vars)
	for line := range strings.SplitSeq(text, end) {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%.80q is no variable: want NAME=value", line)
		}
		if _, again := v[name]; !again {
			v[name] = value
		}
	}
	return v, nil
}

func (v vars) device(subsystem, devpath string) (Device, error) {
	d := Device{Subsystem: subsystem, DevPath: devpath}
	if err := checkSubsystem(subsystem); err != nil {
		return Device{}, err
	}
	if !clean(devpath) {
		return Device{}, fmt.Errorf("the path %.80q is none below /sys", devpath)
	}
	if name := v["DEVNAME"]; name != "" {
		if d.DevName = "/dev/" + name; !clean(d.DevName) || strings.HasPrefix(name, "/") {
			return Device{}, fmt.Errorf("the file %.80q is none below /dev", name)
		}
	}
	major, err := v.optional("MAJOR")
	minor, err2 := v.optional("MINOR")
	if err := errors.Join(err, err2); err != nil {
		return Device{}, err
	}
	d.Major, d.Minor = major, minor
	return d, nil
}

func (v vars) optional(name string) (uint32, error) {
	if _, ok := v[name]; !ok {
		return 0, nil
	}
	n, err := v.number(name, 32)
	return uint32(n), err
}

func (v vars) number(name string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(v[name], 10, bits)
	if err != nil {
		return 0, fmt.Errorf("the variable %s=%.80q is no number of %d bits", name, v[name], bits)
	}
	return n, nil
}

// clean reports whether p is absolute and stays where it seems to be.
func clean(p string) bool { return len(p) > 1 && p[0] == '/' && path.Clean(p) == p && printable(p) }

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func checkSubsystem(name string) error {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") || !printable(name) {
		return fmt.Errorf("the subsystem %.80q is none: want a folder's name below /sys/class, such as %q", name, Video)
	}
	return nil
}
