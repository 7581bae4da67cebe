package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/ipc/stream"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/ring"
)

func newPool(t testing.TB, name string, size int, o pool.Options) *pool.Pool {
	t.Helper()
	o.Name = name
	p, err := pool.New(size, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newAllocator(t testing.TB, name string) *pool.Allocator {
	t.Helper()
	a, err := pool.NewAllocator(pool.AllocOptions{Name: name, Budget: 1 << 20, Sizes: pool.ClassSizes(16, 4096, 16, 8)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// streamFake stands for a server; its histogram has two durations.
type streamFake struct{}

func (streamFake) Stats() stream.Stats {
	s := stream.Stats{Sent: 7, BytesSent: 700, Peers: 2}
	s.Queue.Record(100 * time.Microsecond)
	s.Queue.Record(3 * time.Second)
	return s
}

// everything is a set with a source of each kind, all in use.
func everything(t testing.TB) *Set {
	t.Helper()
	s := NewSet()
	frames := newPool(t, "frames", 4096, pool.Options{Max: 8, Shared: true})
	s.Pool(frames)
	b, err := frames.Get()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Release)
	a := newAllocator(t, "heap")
	s.Allocator(a)
	p, err := a.Malloc(100)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Free(p) })
	var seen Snapshot[ring.FrameStats]
	seen.Store(ring.FrameStats{Seen: 5, Missed: 2, Damaged: 1})
	s.FrameReader("history", &seen)
	pub, err := ipc.Listen(fmt.Sprintf("@poolgen-metrics-%d", time.Now().UnixNano()), frames, ipc.PublisherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pub.Close(t.Context()) })
	s.Publisher("camera", pub)
	s.Stream("control", streamFake{})
	audio, err := ring.New(16<<10, ring.Options{Name: "audio"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := audio.Unmap(); err != nil {
			t.Error(err)
		}
	})
	if _, err := audio.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	s.Ring("audio", audio)
	s.OffHeapBytes("model", func() int64 { return 5 << 20 })
	addFrames(t, s, newPool(t, "pictures", 4096, pool.Options{Max: 4}))
	return s
}

func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	problems, err := testutil.CollectAndLint(everything(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Every metric that is described is sent when a source of each kind is there, and the reverse (a pedantic registry checks that).
func TestEveryMetricIsSent(t *testing.T) {
	s := everything(t)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(s)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]bool{}
	for _, f := range families {
		sent[f.GetName()] = true
		if len(f.GetHelp()) < 10 || !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s: the help %q is no sentence", f.GetName(), f.GetHelp())
		}
	}
	for _, name := range names(s) {
		if !sent[name] {
			t.Errorf("%s is described and never sent", name)
		}
	}
	if len(sent) < 70 {
		t.Errorf("only %d metrics", len(sent))
	}
}

// names are those of all metrics that a collector describes.
func names(c prometheus.Collector) []string {
	ch := make(chan *prometheus.Desc)
	go func() {
		c.Describe(ch)
		close(ch)
	}()
	var list []string
	for d := range ch {
		_, after, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(after, `"`)
		list = append(list, name)
	}
	return list
}

func TestFigures(t *testing.T) {
	s := everything(t)
	stride := 0 // debug builds have a guard behind each block
	all(s, func(label string, st *poolStats) {
		if label == "frames" {
			stride = st.Stride
		}
	})
	for _, want := range []string{
		`poolgen_pool_acquired_buffers_total{pool="frames"} 1`,
		`poolgen_pool_outstanding_buffers{pool="frames"} 1`,
		`poolgen_pool_block_capacity_bytes{pool="frames"} 4096`,
		fmt.Sprintf(`poolgen_pool_in_use_bytes{pool="frames"} %d`, stride),
		`poolgen_allocator_live_blocks{allocator="heap"} 1`,
		`poolgen_allocator_class_live_blocks{allocator="heap",size="112"} 1`,
		`poolgen_ring_seen_frames_total{reader="history"} 5`,
		`poolgen_publisher_subscribers{publisher="camera"} 0`,
		`poolgen_byte_ring_used_bytes{ring="audio"} 100`,
		`poolgen_other_off_heap_bytes{memory="model"} 5.24288e+06`,
		`poolgen_topic_delivered_bytes_total{bus="front",topic="camera"} 4096`,
		`poolgen_subscriber_delivered_events_total{bus="front",subscriber="camera",topic="camera"} 1`,
		`poolgen_subscriber_held_bytes{bus="front",subscriber="camera",topic="camera"} 4096`,
		`poolgen_store_hot_hit_bytes_total{store="history"} 4096`,
		`poolgen_stream_queue_seconds_sum{stream="control"} 3.0001`,
		`poolgen_stream_sent_bytes_total{stream="control"} 700`,
		`poolgen_stream_queue_seconds_count{stream="control"} 2`,
		`poolgen_stream_queue_seconds_bucket{stream="control",le="6.5536e-05"} 0`,
		`poolgen_stream_queue_seconds_bucket{stream="control",le="0.000262144"} 1`,
		`poolgen_stream_queue_seconds_bucket{stream="control",le="4.294967296"} 2`,
	} {
		if text := scrape(t, s); !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}

func scrape(t testing.TB, c prometheus.Collector) string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestSourcesOfOneName(t *testing.T) {
	s := NewSet()
	var removes []func()
	for _, name := range []string{"a", "a-2", "a", "a"} {
		removes = append(removes, s.Pool(newPool(t, name, 64, pool.Options{})))
	}
	for _, label := range []string{"a", "a-2", "a-3", "a-4"} {
		if text := scrape(t, s); strings.Count(text, fmt.Sprintf("poolgen_pool_max_blocks{pool=%q} 64\n", label)) != 1 {
			t.Errorf("no pool %s in\n%s", label, text)
		}
	}
	for _, remove := range removes {
		remove()
		remove()
	}
	if text := scrape(t, s); strings.Contains(text, "poolgen_pool") {
		t.Errorf("removed pools are there:\n%s", text)
	}
}

// A snapshot whose figures fit less well together than the last one's must not look like a program that started again.
func TestCountersNeverGoBack(t *testing.T) {
	s := NewSet()
	acquired := uint64(10)
	s.Pool(poolFunc(func() pool.Stats { return pool.Stats{Name: "p", Acquired: acquired} }))
	for _, c := range []struct{ acquired, want uint64 }{{10, 10}, {9, 10}, {11, 11}} {
		acquired = c.acquired
		if text, want := scrape(t, s), fmt.Sprintf(`poolgen_pool_acquired_buffers_total{pool="p"} %d`, c.want); !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

type poolFunc func() pool.Stats

func (f poolFunc) Stats() pool.Stats { return f() }

// A reader that is opened anew behind the same Snapshot goes on counting where the last one was.
func TestReadersThatComeAgain(t *testing.T) {
	s := NewSet()
	var st ring.FrameStats
	s.FrameReader("r", statsFunc(func() ring.FrameStats { return st }))
	for _, c := range []struct {
		seen, missed uint64
		want         string
	}{{10, 5, "10"}, {2, 0, "12"}, {3, 4, "13"}, {0, 0, "13"}, {1, 0, "14"}} {
		st = ring.FrameStats{Seen: c.seen, Missed: c.missed}
		if text, want := scrape(t, s), `poolgen_ring_seen_frames_total{reader="r"} `+c.want; !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if text := scrape(t, s); !strings.Contains(text, `poolgen_ring_missed_frames_total{reader="r"} 9`+"\n") {
		t.Error(text)
	}
}

type statsFunc func() ring.FrameStats

func (f statsFunc) Stats() ring.FrameStats { return f() }

func TestMemoryOfThisProcess(t *testing.T) {
	s := NewSet()
	before := s.Memory()
	if before.Go < 1<<20 || before.Live <= 0 || before.Live > before.Go || before.OffHeap != 0 {
		t.Errorf("memory %+v", before)
	}
	if before.Resident < 1<<20 || before.Shared > before.Resident {
		t.Errorf("/proc/self/statm says %+v", before)
	}
	s.Pool(newPool(t, "frames", 1<<20, pool.Options{Prealloc: 4, Max: 8, Shared: true}))
	if after := s.Memory(); after.OffHeap < 4<<20 || after.OffHeap > 5<<20 {
		t.Errorf("4 MiB were committed off the heap, Memory says %d", after.OffHeap)
	}
}

func TestSnapshotDoesNotAllocate(t *testing.T) {
	var s Snapshot[ring.FrameStats]
	if n := testing.AllocsPerRun(100, func() { s.Store(ring.FrameStats{Seen: 1}); _ = s.Stats() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkScrape is one scrape of four pools of 64 blocks.
func BenchmarkScrape(b *testing.B) {
	s := NewSet()
	for i := range 4 {
		s.Pool(newPool(b, fmt.Sprint("p", i), 4096, pool.Options{Prealloc: 64}))
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(s)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reg.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGetWhileScraped is a pool's Get and Release, alone and while somebody scrapes all the time.
func BenchmarkGetWhileScraped(b *testing.B) {
	for _, scraped := range []bool{false, true} {
		b.Run(fmt.Sprintf("scraped=%v", scraped), func(b *testing.B) {
			s := NewSet()
			p := newPool(b, "p", 4096, pool.Options{Prealloc: 64})
			s.Pool(p)
			reg := prometheus.NewRegistry()
			reg.MustRegister(s)
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for scraped {
					select {
					case <-stop:
						return
					default:
						_, _ = reg.Gather()
					}
				}
			}()
			for b.Loop() {
				buf, err := p.Get()
				if err != nil {
					b.Fatal(err)
				}
				buf.Release()
			}
			close(stop)
			<-done
		})
	}
}
