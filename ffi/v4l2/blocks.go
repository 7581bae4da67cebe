package v4l2

import (
	"context"
	"errors"
	"syscall"

	"github.com/poolgen/poolgen/runtime/pool"
)

// readBlocks is Read where the driver fills blocks of a pool: a frame leaves with its blocks, and fresh ones take their place.
func (s *Stream) readBlocks(ctx context.Context) (Frame, error) {
	var fresh [maxPlanes]pool.Buf
	have := 0
	defer func() {
		for _, b := range fresh[:have] {
			b.Release()
		}
	}()
	planes := len(s.format.Planes)
	for {
		for have < planes {
			b, err := s.cfg.Pool.Get()
			if errors.Is(err, pool.ErrLimit) {
				if s.cfg.Low == LowDrop {
					break
				}
				b, err = s.waitBlock(ctx)
			}
			if err != nil {
				return Frame{}, s.readError(err)
			}
			fresh[have] = b
			have++
		}
		f, w, err := s.nextBlocks(&fresh, &have)
		if err == nil && w != forNothing {
			err = s.pause(ctx, w)
		}
		switch {
		case err != nil:
			return Frame{}, s.readError(err)
		case f.n > 0:
			return f, nil
		}
	}
}

// waitBlock waits for a block of the pool, unless the stream stops.
func (s *Stream) waitBlock(ctx context.Context) (pool.Buf, error) {
	for {
		s.mu.Lock()
		if err := s.ready(); err != nil {
			s.mu.Unlock()
			return pool.Buf{}, err
		}
		s.stats.Waits++
		c, cancel := context.WithCancel(ctx)
		s.interrupt = cancel
		s.mu.Unlock()
		b, err := s.cfg.Pool.Wait(c)
		s.mu.Lock()
		s.interrupt = nil
		s.mu.Unlock()
		interrupted := c.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !interrupted {
			return b, err
		}
	}
}

// nextBlocks is next for blocks of a pool. It takes the fresh blocks if it hands out a frame.
func (s *Stream) nextBlocks(fresh *[maxPlanes]pool.Buf, have *int) (Frame, why, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return Frame{}, forNothing, err
	}
	sl, f, err := s.arrived()
	switch {
	case err == nil && sl == nil || errors.Is(err, syscall.EAGAIN):
		return Frame{}, forDevice, nil
	case err != nil:
		return Frame{}, forNothing, err
	case *have < sl.n:
		s.drop(&f)
		return Frame{}, forNothing, sl.queue()
	}
	f.n = sl.n
	for i := range sl.n {
		p := &sl.parts[i]
		used, _, _ := s.data(sl, i)
		f.planes[i] = p.buf
		f.planes[i].SetLen(int(used))
		p.buf = fresh[i]
	}
	*have -= sl.n
	s.stats.Frames++
	if err := sl.queue(); err != nil {
		s.queueUp = err // the frame is good: the next call tells
	}
	return f, forNothing, nil
}

// stock gives every slot of a capture stream blocks to begin with.
func (s *Stream) stock() error {
	for _, sl := range s.slots {
		for i := range sl.n {
			b, err := s.cfg.Pool.Get()
			if err != nil {
				return s.dev.fail("taking blocks for the driver", err, "StreamConfig.Pool must have a block for each plane of Buffers frames, and those that the program holds")
			}
			sl.parts[i].buf, sl.parts[i].has = b, true
			if !pageAligned(b) {
				return s.dev.fail("taking blocks for the driver", syscall.EINVAL, "the blocks of StreamConfig.Pool are not aligned to the page: set pool.Options.Align to 4096")
			}
		}
	}
	return nil
}

// unstock takes the blocks back. mu is held; whoever holds it calls spend later.
func (sl *slot) unstock() {
	for i := range sl.n {
		if p := &sl.parts[i]; p.has {
			p.has = false
			sl.s.spent = append(sl.s.spent, p.buf)
		}
	}
}

// spend releases what unstock took. mu is not held, because a block may be of foreign memory, and whoever it belongs to is called.
func (s *Stream) spend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(s.spent); n > 0; n = len(s.spent) {
		b := s.spent[n-1]
		s.spent[n-1] = pool.Buf{}
		s.spent = s.spent[:n-1]
		s.spends++
		s.mu.Unlock()
		b.Release()
		s.mu.Lock()
		s.spends--
	}
	if s.closed && s.spends == 0 {
		s.calm.Broadcast()
	}
}
