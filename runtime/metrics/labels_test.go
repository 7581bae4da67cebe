package metrics

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/ring"
)

// client_golang panics when a label is not UTF-8: a name from outside must not end all scrapes.
func TestNamesThatAreNoText(t *testing.T) {
	const odd = "cam\xff\xfe\x00"
	s := NewSet()
	s.Pool(newPool(t, odd, 64, pool.Options{}))
	s.FrameReader(odd, statsFunc(func() ring.FrameStats { return ring.FrameStats{} }))
	s.Pool(newPool(t, strings.Repeat("ä", longestLabel), 64, pool.Options{}))
	topic := bus.NewPlain[int](odd, bus.Options{})
	defer topic.Close()
	if err := topic.Publish(1); err != nil {
		t.Fatal(err)
	}
	s.Topic(odd, topic)
	w := newMachine(1000).watch(t, s, WatchOptions{Actions: []Action{Demote(odd, func() (int64, error) { return 0, nil }, nil)}})
	text := scrape(t, s) + scrape(t, w)
	if !utf8.ValidString(text) || strings.Count(text, "cam\uFFFD") < 4 {
		t.Error(text)
	}
	if rep := s.Report(w); !utf8.ValidString(rep.Text()+rep.HTML()) || len(rep.Pools) != 2 {
		t.Errorf("%+v", rep)
	}
}

// A program that closes a pool and makes it anew, again and again, has one series of it, and not one more each time.
func TestSourcesThatComeAgain(t *testing.T) {
	s := NewSet()
	for range 3 {
		p := newPool(t, "camera", 64, pool.Options{})
		remove := s.Pool(p)
		if text := scrape(t, s); !strings.Contains(text, `poolgen_pool_max_blocks{pool="camera"}`) {
			t.Fatal(text)
		}
		remove()
		other := s.Pool(p)
		remove() // not the other's
		if text := scrape(t, s); !strings.Contains(text, `poolgen_pool_max_blocks{pool="camera"}`) {
			t.Fatal(text)
		}
		other()
	}
	if len(s.names) != 0 {
		t.Errorf("names that nobody has: %v", s.names)
	}
}

// Every source of a kind has its own label, whatever the names are: a registry refuses two metrics of one name and label.
func FuzzLabels(f *testing.F) {
	f.Add("a", "a-2", "a")
	f.Add("\xff", "\xfe", "\uFFFD")
	f.Add(strings.Repeat("x", longestLabel+1), strings.Repeat("x", longestLabel+2), "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		s := NewSet()
		for _, name := range []string{a, b, c, a} {
			s.FrameReader(name, statsFunc(func() ring.FrameStats { return ring.FrameStats{Seen: 1} }))
		}
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(s)
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "poolgen_ring_seen_frames_total" && len(f.GetMetric()) != 4 {
				t.Errorf("%v", f)
			}
		}
	})
}
