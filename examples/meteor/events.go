package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/poolgen/poolgen/runtime/store"
)

// keptEvents is how many events there are on disk and on the page; older ones are removed.
const keptEvents = 20

// event is a meteor with a clip.
type event struct {
	Name   string `json:"name"`
	From   int64  `json:"from"` // of the meteor, nanoseconds since 1970
	To     int64  `json:"to"`
	Most   uint8  `json:"most"`
	Pixels int    `json:"pixels"`
	Frames int    `json:"frames"` // of the clip
}

// eventFile is the name of a file of an event's.
var eventFile = regexp.MustCompile(`^(meteor-[0-9]{1,19})(\.(?:json|png|clip)(?:\.part)?)$`)

// events are the clips, their pictures, and what is known of them: NAME.clip, NAME.png and NAME.json in a folder. The last is written when the
// others are on disk, so an event is there as a whole or not at all. While it is made, its frames are pinned in the store under its name.
type events struct {
	dir           string
	width, height int
	store         *store.Store

	mu   sync.Mutex
	list []event // the oldest first
}

// openEvents finds the events of earlier runs, and removes what a power cut left of those that were being made.
func openEvents(dir string, width, height int, s *store.Store) (*events, error) {
	e := &events{dir: dir, width: width, height: height, store: s}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range files {
		name := eventFile.FindStringSubmatch(f.Name())
		if name == nil || name[2] != ".json" {
			continue
		}
		known[name[1]] = true
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		var ev event
		if err := json.Unmarshal(b, &ev); err == nil && ev.Name == name[1] {
			e.list = append(e.list, ev)
		} // else the disk has damaged it: somebody may want the clip, so it stays, though nobody shows it
	}
	for _, f := range files {
		if name := eventFile.FindStringSubmatch(f.Name()); name != nil && (!known[name[1]] || strings.HasSuffix(f.Name(), ".part")) {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(e.list, func(a, b event) int { return cmp.Compare(a.From, b.From) })
	for _, p := range s.Pins() {
		if eventFile.MatchString(p.Name + ".json") {
			if err := s.Unpin(p.Name); err != nil {
				return nil, err
			}
		}
	}
	return e, nil
}

func named(from int64) string { return "meteor-" + strconv.FormatInt(from, 10) }

func (e *events) file(name, extension string) string { return filepath.Join(e.dir, name+extension) }

// begin keeps the frames around a meteor that is not over yet.
func (e *events) begin(from int64) error {
	return e.store.Pin(named(from), from-int64(before), from+longest+int64(after))
}

// finish makes the event of a meteor whose frames are all in the store, and removes the oldest event beyond keptEvents. Nothing is left of an
// event that cannot be made.
func (e *events) finish(ctx context.Context, s sight) error {
	ev, err := e.record(ctx, s)
	if err != nil {
		return fmt.Errorf("no clip of %s: %w", ev.Name, errors.Join(err, e.remove(ev.Name)))
	}
	e.mu.Lock()
	e.list = append(e.list, ev)
	old := slices.Clone(e.list[:max(len(e.list)-keptEvents, 0)])
	e.list = slices.Delete(e.list, 0, len(old))
	e.mu.Unlock()
	err = e.forget(ev.Name)
	for _, ev := range old {
		err = errors.Join(err, e.remove(ev.Name))
	}
	return err
}

// record writes an event's files.
func (e *events) record(ctx context.Context, s sight) (ev event, err error) {
	ev = event{Name: named(s.From), From: s.From, To: s.To, Most: s.Most, Pixels: s.Pixels}
	err = e.write(ev.Name, ".png", func(w io.Writer) error {
		img := &image.Gray{Pix: s.Bytes(), Stride: e.width, Rect: image.Rect(0, 0, e.width, e.height)}
		return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, img)
	})
	if err != nil {
		return ev, err
	}
	err = e.write(ev.Name, ".clip", func(w io.Writer) (err error) {
		ev.Frames, err = e.store.Export(ctx, w, s.From-int64(before), s.To+int64(after))
		if err == nil && ev.Frames == 0 {
			err = errors.New("the store lost its frames")
		}
		return err
	})
	if err != nil {
		return ev, err
	}
	return ev, e.write(ev.Name, ".json", func(w io.Writer) error { return json.NewEncoder(w).Encode(ev) })
}

// write makes a file that is on disk, with its name, before the next is made.
func (e *events) write(name, extension string, fill func(io.Writer) error) error {
	part := e.file(name, extension+".part")
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	if err = fill(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, e.file(name, extension)); err != nil {
		return err
	}
	d, err := os.Open(e.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// forget lets the store have the frames again.
func (e *events) forget(name string) error {
	if err := e.store.Unpin(name); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

func (e *events) remove(name string) error {
	err := e.forget(name)
	for _, extension := range []string{".json", ".png", ".clip", ".json.part", ".png.part", ".clip.part"} { // without the first the others are nobody's
		if gone := os.Remove(e.file(name, extension)); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// all is a copy of the list, the oldest first, and not nil.
func (e *events) all() []event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]event{}, e.list...)
}
