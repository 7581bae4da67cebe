package pool

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/poolgen/poolgen/internal/sys"
)

// Wait takes a block as Get does, and sleeps until one is released if every block is in use. It returns ctx's cause when ctx
// ends first. Waiters are woken in no particular order.
func (p *Pool) Wait(ctx context.Context) (Buf, error) {
	return p.wait(ctx, func() (Buf, error) { return p.getSlow(false) }, sys.FutexWait)
}

// Take takes a block of the arena if one is free. Unlike Get it counts no miss and takes nothing from the heap: who calls it has another way.
func (p *Pool) Take() (Buf, bool) {
	b, err := p.getArena()
	return b, err == nil
}

// WaitWith is Wait for a transport that has lent blocks to others and must look itself whether they gave any back. look runs before each
// attempt, and releases those; its error ends the wait. sleep returns when *word is no longer value, when somebody wakes word as a futex, or
// when there is something to look at; it may return for nothing. Blocks come from the arena only, whatever Options.AtLimit says.
func (p *Pool) WaitWith(ctx context.Context, look func() error, sleep func(word *atomic.Uint32, value uint32)) (Buf, error) {
	slept := false
	defer func() {
		// A release wakes one sleeper, and may have chosen this one while another's word woke it too: somebody else may need that.
		if slept && p.desc.attention.Load()&attentionWaiters > 0 {
			p.desc.wakeSeq.Add(1)
			sys.FutexWakeAll(&p.desc.wakeSeq)
		}
	}()
	return p.wait(ctx, func() (Buf, error) {
		if err := look(); err != nil {
			return Buf{}, err
		}
		return p.getArena()
	}, func(word *atomic.Uint32, value uint32) {
		slept = true
		sleep(word, value)
	})
}

func (p *Pool) wait(ctx context.Context, get func() (Buf, error), sleep func(*atomic.Uint32, uint32)) (Buf, error) {
	b, err := get()
	if !errors.Is(err, ErrLimit) {
		return b, err
	}
	if ctx.Err() != nil {
		return Buf{}, fmt.Errorf("poolgen: waiting for a block of pool %q: %w", p.name, context.Cause(ctx))
	}
	p.waits.Add(1)
	d := p.desc
	d.attention.Add(1)
	defer d.attention.Add(^uint32(0))
	stop := context.AfterFunc(ctx, func() {
		d.wakeSeq.Add(1)
		sys.FutexWakeAll(&d.wakeSeq)
	})
	defer stop()
	for {
		// The order matters: whoever releases changes the sequence after the block is free.
		seq := d.wakeSeq.Load()
		if b, err := get(); !errors.Is(err, ErrLimit) {
			return b, err
		}
		if ctx.Err() != nil {
			return Buf{}, fmt.Errorf("poolgen: waiting for a block of pool %q: %w", p.name, context.Cause(ctx))
		}
		sleep(&d.wakeSeq, seq)
	}
}

// WaitReap sleeps until C has released a block that Reap must finish, reaps, and returns how many there were. It returns ctx's cause when
// ctx ends first, and ErrClosed after Close. While it sleeps, each last release of a block of this pool, by Go too, costs a wake-up.
func (p *Pool) WaitReap(ctx context.Context) (int, error) {
	d := p.desc
	d.attention.Add(1)
	defer d.attention.Add(^uint32(0))
	stop := context.AfterFunc(ctx, func() {
		d.wakeSeq.Add(1)
		sys.FutexWakeAll(&d.wakeSeq)
	})
	defer stop()
	var seq uint32
	for first := true; ; first = false {
		before := seq
		seq = d.wakeSeq.Load()
		if n := p.Reap(); n > 0 {
			return n, nil
		}
		if !first && seq != before {
			// A release wakes one sleeper, and this one was not for us: whoever sleeps in Wait needs it.
			sys.FutexWakeAll(&d.wakeSeq)
		}
		if p.slow.Load()&slowClosed != 0 {
			return 0, fmt.Errorf("poolgen: pool %q: %w", p.name, ErrClosed)
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("poolgen: waiting for C to release a block of pool %q: %w", p.name, context.Cause(ctx))
		}
		sys.FutexWait(&d.wakeSeq, seq)
	}
}
