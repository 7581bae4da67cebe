package ipc

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// getting is a Get that sleeps: every block of the pool is out.
type getting struct {
	t    testing.TB
	done chan error
	b    pool.Buf
}

func startGet(t testing.TB, ctx context.Context, s *Publisher, p *pool.Pool) *getting {
	t.Helper()
	g := &getting{t: t, done: make(chan error, 1)}
	waits := p.Stats().Waits
	go func() {
		var err error
		g.b, err = s.Get(ctx)
		g.done <- err
	}()
	eventually(t, "Get waits", func() bool { return p.Stats().Waits > waits })
	return g
}

func (g *getting) wait() error {
	g.t.Helper()
	select {
	case err := <-g.done:
		if err == nil {
			g.b.Release()
		}
		return err
	case <-time.After(longWait):
		g.t.Fatal("Get was not woken")
		return nil
	}
}

// stuck is a publisher of three blocks, all out: own is this process's, two subscribers have both of the others.
type stuck struct {
	s    *Publisher
	p    *pool.Pool
	path string
	own  pool.Buf
	sub  [2]*Subscriber
	f    [2][2]Frame // by subscriber
}

func startStuck(t *testing.T) *stuck {
	e := &stuck{}
	e.s, e.p, e.path = start(t, 3, PublisherOptions{})
	for i := range e.sub {
		e.sub[i] = subscriber(t, e.path, SubscriberOptions{})
	}
	for n := range e.f[0] {
		if err := send(e.s, e.p, uint64(n), 0); err != nil {
			t.Fatal(err)
		}
		for i := range e.sub {
			e.f[i][n] = receive(t, e.sub[i])
		}
	}
	var err error
	if e.own, err = e.s.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, b := range []pool.Buf{e.own, e.f[0][0].Buf, e.f[0][1].Buf, e.f[1][0].Buf, e.f[1][1].Buf} {
			if b.Valid() {
				b.Release()
			}
		}
	})
	return e
}

// TestGet waits for a block while all are out, until it ends for each of the reasons there are.
func TestGet(t *testing.T) {
	tired := errors.New("tired")
	for name, c := range map[string]struct {
		act  func(t *testing.T, e *stuck, cancel context.CancelCauseFunc)
		want error
	}{
		"subscribers give back": {func(t *testing.T, e *stuck, _ context.CancelCauseFunc) {
			e.f[0][1].Buf.Release()
			e.f[1][1].Buf.Release()
		}, nil},
		"this process gives back": {func(t *testing.T, e *stuck, _ context.CancelCauseFunc) { e.own.Release() }, nil},
		"subscribers leave": {func(t *testing.T, e *stuck, _ context.CancelCauseFunc) {
			for i := range e.sub {
				if err := e.sub[i].conn.CloseWrite(); err != nil { // as the kernel does for a dead one
					t.Error(err)
				}
			}
		}, nil},
		"one comes and gives back": {func(t *testing.T, e *stuck, _ context.CancelCauseFunc) {
			late := subscriber(t, e.path, SubscriberOptions{})
			for _, sub := range e.sub {
				sub.c.head.leaving.Store(1) // it gets no more, and says nothing
			}
			fill(e.own, 2)
			if _, err := e.s.Publish(t.Context(), e.own, Meta{PTS: 2000, Flags: 7}); err != nil {
				t.Error(err)
			}
			f := receive(t, late)
			e.own.Release()
			f.Buf.Release()
		}, nil},
		"the context ends":   {func(t *testing.T, e *stuck, cancel context.CancelCauseFunc) { cancel(tired) }, tired},
		"the publisher ends": {func(t *testing.T, e *stuck, _ context.CancelCauseFunc) { closeNow(t, e.s) }, ErrClosed},
		"the pool ends":      {func(t *testing.T, e *stuck, _ context.CancelCauseFunc) { e.p.Close() }, pool.ErrClosed},
		"the context ends, and a subscriber keeps the futex word as it is": {
			func(t *testing.T, e *stuck, cancel context.CancelCauseFunc) {
				var stop atomic.Bool
				var hostile sync.WaitGroup
				hostile.Go(func() {
					for !stop.Load() {
						e.sub[0].c.head.space.Store(7)
						runtime.Gosched()
					}
				})
				for e.sub[0].c.head.space.Load() != 7 {
					runtime.Gosched()
				}
				cancel(tired)
				t.Cleanup(func() { stop.Store(true); hostile.Wait() })
			}, tired},
	} {
		for kernel, old := range map[string]bool{"": false, " (kernel before 5.16)": true} {
			t.Run(name+kernel, func(t *testing.T) {
				e := startStuck(t)
				e.s.mu.Lock()
				e.s.oldKernel = old
				e.s.mu.Unlock()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				g := startGet(t, ctx, e.s, e.p)
				c.act(t, e, cancel)
				if err := g.wait(); !errors.Is(err, c.want) {
					t.Errorf("Get: %v, want %v", err, c.want)
				}
			})
		}
	}
}

// closeNow closes a publisher without waiting for what its subscribers have.
func closeNow(t testing.TB, s *Publisher) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestGetTogether has several wait for blocks: each that is given back is found by one of them.
func TestGetTogether(t *testing.T) {
	s, p, path := start(t, 4, PublisherOptions{})
	sub := subscriber(t, path, SubscriberOptions{Policy: Block})
	const each, getters = 200, 6
	var wg sync.WaitGroup
	for range getters {
		wg.Go(func() {
			for range each {
				b, err := s.Get(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Publish(t.Context(), b, Meta{}); err != nil {
					t.Error(err)
				}
				b.Release()
			}
		})
	}
	for range each * getters {
		f, err := sub.Receive(t.Context())
		if err != nil || f.Lost > 0 {
			t.Fatal(err, f.Lost)
		}
		f.Buf.Release()
	}
	wg.Wait()
	s.Collect()
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out", n)
	}
}
