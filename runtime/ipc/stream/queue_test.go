package stream

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// numbers takes what waits in a queue and returns the timestamps.
func numbers(q *queue, sent bool) (got []int64) {
	batch := make([]entry, 8)
	for {
		n, _ := q.next(batch, math.MaxInt, false)
		if n == 0 {
			q.leave()
			return got
		}
		for _, e := range batch[:n] {
			got = append(got, e.Timestamp)
		}
		if sent {
			q.settle(batch[:n], n)
		} else {
			q.settle(batch[:n], 0)
		}
	}
}

func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		policy  Policy
		depth   int
		waits   []int64
		dropped uint64
	}{
		{DropOldest, 3, []int64{7, 8, 9}, 7},
		{DropNewest, 3, []int64{0, 1, 2}, 7},
		{LatestOnly, 1, []int64{9}, 9},
		{Block, 3, []int64{0, 1, 2}, 7}, // the context has ended
	} {
		f := setUp(t)
		q := newQueue(test.policy, depth{now: test.depth, low: test.depth, high: test.depth})
		ended, cancel := context.WithCancel(f.ctx)
		cancel()
		refused := 0
		for i := range 10 {
			m := f.frame(i, 100)
			m.Timestamp = int64(i)
			err := q.push(ended, nil, m)
			if err != nil {
				refused++
			}
			want := map[Policy]error{DropNewest: ErrDropped, Block: context.Canceled}[test.policy]
			if i >= test.depth && !errors.Is(err, want) {
				t.Errorf("policy %d, frame %d: %v, want %v", test.policy, i, err, want)
			}
		}
		if n := f.out.Stats().Outstanding; n != test.depth {
			t.Errorf("policy %d: %d blocks are held, want %d", test.policy, n, test.depth)
		}
		if got := numbers(q, true); !slices.Equal(got, test.waits) {
			t.Errorf("policy %d: %v waited, want %v", test.policy, got, test.waits)
		}
		c := q.counts
		if c.offered != 10 || c.dropped != test.dropped || c.sent != uint64(test.depth) || c.bytes != uint64(100*test.depth) {
			t.Errorf("policy %d: %+v", test.policy, c)
		}
		if test.policy == DropNewest && refused != 7 || test.policy == DropOldest && refused != 0 {
			t.Errorf("policy %d: %d refused", test.policy, refused)
		}
	}
}

// A shrunken queue gets short again: each frame that comes drops two.
func TestShrunkenQueueDrains(t *testing.T) {
	q := newQueue(DropOldest, depth{now: 8, low: 1, high: 8})
	for i := range 8 {
		_ = q.push(t.Context(), nil, Message{Timestamp: int64(i)})
	}
	q.depth.now = 2
	for i := range 6 {
		_ = q.push(t.Context(), nil, Message{Timestamp: int64(8 + i)})
	}
	if got := numbers(q, true); !slices.Equal(got, []int64{12, 13}) {
		t.Errorf("%v waited", got)
	}
	if c := q.counts; c.offered != 14 || c.dropped != 12 || c.sent != 2 {
		t.Errorf("%+v", c)
	}
}

