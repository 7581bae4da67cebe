package main

import (
	"math"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// night is a simulated one, as fast as possible.
func night(t *testing.T, length time.Duration) config {
	t.Helper()
	return config{width: 320, height: 240, fps: 25, length: length, seed: 7, dir: t.TempDir(), start: time.Unix(1_700_000_000, 0)}
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
		if math.Abs(from-want[i].from) > 0.2 || math.Abs(to-want[i].to) > 0.25 || ev.Most < 40 || ev.Pixels < 50 {
			t.Errorf("seed %d: event %d is from %.2f to %.2f s, %+v; the meteor %+v", c.seed, i, from, to, ev, want[i])
		}
	}
}

// TestDetect finds the meteors of a night and nothing else, while the sky's glow changes and particles hit the sensor.
func TestDetect(t *testing.T) {
	for seed := range uint64(8) {
		c := config{width: 320, height: 240, fps: 25, length: 2 * time.Minute, seed: seed, start: time.Unix(1_700_000_000, 0)}
		s, err := newSky(c)
		if err != nil {
			t.Fatal(err)
		}
		d, pix := newDetector(c.width, c.height), make([]byte, c.width*c.height)
		var all []event
		for ; s.n < 120*c.fps; s.n++ {
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
	c := night(t, time.Minute)
	st := watched(t, c)
	same(t, c, st.events.all())
	stats := st.store.Stats()
	if stats.Puts != 60*25 || stats.Dropped != 0 || stats.Refused > 0 && stats.Err != nil {
		t.Errorf("the archive has %+v", stats)
	}
	if err := st.close(); err != nil {
		t.Error(err)
	}
	if p := st.frames.Stats(); p.Outstanding != 0 || p.HighWater > hotFrames+2*queued+4 {
		t.Errorf("pool: %+v", p)
	}
}
