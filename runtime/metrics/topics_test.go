package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/ipc/stream"
)

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// A topic that is closed keeps its counts, and one that has its name afterwards adds to them.
func TestTopicsThatComeAgain(t *testing.T) {
	s := NewSet()
	var list []bus.TopicStats
	s.topicsOf("b", func() []bus.TopicStats { return list }, func() []bus.SubStats { return nil })
	for _, c := range []struct {
		list            []bus.TopicStats
		want, delivered int
	}{
		{[]bus.TopicStats{{Name: "t", Published: 10, Delivered: 8, Subscribers: 1}}, 10, 8},
		{[]bus.TopicStats{{Name: "t", Published: 10, Delivered: 6, Subscribers: 1}}, 10, 8}, // a closed subscriber's batch was taken back
		{[]bus.TopicStats{{Name: "t", Published: 11, Delivered: 9, Subscribers: 1}}, 11, 9},
		{nil, 11, 9},
		{[]bus.TopicStats{{Name: "t", Published: 3, Delivered: 3, Subscribers: 1}}, 14, 12},
		{[]bus.TopicStats{{Name: "t", Published: 1, Delivered: 1, Subscribers: 1}}, 15, 13}, // closed and opened between two looks
		{[]bus.TopicStats{{Name: "t", Published: 20, Delivered: 1, Subscribers: 1}}, 34, 13},
	} {
		list = c.list
		wantLines(t, scrape(t, s),
			fmt.Sprintf(`poolgen_topic_published_events_total{bus="b",topic="t"} %d`, c.want),
			fmt.Sprintf(`poolgen_topic_delivered_events_total{bus="b",topic="t"} %d`, c.delivered),
			fmt.Sprintf(`poolgen_topic_subscribers{bus="b",topic="t"} %d`, len(list)))
	}
}

// The rest is counted exactly too, however its topics come and go.
func TestTheRestIsExact(t *testing.T) {
	s := NewSet()
	var list []bus.TopicStats
	s.topicsOf("b", func() []bus.TopicStats { return list }, func() []bus.SubStats { return nil })
	for i := range maxTopics {
		list = append(list, bus.TopicStats{Name: fmt.Sprint("known", i)})
	}
	scrape(t, s)
	total := 0
	for i := range 300 {
		list = []bus.TopicStats{{Name: fmt.Sprint("call", i), Published: 5, Held: 1}, {Name: fmt.Sprint("call", i+1), Published: 2}}
		total += 5
		if i > 0 {
			total -= 2 // seen the last time
		}
		total += 2
		wantLines(t, scrape(t, s), fmt.Sprintf(`poolgen_topic_published_events_total{bus="b",topic="(others)"} %d`, total), `poolgen_topic_held_events{bus="b",topic="(others)"} 1`)
	}
	for _, src := range s.list() {
		if tt := src.(*topics); len(tt.byTopic.last) > 2 || len(tt.byTopic.totals) > maxTopics+1 {
			t.Errorf("%d topics are remembered, %d labels", len(tt.byTopic.last), len(tt.byTopic.totals))
		}
	}
}

