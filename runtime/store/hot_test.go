package store

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// newPool makes a pool that must have all its blocks back at the end.
func newPool(tb testing.TB, size, blocks int) *pool.Pool {
	tb.Helper()
	p, err := pool.New(size, pool.Options{Name: "frames", Max: blocks, Prealloc: blocks})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func open(tb testing.TB, o Options) *Store {
	tb.Helper()
	s, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// put stores a frame of n bytes that tells its time.
func put(tb testing.TB, s *Store, p *pool.Pool, n int, time int64) (ID, error) {
	tb.Helper()
	b, err := p.Get()
	if err != nil {
		tb.Fatal(err)
	}
	defer b.Release()
	b.SetLen(n)
	fill(b.Bytes(), time)
	return s.Put(b, time)
}

func mustPut(tb testing.TB, s *Store, p *pool.Pool, n int, time int64) ID {
	tb.Helper()
	id, err := put(tb, s, p, n, time)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func fill(b []byte, time int64) {
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], uint64(time)*0x9e3779b97f4a7c15)
	for i := 0; i < len(b); i += 8 {
		copy(b[i:], word[:])
		word[0]++
	}
}

// check fails unless f is what put made.
func check(tb testing.TB, f Frame, n int, time int64) {
	tb.Helper()
	want := make([]byte, n)
	fill(want, time)
	if f.Time != time || string(f.Bytes()) != string(want) {
		tb.Fatalf("frame %d has time %d and %d bytes, want time %d and %d bytes, with their content", f.ID, f.Time, f.Buf.Len(), time, n)
	}
}

func TestPutAndGet(t *testing.T) {
	p := newPool(t, 100, 16)
	s := open(t, Options{Hot: 1000})
	var ids []ID
	for i := range int64(10) {
		ids = append(ids, mustPut(t, s, p, int(90+i), i))
	}
	for i, id := range ids {
		if i > 0 && id != ids[i-1]+1 {
			t.Fatalf("frame %d has ID %d after %d", i, id, ids[i-1])
		}
		f, err := s.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		check(t, f, 90+i, int64(i))
		f.Release()
	}
	if got := s.Stats(); got.Puts != 10 || got.Hot.Hits != 10 || got.Hot.Frames != 10 || got.Hot.Bytes != 1000 || got.HotBytes != 90+91+92+93+94+95+96+97+98+99 {
		t.Errorf("stats are %+v", got)
	}
}

// Frames leave the hot tier oldest first, and a reference from before keeps its block.
func TestEvictsOldest(t *testing.T) {
	for _, o := range []Options{{Hot: 300}, {Hot: 1 << 20, HotFrames: 4}} {
		p := newPool(t, 100, 8)
		s := open(t, o)
		room := min(o.Hot/100, 4)
		first := mustPut(t, s, p, 100, 0)
		kept, err := s.Get(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		for i := int64(1); i < 20; i++ {
			mustPut(t, s, p, 100, i)
			st := s.Stats()
			if st.Hot.Frames != int(min(i+1, room)) || st.Hot.Left != uint64(max(0, i+1-room)) || st.Hot.Bytes > o.Hot {
				t.Fatalf("after %d puts: %+v", i+1, st)
			}
		}
		check(t, kept, 100, 0)
		kept.Release()
		if _, err := s.Get(t.Context(), first); !errors.Is(err, ErrNotFound) {
			t.Errorf("getting an evicted frame: %v", err)
		}
		if st := p.Stats(); st.Outstanding != int(room) {
			t.Errorf("%d blocks are out, want %d", st.Outstanding, room)
		}
	}
}

func TestRangeIsByTime(t *testing.T) {
	p := newPool(t, 100, 32)
	s := open(t, Options{Hot: 2000})
	times := []int64{5, 7, 7, 3, 9, 8, 1, 7} // the clock jumps
	for _, at := range times {
		mustPut(t, s, p, 50, at)
	}
	var got []int64
	var last ID
	for f, err := range s.Range(t.Context(), 5, 9) {
		if err != nil {
			t.Fatal(err)
		}
		check(t, f, 50, f.Time)
		if f.ID <= last {
			t.Errorf("frame %d comes after %d", f.ID, last)
		}
		last = f.ID
		got = append(got, f.Time)
		f.Release()
		if len(got) < 20 {
			mustPut(t, s, p, 50, 6) // is not part of this range
		}
	}
	if want := []int64{5, 7, 7, 8, 7}; len(got) != len(want) {
		t.Fatalf("times are %v, want %v", got, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("enough")
	n := 0
	for f, err := range s.Range(ctx, 0, 100) {
		if n++; err != nil {
			if !errors.Is(err, why) {
				t.Errorf("range ended with %v", err)
			}
			break
		}
		f.Release()
		cancel(why)
	}
	if n != 2 {
		t.Errorf("%d steps of a cancelled range", n)
	}
}

func TestRefusals(t *testing.T) {
	for _, o := range []Options{{}, {Hot: -1}, {Hot: 1, HotFrames: 3}, {Hot: 1, HotFrames: 1<<20 + 1}, {Hot: 1, Full: 2}} {
		if s, err := Open(o); err == nil {
			s.Close()
			t.Errorf("Open(%+v) succeeded", o)
		}
	}
	p := newPool(t, 100, 8)
	s := open(t, Options{Hot: 99})
	if _, err := put(t, s, p, 1, 0); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("a block larger than the budget: %v", err)
	}
	if st := s.Stats(); st.Refused != 1 {
		t.Errorf("stats are %+v", st)
	}
	if _, err := s.Get(t.Context(), 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("a frame that never was: %v", err)
	}
	s.Close()
	if _, err := put(t, s, p, 1, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("Put after Close: %v", err)
	}
	if _, err := s.Get(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("Get after Close: %v", err)
	}
	for _, err := range s.Range(t.Context(), 0, 9) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Range after Close: %v", err)
		}
	}
}

// A callback of the pool may call the store.
func TestReleaseWithoutTheLock(t *testing.T) {
	p := newPool(t, 100, 4)
	s := open(t, Options{Hot: 100})
	calls := 0
	b, err := p.Adopt(make([]byte, 100), func() { calls++; s.Stats() })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(b, 0); err != nil {
		t.Fatal(err)
	}
	b.Release()
	mustPut(t, s, p, 100, 1)
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestManyGoroutines(t *testing.T) {
	p := newPool(t, 64, 64)
	s := open(t, Options{Hot: 32 * 64})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				at := int64(g*10000 + i)
				id := mustPut(t, s, p, 64, at)
				f, err := s.Get(t.Context(), id-ID(i%8))
				if errors.Is(err, ErrNotFound) {
					continue
				} else if err != nil {
					t.Error(err)
					return
				}
				check(t, f, 64, f.Time)
				f.Release()
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Puts != 8000 || st.Hot.Frames != 32 || st.Hot.Left != 8000-32 {
		t.Errorf("stats are %+v", st)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the debug build records where buffers go, which allocates")
	}
	p := newPool(t, 64, 2100)
	for name, o := range map[string]Options{
		"memory": {Hot: 4 * 64},
		"folder": {Hot: 2048 * 64 * 8, HotFrames: 16384, Pool: p, fs: newMemory(rand.New(rand.NewPCG(1, 1))), Flush: time.Hour}, // none is written meanwhile
	} {
		s := open(t, o)
		ctx := t.Context()
		first := mustPut(t, s, p, 64, 0)
		if n := testing.AllocsPerRun(1000, func() {
			b, err := p.Get()
			if err != nil {
				t.Fatal(err)
			}
			id, err := s.Put(b, 0)
			b.Release()
			if err != nil {
				t.Fatal(err)
			}
			f, err := s.Get(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			f.Release()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if o.Pool == nil {
			continue
		}
		// Also of a frame that was read.
		if err := s.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		s.SetHot(64 * 64)
		for range 2 {
			f, err := s.Get(ctx, first)
			if err != nil {
				t.Fatal(err)
			}
			f.Release()
		}
		if n := testing.AllocsPerRun(1000, func() {
			f, err := s.Get(ctx, first)
			if err != nil {
				t.Fatal(err)
			}
			f.Release()
		}); n != 0 {
			t.Errorf("%s: %v allocations for a frame that was read", name, n)
		}
	}
}
