package v4l2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Tests with the kernel's memory-to-memory test drivers, vicodec (a codec, FWHT) and vim2m (a converter), which make test-vm-full has.

const codedWidth, codedHeight = 640, 360

// greys is a picture in I420 whose luma is a slope that begins with i.
func greys(i int) []byte {
	b := make([]byte, codedWidth*codedHeight*3/2)
	for j := range b {
		b[j] = 128
	}
	for y := range codedHeight {
		for x := range codedWidth {
			b[y*codedWidth+x] = byte(16 + (x/8+4*i)%200)
		}
	}
	return b
}

// TestCodec encodes frames and decodes them again with a codec in the kernel: timestamps go along, the drain gives every frame.
func TestCodec(t *testing.T) {
	testutil.OpenFDs(t)
	const frames = 12
	coded := encode(t, frames)
	if len(coded) != frames {
		t.Fatalf("%d frames were encoded, %d written", len(coded), frames)
	}
	decode(t, coded)
}

func setFormat(t *testing.T, d *v4l2.Device, q v4l2.Queue, fourcc v4l2.FourCC) v4l2.Format {
	t.Helper()
	f, err := d.SetFormat(q, v4l2.Format{FourCC: fourcc, Width: codedWidth, Height: codedHeight})
	if err != nil {
		t.Fatal(err)
	}
	if f.FourCC != fourcc {
		t.Fatalf("%s: the format is %s, not %s", q, f, fourcc)
	}
	return f
}

func both(t *testing.T, d *v4l2.Device) (in, out *v4l2.Stream) {
	t.Helper()
	var err error
	if in, err = d.Stream(v4l2.StreamConfig{Queue: v4l2.Output}); err != nil {
		t.Fatal(err)
	}
	if out, err = d.Stream(v4l2.StreamConfig{Queue: v4l2.Capture}); err != nil {
		t.Fatal(err)
	}
	if err := in.Start(); err != nil {
		t.Fatal(err)
	}
	if err := out.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}

type packet struct {
	data []byte
	pts  time.Duration
}

