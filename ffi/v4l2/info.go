package v4l2

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Queue is a direction of data through a device.
type Queue uint8

const (
	Capture     Queue = iota // video from the device
	Output                   // video to the device
	MetaCapture              // metadata from the device, such as a camera's timestamps and statistics
	MetaOutput               // metadata to the device
)

func (q Queue) String() string {
	names := [...]string{"video capture", "video output", "metadata capture", "metadata output"}
	if int(q) < len(names) {
		return names[q]
	}
	return "unknown queue " + strconv.Itoa(int(q))
}

// Capabilities are bits of V4L2_CAP_*: of the opened node (device_caps), not of the whole device.
type Capabilities uint32

const (
	CapVideoCapture       Capabilities = capVideoCapture
	CapVideoOutput        Capabilities = capVideoOutput
	CapVideoCaptureMplane Capabilities = capVideoCaptureMplane
	CapVideoOutputMplane  Capabilities = capVideoOutputMplane
	CapVideoM2m           Capabilities = capVideoM2m
	CapVideoM2mMplane     Capabilities = capVideoM2mMplane
	CapMetaCapture        Capabilities = capMetaCapture
	CapMetaOutput         Capabilities = capMetaOutput
	CapVBICapture         Capabilities = capVbiCapture
	CapSDRCapture         Capabilities = capSdrCapture
	CapTouch              Capabilities = capTouch
	CapReadWrite          Capabilities = capReadwrite
	CapStreaming          Capabilities = capStreaming
)

func (c Capabilities) String() string {
	names := []struct {
		bit  Capabilities
		name string
	}{
		{CapVideoCapture, "video capture"}, {CapVideoCaptureMplane, "multi-planar video capture"},
		{CapVideoOutput, "video output"}, {CapVideoOutputMplane, "multi-planar video output"},
		{CapVideoM2m, "memory-to-memory"}, {CapVideoM2mMplane, "multi-planar memory-to-memory"},
		{CapMetaCapture, "metadata capture"}, {CapMetaOutput, "metadata output"},
		{CapVBICapture, "VBI capture"}, {CapSDRCapture, "radio samples"}, {CapTouch, "touch sensor"},
		{CapReadWrite, "read and write"}, {CapStreaming, "streaming"},
	}
	var has []string
	for _, n := range names {
		if c&n.bit != 0 {
			has = append(has, n.name)
		}
	}
	if len(has) == 0 {
		return fmt.Sprintf("the node has none of the known capabilities (%#x)", uint32(c))
	}
	return "the node has " + strings.Join(has, ", ")
}

// Info is what a driver says of a node (struct v4l2_capability).
type Info struct {
	Path         string       // of the node, such as /dev/video0
	Name         string       // of the node in sysfs, "" if there is none; tells a card's nodes apart
	Driver       string       // such as uvcvideo
	Card         string       // the device, for people
	Bus          string       // where it is, such as usb-0000:00:14.0-1
	Version      [3]uint8     // of the kernel's media subsystem
	Capabilities Capabilities // of this node
}

func infoOf(path string, c *kCapability) Info {
	caps := c.Capabilities
	if caps&capDeviceCaps != 0 {
		caps = c.Device_caps
	}
	return Info{
		Path: path, Name: sysfsName(path), Driver: text(c.Driver[:]), Card: text(c.Card[:]), Bus: text(c.Bus_info[:]),
		Version:      [3]uint8{uint8(c.Version >> 16), uint8(c.Version >> 8), uint8(c.Version)},
		Capabilities: Capabilities(caps),
	}
}

const sysfs = "/sys/class/video4linux"

func sysfsName(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	name, err := os.ReadFile(filepath.Join(sysfs, filepath.Base(path), "name"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// Devices lists the video nodes that are there now (video, not radio, vbi, sub-devices), in the order of their numbers. A node that cannot
// be opened, being another's or gone meanwhile, is left out; if all are, the error says why. No node at all is no error.
func Devices() ([]Info, error) {
	entries, err := os.ReadDir(sysfs)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // the kernel's videodev module is not loaded: it has no devices
	}
	if err != nil {
		return nil, fmt.Errorf("v4l2: listing devices: %w", err)
	}
	number := func(e os.DirEntry) int {
		n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "video"))
		if err != nil {
			return -1
		}
		return n
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return number(e) < 0 })
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return cmp.Compare(number(a), number(b)) })
	var list []Info
	var failures []error
	for _, e := range entries {
		d, err := Open(filepath.Join("/dev", e.Name()), Options{})
		if err != nil {
			failures = append(failures, err)
			continue
		}
		list = append(list, d.Info())
		_ = d.Close()
	}
	if len(list) == 0 {
		return nil, errors.Join(failures...)
	}
	return list, nil
}
