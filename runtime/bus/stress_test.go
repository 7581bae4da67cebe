package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// frame is an event with a buffer, who published it, and how many that one had published before.
type frame struct {
	pool.Buf
	publisher, number int
}

func (f frame) Retain() frame { f.Buf.Retain(); return f }

// watch checks what one subscriber gets.
type watch struct {
	t      *testing.T
	name   string
	next   []int // a publisher
	got    uint64
	lagged uint64
}

func (w *watch) see(ev bus.Event[frame]) {
	f := ev.Value
	if f.number < w.next[f.publisher] {
		w.t.Errorf("%s: event %d of publisher %d came after %d", w.name, f.number, f.publisher, w.next[f.publisher]-1)
	}
	w.next[f.publisher] = f.number + 1
	b := f.Bytes()
	if b[0] != byte(f.number) || b[len(b)-1] != byte(f.publisher) {
		w.t.Errorf("%s: the buffer of event %d is another's", w.name, f.number)
	}
	w.got++
	w.lagged += ev.Lagged
}

// Publishers, subscribers of every kind that come, go, and are slow, and a close in the middle: each event is either got or lost, with the
// right count, and every buffer comes back.
func TestStress(t *testing.T) {
	const publishers = 3
	each := 3000
	switch {
	case testing.Short():
		each = 500
	case checked:
		each = 1000
	}
	for _, named := range []bool{false, true} {
		t.Run(fmt.Sprintf("named=%t", named), func(t *testing.T) {
			p := newPool(t, 64, 4096)
			var b bus.Bus
			topic := bus.New[frame]("a.b", bus.Options{History: 5, HistoryBytes: 300})
			if named {
				var err error
				if topic, err = bus.Open[frame](&b, "a.b", bus.Options{History: 5}); err != nil {
					t.Fatal(err)
				}
			}
			var subs, pubs sync.WaitGroup
			run := func(o bus.SubOptions, how int) {
				s, err := topic.Subscribe(o)
				if named && how%2 == 0 {
					s.Close()
					s, err = bus.Match[frame](&b, "a.>", o)
				}
				if err != nil {
					t.Error(err)
					return
				}
				subs.Go(func() { check(t, s, how, publishers) })
			}
			for how := range 4 {
				for policy := range bus.Block + 1 {
					run(bus.SubOptions{Policy: policy, Events: 1 + 10*how, Last: how, Name: fmt.Sprint(policy, how)}, how)
					run(bus.SubOptions{Policy: policy, Bytes: 64 * 7, Batch: how}, how)
				}
			}
			// Some come and go.
			stop := make(chan struct{})
			subs.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					s, err := topic.Subscribe(bus.SubOptions{Last: 3, Policy: bus.Policy(i % 4), Events: 3})
					if err != nil {
						return
					}
					for range i % 5 {
						s.TryNext()
					}
					s.Close()
					runtime.Gosched()
				}
			})
			for who := range publishers {
				pubs.Go(func() {
					for i := range each {
						buf, err := p.Wait(context.Background())
						if err != nil {
							t.Error(err)
							return
						}
						data := buf.Bytes()
						data[0], data[len(data)-1] = byte(i), byte(who)
						f := frame{buf, who, i}
						if i%2 == 0 {
							err = topic.Publish(f)
						} else {
							err = topic.PublishContext(context.Background(), f)
						}
						buf.Release()
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			pubs.Wait()
			close(stop)
			if named {
				b.Close()
			} else {
				topic.Close()
			}
			subs.Wait()
			if err := topic.Drain(context.Background()); err != nil {
				t.Error(err)
			}
			st := topic.Stats()
			if st.Published != publishers*uint64(each) || st.Held != 0 || st.BytesHeld != 0 || st.History != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// check receives in one of four ways until the end.
func check(t *testing.T, s *bus.Sub[frame], how, publishers int) {
	ctx := context.Background()
	w := &watch{t: t, name: s.Stats().Name, next: make([]int, publishers)}
	switch how {
	case 0:
		for ev := range s.Events(ctx) {
			w.see(ev)
		}
	case 1: // slow, and keeps some
		var kept []frame
		for ev := range s.Events(ctx) {
			w.see(ev)
			if kept = append(kept, ev.Value.Retain()); len(kept) > 3 {
				runtime.Gosched()
				for _, f := range kept {
					f.Release()
				}
				kept = kept[:0]
			}
		}
		for _, f := range kept {
			f.Release()
		}
	case 2: // with contexts that end
		for {
			ctx, cancel := context.WithCancel(ctx)
			go cancel()
			ev, err := s.Next(ctx)
			if errors.Is(err, bus.ErrClosed) {
				cancel()
				break
			}
			if err == nil {
				w.see(ev)
			}
		}
	case 3:
		for ev := range s.Channel(ctx) {
			w.see(ev)
			ev.Value.Release()
		}
	}
	st := s.Stats()
	if st.Offered != st.Delivered+st.Lagged || st.Waiting != 0 || st.BytesHeld != 0 || st.Delivered != w.got {
		t.Errorf("%s got %d: %+v", w.name, w.got, st)
	}
	// What was lost after the last event could not be told with another.
	if w.lagged > st.Lagged || st.Policy != bus.DropNewest && w.lagged != st.Lagged {
		t.Errorf("%s was told of %d lost: %+v", w.name, w.lagged, st)
	}
	s.Close()
}

// Subscribers that close at any time leave nothing behind.
func TestCloseRaces(t *testing.T) {
	for i := range 200 {
		p := newPool(t, 64, 64)
		topic := bus.New[pool.Buf]("frames", bus.Options{History: rand.IntN(3)})
		var wg sync.WaitGroup
		for n := range 3 {
			s := subscribe(t, topic, bus.SubOptions{Policy: bus.Policy(i % 4), Events: 2})
			wg.Go(func() {
				switch n {
				case 0:
					for {
						if _, err := s.Next(context.Background()); err != nil {
							return
						}
					}
				case 1:
					for ev := range s.Events(context.Background()) {
						_ = ev.Value.Bytes() // panics if it was given back early
					}
				case 2:
					for ev := range s.Channel(context.Background()) {
						ev.Value.Release()
					}
				}
			})
			wg.Go(func() {
				for range rand.IntN(20) {
					runtime.Gosched()
				}
				s.Close()
			})
		}
		for k := range uint32(10) {
			publish(t, topic, p, k)
		}
		topic.Close()
		wg.Wait()
		if err := topic.Drain(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
