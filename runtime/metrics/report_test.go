package metrics

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/report"
	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

func TestReport(t *testing.T) {
	s := everything(t)
	m := newMachine(1000)
	w := m.watch(t, s, WatchOptions{})
	m.usage(770)
	w.look()
	rep := s.Report(w)
	if rep.PID == 0 || rep.Program == "" || rep.Memory.Go == 0 || rep.Memory.OffHeap == 0 || rep.Uptime <= 0 {
		t.Errorf("%+v", rep)
	}
	if len(rep.Pools) != 1 || rep.Pools[0].Name != "frames" || rep.Pools[0].Outstanding != 1 || rep.Pools[0].Rate <= 0 || rep.Pools[0].Max != 8 {
		t.Errorf("pools %+v", rep.Pools)
	}
	if p := rep.Pressure; p == nil || p.Level != "low" || p.Usage != 770 || len(p.Actions) != 4 || !p.Actions[0].Active || p.Actions[1].Active {
		t.Errorf("pressure %+v", p)
	}
	var kinds []string
	for _, f := range rep.Flows {
		kinds = append(kinds, f.Kind)
	}
	if !slices.Equal(kinds, []string{"ring", "publisher", "stream", "topic", "subscriber"}) {
		t.Errorf("flows %v", kinds)
	}
	if len(rep.Stores) != 1 || rep.Stores[0].Tiers[0].Hits != 1 || rep.Stores[0].Tiers[0].HitRate != 1 {
		t.Errorf("stores %+v", rep.Stores)
	}
	copies := map[string]report.Copies{}
	for _, c := range rep.Copies {
		copies[c.What] = c
	}
	if c := copies["frames from a hot tier"]; c.Count != 1 || c.Bytes != 4096 {
		t.Errorf("copies %v", copies)
	}
	if c := copies["events to subscribers"]; c.Count != 1 || c.Bytes != 4096 {
		t.Errorf("copies %v", copies)
	}
	if again := s.Report(nil); again.Pools[0].Rate != 0 || again.Pressure != nil {
		t.Errorf("nothing was acquired since, the rate is %v", again.Pools[0].Rate)
	}
	for range historySize + 10 {
		s.sample(time.Now().Add(time.Hour * time.Duration(len(s.samples())+1)))
	}
	if n := len(s.samples()); n > historySize {
		t.Errorf("%d samples are kept", n)
	}
}

