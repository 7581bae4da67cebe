package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kelindar/event"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

const benchQueue = 64 // events that wait, everywhere

// Every subscriber gets every event, so slow ones hold the publisher up; the time is that of an event until all have it.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{3, 64} {
		b.Run(fmt.Sprintf("value/%d/bus", n), func(b *testing.B) { benchBusPlain(b, n) })
		b.Run(fmt.Sprintf("value/%d/channels", n), func(b *testing.B) { benchChannels(b, n) })
		b.Run(fmt.Sprintf("value/%d/kelindar", n), func(b *testing.B) { benchKelindar(b, n) })
		b.Run(fmt.Sprintf("buffer/%d/bus", n), func(b *testing.B) { benchBusBuf(b, n) })
		b.Run(fmt.Sprintf("buffer/%d/channels", n), func(b *testing.B) { benchChannelsBuf(b, n) })
	}
}

type benchEvent struct{ sequence, time uint64 }

func (benchEvent) Type() uint32 { return 1 }

// subscribers runs n goroutines and checks that together they got all the events.
type subscribers struct {
	wg  sync.WaitGroup
	got atomic.Int64
}

func (s *subscribers) run(n int, receive func(i int) int) {
	for i := range n {
		s.wg.Go(func() { s.got.Add(int64(receive(i))) })
	}
}

// start begins the measurement, also of processor time, which tells more than the clock where other programs run.
func start(b *testing.B) (stop func()) {
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	return func() {
		b.StopTimer()
		b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
	}
}

func cpuTime() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func (s *subscribers) wait(b *testing.B, stop func(), want int) {
	s.wg.Wait()
	stop()
	if s.got.Load() != int64(want) {
		b.Fatalf("%d events arrived, want %d", s.got.Load(), want)
	}
}

func benchBusPlain(b *testing.B, n int) {
	ctx := context.Background()
	t := bus.NewPlain[benchEvent]("bench", bus.Options{})
	var subs subscribers
	subs.run(n, receiveAll(b, t, n))
	stop := start(b)
	for i := range b.N {
		if err := t.PublishContext(ctx, benchEvent{uint64(i), 1}); err != nil {
			b.Fatal(err)
		}
	}
	t.Close()
	subs.wait(b, stop, b.N*n)
}

func receiveAll[T any](b *testing.B, t *bus.Topic[T], n int) func(int) int {
	all := make([]*bus.Sub[T], n)
	for i := range all {
		var err error
		if all[i], err = t.Subscribe(bus.SubOptions{Policy: bus.Block, Events: benchQueue}); err != nil {
			b.Fatal(err)
		}
	}
	return func(i int) (got int) {
		for range all[i].Events(context.Background()) {
			got++
		}
		return got
	}
}

func benchChannels(b *testing.B, n int) {
	channels := make([]chan benchEvent, n)
	var subs subscribers
	for i := range channels {
		channels[i] = make(chan benchEvent, benchQueue)
	}
	subs.run(n, func(i int) (got int) {
		for range channels[i] {
			got++
		}
		return got
	})
	stop := start(b)
	for i := range b.N {
		for _, c := range channels {
			c <- benchEvent{uint64(i), 1}
		}
	}
	for _, c := range channels {
		close(c)
	}
	subs.wait(b, stop, b.N*n)
}

// Its queues hold 50,000 events, which cannot be changed: it waits less often than the others.
func benchKelindar(b *testing.B, n int) {
	d := event.NewDispatcher()
	defer d.Close()
	var got atomic.Int64
	per := make([]struct {
		n int64
		_ [56]byte
	}, n)
	for i := range n {
		event.Subscribe(d, func(benchEvent) {
			if per[i].n++; per[i].n == int64(b.N) {
				got.Add(per[i].n)
			}
		})
	}
	stop := start(b)
	for i := range b.N {
		event.Publish(d, benchEvent{uint64(i), 1})
	}
	for got.Load() < int64(b.N*n) {
		runtime.Gosched()
	}
	stop()
}

func benchPool(b *testing.B) *pool.Pool {
	p, err := pool.New(256, pool.Options{Max: 1024, Prealloc: 1024})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func closePool(b *testing.B, p *pool.Pool) {
	if err := p.Close(); err != nil {
		b.Error(err)
	}
}

func benchBusBuf(b *testing.B, n int) {
	ctx := context.Background()
	p := benchPool(b)
	defer closePool(b, p)
	t := bus.New[pool.Buf]("bench", bus.Options{})
	var subs subscribers
	subs.run(n, receiveAll(b, t, n))
	stop := start(b)
	for range b.N {
		buf, err := p.Wait(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if err := t.PublishContext(ctx, buf); err != nil {
			b.Fatal(err)
		}
		buf.Release()
	}
	t.Close()
	subs.wait(b, stop, b.N*n)
}

func benchChannelsBuf(b *testing.B, n int) {
	p := benchPool(b)
	defer closePool(b, p)
	channels := make([]chan pool.Buf, n)
	var subs subscribers
	for i := range channels {
		channels[i] = make(chan pool.Buf, benchQueue)
	}
	subs.run(n, func(i int) (got int) {
		for buf := range channels[i] {
			buf.Release()
			got++
		}
		return got
	})
	stop := start(b)
	for range b.N {
		buf, err := p.Wait(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range channels {
			c <- buf.Retain()
		}
		buf.Release()
	}
	for _, c := range channels {
		close(c)
	}
	subs.wait(b, stop, b.N*n)
}
