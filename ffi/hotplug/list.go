package hotplug

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// List returns the devices of the subsystems that are there now, [Video] and [Sound] if none is given, in the subsystems'
// order and then by path. A subsystem that the kernel does not have, or whose driver is not loaded, has none; so has one that
// goes while List looks. Errors are those of reading /sys.
func List(subsystems ...string) ([]Device, error) { return list("/sys", subsystems) }

func list(sys string, subsystems []string) ([]Device, error) {
	subsystems, err := chosen(subsystems)
	if err != nil {
		return nil, err
	}
	if sys, err = filepath.EvalSymlinks(sys); err != nil {
		return nil, fmt.Errorf("listing devices: %w", err)
	}
	var all []Device
	for _, subsystem := range subsystems {
		class := filepath.Join(sys, "class", subsystem)
		entries, err := os.ReadDir(class)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing devices: %w", err)
		}
		first := len(all)
		for _, entry := range entries {
			d, ok, err := read(sys, filepath.Join(class, entry.Name()), subsystem)
			if err != nil {
				return nil, fmt.Errorf("listing devices: %s of %s: %w", entry.Name(), subsystem, err)
			}
			if ok {
				all = append(all, d)
			}
		}
		slices.SortFunc(all[first:], func(a, b Device) int { return strings.Compare(a.DevPath, b.DevPath) })
	}
	return all, nil
}

// read reads one link of /sys/class. Some classes have files beside the links.
func read(sys, link, subsystem string) (d Device, ok bool, err error) {
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return Device{}, false, ignoreGone(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "uevent"))
	if err != nil {
		return Device{}, false, ignoreGone(err)
	}
	devpath, ok := strings.CutPrefix(dir, sys)
	if !ok {
		return Device{}, false, fmt.Errorf("it lies outside of %s, in %s", sys, dir)
	}
	v, err := variables(string(text), "\n")
	if err != nil {
		return Device{}, false, err
	}
	d, err = v.device(subsystem, devpath)
	return d, err == nil, err
}

// ignoreGone passes over what is a file, and what went meanwhile, also with its file open (ENODEV).
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}
