package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/poolgen/poolgen/runtime/store"
)

// keptEvents is how many events there are on disk and on the page; older ones are removed, with their frames.
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

// eventName says which files are events'.
var eventName = regexp.MustCompile(`^meteor-[0-9]{1,19}$`)

// events are the clips, their pictures, and what is known of them: NAME.clip, NAME.png and NAME.json in a folder. The frames are pinned in the
// store under the same name.
type events struct {
	dir   string
	store *store.Store

	mu   sync.Mutex
	list []event // the oldest first
}

func openEvents(dir string, s *store.Store) (*events, error) {
	e := &events{dir: dir, store: s}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "meteor-*.json"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var ev event
		if err := json.Unmarshal(b, &ev); err != nil || ev.Name != strings.TrimSuffix(filepath.Base(name), ".json") {
			return nil, fmt.Errorf("%s is no event (%w): remove it", name, err)
		}
		e.list = append(e.list, ev)
	}
	slices.SortFunc(e.list, func(a, b event) int { return int(min(max(a.From-b.From, -1), 1)) })
	for _, p := range s.Pins() { // of an event that was not finished when the program ended
		if eventName.MatchString(p.Name) && !slices.ContainsFunc(e.list, func(ev event) bool { return ev.Name == p.Name }) {
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

// picture writes the trail of the detector's meteor.
func (e *events) picture(d *detector) error {
	f, err := os.Create(e.file(named(d.now.From), ".png"))
	if err != nil {
		return err
	}
	img := &image.Gray{Pix: d.trail, Stride: d.width, Rect: image.Rect(0, 0, d.width, d.height)}
	return errors.Join((&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(f, img), f.Close())
}

// finish makes the clip of a meteor whose frames are all in the store, and removes the oldest event beyond keptEvents.
func (e *events) finish(ctx context.Context, s sight) error {
	ev := event{Name: named(s.From), From: s.From, To: s.To, Most: s.Most, Pixels: s.Pixels}
	from, to := s.From-int64(before), s.To+int64(after)
	if err := e.store.Pin(ev.Name, from, to); err != nil {
		return err
	}
	f, err := os.Create(e.file(ev.Name, ".clip"))
	if err != nil {
		return err
	}
	ev.Frames, err = e.store.Export(ctx, f, from, to)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	b, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	if err := os.WriteFile(e.file(ev.Name, ".json"), b, 0o644); err != nil {
		return err
	}
	e.mu.Lock()
	e.list = append(e.list, ev)
	var old []event
	if n := len(e.list) - keptEvents; n > 0 {
		old = slices.Clone(e.list[:n])
		e.list = slices.Delete(e.list, 0, n)
	}
	e.mu.Unlock()
	for _, ev := range old {
		if err := e.remove(ev.Name); err != nil {
			return err
		}
	}
	return nil
}

func (e *events) remove(name string) error {
	err := e.store.Unpin(name)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	for _, extension := range []string{".json", ".png", ".clip"} { // without the first the others are nobody's
		err = errors.Join(err, os.Remove(e.file(name, extension)))
	}
	return err
}

// all is a copy of the list, the oldest first, and not nil.
func (e *events) all() []event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]event{}, e.list...)
}

// status reads a line of /proc/self/status that has a size, in bytes.
func status(key string) (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", key)
}
