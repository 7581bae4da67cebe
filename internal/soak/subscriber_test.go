package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/pool"
)

// victimSubscribes receives frames, checks each when it comes and once more before it goes, and leaves now and then. Its arguments are the
// path, the policy, the slots, how many frames it holds, and a seed.
func victimSubscribes(b *book, args []string) error {
	var n [4]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[i+1]); err != nil {
			return err
		}
	}
	o := ipc.SubscriberOptions{Policy: ipc.Policy(n[0]), Slots: n[1]}
	rnd := rand.New(rand.NewPCG(uint64(n[3]), 2))
	for sessions := uint32(1); ; sessions++ {
		s, err := ipc.Subscribe(context.Background(), args[0], o)
		if err != nil {
			return err
		}
		b.put(record{sessions: sessions})
		b.ready.Store(1)
		until := -1
		if rnd.IntN(4) == 0 {
			until = rnd.IntN(100)
		}
		if err := receive(b, s, rnd, sessions, o.Policy, n[2], until); err != nil {
			return err
		}
	}
}

// holding is frames that a subscriber has.
type holding struct {
	rnd  *rand.Rand
	most int
	held []ipc.Frame
}

// add checks a frame and keeps it; too many, and one of them goes.
func (h *holding) add(f ipc.Frame) error {
	if _, err := verify(f.Buf.Bytes(), f.Sequence); err != nil {
		return err
	}
	h.held = append(h.held, f)
	if len(h.held) > h.most {
		return h.drop()
	}
	return nil
}

func (h *holding) drop() error {
	i := h.rnd.IntN(len(h.held))
	f := h.held[i]
	if _, err := verify(f.Buf.Bytes(), f.Sequence); err != nil {
		return fmt.Errorf("while it was held: %w", err)
	}
	f.Buf.Release()
	h.held[i] = h.held[len(h.held)-1]
	h.held = h.held[:len(h.held)-1]
	return nil
}

func receive(b *book, s *ipc.Subscriber, rnd *rand.Rand, session uint32, policy ipc.Policy, hold, until int) error {
	h := holding{rnd: rnd, most: hold}
	r := record{sessions: session}
	for n := 0; n != until; n++ {
		f, err := s.Receive(context.Background())
		if err != nil {
			return err
		}
		seq := uint32(f.Sequence)
		switch {
		case n == 0:
			r.first = seq - uint32(f.Lost)
		case seq != r.next+uint32(f.Lost):
			return fmt.Errorf("frame %d after %d, %d lost", seq, r.next-1, f.Lost)
		}
		if policy == ipc.Block && f.Lost > 0 {
			return fmt.Errorf("%d frames before frame %d are lost for one who blocks", f.Lost, seq)
		}
		if err := h.add(f); err != nil {
			return err
		}
		r.next = seq + 1
		r.seen++
		r.lost += uint32(f.Lost)
		b.put(r)
		b.steps.Add(1)
		pause(rnd.IntN(200))
	}
	if rnd.IntN(2) == 0 {
		if err := s.Close(); err != nil {
			return err
		}
	}
	for len(h.held) > 0 {
		if err := h.drop(); err != nil {
			return err
		}
	}
	return s.Close()
}

// frameSource publishes frames in this process; a witness of its own must receive every one.
type frameSource struct {
	*lane
	pool      *pool.Pool
	publisher *ipc.Publisher
	path      string
	n         uint64 // frames published
	witness   *ipc.Subscriber
	policy    ipc.Policy    // of the witness
	next      atomic.Uint64 // what the witness waits for
	seen      atomic.Uint64
	missed    atomic.Uint64
	err       atomic.Pointer[error]

	counted, uncounted uint64 // of the witness, up to the round before
	wg                 sync.WaitGroup
}

// subscriberLane kills subscribers. Beside one that blocks they are as fast as that lets them be, beside another the publisher runs freely.
func subscriberLane(t *testing.T, seed uint64, witness ipc.Policy) *lane {
	l := &frameSource{lane: newLane(t, "ipc subscribers", seed), policy: witness}
	var err error
	if l.pool, err = pool.New(mostFrame, pool.Options{Name: "soak", Max: 48, Shared: true}); err != nil {
		t.Fatal(err)
	}
	l.path = filepath.Join(l.dir, "s")
	if l.publisher, err = ipc.Listen(l.path, l.pool, ipc.PublisherOptions{Slots: 8}); err != nil {
		t.Fatal(err)
	}
	if l.witness, err = ipc.Subscribe(t.Context(), l.path, ipc.SubscriberOptions{Policy: witness, Slots: 2}); err != nil {
		t.Fatal(err)
	}
	l.wg.Go(l.watch)
	l.lane.round, l.lane.close = l.kill, l.end
	return l.lane
}