func encode(t *testing.T, frames int) (coded []packet) {
	d := findDriver(t, "vicodec", "stateful-encoder")
	setFormat(t, d, v4l2.Output, v4l2.FmtYUV420)
	setFormat(t, d, v4l2.Capture, v4l2.FmtFWHT)
	in, out := both(t, d)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		for i := range frames {
			f, err := in.Buffer(ctx)
			if err == nil {
				f.Plane(0).SetLen(copy(f.Bytes()[:f.Plane(0).Cap()], greys(i)))
				f.Timestamp = time.Duration(i) * 40 * time.Millisecond
				err = in.Write(ctx, f)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- d.Encoder(v4l2.EncoderStop)
	}()
	for {
		f, err := out.Read(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Clock != v4l2.ClockCopied {
			t.Errorf("the clock of frame %d is %s", f.Sequence, f.Clock)
		}
		if len(f.Bytes()) > 0 { // the last one may have none
			coded = append(coded, packet{bytes.Clone(f.Bytes()), f.Timestamp})
		}
		f.Release()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := in.Drain(ctx); err != nil {
		t.Error(err)
	}
	for i, p := range coded {
		if p.pts != time.Duration(i)*40*time.Millisecond || len(p.data) > codedWidth*codedHeight {
			t.Errorf("frame %d: %d bytes, timestamp %v", i, len(p.data), p.pts)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return coded
}

func decode(t *testing.T, coded []packet) {
	d := findDriver(t, "vicodec", "stateful-decoder")
	setFormat(t, d, v4l2.Output, v4l2.FmtFWHT)
	if err := errors.Join(d.Subscribe(v4l2.EventEOS, 0), d.Subscribe(v4l2.EventSourceChange, 0)); err != nil {
		t.Fatal(err)
	}
	in, err := d.Stream(v4l2.StreamConfig{Queue: v4l2.Output})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	p := pages(t, codedWidth*codedHeight*2, 4)
	go func() {
		for _, c := range coded {
			b, err := p.Wait(ctx)
			if err == nil {
				b.SetLen(copy(b.Bytes(), c.data))
				f := v4l2.NewFrame(b)
				f.Timestamp = c.pts
				err = in.Write(ctx, f)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- d.Decoder(v4l2.DecoderStop)
	}()
	// The decoder tells the size when it has seen the first frame; then the other queue can be set up.
	if e, err := d.Event(ctx); err != nil || e.Type != v4l2.EventSourceChange || !e.Resolution {
		t.Fatalf("Event = %+v, %v", e, err)
	}
	if f, err := d.Format(v4l2.Capture); err != nil || f.Width != codedWidth || f.FourCC != v4l2.FmtYUV420 {
		t.Fatalf("the decoder's format is %s, %v", f, err)
	}
	out := start(t, d, v4l2.StreamConfig{Queue: v4l2.Capture})
	n := 0
	for {
		f, err := out.Read(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Bytes()) > 0 {
			want, sum := greys(n), 0
			for i := range codedWidth * codedHeight {
				sum += max(int(want[i])-int(f.Bytes()[i]), int(f.Bytes()[i])-int(want[i]))
			}
			if f.Timestamp != time.Duration(n)*40*time.Millisecond || sum > 3*codedWidth*codedHeight {
				t.Errorf("frame %d: timestamp %v, its luma differs by %.2f on average", n, f.Timestamp, float64(sum)/codedWidth/codedHeight)
			}
			n++
		}
		f.Release()
	}
	if n != len(coded) {
		t.Errorf("%d frames were decoded of %d", n, len(coded))
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if e, err := d.Event(ctx); err != nil || e.Type != v4l2.EventEOS {
		t.Errorf("Event = %+v, %v at the end", e, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestConverter has a memory-to-memory device convert blocks of a pool into blocks of a pool, by USERPTR on both sides: no copy by this program.
func TestConverter(t *testing.T) {
	testutil.OpenFDs(t)
	d := findDriver(t, "vim2m", "")
	from := setFormat(t, d, v4l2.Output, v4l2.FmtRGB565)
	to := setFormat(t, d, v4l2.Capture, v4l2.FmtRGB565)
	if _, err := d.SetControl(v4l2.CIDVflip, 1); err != nil {
		t.Fatal(err)
	}
	defer d.SetControl(v4l2.CIDVflip, 0)
	p := pages(t, max(from.Size(), to.Size()), 12)
	in, err := d.Stream(v4l2.StreamConfig{Queue: v4l2.Output, Memory: v4l2.MemoryUserptr, Pool: p})
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Stream(v4l2.StreamConfig{Queue: v4l2.Capture, Memory: v4l2.MemoryUserptr, Pool: p})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Start(); err != nil {
		t.Fatal(err)
	}
	if err := out.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 5 {
		b, err := p.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b.SetLen(from.Size())
		for j := range b.Bytes() {
			b.Bytes()[j] = byte(i + j)
		}
		f := v4l2.NewFrame(b)
		f.Timestamp = time.Duration(i+1) * time.Second
		if err := in.Write(ctx, f); err != nil {
			t.Fatal(err)
		}
		got, err := out.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got.Timestamp != time.Duration(i+1)*time.Second || len(got.Bytes()) != to.Size() {
			t.Errorf("frame %d: %v, %d bytes", i, got.Timestamp, len(got.Bytes()))
		}
		stride := from.Planes[0].Stride
		for y := range codedHeight { // upside down
			line := got.Bytes()[(codedHeight-1-y)*stride:][:stride]
			for x := range line {
				if line[x] != byte(i+y*stride+x) {
					t.Fatalf("frame %d: byte %d of line %d is %d", i, x, y, line[x])
				}
			}
		}
		got.Release()
	}
	if st := in.Stats(); st.Copied != 0 || st.Frames != 5 {
		t.Errorf("Stats = %+v", st)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out", n)
	}
}

// TestHeap imports memory of a dma-heap into a capture stream.
func TestHeap(t *testing.T) {
	testutil.OpenFDs(t)
	d := find(t, "vid-cap")
	f := small(t, d)
	var heap []v4l2.DMABuf
	for range 4 {
		b, err := v4l2.AllocDMABuf("system", f.Size())
		if err != nil {
			t.Skipf("no memory of a dma-heap: %v; make test-vm-full has a kernel with it", err)
		}
		defer b.Close()
		heap = append(heap, b)
	}
	s := start(t, d, v4l2.StreamConfig{Memory: v4l2.MemoryDMABUF, Import: heap})
	for range 6 {
		fr := read(t, s)
		if bars(fr.Bytes()) < 4 {
			t.Error("the picture has no colour bars")
		}
		fr.Release()
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestUDMABuf makes DMABUFs of a pool's own blocks, and has the camera fill them: a frame is in the block then.
func TestUDMABuf(t *testing.T) {
	testutil.OpenFDs(t)
	d := find(t, "vid-cap")
	f := small(t, d)
	private := pages(t, f.Size(), 1)
	p, err := pool.New(f.Size(), pool.Options{Name: "shared", Max: 4, Align: 4096, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := private.Get()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v4l2.UDMABuf(b); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "Shared") {
		t.Errorf("UDMABuf of a block that is not shared: %v", err)
	}
	b.Release()
	var blocks []pool.Buf
	var bufs []v4l2.DMABuf
	defer func() {
		for _, b := range bufs {
			b.Close()
		}
		for _, b := range blocks {
			b.Release()
		}
	}()
	for range 4 {
		b, err := p.Get()
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
		m, err := v4l2.UDMABuf(b)
		if errors.Is(err, syscall.ENOENT) {
			t.Skipf("%v; make test-vm-full has a kernel with it", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		bufs = append(bufs, m)
		mapped, err := syscall.Mmap(m.FD, 0, m.Size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		b.Bytes()[100] = 77
		if mapped[100] != 77 {
			t.Error("the DMABUF is other memory than the block")
		}
		syscall.Munmap(mapped)
	}
	s, err := d.Stream(v4l2.StreamConfig{Memory: v4l2.MemoryDMABUF, Import: bufs})
	if err == nil {
		err = s.Start()
	}
	if errors.Is(err, syscall.EFAULT) && strings.Contains(err.Error(), "use MemoryMMAP") {
		t.Logf("the DMABUFs are right; this kernel cannot give their memory to a driver without a device that reaches it: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	fr := read(t, s)
	seen := false
	for _, b := range blocks {
		seen = seen || bytes.Equal(b.Bytes()[:1000], fr.Bytes()[:1000])
	}
	if !seen || bars(fr.Bytes()) < 4 {
		t.Error("the frame is in none of the blocks")
	}
	fr.Release()
}
