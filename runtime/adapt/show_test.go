package adapt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/adapt"
	"github.com/poolgen/poolgen/runtime/pool"
)

func TestLog(t *testing.T) {
	p := blocks(t, 4)
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	b.SetLen(7)
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	line := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("no %q in %s", w, &out)
			}
		}
		out.Reset()
	}
	log.Info("x", "pool", adapt.Log(p), "frame", adapt.LogBuf(b), "none", adapt.LogBuf(pool.Buf{}))
	line("pool.name=blocks", "pool.outstanding=1", "pool.max=4", "frame.pool=blocks", "frame.generation=", "frame.len=7", `none="no buffer"`)
	b.Release()
	log.Info("x", "frame", adapt.LogBuf(b))
	line("frame.released=true")
	if n := p.Stats().Stale; n != 0 {
		t.Errorf("showing a released buffer counted as %d misuses", n)
	}
}

func TestVar(t *testing.T) {
	p := blocks(t, 4)
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	var s pool.Stats
	if err := json.Unmarshal([]byte(adapt.Var(p).String()), &s); err != nil || s.Name != "blocks" || s.Outstanding != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// What has no pool yet, or none any more, is shown too.
func TestShowWithoutPool(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "pool", adapt.Log(nil))
	if !strings.Contains(out.String(), `pool="no pool"`) {
		t.Error(out.String())
	}
	if s := adapt.Var(nil).String(); s != "null" {
		t.Error(s)
	}
	p, err := pool.New(10, pool.Options{Name: "gone", Max: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "pool", adapt.Log(p))
	if !strings.Contains(out.String(), `"name":"gone"`) || !strings.Contains(adapt.Var(p).String(), `"Name":"gone"`) {
		t.Error(out.String(), adapt.Var(p))
	}
}

func TestEach(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		end  error
		want []error
	}{
		{io.EOF, []error{nil, nil, nil}},
		{broken, []error{nil, nil, nil, broken}},
	} {
		n := 0
		receive := func(context.Context) (int, error) {
			n++
			if n > 3 {
				return 0, c.end
			}
			return n, nil
		}
		var got []error
		for v, err := range adapt.Each(t.Context(), receive) {
			if err == nil && v != len(got)+1 {
				t.Errorf("got %d", v)
			}
			got = append(got, err)
		}
		if len(got) != len(c.want) || got[len(got)-1] != c.want[len(got)-1] {
			t.Errorf("ended with %v: %v", c.end, got)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	for range adapt.Each(ctx, func(ctx context.Context) (int, error) { return 0, context.Cause(ctx) }) {
		t.Error("the end of the context is no value")
	}
	// What receives may return ctx's error as well as its cause, and may say more.
	for range adapt.Each(ctx, func(ctx context.Context) (int, error) { return 0, fmt.Errorf("receiving: %w", ctx.Err()) }) {
		t.Error("the end of the context is no value")
	}
	// Another error is told although the context has ended.
	late := errors.New("late")
	for _, err := range adapt.Each(ctx, func(context.Context) (int, error) { return 0, late }) {
		if err != late {
			t.Error(err)
		}
	}
	for v := range adapt.Each(t.Context(), func(context.Context) (int, error) { return 1, nil }) {
		if v != 1 {
			t.Error(v)
		}
		break
	}
}
