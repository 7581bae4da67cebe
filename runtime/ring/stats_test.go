package ring_test

import (
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/ring"
)

func TestStats(t *testing.T) {
	for _, local := range []bool{false, true} {
		r := newRing(t, 16<<10, ring.Options{Name: "audio", Max: 256 << 10, Local: local})
		size := r.Size()
		s := r.Stats()
		if s.Name != "audio" || s.Size != size || s.Max < 256<<10 || s.Used != 0 || s.Committed <= int64(size) || s.Ended || s.Gone {
			t.Errorf("local %v, at first: %+v", local, s)
		}
		lap := size/3 + 1
		for i := range 10 { // past the end, where counters start again
			copy(r.Unused(), make([]byte, lap))
			r.Advance(lap)
			if s := r.Stats(); s.Used != lap {
				t.Fatalf("local %v, lap %d, published: %+v", local, i, s)
			}
			_ = r.Content()
			r.Consume(lap - 1)
			if s := r.Stats(); s.Used != 1 {
				t.Fatalf("local %v, lap %d, consumed: %+v", local, i, s)
			}
			r.Consume(1)
		}
		r.Advance(len(r.Unused()))
		if s := r.Stats(); s.Used != s.Size {
			t.Errorf("local %v, full: %+v", local, s)
		}
		if err := r.Resize(4 * size); err != nil {
			t.Fatal(err)
		}
		if s := r.Stats(); s.Used != size || s.Size != 4*size || s.Committed <= 4*int64(size) {
			t.Errorf("local %v, resized: %+v", local, s)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if s := r.Stats(); s.Used != 0 || s.Committed != 0 || !s.Ended || !s.Gone || s.Name != "audio" {
			t.Errorf("local %v, closed: %+v", local, s)
		}
		if err := r.Unmap(); err != nil {
			t.Fatal(err)
		}
		if s := r.Stats(); s.Committed != 0 || !s.Ended || !s.Gone {
			t.Errorf("local %v, unmapped: %+v", local, s)
		}
	}
}

func TestStatsOfWakesAndEnds(t *testing.T) {
	r := newRing(t, 16<<10, ring.Options{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			n, err := r.Read(make([]byte, 100))
			if err != nil || n == 0 {
				return
			}
		}
	})
	for r.Stats().ConsumerWakes == 0 {
		if _, err := r.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // on one processor two that are always busy never sleep
	}
	r.End()
	wg.Wait()
	if s := r.Stats(); !s.Ended || s.Gone || s.Used != 0 {
		t.Errorf("%+v", s)
	}
}

// Somebody asks all the time, while the ring works, grows, and is closed.
func TestStatsMeanwhile(t *testing.T) {
	r := newRing(t, 16<<10, ring.Options{Max: 1 << 20})
	var asking, working sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if s := r.Stats(); s.Used < 0 || s.Used > s.Size || s.Size > s.Max || s.Committed < 0 {
					t.Errorf("%+v", s)
					return
				}
			}
		})
	}
	for range 20 {
		working.Go(func() {
			for sent := 0; sent < 100_000; {
				n, _ := r.Write(make([]byte, 1000))
				sent += n
			}
		})
		working.Go(func() {
			for got := 0; got < 100_000; {
				n, _ := r.Read(make([]byte, 1500))
				got += n
			}
		})
		working.Wait()
		if err := r.Resize(r.Size() + 16<<10); err != nil {
			t.Fatal(err)
		}
		if err := r.Reset(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Unmap(); err != nil {
		t.Fatal(err)
	}
	close(stop)
	asking.Wait()
}

func TestStatsDoNotAllocate(t *testing.T) {
	r := newRing(t, 16<<10, ring.Options{})
	if n := testing.AllocsPerRun(100, func() { _ = r.Stats() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