func (l *frameSource) watch() {
	for {
		f, err := l.witness.Receive(context.Background())
		if errors.Is(err, ipc.ErrClosed) {
			return
		}
		if err == nil {
			_, err = verify(f.Buf.Bytes(), f.Sequence)
			if err == nil && (f.Lost > 0 && l.policy == ipc.Block || f.Sequence != l.next.Load()+f.Lost) {
				err = fmt.Errorf("frame %d where %d comes, %d lost", f.Sequence, l.next.Load(), f.Lost)
			}
			f.Buf.Release()
		}
		if err != nil {
			err = fmt.Errorf("the subscriber that lives: %w", err)
			l.err.CompareAndSwap(nil, &err)
			return
		}
		l.missed.Add(f.Lost)
		l.next.Store(f.Sequence + 1)
		l.seen.Add(1) // the last: who finds it right finds the others right
	}
}

func (l *frameSource) publish() error {
	l.publisher.Collect()
	b, err := l.pool.Get()
	if err != nil {
		return err
	}
	defer b.Release()
	b.SetLen(fill(b.Bytes()[:mostFrame], 0, l.n))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := l.publisher.Publish(ctx, b, ipc.Meta{PTS: int64(l.n)}); err != nil {
		return err
	}
	l.n++
	return nil
}

func (l *frameSource) kill() error {
	policy := ipc.Policy(l.rnd.IntN(4))
	v, err := l.start("subscribe", []any{l.path, uint32(policy), 1 << l.rnd.IntN(4), l.rnd.IntN(6), l.rnd.Uint32() >> 1})
	if err != nil {
		return err
	}
	for !v.dead.Load() && err == nil {
		if l.book.ready.Load() == 0 || l.rnd.IntN(8) == 0 {
			pause(1)
			if l.rnd.IntN(200) != 0 {
				sleepShort()
				continue
			}
		}
		err = l.publish()
	}
	<-v.done
	if err = errors.Join(err, v.err); err != nil {
		return err
	}
	for range l.rnd.IntN(3) {
		if err := l.publish(); err != nil {
			return err
		}
	}
	return l.check(policy)
}

// check looks at the books: all have stopped.
func (l *frameSource) check(policy ipc.Policy) error {
	r := l.book.get()
	if r.next != 0 && (r.seen+r.lost != r.next-r.first || uint64(r.next) > l.n) {
		return fmt.Errorf("a subscriber that may %v, killed, has seen %d frames and missed %d, from %d to %d of %d", policy, r.seen, r.lost, r.first, r.next, l.n)
	}
	l.frames += uint64(r.seen)
	l.lost += uint64(r.lost)
	var s ipc.PublisherStats
	var p pool.Stats
	// Each of a few frames finds the witness right before it falls asleep, or right after.
	for range 10 {
		if err := l.publish(); err != nil {
			return err
		}
		for i := 0; l.next.Load() < l.n && i < 2000 && l.err.Load() == nil; i++ {
			runtime.Gosched()
		}
		pause(l.rnd.IntN(300))
	}
	before, missed := l.counted, l.uncounted
	err := eventually(func() string { return fmt.Sprintf("every block is back: %+v, %+v", s, p) }, func() bool {
		if l.err.Load() != nil {
			return true
		}
		s, p = l.publisher.Stats(), l.pool.Stats()
		return len(s.Subscribers) == 1 && s.Subscribers[0].Given == l.seen.Load() && s.Lent == 0 && p.Outstanding == 0
	})
	if e := l.err.Load(); e != nil {
		return *e
	}
	if err != nil {
		return err
	}
	// What is dropped behind the last frame the next one will tell.
	l.counted, l.uncounted = l.seen.Load(), l.missed.Load()+l.n-l.next.Load()
	l.frames += l.counted - before
	l.lost += l.uncounted - missed
	if w := s.Subscribers[0]; l.counted+l.uncounted != l.n || w.Lost != l.uncounted || l.policy == ipc.Block && l.uncounted > 0 {
		return fmt.Errorf("the subscriber that lives has seen %d frames and missed %d of %d: %+v", l.counted, l.uncounted, l.n, s)
	}
	if p.Acquired != l.n || p.Released != l.n || p.Stale != 0 || p.Refusals != 0 || s.Misbehaved != 0 || s.Frames != l.n {
		return fmt.Errorf("after %d frames: %+v, %+v", l.n, s, p)
	}
	return nil
}

func (l *frameSource) end() error {
	err := l.witness.Close()
	l.wg.Wait()
	return errors.Join(err, l.publisher.Close(context.Background()), l.pool.Close())
}
