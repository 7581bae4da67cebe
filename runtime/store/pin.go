package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
)

// Pin is a range of time whose frames stay.
type Pin struct {
	Name     string
	From, To int64 // From <= Time < To
}

const (
	pinEnd   = ".pin"
	pinSize  = 32
	pinMagic = 0x316e6970_6e677070 // "ppgnpin1"
)

// Pin keeps all frames with from <= Time < to, those that are there and those that are still to come, until Unpin: they outlive [Keep], and the
// process. So a clip of an event is the range from some seconds before it to some seconds after it. The name is 1 to 100 letters, digits,
// dots, hyphens and underscores, not a dot first; a pin of the same name is replaced. When Pin returns nil, the pin is on disk.
func (s *Store) Pin(name string, from, to int64) error {
	d := s.disk
	switch {
	case d == nil:
		return fmt.Errorf("pinning %q: %w", name, ErrNoFolder)
	case !validPin(name):
		return fmt.Errorf("pinning %q: the name must be 1 to 100 letters, digits, dots, hyphens and underscores, not a dot first", name)
	case from >= to:
		return fmt.Errorf("pinning %q: from %d to %d there is no time", name, from, to)
	}
	d.pinMu.Lock()
	defer d.pinMu.Unlock()
	if err := s.refuses(); err != nil {
		return err
	}
	// It holds from now on; if it cannot be written, no longer.
	p := Pin{name, from, to}
	d.mu.Lock()
	old := slices.IndexFunc(d.pins, func(q Pin) bool { return q.Name == name })
	d.pins = append(d.pins, p)
	d.pinVersion++
	d.mu.Unlock()
	err := d.writePin(p)
	if err != nil { // it may be on disk all the same
		if old >= 0 {
			_ = d.writePin(d.pins[old])
		} else {
			_ = d.fs.Remove(name + pinEnd)
		}
	}
	d.mu.Lock()
	switch {
	case err != nil:
		d.pins = slices.Delete(d.pins, len(d.pins)-1, len(d.pins))
	case old >= 0:
		d.pins = slices.Delete(d.pins, old, old+1)
	}
	d.pinVersion++
	d.mu.Unlock()
	s.mover.signal()
	if err != nil {
		return fmt.Errorf("pinning %q: %w", name, err)
	}
	return nil
}

// Unpin ends a pin. Frames whose retention has ended go. The error wraps ErrNotFound if there is no such pin.
func (s *Store) Unpin(name string) error {
	d := s.disk
	if d == nil {
		return fmt.Errorf("unpinning %q: %w", name, ErrNoFolder)
	}
	d.pinMu.Lock()
	defer d.pinMu.Unlock()
	if err := s.refuses(); err != nil {
		return err
	}
	i := slices.IndexFunc(d.pins, func(q Pin) bool { return q.Name == name })
	if i < 0 {
		return fmt.Errorf("unpinning %q: %w", name, ErrNotFound)
	}
	if err := d.fs.Remove(name + pinEnd); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unpinning %q: %w", name, err)
	}
	if err := d.fs.Sync(); err != nil {
		return fmt.Errorf("unpinning %q: %w", name, err)
	}
	d.mu.Lock()
	d.pins = slices.Delete(d.pins, i, i+1)
	d.pinVersion++
	d.mu.Unlock()
	s.mover.signal()
	return nil
}

// Pins are all pins, by their names.
func (s *Store) Pins() []Pin {
	if s.disk == nil {
		return nil
	}
	s.disk.mu.RLock()
	defer s.disk.mu.RUnlock()
	pins := slices.Clone(s.disk.pins)
	slices.SortFunc(pins, func(a, b Pin) int { return strings.Compare(a.Name, b.Name) })
	return pins
}

func (s *Store) refuses() error {
	s.hot.mu.Lock()
	defer s.hot.mu.Unlock()
	return s.hot.refuse
}

func validPin(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	return name != "" && len(name) <= 100 && name[0] != '.' && !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune(letters, r)
	})
}

// pinned reports whether a pin may have frames from min to max. The caller has d.mu or d.pinMu.
func (d *catalog) pinned(min, max int64) bool {
	return slices.ContainsFunc(d.pins, func(p Pin) bool { return p.From <= max && (min < p.To || p.To == math.MaxInt64) })
}

func (d *catalog) writePin(p Pin) error {
	var b [pinSize]byte
	setDouble(b[:], 0, uint64(pinMagic))
	setDouble(b[:], 8, p.From)
	setDouble(b[:], 16, p.To)
	d.crc.close(b[:], pinSize)
	temporary := p.Name + pinEnd + unfinished
	if err := d.fs.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.fs.Create(temporary)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(b[:], 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(temporary, p.Name+pinEnd); err != nil {
		return err
	}
	return d.fs.Sync()
}

// readPin reads the pin that a file is. One that is damaged keeps everything, until Unpin.
func (d *catalog) readPin(name string) {
	p := Pin{Name: strings.TrimSuffix(name, pinEnd), From: math.MinInt64, To: math.MaxInt64}
	b := make([]byte, pinSize)
	f, err := d.fs.Open(name)
	if err == nil {
		err = readFull(f, b, 0)
		f.Close()
	}
	if err == nil && double(b, 0) == pinMagic && d.crc.closed(b, pinSize) {
		p.From, p.To = int64(double(b, 8)), int64(double(b, 16))
	} else {
		d.report.DamagedPins = append(d.report.DamagedPins, p.Name)
	}
	d.pins = append(d.pins, p)
}
