package ipc

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

const (
	spinMost   = 10 * time.Microsecond // about what a sleep and a wake-up cost
	sleepShort = 50 * time.Microsecond // a sleep that spinning may have saved
	spinProbe  = 16                    // of so many short sleeps one is put off by spinning, to see whether that pays now
)

// spinner decides how long to look at a word before sleeping on it. It belongs to one goroutine at a time.
type spinner struct {
	most   time.Duration // 0: never
	d      time.Duration // how long now; 0: it did not pay
	short  bool          // the last sleep was
	sleeps uint32        // short ones since it last paid
}

// newSpinner makes one that never spins where nothing else can run meanwhile.
func newSpinner() spinner {
	if sys.CPUs() == 1 || runtime.GOMAXPROCS(0) == 1 {
		return spinner{}
	}
	return spinner{most: spinMost, d: spinMost / 4}
}

// spin looks whether it is ready for as long as that has paid lately, and returns whether it was.
func (s *spinner) spin(ready func() bool) bool {
	d := s.d
	if d == 0 && s.short {
		if s.sleeps++; s.sleeps%spinProbe == 0 {
			d = s.most
		}
	}
	if d == 0 {
		return false
	}
	began := time.Now()
	for {
		for range 64 {
			if ready() {
				// Where the other process had to wait for this processor, spinning has only put it off.
				if took := time.Since(began); took < 2*d {
					s.d = min(s.most, max(2*took, s.most/8))
				} else {
					s.fail()
				}
				return true
			}
		}
		if time.Since(began) >= d {
			s.fail()
			return false
		}
	}
}

func (s *spinner) fail() {
	if s.d /= 2; s.d < spinMost/16 {
		s.d = 0
	}
}

// nap sleeps on a futex word while it is value, and remembers for how long.
func (s *spinner) nap(word *atomic.Uint32, value uint32) {
	if s.most == 0 {
		sys.FutexWait(word, value)
		return
	}
	began := time.Now()
	sys.FutexWait(word, value)
	s.short = time.Since(began) < sleepShort
}

// sleeper is the end of a context that ends a sleep. It stays registered from one sleep to the next, for most programs have one context for all
// frames. Its owner's lock guards all but naps, which grows under that lock when a sleep begins.
type sleeper struct {
	wake func()
	done <-chan struct{}
	stop func() bool
	naps atomic.Uint32 // odd during a sleep
}

// attend makes the end of ctx wake.
func (s *sleeper) attend(ctx context.Context) {
	if done := ctx.Done(); done != s.done {
		s.forget()
		if s.done = done; done != nil {
			s.stop = context.AfterFunc(ctx, s.rouse)
		}
	}
}

// rouse ends the sleep, if there is one, and returns when it has. Who begins one later looks at what ends it first.
func (s *sleeper) rouse() {
	if n := s.naps.Load(); n&1 != 0 {
		insist(s.wake, func() bool { return s.naps.Load() != n })
	}
}

// end lets go of the context, and ends the sleep without waiting for that.
func (s *sleeper) end() {
	s.forget()
	if s.naps.Load()&1 != 0 {
		go s.rouse()
	}
}

func (s *sleeper) forget() {
	if s.stop != nil {
		s.stop()
	}
	s.done, s.stop = nil, nil
}

// insist calls wake until whoever slept has left: a hostile peer may set the futex word back, so that one wake-up comes to nothing.
func insist(wake func(), left func() bool) {
	for d := time.Millisecond; !left(); d = min(2*d, 100*time.Millisecond) {
		wake()
		time.Sleep(d)
	}
}