// Subscribers of a real bus, by name.
func TestSubscribers(t *testing.T) {
	var b bus.Bus
	defer b.Close()
	front, err := bus.OpenPlain[int64](&b, "camera.front", bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSet()
	s.Bus("main", &b)
	slow, err := front.Subscribe(bus.SubOptions{Name: "slow", Events: 4})
	if err != nil {
		t.Fatal(err)
	}
	all, err := bus.Match[int64](&b, "camera.*", bus.SubOptions{Name: "all"})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := front.Publish(1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := all.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	const slowLabels, allLabels = `{bus="main",subscriber="slow",topic="camera.front"} `, `{bus="main",subscriber="all",topic="camera.*"} `
	wantLines(t, scrape(t, s),
		`poolgen_subscriber_offered_events_total`+slowLabels+"10", `poolgen_subscriber_lagged_events_total`+slowLabels+"6",
		`poolgen_subscriber_waiting_events`+slowLabels+"4", `poolgen_subscriber_waiting_bytes`+slowLabels+"32", `poolgen_subscriber_connected`+slowLabels+"1",
		`poolgen_subscriber_delivered_events_total`+allLabels+"10", `poolgen_subscriber_held_bytes`+allLabels+"80")
	rep := s.Report(nil)
	if text := rep.Text(); !strings.Contains(text, "main/camera.front/slow") || !strings.Contains(text, "4, 32 B") {
		t.Error(text)
	}
	if len(rep.Recommendations) != 1 || rep.Recommendations[0].About != "subscriber main/camera.front/slow" {
		t.Errorf("%+v", rep.Recommendations)
	}
	slow.Close()
	all.Close()
	// Viewers that come and go, without names, are one.
	for i := range 50 {
		viewer, err := front.Subscribe(bus.SubOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := front.Publish(1); err != nil {
			t.Fatal(err)
		}
		text := scrape(t, s)
		wantLines(t, text, `poolgen_subscriber_offered_events_total{bus="main",subscriber="camera.front",topic="camera.front"} `+fmt.Sprint(i+1))
		if n := strings.Count(text, "poolgen_subscriber_connected{"); n != 3 {
			t.Fatalf("%d subscribers have labels", n)
		}
		viewer.Close()
	}
	wantLines(t, scrape(t, s), `poolgen_subscriber_connected`+slowLabels+"0", `poolgen_subscriber_lagged_events_total`+slowLabels+"6")
}

// However many names there are, there are not more labels than that.
func TestSubscribersAreBounded(t *testing.T) {
	s := NewSet()
	var list []bus.SubStats
	s.topicsOf("b", func() []bus.TopicStats { return nil }, func() []bus.SubStats { return list })
	for i := range 3 * maxSubscribers {
		list = append(list, bus.SubStats{ID: uint64(i + 1), Topic: "t", Name: fmt.Sprint("viewer", i), Offered: 2, Waiting: 1})
	}
	for range 3 {
		text := scrape(t, s)
		if n := strings.Count(text, "poolgen_subscriber_connected{"); n != maxSubscribers+1 {
			t.Errorf("%d subscribers have labels", n)
		}
		wantLines(t, text, `poolgen_subscriber_offered_events_total{bus="b",subscriber="(others)",topic="(others)"} 400`,
			`poolgen_subscriber_waiting_events{bus="b",subscriber="(others)",topic="(others)"} 200`)
	}
	list = nil
	scrape(t, s)
	for _, src := range s.list() {
		if tt := src.(*topics); len(tt.bySub.last) != 0 {
			t.Errorf("%d subscribers that are gone are remembered", len(tt.bySub.last))
		}
	}
}

func TestUnnumbered(t *testing.T) {
	for name, want := range map[string]string{"a#1": "a", "a#12": "a", "a#": "a#", "a#b1": "a#b1", "#7": "", "a": "a", "a#1#2": "a#1", "": ""} {
		if got := unnumbered(name); got != want {
			t.Errorf("unnumbered(%q) = %q", name, got)
		}
	}
}

// What a bucket has counted it keeps when longer durations come.
func TestBucketsNeverGoBack(t *testing.T) {
	s := NewSet()
	var st stream.Stats
	s.Stream("r", streamFunc(func() stream.Stats { return st }))
	before := map[string]float64{}
	for _, d := range []time.Duration{0, 15 * time.Microsecond, 1 << 14, 1000 * time.Microsecond, 1048 * time.Microsecond, 5 * time.Millisecond, 1<<30 - 1, 1 << 30, 3 * time.Second, time.Minute, 0} {
		st.Queue.Record(d)
		for line := range strings.Lines(scrape(t, s)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !strings.HasPrefix(name, "poolgen_stream_queue_seconds") {
				continue
			}
			var v float64
			if _, err := fmt.Sscan(value, &v); err != nil {
				t.Fatal(line, err)
			}
			if v < before[name] {
				t.Errorf("after %v %s went from %v to %v", d, name, before[name], v)
			}
			before[name] = v
		}
	}
	if before["poolgen_stream_queue_seconds_count{stream=\"r\"}"] != 11 {
		t.Errorf("%v", before)
	}
}

type streamFunc func() stream.Stats

func (f streamFunc) Stats() stream.Stats { return f() }
