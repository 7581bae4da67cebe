package copies

import (
	"context"
	"fmt"
	"sync"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// picture is an event: a block and what it is in the store.
type picture struct {
	pool.Buf
	id       store.ID
	sequence int
}

func (p picture) Retain() picture { p.Buf.Retain(); return p }

// hot is the history of all stages. Each has its own, for the current picture and what it has taken references to.
type hot struct {
	store *store.Store
	id    store.ID
	taken []store.Frame
}

func (h *hot) frame(back int, use func([]byte)) error {
	f, err := h.store.Get(context.Background(), h.id-store.ID(back))
	if err != nil {
		return fmt.Errorf("the picture %d back: %w", back, err)
	}
	use(f.Bytes())
	f.Release()
	return nil
}

// all takes all references before the first use, as new pictures push old ones out meanwhile.
func (h *hot) all(n int, use func([]byte)) error {
	h.taken = h.taken[:0]
	var err error
	for back := n - 1; back >= 0 && err == nil; back-- {
		var f store.Frame
		if f, err = h.store.Get(context.Background(), h.id-store.ID(back)); err == nil {
			h.taken = append(h.taken, f)
		}
	}
	for _, f := range h.taken {
		use(f.Bytes())
		f.Release()
	}
	return err
}

// poison is what released blocks are filled with where the pool checks for misuse; no picture has it.
const poison = 0xDB

// pooled lets the driver write into blocks. A stage can be behind by what waits for it, the picture that it is at and the one being
// published, and must still find the oldest of its history, so that many more are kept; the clip holds as many again beyond those while it is
// written.
func (c *camera) pooled(ctx context.Context, held func(offHeap int64)) error {
	const behind = waiting + 2
	blocks := c.History + 2*behind
	frames, err := pool.New(c.Format.size(), pool.Options{Name: "frames", Max: blocks, Prealloc: blocks})
	if err != nil {
		return err
	}
	prepared := make([]pool.Buf, blocks)
	for i := range prepared {
		if prepared[i], err = frames.Get(); err != nil {
			return err
		}
		fill(prepared[i].Bytes())
	}
	for _, b := range prepared {
		b.Release()
	}
	keep := int64(c.History + behind)
	kept, err := store.Open(store.Options{Hot: keep * int64(frames.Stats().Stride), HotFrames: int(keep)})
	if err != nil {
		return err
	}
	topic := bus.New[picture]("camera.frame", bus.Options{})
	var done sync.WaitGroup
	for i := range stages {
		sub, err := topic.Subscribe(bus.SubOptions{Policy: bus.Block, Events: waiting})
		if err != nil {
			return err
		}
		done.Go(func() {
			history := hot{store: kept}
			for ev := range sub.Events(ctx) {
				history.id = ev.Value.id
				c.work(i, ev.Value.sequence, ev.Value.Bytes(), &history)
			}
		})
	}
	c.begin()
	for sequence := range c.Frames {
		b, err := frames.Wait(ctx)
		if err != nil {
			return err
		}
		if b.Bytes()[c.Format.size()-1] == poison {
			fill(b.Bytes())
		}
		c.pace(sequence)
		c.expose(b.Bytes(), sequence)
		id, err := kept.Put(b, int64(sequence))
		if err != nil {
			return err
		}
		if err := topic.PublishContext(ctx, picture{b, id, sequence}); err != nil {
			return err
		}
		b.Release()
	}
	topic.Close()
	done.Wait()
	held(frames.Stats().BytesCommitted)
	if err := kept.Close(); err != nil {
		return err
	}
	return frames.Close()
}
