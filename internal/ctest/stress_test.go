package ctest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// TestMixedStress lets C threads in another process and goroutines work on one arena that is too small for all of them, and
// send each other references. In the end every acquisition is accounted for, and nothing was stale.
func TestMixedStress(t *testing.T) {
	eachPeer(t, func(t *testing.T, c peer) {
		rounds := 200000
		if c.qemu || strings.Contains(c.name, "asan") {
			rounds = 20000
		}
		p := shared(t, 256, pool.Options{Max: 24})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		fromC, toGo := pipe(t)
		fromGo, toC := pipe(t)
		cmd := c.start(ctx, c.program, "stress", "3", strconv.Itoa(rounds))
		cmd.ExtraFiles = []*os.File{arenaFile(t, p.FD()), toGo, fromGo}
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		toGo.Close()
		fromGo.Close()

		// Both sides start at once: C's first reference says that it is there.
		in := bufio.NewReader(fromC)
		if _, err := in.Peek(1); err != nil {
			cancel()
			_ = cmd.Wait()
			t.Fatalf("%v\n%s", err, errs.String())
		}
		var got atomic.Int64
		var wg sync.WaitGroup
		for g := range 3 {
			wg.Go(func() { got.Add(goWork(t, p, rounds, uint32(g)<<28)) })
		}
		wg.Go(func() { got.Add(goSend(t, p, toC, rounds/8)) })
		wg.Go(func() { goReceive(t, p, in) })
		wg.Wait()
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, errs.String())
		}
		inC, err := strconv.Atoi(strings.TrimSpace(out.String()))
		if err != nil {
			t.Fatal(err)
		}
		s := p.Stats()
		if inC == 0 || got.Load() == 0 || s.Acquired != uint64(inC)+uint64(got.Load()) {
			t.Errorf("Go took %d, C took %d: %+v", got.Load(), inC, s)
		}
		settle(t, p, 0)
	})
}

// goWork is peer_work of testdata/peers.h.
func goWork(t *testing.T, p *pool.Pool, rounds int, seed uint32) (got int64) {
	for i := range rounds {
		b, err := p.Get()
		if err != nil {
			if !errors.Is(err, pool.ErrLimit) {
				t.Error(err)
			}
			continue
		}
		got++
		fill(b, seed+uint32(i))
		b.Retain()
		if err := verify(b); err != nil {
			t.Error(err)
		}
		b.Release()
		b.Release()
	}
	return got
}

// goSend gives references away.
func goSend(t *testing.T, p *pool.Pool, w *os.File, n int) (got int64) {
	defer w.Close()
	for i := range n {
		b, err := p.Get()
		if err != nil {
			continue
		}
		got++
		fill(b, 0x70000000+uint32(i))
		var word [8]byte
		binary.NativeEndian.PutUint32(word[:], b.Handle().Index)
		binary.NativeEndian.PutUint32(word[4:], b.Handle().Generation)
		if _, err := w.Write(word[:]); err != nil {
			t.Error(err)
			return got
		}
	}
	return got
}

// goReceive takes references over and releases them.
func goReceive(t *testing.T, p *pool.Pool, r io.Reader) {
	for {
		var word [8]byte
		if _, err := io.ReadFull(r, word[:]); err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			return
		}
		b, err := p.Buf(pool.Handle{Index: binary.NativeEndian.Uint32(word[:]), Generation: binary.NativeEndian.Uint32(word[4:])})
		if err != nil {
			t.Error(err)
			return
		}
		if err := verify(b); err != nil {
			t.Error(err)
		}
		b.Release()
	}
}

func fill(b pool.Buf, seed uint32) {
	p := b.Bytes()
	for i := 0; i < len(p); i += 4 {
		binary.NativeEndian.PutUint32(p[i:], seed+uint32(i/4))
	}
}

func verify(b pool.Buf) error {
	p := b.Bytes()
	first := binary.NativeEndian.Uint32(p)
	for i := 0; i < len(p); i += 4 {
		if w := binary.NativeEndian.Uint32(p[i:]); w != first+uint32(i/4) {
			return fmt.Errorf("block %d has %#x at %d, after %#x at 0: somebody else wrote", b.Handle().Index, w, i, first)
		}
	}
	return nil
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
