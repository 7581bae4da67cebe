package metrics

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/ring"
	"github.com/poolgen/poolgen/runtime/store"
)

// lives makes a source of each kind, uses it a little, and closes it while it is in the set.
func lives(t *testing.T, s *Set, n, i int) {
	fail := func(err error) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	p, err := pool.New(4096, pool.Options{Name: "frames", Max: 4, Shared: true})
	if err != nil {
		fail(err)
		return
	}
	a, err := pool.NewAllocator(pool.AllocOptions{Name: "heap", Budget: 1 << 20, Sizes: pool.ClassSizes(16, 4096, 16, 8)})
	fail(err)
	r, err := ring.New(16<<10, ring.Options{Name: "audio"})
	fail(err)
	pub, err := ipc.Listen(fmt.Sprintf("@poolgen-metrics-%d-%d-%d", os.Getpid(), n, i), p, ipc.PublisherOptions{})
	fail(err)
	st, err := store.Open(store.Options{Hot: 1 << 20})
	fail(err)
	if t.Failed() {
		return
	}
	var b bus.Bus
	topic, err := bus.Open[pool.Buf](&b, "camera", bus.Options{History: 1})
	fail(err)
	removes := []func(){s.Pool(p), s.Allocator(a), s.Ring("audio", r), s.Publisher("camera", pub), s.Store("history", st), s.Bus("main", &b)}
	p.SampleHolders(1)
	sub, err := topic.Subscribe(bus.SubOptions{Name: "slow", Events: 1})
	fail(err)
	if buf, err := p.Get(); err != nil {
		fail(err)
	} else {
		fail(topic.Publish(buf))
		_, err = st.Put(buf, 1)
		fail(err)
		buf.Release()
	}
	if c, err := a.Malloc(100); err == nil {
		a.Free(c)
	}
	_, err = r.Write([]byte("hello"))
	fail(err)
	remove := func() {
		for _, f := range removes {
			f()
		}
	}
	if i%2 == 0 {
		remove() // as the documentation asks for; the others forget it until later
	}
	sub.Close()
	b.Close()
	fail(st.Close())
	fail(pub.Close(t.Context()))
	fail(r.Unmap())
	fail(a.Close())
	fail(p.Close())
	remove()
}

// Sources are added, used, closed and removed while others scrape, report, trim and look for holders.
func TestCollectWhileSourcesEnd(t *testing.T) {
	s := NewSet()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(s)
	stop := make(chan struct{})
	var asking, living sync.WaitGroup
	for _, ask := range []func(){
		func() {
			if _, err := reg.Gather(); err != nil {
				t.Error(err)
			}
		},
		func() { _ = s.Report(nil).HTML() },
		func() {
			_, err1 := s.trim(true)
			_, err2 := s.trim(false)
			if err1 != nil || err2 != nil {
				t.Errorf("%v, %v", err1, err2)
			}
		},
		func() {
			s.SampleHolders(2)
			if err := s.WriteHolders(io.Discard); err != nil {
				t.Error(err)
			}
			if n := s.OffHeap(); n < 0 {
				t.Errorf("%d bytes off the heap", n)
			}
		},
	} {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					ask()
				}
			}
		})
	}
	for n := range 2 {
		living.Go(func() {
			for i := range 10 {
				lives(t, s, n, i)
			}
		})
	}
	living.Wait()
	close(stop)
	asking.Wait()
	if len(s.list()) != 0 || s.OffHeap() != 0 {
		t.Errorf("%d sources stay", len(s.list()))
	}
}

// What is closed and still in the set shows its last counts, and has nothing off the heap.
func TestClosedSources(t *testing.T) {
	s := NewSet()
	p, err := pool.New(64<<10, pool.Options{Name: "frames", Max: 4, Prealloc: 4})
	if err != nil {
		t.Fatal(err)
	}
	s.Pool(p)
	r, err := ring.New(64<<10, ring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Ring("audio", r)
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if s.OffHeap() < 5*64<<10 {
		t.Errorf("%d bytes off the heap", s.OffHeap())
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := s.OffHeap(); n >= 64<<10 {
		t.Errorf("%d bytes off the heap after all was closed", n)
	}
	wantLines(t, scrape(t, s), `poolgen_pool_acquired_buffers_total{pool="frames"} 1`, `poolgen_byte_ring_committed_bytes{ring="audio"} 0`, `poolgen_byte_ring_ended{ring="audio"} 1`)
	if _, err := s.trim(true); err != nil {
		t.Error(err)
	}
	if err := r.Unmap(); err != nil {
		t.Fatal(err)
	}
	scrape(t, s)
}

// stacks counts the goroutines that are in this package's watcher or trigger.
func stacks() int {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	return strings.Count(string(b), "metrics.(*Watcher).run(") + strings.Count(string(b), "metrics.newTrigger.func")
}

// A watcher that is closed leaves neither goroutines nor descriptors.
func TestWatcherLeavesNothing(t *testing.T) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skipf("counting descriptors: %v", err)
		}
		return len(list)
	}
	before := descriptors()
	for range 5 {
		w, err := Watch(NewSet(), WatchOptions{Interval: time.Hour, KeepGo: true})
		if err != nil {
			t.Skipf("%v: the machine tells nothing", err)
		}
		w.stalled()
		w.stalled()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(30 * time.Second); stacks() != 0; time.Sleep(time.Millisecond) { // one may be on its way out
		if time.Now().After(end) {
			t.Fatalf("%d goroutines stay", stacks())
		}
	}
	if after := descriptors(); after > before+4 { // the runtime's own poller may have come; each trigger has two
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// A program without sources has a report too.
func TestReportOfNothing(t *testing.T) {
	rep := NewSet().Report(nil)
	if len(rep.Recommendations) != 0 || rep.Memory.Go == 0 {
		t.Errorf("%+v", rep)
	}
	b, err := rep.JSON()
	if err != nil || strings.Contains(string(b), "null") {
		t.Errorf("%v: %s", err, b)
	}
	if text := rep.Text(); !strings.Contains(text, "Memory") || !strings.Contains(text, "none") {
		t.Error(text)
	}
	if page := rep.HTML(); !strings.Contains(page, "<p>None.</p>") || !strings.HasSuffix(page, "</html>\n") {
		t.Error(page)
	}
}
