package adapt

import (
	"context"
	"errors"
	"expvar"
	"io"
	"iter"
	"log/slog"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Log shows a pool in a log/slog record as the figures that matter when something is wrong with it. They are read when the record is written. p may be
// nil, or closed.
func Log(p *pool.Pool) slog.LogValuer { return poolValue{p} }

type poolValue struct{ p *pool.Pool }

func (v poolValue) LogValue() slog.Value {
	if v.p == nil {
		return slog.StringValue("no pool")
	}
	s := v.p.Stats()
	return slog.GroupValue(
		slog.String("name", s.Name),
		slog.Int("outstanding", s.Outstanding),
		slog.Int("max", s.Max),
		slog.Int("capacity", s.Capacity),
		slog.Int("high_water", s.HighWater),
		slog.Uint64("acquired", s.Acquired),
		slog.Uint64("misses", s.Misses),
		slog.Uint64("refusals", s.Refusals),
		slog.Uint64("stale", s.Stale),
	)
}

// LogBuf shows a buffer: its pool, block and generation, and its length if the reference is still there. It is no misuse to show one that was
// released.
func LogBuf(b pool.Buf) slog.LogValuer { return bufValue{b} }

type bufValue struct{ b pool.Buf }

func (v bufValue) LogValue() slog.Value {
	if v.b.Pool() == nil {
		return slog.StringValue("no buffer")
	}
	h := v.b.Handle()
	attrs := []slog.Attr{
		slog.String("pool", v.b.Pool().Name()),
		slog.Uint64("block", uint64(h.Index)),
		slog.Uint64("generation", uint64(h.Generation)),
	}
	if v.b.Valid() {
		return slog.GroupValue(append(attrs, slog.Int("len", v.b.Len()))...)
	}
	return slog.GroupValue(append(attrs, slog.Bool("released", true))...)
}

// Var shows a pool's Stats as an expvar variable, in JSON: expvar.Publish("frames", adapt.Var(frames)). For nil it is null.
func Var(p *pool.Pool) expvar.Var {
	return expvar.Func(func() any {
		if p == nil {
			return nil
		}
		return p.Stats()
	})
}

// Each goes through what receive returns, such as the Receive method of a subscriber, until that returns io.EOF or ctx ends. Any other error is
// the last thing it yields. What it yields is owned as receive says.
//
//	for frame, err := range adapt.Each(ctx, camera.Receive) {
func Each[T any](ctx context.Context, receive func(context.Context) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := receive(ctx)
			if errors.Is(err, io.EOF) || ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}
