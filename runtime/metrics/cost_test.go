package metrics

import (
	"bytes"
	"math"
	"testing"
	"testing/fstest"

	"github.com/google/pprof/profile"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Stats of a pool takes time in proportion to its blocks: a scrape, and a reading of the watcher, ask for it once.
func TestPoolsAreAskedOnce(t *testing.T) {
	s := NewSet()
	asked := 0
	s.Pool(poolFunc(func() pool.Stats { asked++; return pool.Stats{Name: "p", BytesCommitted: 5 << 20} }))
	asked = 0
	scrape(t, s)
	if asked != 1 {
		t.Errorf("a scrape asks %d times", asked)
	}
	w, err := newWatcher(s, WatchOptions{Root: fstest.MapFS(newMachine(1000))})
	if err != nil {
		t.Fatal(err)
	}
	close(w.done)
	defer w.Close()
	asked = 0
	w.look()
	if asked != 1 {
		t.Errorf("a reading asks %d times", asked)
	}
	if m := s.samples(); len(m) != 1 || m[0].memory.OffHeap != 5<<20 {
		t.Errorf("samples %+v", m)
	}
}

// A kind of threshold that is left out is the default, not one that is always met.
func TestThresholdsLeftOut(t *testing.T) {
	m := newMachine(1000)
	w := m.watch(t, NewSet(), WatchOptions{Thresholds: &Thresholds{Usage: [4]float64{0.5, 0.6, 0.7, 0.8}}})
	w.look()
	if w.Level() != Normal {
		t.Errorf("with nothing in use the level is %v", w.Level())
	}
	m.usage(650)
	w.look()
	if w.Level() != Medium {
		t.Errorf("the level is %v", w.Level())
	}
	d := DefaultThresholds()
	if w.t.Some != d.Some || w.t.Full != d.Full || w.t.Available != d.Available {
		t.Errorf("%+v", w.t)
	}
}

func TestThresholdsThatMakeNoSense(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for i, c := range []struct {
		t  Thresholds
		ok bool
	}{
		{Thresholds{}, true},
		{DefaultThresholds(), true},
		{Thresholds{Usage: [4]float64{0.9, 0.8, 0.95, 1}}, false},
		{Thresholds{Usage: [4]float64{0, 0.8, 0.95, 1}}, false},
		{Thresholds{Usage: [4]float64{0.5, nan, 0.95, 1}}, false},
		{Thresholds{Available: [4]float64{0.1, 0.2, 0.05, 0.01}}, false},
		{Thresholds{Available: [4]float64{0.2, 0.1, nan, 0.01}}, false},
		{Thresholds{Available: [4]float64{-1, -1, -1, -1}}, true}, // never met
		{Thresholds{Some: [4]float64{-1, 5, 6, 7}}, false},
		{Thresholds{Full: [4]float64{inf, inf, inf, inf}, Some: [4]float64{5, inf, inf, inf}}, true},
	} {
		w, err := newWatcher(NewSet(), WatchOptions{Root: fstest.MapFS(newMachine(1000)), KeepGo: true, Thresholds: &c.t})
		if (err == nil) != c.ok {
			t.Errorf("%d: %+v: %v", i, c.t, err)
		}
		if err == nil {
			close(w.done)
			w.look()
			if w.Level() != Normal {
				t.Errorf("%d: with plenty of memory the level is %v", i, w.Level())
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A pool that is added while holders are sampled takes part.
func TestHoldersOfLaterPools(t *testing.T) {
	s := NewSet()
	s.SampleHolders(1)
	p := newPool(t, "late", 100, pool.Options{Max: 2})
	s.Pool(p)
	b := holdOne(t, p)
	defer b.Release()
	var out bytes.Buffer
	if err := s.WriteHolders(&out); err != nil {
		t.Fatal(err)
	}
	if prof, err := profile.Parse(&out); err != nil || len(prof.Sample) != 1 {
		t.Errorf("%v, %v", prof, err)
	}
}