// Several senders and several takers: nothing lost, nothing doubled, nobody left asleep.
func TestQueueStress(t *testing.T) {
	const senders, takers, each = 4, 3, 3000
	for _, policy := range []Policy{Block, DropOldest, DropNewest, LatestOnly} {
		p, err := pool.New(64, pool.Options{Max: 256})
		if err != nil {
			t.Fatal(err)
		}
		d := depth{now: 4, low: 2, high: 8, target: time.Microsecond}
		if policy == LatestOnly {
			d = depth{now: 1, low: 1, high: 1}
		}
		q := newQueue(policy, d)
		var sending, taking sync.WaitGroup
		var mu sync.Mutex
		seen := make(map[int64]bool)
		for i := range senders {
			sending.Go(func() {
				for k := range each {
					b, err := p.Wait(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if k%100 == 0 {
						ctx, cancel = context.WithTimeout(ctx, 10*time.Microsecond)
					}
					_ = q.push(ctx, nil, Message{Timestamp: int64(i*each + k), Buf: b})
					cancel()
				}
			})
		}
		for i := range takers {
			taking.Go(func() {
				batch := make([]entry, 3)
				random := rand.New(rand.NewPCG(1, uint64(i)))
				for slept := false; ; {
					n, over := q.next(batch, 100, slept)
					if over {
						return
					}
					if slept = n == 0; slept {
						select {
						case <-q.wake:
						case <-q.end:
						}
						continue
					}
					mu.Lock()
					for _, e := range batch[:n] {
						if seen[e.Timestamp] {
							t.Errorf("%d came twice", e.Timestamp)
						}
						seen[e.Timestamp] = true
					}
					mu.Unlock()
					q.settle(batch[:n], random.IntN(n+1))
				}
			})
		}
		sending.Wait()
		q.close(false)
		taking.Wait()
		c := q.counts
		if c.offered != senders*each || c.offered != c.sent+c.dropped+c.lost || c.sent+c.lost != uint64(len(seen)) || c.taken != 0 {
			t.Errorf("policy %d: %d seen, %+v", policy, len(seen), c)
		}
		if err := p.Close(); err != nil {
			t.Errorf("policy %d: %v", policy, err)
		}
	}
}

// window feeds one window of frames that waited for d each, of which pressed found the queue full.
func window(d *depth, wait time.Duration, pressed int) {
	for range pressed {
		d.press()
	}
	for range depthWindow - pressed {
		d.left(wait)
	}
}

func TestDepthAdapts(t *testing.T) {
	const target = 10 * time.Millisecond
	d := depth{now: 40, low: 5, high: 100, target: target}
	steps := func(what string, wait time.Duration, pressed int, want ...int) {
		t.Helper()
		for i, w := range want {
			window(&d, wait, pressed)
			if d.now != w {
				t.Errorf("%s, window %d: depth %d, want %d", what, i, d.now, w)
			}
		}
	}
	steps("slow", 2*target, 0, 40, 30, 30, 23, 23, 18, 18, 14, 14, 11, 11, 9, 9, 7, 7, 6, 6, 5, 5, 5, 5, 5)
	steps("fast, but nobody is refused", target/10, 0, 5, 5, 5, 5)
	steps("fast and full", target/10, 4, 5, 6, 6, 7, 7, 8, 8, 10, 10, 12)
	steps("between", target*3/4, 4, 12, 12, 12, 12)
	for range 10 { // one window of each in turn: neither wins
		steps("in turn, fast", target/10, 4, 12)
		steps("in turn, slow", target*2, 4, 12)
	}
	steps("stuck", 0, depthWindow, 12, 12, 12, 12)
	d.now = 90
	steps("to the upper bound", target/10, 1, 90, 100, 100, 100, 100, 100)
	fixed := depth{now: 7, low: 7, high: 7}
	window(&fixed, time.Hour, 3)
	window(&fixed, time.Hour, 3)
	if fixed.now != 7 || fixed.changes != 0 {
		t.Errorf("a fixed depth became %d", fixed.now)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 {
		t.Error("an empty histogram is not 0")
	}
	random := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 20000 {
		d := time.Duration(math.Exp(random.Float64() * 25)) // up to a minute, evenly over the magnitudes
		all = append(all, d)
		h.Record(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
		i := max(int(q*float64(len(all))+0.5), 1) - 1
		if exact, got := all[i], h.Quantile(q); got < exact || got > exact+exact/8 {
			t.Errorf("quantile %v is %v, want from %v to an eighth more", q, got, exact)
		}
	}
	if h.Max != all[len(all)-1] || h.Count != uint64(len(all)) {
		t.Errorf("%v", h)
	}
	h = Histogram{}
	for _, d := range []time.Duration{-5, math.MinInt64, 0, time.Hour, math.MaxInt64} {
		h.Record(d)
	}
	if h.Count != 5 || h.Quantile(0.5) != 0 || h.Quantile(1) != math.MaxInt64 {
		t.Errorf("%v", h)
	}
	for i := range histogramSize - 1 {
		if end := bucketEnd(i); bucketOf(uint64(end)) != i || bucketOf(uint64(end)+1) != i+1 {
			t.Errorf("bucket %d ends at %d", i, end)
		}
	}
}

func TestBackoff(t *testing.T) {
	b := backoff{low: 50 * time.Millisecond, high: 400 * time.Millisecond}
	for range 2 {
		for i, want := range []time.Duration{50, 100, 200, 400, 400, 400} {
			random := float64(i) / 6
			want *= time.Millisecond
			if got, exact := b.wait(random), want/2+time.Duration(random*float64(want/2)); got != exact {
				t.Errorf("attempt %d waits %v, want %v", i, got, exact)
			}
		}
		b.reset()
	}
}

// Two sleep, two messages come before either has woken: the token that wakes the first must reach the second.
func TestSleepersWakeEachOther(t *testing.T) {
	q := newQueue(Block, depth{now: 4, low: 4, high: 4})
	batch := make([]entry, 1)
	for range 2 {
		q.next(batch, 1, false)
	}
	for range 2 {
		_ = q.push(t.Context(), nil, Message{})
	}
	for i := range 2 {
		select {
		case <-q.wake:
		case <-time.After(patience):
			t.Fatalf("sleeper %d is not woken", i)
		}
		if n, _ := q.next(batch, 1, true); n != 1 {
			t.Fatalf("sleeper %d finds nothing", i)
		}
	}
	if q.sleepers != 0 {
		t.Errorf("%d sleepers", q.sleepers)
	}
}

// The same for senders: two wait for room, and two places become free at once.
func TestSendersWakeEachOther(t *testing.T) {
	q := newQueue(Block, depth{now: 2, low: 2, high: 2})
	results := make(chan error, 4)
	for range 4 {
		go func() { results <- q.push(t.Context(), nil, Message{}) }()
	}
	for i := range 4 {
		if i == 2 {
			for waits := 0; waits < 2; time.Sleep(time.Millisecond) {
				q.mu.Lock()
				waits = q.blocked
				q.mu.Unlock()
			}
			q.next(make([]entry, 2), 1<<20, false)
		}
		select {
		case err := <-results:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatalf("sender %d is not woken", i)
		}
	}
}
