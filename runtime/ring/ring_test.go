package ring_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

func newRing(tb testing.TB, size int, o ring.Options) *ring.Ring {
	tb.Helper()
	r, err := ring.New(size, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Unmap(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

func wantErr(tb testing.TB, err, is error, text string) {
	tb.Helper()
	if !errors.Is(err, is) || !strings.Contains(fmt.Sprint(err), text) {
		tb.Fatalf("%v; want %v with %q", err, is, text)
	}
}

func wantPanic(tb testing.TB, text string, f func()) {
	tb.Helper()
	defer func() {
		tb.Helper()
		if p := fmt.Sprint(recover()); !strings.Contains(p, text) {
			tb.Fatalf("panic %q; want %q", p, text)
		}
	}()
	f()
}

// TestModel does random operations on a ring and on a bytes.Buffer.
func TestModel(t *testing.T) {
	testutil.OpenFDs(t)
	for _, local := range []bool{false, true} {
		for seed := range uint64(4) {
			model(t, local, seed)
		}
	}
}

func model(t *testing.T, local bool, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	const most = 1 << 17
	r := newRing(t, 1, ring.Options{Name: "model", Max: most, Local: local})
	var m bytes.Buffer
	var next byte
	write := func(b []byte) int {
		n := min(len(b), r.Size()-m.Len(), rnd.IntN(r.Size()+1))
		for i := range n {
			b[i] = next
			next += 7
		}
		m.Write(b[:n])
		return n
	}
	scratch := make([]byte, most)
	for step := range 1500 {
		if c := r.Content(); !bytes.Equal(c, m.Bytes()) || cap(c) != len(c) || r.Len() != m.Len() {
			t.Fatalf("seed %d, step %d: content of %d (cap %d) bytes differs from the model's %d", seed, step, len(c), cap(c), m.Len())
		}
		if u := r.Unused(); len(u) != r.Size()-m.Len() || cap(u) != len(u) {
			t.Fatalf("seed %d, step %d: %d (cap %d) bytes unused with %d of %d used", seed, step, len(u), cap(u), m.Len(), r.Size())
		}
		switch rnd.IntN(12) {
		case 0, 1:
			r.Advance(write(r.Unused()))
		case 2:
			if m.Len() < r.Size() {
				if _, err := r.WriteFunc(t.Context(), 1, func(b []byte) (int, error) { return write(b), nil }); err != nil {
					t.Fatal(err)
				}
			}
		case 3:
			n := write(scratch)
			if w, err := r.Write(scratch[:n]); w != n || err != nil {
				t.Fatal(w, err)
			}
		case 4:
			if !local && r.Size()-m.Len() < 2000 {
				break // ReadFrom needs room to see the end of its source
			}
			n := write(scratch[:1000])
			if w, err := r.ReadFrom(iotest.HalfReader(bytes.NewReader(scratch[:n]))); w != int64(n) || err != nil && (!local || !errors.Is(err, ring.ErrFull)) {
				t.Fatal(w, n, err)
			}
		case 5, 6:
			n := rnd.IntN(m.Len() + 1)
			m.Next(n)
			r.Consume(n)
		case 7:
			if m.Len() > 0 {
				_, err := r.ReadFunc(t.Context(), 1, func(b []byte) (int, error) {
					n := rnd.IntN(len(b) + 1)
					m.Next(n)
					return n, nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		case 8:
			n := rnd.IntN(m.Len() + 1)
			if g, err := io.ReadFull(r, scratch[:n]); g != n || err != nil || !bytes.Equal(scratch[:n], m.Next(n)) {
				t.Fatal(g, err)
			}
		case 9:
			size := rnd.IntN(most) + 1
			err := r.Resize(size)
			if rounded := (size + 16383) &^ 16383; rounded < m.Len() && err == nil || rounded >= m.Len() && err != nil {
				t.Fatalf("seed %d, step %d: resize to %d with %d used: %v", seed, step, size, m.Len(), err)
			} else if err == nil && r.Size() != rounded && unix.Getpagesize() <= 16384 {
				t.Fatalf("size %d is not %d", r.Size(), rounded)
			}
		case 10:
			if rnd.IntN(20) == 0 {
				if err := r.Reset(); err != nil {
					t.Fatal(err)
				}
				m.Reset()
			}
		case 11:
			if local || rnd.IntN(8) == 0 {
				r.End()
				var out bytes.Buffer
				if n, err := r.WriteTo(&out); n != int64(m.Len()) || err != nil || !bytes.Equal(out.Bytes(), m.Bytes()) {
					t.Fatal(n, err)
				}
				m.Reset()
				if !local {
					if _, err := r.Read(scratch[:1]); err != io.EOF {
						t.Fatal(err)
					}
					if err := r.Reset(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// pump sends total bytes through the ring between two goroutines, each in portions of its own choice.
func pump(t *testing.T, total int, produce func(*rand.Rand, []byte) error, consume func(*rand.Rand, []byte) (int, error)) {
	t.Helper()
	sum := make(chan error, 1)
	go func() {
		rnd := rand.New(rand.NewPCG(1, 1))
		b := make([]byte, 9000)
		var at int
		for at < total {
			n := min(1+rnd.IntN(len(b)), total-at)
			for i := range n {
				b[i] = pattern(at + i)
			}
			if err := produce(rnd, b[:n]); err != nil {
				sum <- err
				return
			}
			at += n
		}
		sum <- nil
	}()
	rnd := rand.New(rand.NewPCG(2, 2))
	b := make([]byte, 9000)
	for at := 0; at < total; {
		n, err := consume(rnd, b)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range b[:n] {
			if v != pattern(at+i) {
				t.Fatalf("byte %d is %d, not %d", at+i, v, pattern(at+i))
			}
		}
		at += n
	}
	if err := <-sum; err != nil {
		t.Fatal(err)
	}
}

func pattern(i int) byte { return byte(i*31 ^ i>>8 ^ i>>16) }

// send and receive use the plain methods, with waits for random amounts.
func send(ctx context.Context, r *ring.Ring) func(*rand.Rand, []byte) error {
	return func(rnd *rand.Rand, b []byte) error {
		if rnd.IntN(2) == 0 {
			_, err := r.Write(b)
			return err
		}
		if n, err := r.WaitUnused(ctx, len(b)); err != nil || n < len(b) {
			return fmt.Errorf("%d of %d bytes of room: %w", n, len(b), err)
		}
		r.Advance(copy(r.Unused(), b))
		return nil
	}
}

func receive(ctx context.Context, r *ring.Ring) func(*rand.Rand, []byte) (int, error) {
	return func(rnd *rand.Rand, b []byte) (int, error) {
		if rnd.IntN(2) == 0 {
			return r.Read(b[:1+rnd.IntN(len(b))])
		}
		if _, err := r.WaitContent(ctx, 1); err != nil {
			return 0, err
		}
		n := copy(b, r.Content())
		r.Consume(n)
		return n, nil
	}
}

func TestTwoGoroutines(t *testing.T) {
	r := newRing(t, 1, ring.Options{Name: "pump"})
	pump(t, 4<<20, send(t.Context(), r), receive(t.Context(), r))
	// The race detector must see that what was done before Advance was done before Content.
	shared := 0
	var first, second sync.WaitGroup
	first.Go(func() {
		shared = 42
		r.Advance(1)
	})
	if _, err := r.WaitContent(t.Context(), 1); err != nil || shared != 42 {
		t.Fatal(shared, err)
	}
	first.Wait() // there is one producer at a time
	for len(r.Unused()) > 0 {
		r.Advance(len(r.Unused()))
	}
	_ = r.Content()
	second.Go(func() {
		shared = 43
		r.Consume(1)
	})
	if _, err := r.WaitUnused(t.Context(), 1); err != nil || shared != 43 {
		t.Fatal(shared, err)
	}
	second.Wait()
}

// TestTwoMappings has the two sides at different addresses, as two processes have.
func TestTwoMappings(t *testing.T) {
	testutil.OpenFDs(t)
	p := newRing(t, 1<<15, ring.Options{Name: "pump", Side: ring.Producer})
	c, err := ring.Open(p.FD(), ring.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	pump(t, 2<<20, send(t.Context(), p), receive(t.Context(), c))
	if _, err := p.WaitContent(t.Context(), 1); !errors.Is(err, ring.ErrSide) {
		t.Error(err)
	}
	if _, err := c.Write([]byte{1}); !errors.Is(err, ring.ErrSide) {
		t.Error(err)
	}
	wantPanic(t, "other side", func() { c.Advance(0) })
	wantPanic(t, "other side", func() { p.Consume(0) })
	wantErr(t, p.Reset(), ring.ErrSide, "resetting")
	wantErr(t, c.Resize(1), ring.ErrSide, "resizing")
	if len(p.Content()) != 0 || len(c.Unused()) != 0 {
		t.Error("a side has the other's bytes")
	}
	if err := c.Unmap(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitUnused(t.Context(), 1); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	// A new consumer takes over.
	if c, err = ring.Open(p.FD(), ring.Consumer); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitUnused(t.Context(), 1); err != nil {
		t.Error(err)
	}
	p.Advance(3)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.WaitContent(t.Context(), 4); n != 3 || err != io.ErrUnexpectedEOF {
		t.Error(n, err)
	}
	c.Consume(3)
	if n, err := c.WaitContent(t.Context(), 4); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	if err := c.Unmap(); err != nil {
		t.Fatal(err)
	}
}

// sleeping waits until a goroutine has had time to sleep in the ring.
func sleeping() { time.Sleep(30 * time.Millisecond) }

func TestWaitsEnd(t *testing.T) {
	full := func(r *ring.Ring) { r.Advance(len(r.Unused())) }
	waits := map[string]func(context.Context, *ring.Ring) error{
		"content": func(ctx context.Context, r *ring.Ring) error { _, err := r.WaitContent(ctx, 10); return err },
		"room":    func(ctx context.Context, r *ring.Ring) error { full(r); _, err := r.WaitUnused(ctx, 10); return err },
		"readfunc": func(ctx context.Context, r *ring.Ring) error {
			_, err := r.ReadFunc(ctx, 10, nil)
			return err
		},
		"writefunc": func(ctx context.Context, r *ring.Ring) error {
			full(r)
			_, err := r.WriteFunc(ctx, 10, nil)
			return err
		},
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			r := newRing(t, 1, ring.Options{})
			cause := errors.New("the cause")
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error, 1)
			go func() { done <- wait(ctx, r) }()
			sleeping()
			cancel(cause)
			wantErr(t, <-done, cause, "waiting for 10 bytes")
			wantErr(t, wait(ctx, r), cause, "") // at once
			go func() { done <- wait(t.Context(), r) }()
			sleeping()
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			wantErr(t, <-done, ring.ErrClosed, "ring is closed")
			wantErr(t, wait(t.Context(), r), ring.ErrClosed, "")
		})
	}
	r := newRing(t, 1, ring.Options{})
	done := make(chan error, 1)
	go func() { _, err := r.Read(make([]byte, 1)); done <- err }()
	sleeping()
	r.End()
	if err := <-done; err != io.EOF {
		t.Error(err)
	}
	full(r)
	go func() { _, err := r.Write(make([]byte, 1)); done <- err }()
	sleeping()
	r.Gone()
	wantErr(t, <-done, io.ErrClosedPipe, "consumer is gone")
}

// TestWakeThreshold: a sleeper is woken for as many bytes as it waits for, not for each.
func TestWakeThreshold(t *testing.T) {
	r := newRing(t, 1, ring.Options{})
	var woken atomic.Bool
	done := make(chan int)
	go func() {
		n, _ := r.WaitContent(t.Context(), 100)
		woken.Store(true)
		done <- n
	}()
	for range 99 {
		sleepy := !woken.Load()
		r.Advance(1)
		if !sleepy {
			t.Fatal("woken too soon")
		}
	}
	sleeping()
	r.Advance(1)
	if n := <-done; n != 100 {
		t.Fatal(n)
	}
}

func TestClose(t *testing.T) {
	testutil.OpenFDs(t)
	r := newRing(t, 1, ring.Options{Name: "closing"})
	room, fd := r.Unused(), r.FD()
	room[0] = 1
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("memfd is not close-on-exec: %#x, %v", flags, err)
	}
	if err := unix.Ftruncate(fd, 100); err == nil {
		t.Error("memfd could be truncated")
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	wantPanic(t, "invalid memory address", func() { room[0]++ })
	wantPanic(t, "invalid memory address", func() { room[len(room)-1]++ })
	if r.FD() != -1 || r.Content() != nil && len(r.Content()) > 0 || len(r.Unused()) > 0 {
		t.Error("a closed ring has something")
	}
	r.Advance(0)
	r.Consume(0)
	r.End()
	wantErr(t, r.Err(), ring.ErrClosed, "closing")
	wantErr(t, r.Reset(), ring.ErrClosed, "")
	wantErr(t, r.Resize(1), ring.ErrClosed, "")
	if _, err := r.Write([]byte{1}); !errors.Is(err, ring.ErrClosed) {
		t.Error(err)
	}
	// Addresses stay reserved: nothing new is mapped where the slice was.
	var more []*ring.Ring
	for range 20 {
		more = append(more, newRing(t, 1, ring.Options{}))
	}
	wantPanic(t, "invalid memory address", func() { room[0]++ })
	for _, m := range more {
		if m.Unused()[0] != 0 {
			t.Error("a slice of a closed ring showed another's memory")
		}
	}
}

// TestCloseDuringCallback: the memory stays while a callback works with it.
func TestCloseDuringCallback(t *testing.T) {
	r := newRing(t, 1, ring.Options{})
	var kept []byte
	n, err := r.WriteFunc(t.Context(), 1, func(b []byte) (int, error) {
		kept = b
		done := make(chan error)
		go func() { done <- r.Close() }()
		if err := <-done; err != nil {
			t.Error(err)
		}
		b[len(b)-1] = 1
		wantErr(t, r.Unmap(), ring.ErrBusy, "unmapping")
		return 1, nil
	})
	if n != 0 || !errors.Is(err, ring.ErrClosed) {
		t.Fatal(n, err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	wantPanic(t, "invalid memory address", func() { kept[0]++ })
}

func TestNotInherited(t *testing.T) {
	if emulator() != "" {
		t.Skip("qemu-user ignores MADV_DONTFORK")
	}
	r := newRing(t, 1<<16, ring.Options{Name: "private"})
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	found := 0
	for part := range strings.SplitSeq(string(maps), "poolgen:private") {
		if flags, ok := strings.CutPrefix(part[max(0, strings.Index(part, "VmFlags:")):], "VmFlags:"); ok && strings.HasPrefix(part, " (deleted)\n") {
			found++
			flags, _, _ = strings.Cut(flags, "\n")
			if !strings.Contains(flags, " dc") {
				t.Errorf("a mapping is inherited by fork: %s", flags)
			}
		}
	}
	if found < 2 {
		t.Errorf("%d mappings, want control with one view, and the other view", found)
	}
	runtime.KeepAlive(r)
}

// TestAliases: what is written by way of one address of a byte is read by way of the other.
func TestAliases(t *testing.T) {
	r := newRing(t, 1, ring.Options{Local: true})
	size := r.Size()
	for _, at := range []int{1, 17, size - 17, size - 1} {
		r.Advance(at)
		r.Consume(at)
		a := r.Unused() // begins at byte at; its end is in the second view
		if len(a) != size || cap(a) != size {
			t.Fatalf("%d bytes, capacity %d: both addresses of a byte are within reach", len(a), cap(a))
		}
		last := size - at // byte 0 of the ring, at its second address
		a[last] = 1
		r.Advance(size)
		r.Consume(size - at%size)
		b := r.Unused()
		_ = b
		c := r.Content() // begins at byte 0, at its first address
		if c[0] != 1 {
			t.Fatalf("offset %d: first address has %d", at, c[0])
		}
		c[0] = 2
		if a[last] != 2 {
			t.Fatalf("offset %d: second address has %d", at, a[last])
		}
		a[last] = 3
		if c[0] != 3 {
			t.Fatalf("offset %d: first address has %d", at, c[0])
		}
		r.Consume(len(c))
		if err := r.Reset(); err != nil {
			t.Fatal(err)
		}
	}
	wantPanic(t, "out of range", func() { b := r.Unused(); i := size; b[i] = 1 })
	wantPanic(t, "out of range", func() { b := r.Unused(); i := size + 1; _ = b[:i] })
}

func TestMisuse(t *testing.T) {
	for _, local := range []bool{false, true} {
		r := newRing(t, 1, ring.Options{Name: "misused", Local: local})
		for _, n := range []int{-1, r.Size() + 1, 1 << 30, -1 << 31} {
			wantPanic(t, "at most", func() { r.Advance(n) })
		}
		r.Advance(5)
		_ = r.Content()
		for _, n := range []int{-1, 6} {
			wantPanic(t, "at most 5 bytes", func() { r.Consume(n) })
		}
		_, err := r.ReadFunc(t.Context(), 1, func([]byte) (int, error) { return 6, nil })
		wantErr(t, err, err, "used 6 of 5")
		_, err = r.WriteFunc(t.Context(), 1, func([]byte) (int, error) { return -1, nil })
		wantErr(t, err, err, "wrote -1 of")
		_, err = r.WriteFunc(t.Context(), 1, func([]byte) (int, error) { return 3, io.ErrNoProgress })
		wantErr(t, err, io.ErrNoProgress, "")
		_, err = r.WaitContent(t.Context(), r.Size()+1)
		wantErr(t, err, err, "it is from 1 to")
		if r.Len() != 5 {
			t.Errorf("%d bytes", r.Len())
		}
		_, _ = r.ReadFunc(t.Context(), 1, func([]byte) (int, error) {
			wantErr(t, r.Reset(), ring.ErrBusy, "consumer")
			wantErr(t, r.Resize(1), ring.ErrBusy, "consumer")
			wantPanic(t, "two consumers at once", func() { _, _ = r.Read(make([]byte, 1)) })
			return 0, nil
		})
		err = r.Resize(r.Size() + 1)
		wantErr(t, err, err, "Options.Max")
	}
	for _, n := range []int{0, -1, 1<<30 + 1} {
		if _, err := ring.New(n, ring.Options{}); err == nil {
			t.Errorf("made a ring of %d bytes", n)
		}
	}
	if _, err := ring.New(1, ring.Options{Side: 3}); err == nil {
		t.Error("made a ring with side 3")
	}
	if _, err := ring.New(1, ring.Options{Side: ring.Producer, Local: true}); err == nil {
		t.Error("made half of a Local ring")
	}
}

func TestNoAllocations(t *testing.T) {
	r := newRing(t, 1, ring.Options{})
	b := make([]byte, 100)
	fill := func(b []byte) (int, error) { return 100, nil }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := testing.AllocsPerRun(100, func() {
		r.Advance(copy(r.Unused(), b))
		r.Consume(len(r.Content()))
		_, _ = r.Write(b)
		_, _ = r.Read(b)
		_, _ = r.WriteFunc(ctx, 1, fill)
		_, _ = r.ReadFunc(ctx, 1, fill)
		_, _ = r.WaitUnused(ctx, 1)
	})
	if n != 0 {
		t.Errorf("%v allocations a round", n)
	}
}

// TestMemoryGoesBack: what Resize takes away is the kernel's again.
func TestMemoryGoesBack(t *testing.T) {
	r := newRing(t, 1<<20, ring.Options{Max: 4 << 20})
	var st unix.Stat_t
	for _, size := range []int{1 << 20, 4 << 20, 1 << 16} {
		if err := r.Resize(size); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fstat(r.FD(), &st); err != nil || st.Blocks*512 < int64(size) || st.Blocks*512 > int64(size)+1<<16 {
			t.Errorf("%d bytes are committed for %d: %v", st.Blocks*512, size, err)
		}
	}
}

// TestManyResizes keeps something in the ring, so that its pages come into ever more pieces.
func TestManyResizes(t *testing.T) {
	r := newRing(t, 1<<16, ring.Options{Max: 1 << 22})
	rnd := rand.New(rand.NewPCG(3, 3))
	var in, out uint32
	rounds := 700
	if testing.Short() {
		rounds = 200
	}
	for range rounds {
		for len(r.Unused()) >= 4096 && rnd.IntN(5) > 0 {
			binary.LittleEndian.PutUint32(r.Unused(), in)
			in++
			r.Advance(4096)
		}
		for len(r.Content()) > 4096 && rnd.IntN(3) > 0 {
			if got := binary.LittleEndian.Uint32(r.Content()); got != out {
				t.Fatalf("block %d, not %d", got, out)
			}
			out++
			r.Consume(4096)
		}
		if err := r.Resize(max(r.Len(), rnd.IntN(1<<22))); err != nil && r.Len() > 0 {
			t.Fatal(err)
		}
	}
}

// TestSizeMeanwhile: Size may be asked from any goroutine, also while Resize changes it, as the race detector sees.
func TestSizeMeanwhile(t *testing.T) {
	r := newRing(t, 1, ring.Options{Max: 1 << 20})
	least, done := r.Size(), make(chan struct{})
	go func() {
		defer close(done)
		for i := range 20 {
			if err := r.Resize(1 + i%2*least); err != nil {
				t.Error(err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if n := r.Size(); n != least && n != 2*least {
			t.Fatal(n)
		}
	}
}
