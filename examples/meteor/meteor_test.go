package main

import (
	"errors"
	"hash/crc32"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// anywhere skips a test that needs no kernel of its own in the guest of the short form, which is slow.
func anywhere(t *testing.T) {
	t.Helper()
	if testing.Short() && os.Getenv(testutil.VM) != "" {
		t.Skip("nothing here depends on the kernel, and it runs without a guest too: not in one with -short")
	}
}

// night is a simulated one, as fast as possible.
func night(t *testing.T, length time.Duration) config {
	t.Helper()
	anywhere(t)
	return config{width: 160, height: 120, fps: 25, length: length, seed: 7, dir: t.TempDir(), disk: 6 << 20, start: time.Unix(1_700_000_000, 0)}
}

// watched runs a whole night, and leaves the station open.
func watched(t *testing.T, c config) *station {
	t.Helper()
	src, err := open(&c)
	if err != nil {
		t.Fatal(err)
	}
	st, err := newStation(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.watch(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	return st
}

// same fails unless the events are the meteors that were planted.
func same(t *testing.T, c config, all []event) {
	t.Helper()
	want := planted(c, c.length.Seconds())
	if len(all) != len(want) || len(want) == 0 {
		t.Fatalf("seed %d: %d events of %d meteors: %+v, %+v", c.seed, len(all), len(want), all, want)
	}
	for i, ev := range all {
		from, to := float64(ev.From-c.start.UnixNano())/1e9, float64(ev.To-c.start.UnixNano())/1e9
		if math.Abs(from-want[i].from) > 0.2 || math.Abs(to-want[i].to) > 0.25 || ev.Most < 40 || ev.Pixels < 30 {
			t.Errorf("seed %d: event %d is from %.2f to %.2f s, %+v; the meteor %+v", c.seed, i, from, to, ev, want[i])
		}
	}
}

// TestDetect finds the meteors of a night and nothing else, while the sky's glow changes and particles hit the sensor.
func TestDetect(t *testing.T) {
	anywhere(t)
	seeds, length := uint64(4), 2*time.Minute
	if runtime.GOARCH == "arm" || raceBuild || testing.Short() {
		seeds, length = 1, time.Minute // under qemu, or watched, it takes a while
	}
	for seed := range seeds {
		c := config{width: 160, height: 120, fps: 25, length: length, seed: seed, start: time.Unix(1_700_000_000, 0)}
		s, err := newSky(c)
		if err != nil {
			t.Fatal(err)
		}
		d, pix := newDetector(c.width, c.height), make([]byte, c.width*c.height)
		var all []event
		for ; s.n < int(length.Seconds())*c.fps; s.n++ {
			at := time.Duration(s.n) * time.Second / time.Duration(c.fps)
			s.paint(pix, at.Seconds())
			_, _, over, err := d.look(pix, c.start.Add(at).UnixNano())
			if err != nil {
				t.Fatal(err)
			}
			if over {
				all = append(all, event{From: d.now.From, To: d.now.To, Most: d.now.Most, Pixels: d.now.Pixels})
			}
		}
		if d.on {
			all = append(all, event{From: d.now.From, To: d.now.To, Most: d.now.Most, Pixels: d.now.Pixels})
		}
		same(t, c, all)
	}
}

// TestNight runs the whole program's inside: every meteor is an event, the budgets hold, and every block comes back.
func TestNight(t *testing.T) {
	testutil.OpenFDs(t)
	c := night(t, 40*time.Second) // three times what the disk may have
	st := watched(t, c)
	same(t, c, st.events.all())
	stats := st.store.Stats()
	if stats.Puts != 40*25 || stats.Dropped != 0 || stats.Err != nil {
		t.Errorf("the archive has %+v", stats)
	}
	budgets(t, st)
	clips(t, c, st.events)
	if err := st.close(); err != nil {
		t.Error(err)
	}
	if p := st.frames.Stats(); p.Outstanding != 0 || p.Acquired != p.Released || p.Acquired < 40*25 {
		t.Errorf("pool: %+v", p)
	}
	if p := st.trails.Stats(); p.Outstanding != 0 || p.Acquired == 0 {
		t.Errorf("pool of pictures: %+v", p)
	}
	if p := st.loads.Stats(); p.Outstanding != 0 || p.Acquired == 0 {
		t.Errorf("pool for frames from disk: %+v", p)
	}
}

// budgets fails unless every tier comes within its budget and has been used. Compressing goes on for a while after the last frame.
func budgets(t *testing.T, st *station) {
	t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		s := st.store.Stats()
		if s.Hot.Bytes <= s.Hot.Budget && s.Warm.Bytes <= st.c.disk/2+st.c.disk/16 && s.Warm.Bytes+s.Cold.Bytes <= st.c.disk+st.c.disk/8 && s.Hot.Left > 0 && s.Cold.Frames > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the tiers: %+v", s)
		}
	}
}

// clips fails unless each clip begins three seconds before its meteor, or with the night, has every frame, and each of them as it was filmed.
func clips(t *testing.T, c config, e *events) {
	t.Helper()
	sky, err := newSky(c)
	if err != nil {
		t.Fatal(err)
	}
	filmed, pix := map[int64]uint32{}, make([]byte, c.width*c.height)
	for ; sky.n < int(c.length.Seconds())*c.fps; sky.n++ {
		at := time.Duration(sky.n) * time.Second / time.Duration(c.fps)
		sky.paint(pix, at.Seconds())
		filmed[c.start.Add(at).UnixNano()] = crc32.ChecksumIEEE(pix)
	}
	blocks, err := pool.New(len(pix), pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range e.all() {
		f, err := os.Open(e.file(ev.Name, ".clip"))
		if err != nil {
			t.Fatal(err)
		}
		want := ev.From - before.Nanoseconds()
		n := 0
		for fr, err := range store.ReadClip(f, blocks) {
			if err != nil {
				t.Fatalf("%s after %d frames: %v", ev.Name, n, err)
			}
			sum, ok := filmed[fr.Time]
			if fr.Time != want || !ok || crc32.ChecksumIEEE(fr.Bytes()) != sum {
				t.Errorf("%s: frame %d is of %d, not %d, or is not as it was filmed", ev.Name, n, fr.Time, want)
			}
			fr.Release()
			n++
			want += time.Second.Nanoseconds() / int64(c.fps)
		}
		f.Close()
		if n != ev.Frames || want < ev.To+after.Nanoseconds() || n < 4*c.fps {
			t.Errorf("%s has %d frames, the list says %d, up to %d", ev.Name, n, ev.Frames, want)
		}
		p, err := os.Open(e.file(ev.Name, ".png"))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(p)
		p.Close()
		if err != nil || img.Bounds().Dx() != c.width || img.Bounds().Dy() != c.height {
			t.Errorf("%s's picture: %v", ev.Name, err)
		}
	}
	if err := blocks.Close(); err != nil {
		t.Error(err)
	}
}

// TestKept removes old events with all that they have, and finds the others when the folder is opened again, but nothing of one that was being
// made when the power failed.
func TestKept(t *testing.T) {
	c := night(t, 2*time.Second)
	c.width, c.height = 64, 48
	st := watched(t, c)
	made := func(from int64) {
		t.Helper()
		b, err := st.trails.Get()
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
		if err := errors.Join(st.events.begin(from), st.events.finish(t.Context(), sight{Buf: b, From: from, To: from + 1})); err != nil {
			t.Fatal(err)
		}
	}
	const more = 3
	for i := range keptEvents + more {
		made(c.start.Add(time.Duration(i) * time.Millisecond).UnixNano())
	}
	late := c.start.Add(time.Second).UnixNano()
	if err := st.events.begin(late); err != nil { // and the power fails before it is over
		t.Fatal(err)
	}
	pin := store.Pin{Name: named(late), From: late - 3e9, To: late + longest + 1e9}
	if all := st.store.Pins(); len(all) != 1 || all[0] != pin {
		t.Errorf("pins %+v, not only %+v", all, pin)
	}
	for _, extension := range []string{".png", ".clip", ".json.part"} {
		if err := os.WriteFile(st.events.file(named(late), extension), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	damaged := st.events.file(named(c.start.Add(4*time.Millisecond).UnixNano()), ".json")
	foreign := filepath.Join(st.events.dir, "notes.png")
	if err := errors.Join(os.WriteFile(damaged, nil, 0o644), os.WriteFile(foreign, nil, 0o644), st.close()); err != nil {
		t.Fatal(err)
	}
	st, err := newStation(c)
	if err != nil {
		t.Fatal(err)
	}
	all := st.events.all()
	if len(all) != keptEvents-1 || all[0].Name != named(c.start.UnixNano()+more*1e6) || len(st.store.Pins()) != 0 {
		t.Errorf("%d events and %d pins: %+v", len(all), len(st.store.Pins()), all)
	}
	files, err := os.ReadDir(st.events.dir)
	if err != nil || len(files) != 3*keptEvents+1 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if err := st.close(); err != nil {
		t.Error(err)
	}
}

// TestRefused has sizes that cannot be, a folder that is in use, and an address that is taken.
func TestRefused(t *testing.T) {
	anywhere(t)
	for _, c := range []config{{width: 321, height: 240, fps: 25}, {width: 1 << 20, height: 1 << 20, fps: 25}, {width: 320, height: 240}, {width: -8, height: 100, fps: 25}} {
		if err := run(t.Context(), c, io.Discard); err == nil {
			t.Errorf("%+v ran", c)
		}
	}
	c := night(t, time.Second)
	st := watched(t, c)
	if err := run(t.Context(), c, io.Discard); !errors.Is(err, store.ErrBusy) {
		t.Errorf("two programs in one folder: %v", err)
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	c.listen = "127.0.0.1:-1"
	if err := run(t.Context(), c, io.Discard); err == nil {
		t.Error("it listens at port -1")
	}
	c.listen, c.device = "", filepath.Join(t.TempDir(), "none")
	if err := run(t.Context(), c, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a camera that is not there: %v", err)
	}
}

// TestBrightness reads padded lines of each format, and none of half a frame.
func TestBrightness(t *testing.T) {
	const w, h, stride = 64, 48, 160
	for _, fourcc := range readable {
		f := v4l2.Format{FourCC: fourcc, Width: w, Height: h, Planes: []v4l2.Plane{{Stride: stride}}}
		src, pix := make([]byte, stride*h), make([]byte, w*h)
		step := 1
		if fourcc == v4l2.FmtYUYV {
			step = 2
		}
		for i := range w * h {
			src[i/w*stride+i%w*step] = byte(i + i/w)
		}
		if err := brightness(pix, src, f); err != nil {
			t.Fatal(err)
		}
		for i, v := range pix {
			if v != byte(i+i/w) {
				t.Fatalf("%s: pixel %d is %d", fourcc, i, v)
			}
		}
		if err := brightness(pix, src[:len(src)-1], f); err == nil {
			t.Errorf("%s: half a frame was taken", fourcc)
		}
	}
}

// TestLook allocates nothing for a frame.
func TestLook(t *testing.T) {
	d, pix := newDetector(64, 48), make([]byte, 64*48)
	at := int64(0)
	if n := testing.AllocsPerRun(100, func() {
		at += 40e6
		pix[at%100] ^= 255
		if _, _, _, err := d.look(pix, at); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
