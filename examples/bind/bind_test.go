package main

import (
	"bytes"
	"errors"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// picture is n bytes that compress well, but not to nothing.
func picture(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i/7) ^ byte(i>>9)
	}
	return b
}

func open(tb testing.TB) *library {
	tb.Helper()
	z, err := openZstd()
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func TestFramesComeBack(t *testing.T) {
	z := open(t)
	for _, size := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 7} {
		want := picture(size)
		var packed, log bytes.Buffer
		if err := run(bytes.NewReader(want), &packed, &log, 0); err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			if packed.Len() != 0 {
				t.Errorf("nothing became %d bytes", packed.Len())
			}
			continue
		}
		frames := packed.Bytes()
		if n := z.contentSize(&frames[0], uintptr(len(frames))); n != uint64(min(size, blockSize)) {
			t.Errorf("the first frame of %d bytes holds %d", size, n)
		}
		got := make([]byte, size+1)
		ctx := z.newDecoder()
		n := z.decompress(ctx, &got[0], uintptr(len(got)), &frames[0], uintptr(len(frames)))
		if err := z.check(n); err != nil || !bytes.Equal(got[:n], want) {
			t.Errorf("%d bytes do not come back: %v", size, err)
		}
		if r := z.freeDecoder(ctx); r != 0 {
			t.Errorf("freeing a decoder: %d", r)
		}
		if !strings.Contains(log.String(), z.version()+", level 3: ") || strings.Count(z.version(), ".") != 2 {
			t.Errorf("logged %q", log.String())
		}
	}
}

// The command, which is not linked with our binding, reads what it wrote.
func TestZstdReads(t *testing.T) {
	zstd := testutil.RequireTool(t, "zstd", "zstd")
	want := picture(2*blockSize + 100)
	var packed bytes.Buffer
	if err := run(bytes.NewReader(want), &packed, &bytes.Buffer{}, 5); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(zstd, "-d", "-c")
	cmd.Stdin = &packed
	if got, err := cmd.Output(); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("zstd -d: %v, %d bytes of %d", err, len(got), len(want))
	}
}

// Arguments and results of every width arrive whole: on 32-bit machines an unsigned long long is two words.
func TestWidths(t *testing.T) {
	z := open(t)
	raw := picture(1000)
	frame := make([]byte, z.bound(uintptr(len(raw))))
	ctx := z.newEncoder()
	defer z.freeEncoder(ctx)

	// A pledge is a 64-bit argument behind a word. The next frame begins anew, whatever was pledged.
	for _, size := range []uint64{uint64(len(raw)), 1 << 40, 1<<40 + uint64(len(raw))} {
		if err := z.check(z.pledge(ctx, size)); err != nil {
			t.Errorf("pledging %d: %v", size, err)
		}
	}
	n := z.compress(ctx, &frame[0], uintptr(len(frame)), &raw[0], uintptr(len(raw)), -7)
	if err := z.check(n); err != nil {
		t.Fatal(err)
	}
	if got := z.contentSize(&frame[0], n); got != uint64(len(raw)) {
		t.Errorf("content of %d bytes", got)
	}
	// ZSTD_CONTENTSIZE_ERROR and ZSTD_CONTENTSIZE_UNKNOWN are -2 and -1: all 64 bits are there.
	if got := z.contentSize(&raw[0], uintptr(len(raw))); got != math.MaxUint64-1 {
		t.Errorf("content of no frame: %#x", got)
	}
	// A hand-written header, magic number 0xfd2fb528: 8 bytes of content size, no window (RFC 8878, 3.1.1.1).
	header := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0}
	if got := z.contentSize(&header[0], uintptr(len(header))); got != 0x0807060504030201 {
		t.Errorf("content size %#x", got)
	}
	got := z.compress(ctx, &frame[0], 1, &raw[0], uintptr(len(raw)), 1)
	if err := z.check(got); err == nil || !strings.Contains(err.Error(), "too small") {
		t.Errorf("a frame in one byte: %v", err)
	}
}

func TestOptional(t *testing.T) {
	z := open(t)
	if v := z.version(); v >= "1.5" && (!z.hasDefaultLevel() || !z.hasSkippable()) {
		t.Errorf("libzstd %s is said to lack functions that it has: %v, %v", v, z.hasDefaultLevel(), z.hasSkippable())
	}
	level, err := z.defaultLevel()
	switch {
	case !z.hasDefaultLevel():
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "libzstd1 1.5.0 or newer") {
			t.Errorf("without the function: %v", err)
		}
	case err != nil || level != 3:
		t.Errorf("default level %d, %v", level, err)
	}
	skip := []byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}
	got, err := z.skippable(&skip[0], uintptr(len(skip)))
	if z.hasSkippable() && (err != nil || got != 1) || !z.hasSkippable() && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("skippable %d, %v", got, err)
	}
	// A library without the functions, as an older one is.
	var none library
	if _, err := none.defaultLevel(); !errors.Is(err, errors.ErrUnsupported) || none.hasDefaultLevel() {
		t.Errorf("without the function: %v", err)
	}
}

func TestCallsAllocateNothing(t *testing.T) {
	e, err := newEncoder(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	src, dst := block(t, e.raw, picture(2000)), block(t, e.frame, nil)
	back := block(t, e.raw, nil)
	dec := e.z.newDecoder()
	defer e.z.freeDecoder(dec)
	if n := testing.AllocsPerRun(200, func() {
		if err := e.compress(dst, src); err != nil {
			t.Fatal(err)
		}
		if n := e.z.decompress(dec, (*byte)(back.Pointer()), uintptr(back.Cap()), (*byte)(dst.Pointer()), uintptr(dst.Len())); n != 2000 {
			t.Fatal(n)
		}
		if n := e.z.contentSize((*byte)(dst.Pointer()), uintptr(dst.Len())); n != 2000 {
			t.Fatal(n)
		}
		if _, err := e.z.defaultLevel(); err != nil && e.z.hasDefaultLevel() {
			t.Fatal(err)
		}
		e.z.pledge(e.ctx, 2000)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	if !bytes.Equal(back.Bytes()[:2000], src.Bytes()) {
		t.Error("the bytes do not come back")
	}
}

func block(tb testing.TB, p *pool.Pool, content []byte) pool.Buf {
	tb.Helper()
	b, err := p.Get()
	if err != nil {
		tb.Fatal(err)
	}
	if content != nil {
		b.SetLen(copy(b.Bytes(), content))
	}
	tb.Cleanup(func() {
		if b.Valid() {
			b.Release()
		}
	})
	return b
}

// A call that takes a buffer costs what a call that takes nothing costs, and the checks of the handle.
func BenchmarkCall(b *testing.B) {
	e, err := newEncoder(1)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.close)
	z, buf := e.z, block(b, e.raw, picture(64))
	b.Run("empty", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			z.number()
		}
	})
	b.Run("Buf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			z.contentSize((*byte)(buf.Pointer()), uintptr(buf.Len()))
		}
	})
}