func TestRecommendations(t *testing.T) {
	healthy := Report{
		Memory:     report.Memory{GoHeap: 1 << 20, GoLimit: 64 << 20},
		Pools:      []report.Pool{{Name: "p", Max: 8, HighWater: 6, Opened: 8, Acquired: 1e6, Committed: 1 << 20}},
		Allocators: []report.Allocator{{Name: "a", Used: 1 << 20, LiveBytes: 1 << 19}},
		Flows:      []report.Flow{{Kind: "topic", Name: "t", Delivered: 1000, Lost: 5}},
		Stores:     []report.Store{{Name: "s", Tiers: []report.Tier{{Hits: 900}, {Hits: 50}, {Hits: 50}}}},
		Pressure:   &report.Pressure{Level: "normal", Changes: 2, Actions: []report.Action{{Name: "trim", Applied: 2}}},
	}
	if got := recommend(&healthy); len(got) != 0 {
		t.Errorf("a healthy program is told %+v", got)
	}
	for _, c := range []struct {
		rep        Report
		text, with string
	}{
		{Report{Pools: []report.Pool{{Name: "p", Max: 8, HighWater: 8, Refusals: 3}}}, "raise Options.Max or Budget", "3 refusals, 8 of 8"},
		{Report{Pools: []report.Pool{{Name: "p", Stale: 2}}}, "POOLGEN_DEBUG=trace", "2 stale"},
		{Report{Pools: []report.Pool{{Name: "p", Saturated: 1}}}, "Retain without Release", "1 saturated"},
		{Report{Pools: []report.Pool{{Name: "p", Heap: 4, Max: 8}}}, "the Go heap had to help", "4 blocks"},
		{Report{Pools: []report.Pool{{Name: "p", Waits: 50, Acquired: 1000}}}, "had to wait", "50 waits for 1000"},
		{Report{Pools: []report.Pool{{Name: "p", Grown: 5, HighWater: 5, Acquired: 1000}}}, "Options.Prealloc to 5", "5 blocks were committed"},
		{Report{Pools: []report.Pool{{Name: "p", Max: 64, Opened: 64, HighWater: 4, Acquired: 5000, Committed: 64 << 20}}}, "Max to 6", "4 of 64"},
		{Report{Allocators: []report.Allocator{{Name: "a", Refusals: 7}}}, "AllocOptions.Budget", "7 refusals"},
		{Report{Allocators: []report.Allocator{{Name: "a", Misuses: 7}}}, "not allocated", "7 misuses"},
		{Report{Allocators: []report.Allocator{{Name: "a", Used: 8 << 20, LiveBytes: 1 << 20}}}, "call Trim", "8.0 MiB used for 1.0 MiB"},
		{Report{Flows: []report.Flow{{Kind: "ring", Name: "r", Delivered: 90, Lost: 10}}}, "more frames", "10 lost of 100"},
		{Report{Flows: []report.Flow{{Kind: "stream", Name: "r", Delivered: 90, Lost: 10}}}, "lengthen the queue", "10 lost of 100"},
		{Report{Flows: []report.Flow{{Kind: "topic", Name: "b/t", Delivered: 90, Lost: 10}, {Kind: "subscriber", Name: "b/t/slow", Delivered: 40, Lost: 10}}}, "SubOptions.Events", "10 lost of 50"},
		{Report{Flows: []report.Flow{{Kind: "topic", Name: "b/t", Delivered: 90, Lost: 10}, {Kind: "subscriber", Name: "b/t/quick", Delivered: 40}}}, "lengthen the queue", "10 lost of 100"},
		{Report{Stores: []report.Store{{Name: "s", Error: "no space left"}}}, "writing fails", "no space left"},
		{Report{Stores: []report.Store{{Name: "s", Dropped: 2, Puts: 10}}}, "did not fit the hot tier", "0 refused, 2 dropped of 10"},
		{Report{Stores: []report.Store{{Name: "s", Tiers: []report.Tier{{Hits: 10}, {Hits: 80}, {Hits: 20}}}}}, "raise Options.Hot", "10 of 110"},
		{Report{Memory: report.Memory{GoHeap: 95, GoLimit: 100}}, "collector runs", "95 B of objects"},
		{Report{Pressure: &report.Pressure{Refused: 3, Usage: 5, Limit: 5}}, "had to refuse", "3 refused"},
		{Report{Pressure: &report.Pressure{Changes: 30}}, "again and again", "30 changes"},
		{Report{Pressure: &report.Pressure{Actions: []report.Action{{Name: "demote", Applied: 4, Failed: 2}}}}, "it fails", "2 failures in 4"},
	} {
		got := recommend(&c.rep)
		if len(got) != 1 || !strings.Contains(got[0].Text, c.text) || !strings.Contains(got[0].Figures, c.with) {
			t.Errorf("want %q with %q, got %+v", c.text, c.with, got)
		}
	}
}

// addFrames adds a bus, a topic of its own and a store, all used once.
func addFrames(t testing.TB, s *Set, p *pool.Pool) {
	t.Helper()
	topic := bus.New[pool.Buf]("camera", bus.Options{})
	sub, err := topic.Subscribe(bus.SubOptions{Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	if err := topic.Publish(b); err != nil {
		t.Fatal(err)
	}
	ev, err := sub.Next(t.Context())
	if err != nil || ev.Topic != "camera" {
		t.Fatalf("%+v, %v", ev, err)
	}
	t.Cleanup(func() {
		sub.Close()
		topic.Close()
	})
	s.Topic("front", topic)
	st, err := store.Open(store.Options{Hot: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	id, err := st.Put(b, 1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := st.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	f.Release()
	b.Release()
	s.Store("history", st)
}

func TestTopicsAreBounded(t *testing.T) {
	s := NewSet()
	list := []bus.TopicStats{}
	s.topicsOf("b", func() []bus.TopicStats { return list }, func() []bus.SubStats { return nil })
	for i := range 2 * maxTopics {
		list = append(list, bus.TopicStats{Name: strings.Repeat("x", i+1), Published: 2, Subscribers: 1})
	}
	text := scrape(t, s)
	if n := strings.Count(text, "poolgen_topic_published_events_total{"); n != maxTopics+1 {
		t.Errorf("%d topics have labels", n)
	}
	if !strings.Contains(text, `poolgen_topic_published_events_total{bus="b",topic="(others)"} 200`) {
		t.Errorf("the others are not in one:\n%s", text)
	}
	list = nil // all closed: counts stay, gauges do not
	text = scrape(t, s)
	if !strings.Contains(text, `poolgen_topic_published_events_total{bus="b",topic="x"} 2`) || !strings.Contains(text, `poolgen_topic_subscribers{bus="b",topic="x"} 0`) {
		t.Errorf("closed topics:\n%s", text)
	}
}

var errSick = errors.New("the camera is gone")
